"""A license says what it says: no claim can be changed, and nothing but a license is one."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.claims import Claims, Machine, read_claims
from seatrial.trust.content_keys import new_content_key
from seatrial.trust.device import read_device
from seatrial.trust.dsse import Envelope, sign
from seatrial.trust.keys import new_key
from seatrial.trust.license import MOST_BYTES, PAYLOAD_TYPE, issue, license_bytes, read_license, unverified
from seatrial.trust.refusals import BadLicense, WrongBundle
from support.licensing import MANIFEST, NOON, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def full(office: Office) -> Claims:
    """Claims that say everything there is to say."""
    return office.claims(
        grace_days=7,
        sequence=3,
        max_calls=1000,
        max_rows_per_second=100,
        machine=Machine(1, "AAAA", ("sha256:" + "a" * 64,)),
        revocation_days=30,
        online=office.online(),
    )


def test_claims_come_back_as_they_were(office: Office) -> None:
    claims = full(office)
    data = issue(claims, office.issuer, to=office.device().told.public)
    read = read_license(data, [office.issuer.public]).claims
    assert read.document() == {
        **claims.document(),
        "issuer": office.issuer.id,
        "device": office.device().told.id,
    }


OTHER: dict[str, Any] = {
    "id": "L-2",
    "customer": "Somebody",
    "bundles": ["digits@*"],
    "features": ["serve", "infer"],
    "issued": "2020-01-01T00:00:00Z",
    "not_before": "2020-01-01T00:00:00Z",
    "expires": "2099-01-01T00:00:00Z",
    "grace_days": 3000,
    "sequence": 99,
    "max_calls": 10**9,
    "max_rows_per_second": 10**9,
    "revocation_days": 10**4,
    "binding": "tpm",
    "device": "sha256:" + "0" * 64,
    "machine": None,
    "online": None,
}


@pytest.mark.parametrize("field", sorted(OTHER))
def test_no_claim_can_be_edited(office: Office, field: str) -> None:
    envelope = json.loads(issue(full(office), office.issuer, to=office.device().told.public))
    document = json.loads(base64.b64decode(envelope["payload"]))
    document[field] = OTHER[field]
    if OTHER[field] is None:
        del document[field]
    envelope["payload"] = base64.b64encode(canonical(document)).decode()
    with pytest.raises(BadLicense, match="wrong key"):
        read_license(json.dumps(envelope).encode(), [office.issuer.public])


def test_of_another_issuer(office: Office) -> None:
    data = issue(office.claims(), new_key(), to=office.device().told.public)
    with pytest.raises(BadLicense, match="none of the trusted keys signed the license"):
        read_license(data, [office.issuer.public])


def test_signed_by_one_trusted_key_in_the_name_of_another(office: Office) -> None:
    other = new_key()
    document = {**office.claims(issuer=office.issuer.id, device="sha256:" + "0" * 64).document()}
    data = sign(canonical(document), PAYLOAD_TYPE, other).to_bytes()
    with pytest.raises(BadLicense, match="names another issuer"):
        read_license(data, [office.issuer.public, other.public])


def test_something_else_that_the_issuer_signed(office: Office) -> None:
    data = sign(canonical(office.claims().document()), "application/json", office.issuer).to_bytes()
    with pytest.raises(BadLicense, match="other type"):
        read_license(data, [office.issuer.public])


def test_nobody_to_believe(office: Office) -> None:
    with pytest.raises(UsageError, match="whose licenses"):
        read_license(office.license().read_bytes(), [])


def test_cut_short(office: Office) -> None:
    data = office.license().read_bytes()
    for end in (0, 1, len(data) // 2, len(data) - 3):
        with pytest.raises(BadLicense, match="no JSON"):
            read_license(data[:end], [office.issuer.public])


def test_a_key_twice(office: Office) -> None:
    envelope = json.loads(office.license().read_bytes())
    payload = base64.b64decode(envelope["payload"])
    twice = payload[:-1] + b',"expires":"2099-01-01T00:00:00Z"}'
    signed = sign(twice, PAYLOAD_TYPE, office.issuer)
    with pytest.raises(BadLicense, match="a key twice"):
        read_license(signed.to_bytes(), [office.issuer.public])
    outer = office.license().read_bytes().strip()[:-1] + b',"payload":"AAAA"}'
    with pytest.raises(BadLicense, match="a key twice"):
        read_license(outer, [office.issuer.public])


def test_a_giant_file(office: Office, tmp_path: Path) -> None:
    giant = tmp_path / "giant.json"
    with giant.open("wb") as stream:
        stream.truncate(MOST_BYTES * 4096)  # sparse: takes no room
    with pytest.raises(BadLicense, match="this is no license"):
        license_bytes(giant)
    with pytest.raises(BadLicense, match="too big"):
        read_license(b" " * (MOST_BYTES + 1), [office.issuer.public])


def test_not_in_the_canonical_form(office: Office) -> None:
    loose = json.dumps(office.claims().document()).encode()
    with pytest.raises(BadLicense, match="canonical"):
        unverified(Envelope(loose, PAYLOAD_TYPE).to_bytes())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "../up"),
        ("bundles", []),
        ("bundles", ["digits"]),
        ("features", []),
        ("expires", "2020-01-01T00:00:00Z"),
        ("expires", "tomorrow"),
        ("max_calls", -1),
        ("max_calls", "many"),
        ("grace_days", True),
        ("machine", {"k": 2, "salt": "AAAA", "of": ["sha256:" + "a" * 64]}),
        ("machine", {"k": 1}),
        ("online", {"url": "ftp://x", "key": "AAAA", "device": "AAAA"}),
        ("customer", "line\nbreak"),
    ],
)
def test_claims_that_make_no_sense(office: Office, field: str, value: Any) -> None:
    document = office.claims(issuer="0" * 64, device="sha256:" + "0" * 64).document() | {field: value}
    with pytest.raises(BadLicense, match="claims"):
        read_claims(document)


def test_a_limit_that_is_not_known_is_no_license(office: Office) -> None:
    with pytest.raises(BadLicense, match="max_users"):
        read_claims(office.claims().document() | {"max_users": 3})


def test_of_the_future(office: Office) -> None:
    with pytest.raises(UsageError, match="license/2"):
        read_claims(office.claims().document() | {"format": "seatrial/license/2"})


@pytest.mark.parametrize(
    ("said", "covered"),
    [
        (MANIFEST.digest, True),
        ("sha256:" + "0" * 64, False),
        ("digits@1.2.0", True),
        ("digits@1.2.1", False),
        ("digits@>=1.0,<2", True),
        ("digits@>=2", False),
        ("digits@*", True),
        ("other@*", False),
    ],
)
def test_which_bundles(office: Office, said: str, covered: bool) -> None:
    claims = office.claims(bundles=(said,))
    assert claims.covers(digest=MANIFEST.digest, name="digits", version="1.2.0") is covered


def test_a_content_key_opens_under_its_own_claims_only(office: Office) -> None:
    device, secret = office.device(), new_content_key()
    keys = {MANIFEST.digest: secret}
    public = [office.issuer.public]
    short, long = (
        read_license(
            issue(office.claims(expires=NOON + end), office.issuer, to=device.told.public, content_keys=keys),
            public,
        )
        for end in (timedelta(days=1), timedelta(days=999))
    )
    assert short.content_key(MANIFEST.digest, device.private) == secret
    swapped = type(short)(long.claims, short.content_keys)
    with pytest.raises(TrustError, match="another bundle or license"):
        swapped.content_key(MANIFEST.digest, device.private)
    with pytest.raises(WrongBundle):
        short.content_key("sha256:" + "0" * 64, device.private)


def test_a_license_that_makes_no_sense_is_not_issued(office: Office) -> None:
    with pytest.raises(UsageError, match="ends before it begins"):
        issue(office.claims(expires=NOON), office.issuer, to=office.device().told.public)


def test_secrets_are_in_no_representation(office: Office) -> None:
    device = office.device()
    data = issue(
        office.claims(), office.issuer, to=device.told.public, content_keys={MANIFEST.digest: b"k" * 32}
    )
    shown = repr(read_license(data, [office.issuer.public])) + repr(device)
    assert "ephemeral" not in shown
    assert "private" not in shown


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(field=st.sampled_from([*sorted(OTHER), "format", "issuer", "content_keys", "unheard of"]), value=ANY)
def test_whatever_a_field_says_is_read_or_refused(field: str, value: Any) -> None:
    """Nothing but our own errors, whatever stands in a file that somebody sends."""
    claims = Claims(
        "L-1",
        "ACME",
        "0" * 64,
        "sha256:" + "0" * 64,
        ("digits@*",),
        ("serve",),
        NOON,
        NOON,
        NOON + timedelta(days=1),
    )
    document = {**claims.document(), "content_keys": [], field: value}
    data = Envelope(canonical(document), PAYLOAD_TYPE).to_bytes()
    with suppress(BadLicense, UsageError):
        unverified(data).claims.to_bytes()


@settings(max_examples=200)
@given(
    field=st.sampled_from(["id", "public", "signing", "strength", "machine", "format", "fingerprint"]),
    value=ANY,
)
def test_whatever_a_device_says_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: Any
) -> None:
    office = Office(tmp_path_factory.getbasetemp() / "any-device")
    office.folder.mkdir(exist_ok=True)
    public = office.folder / "device.pub.json"
    if not public.exists():
        office.enroll()
    document = json.loads(public.read_bytes()) | {field: value}
    (office.folder / "other.json").write_bytes(canonical(document))
    with suppress(TrustError, UsageError):
        read_device(office.folder / "other.json")
