"""OpenSSF's model signing, read and written here; with the real tool in `test_openssf_peer`."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle
from seatrial.trust.dsse import sign
from seatrial.trust.keys import PrivateKey, new_key
from seatrial.trust.openssf import NAME, sign_openssf, verify_openssf
from seatrial.trust.statement import subjects_of
from support.signed_bundles import GRAPH, MODEL, small_bundle

KEY = new_key("p256")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    made = small_bundle(tmp_path / "bundle")
    sign_openssf(made, KEY)
    return made


def test_what_was_signed_verifies(bundle: Bundle) -> None:
    signed = verify_openssf(bundle.folder, KEY.public)
    assert (signed.name, signed.files, signed.ignored) == ("digits", len(subjects_of(bundle)), ())
    assert verify_openssf(bundle.folder, KEY.public, hashed=subjects_of(bundle)) == signed


def test_a_changed_file_is_refused(bundle: Bundle) -> None:
    (bundle.folder / MODEL).write_bytes(GRAPH[::-1])
    with pytest.raises(TrustError, match=r"^changed: models/onnx"):
        verify_openssf(bundle.folder, KEY.public)


def test_a_file_more_is_refused(bundle: Bundle) -> None:
    (bundle.folder / "more").write_bytes(b"")
    with pytest.raises(TrustError, match=r"^extra: more"):
        verify_openssf(bundle.folder, KEY.public)


def test_a_file_less_is_refused(bundle: Bundle) -> None:
    (bundle.folder / MODEL).unlink()
    with pytest.raises(TrustError, match=r"^missing: models/onnx"):
        verify_openssf(bundle.folder, KEY.public)


def test_a_link_is_refused(bundle: Bundle) -> None:
    (bundle.folder / "docs" / "more").symlink_to(bundle.folder / MODEL)
    with pytest.raises(TrustError, match=r"^link: docs/more"):
        verify_openssf(bundle.folder, KEY.public)


def test_another_key_is_refused(bundle: Bundle) -> None:
    with pytest.raises(TrustError, match=r"^wrong key"):
        verify_openssf(bundle.folder, new_key("p256").public)


def test_ed25519_is_not_of_this_format(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="asks for P-256"):
        sign_openssf(bundle, new_key())


def test_the_gate_holds_here_too(tmp_path: Path) -> None:
    made = small_bundle(tmp_path, report={"verdict": "FAIL"})
    with pytest.raises(TrustError, match=r"^gate:"):
        sign_openssf(made, KEY)
    sign_openssf(made, KEY, despite="a demo")
    assert verify_openssf(tmp_path, KEY.public).despite == "a demo"


def resigned(bundle: Bundle, change: dict[str, object], key: PrivateKey = KEY) -> None:
    """What a signer could make who means ill: another predicate, under a good signature."""
    path = bundle.folder / NAME
    document = json.loads(path.read_text())
    statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    for where, value in change.items():
        statement["predicate"][where] = value
    payload = json.dumps(statement).encode()
    document["dsseEnvelope"] = sign(payload, "application/vnd.in-toto+json", key).to_document()
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"resources": []}, "contradiction"),
        ({"resources": [{"name": "a", "algorithm": "blake3", "digest": "00"}]}, "damaged"),
        ({"serialization": {"method": "shards", "hash_type": "sha256"}}, "other type"),
        ({"serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": ["."]}}, "damaged"),
    ],
    ids=["empty", "other hash", "shards", "everything ignored"],
)
def test_statements_that_say_too_little_are_refused(
    bundle: Bundle, change: dict[str, object], says: str
) -> None:
    resigned(bundle, change)
    with pytest.raises(TrustError, match=rf"^{says}"):
        verify_openssf(bundle.folder, KEY.public)


def test_what_the_signer_left_out_is_told(bundle: Bundle) -> None:
    ignoring = {"method": "files", "hash_type": "sha256", "ignore_paths": ["signatures", "notes"]}
    resigned(bundle, {"serialization": ignoring})
    (bundle.folder / "notes").mkdir()
    (bundle.folder / "notes" / "today.txt").write_text("not signed")
    assert verify_openssf(bundle.folder, KEY.public).ignored == ("notes",)
