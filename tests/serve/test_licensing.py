"""The licenses of a server: which bundle is served under which, and which needs one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seatrial.errors import UsageError
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.serve.access.licensing import Licensing
from seatrial.serve.model import ServedModel
from seatrial.serve.settings import License, Model
from seatrial.serve.status import grpc_code_of, status_of
from seatrial.serve.versions.layout import Found
from seatrial.trust.guard import Surroundings
from seatrial.trust.holders import new_holder, save_holder
from seatrial.trust.keys import save
from seatrial.trust.license import issue
from seatrial.trust.refusals import Expired, LicenseError, OverQuota, OverRate, WrongBundle
from seatrial.trust.sealing import seal
from seatrial.trust.unsealing import content_key_of
from support.licensing import Office, at_once
from support.signed_bundles import small_bundle


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    made.enroll(issuers=[made.issuer.public])
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    small_bundle(tmp_path / "digits-1.0.0")
    return open_bundle(tmp_path / "digits-1.0.0")


def settings(office: Office, *files: Path) -> License:
    return License(files=files, device=office.device_file)


@pytest.fixture
def opened(office: Office) -> Iterator[Any]:
    made: list[Licensing] = []

    def open_(*files: Path) -> Licensing:
        around = Surroundings(clock=office.time.clock, boot=lambda: office.time.boot, submit=at_once)
        made.append(Licensing(settings(office, *files), surroundings=around))
        return made[-1]

    yield open_
    for each in made:
        each.close()


async def loaded(licensing: Licensing, bundle: Bundle) -> ServedModel:
    async def load(*_: object, **__: object) -> ServedModel:
        return cast(ServedModel, SimpleNamespace(name="digits", version="1.0.0", guard=None))

    found = Found("1.0.0", bundle.folder, ())
    return await licensing.load_with(load)("digits", found, Model(path=bundle.folder), None, like=None)


async def test_the_first_license_that_covers_a_bundle(office: Office, bundle: Bundle, opened: Any) -> None:
    other = office.license(id="L-1", bundles=("other@*",))
    mine = office.license(id="L-2", bundles=(bundle.digest,), max_calls=7)
    licensing = opened(other, mine)
    served = await loaded(licensing, bundle)
    assert served.guard is not None
    assert served.guard.license.claims.id == "L-2"
    assert [line.partition(":")[0] for line in licensing.lines()] == [
        "license L-1 for ACME",
        "license L-2 for ACME",
    ]
    days, calls, refused = licensing.families()
    assert "30" in "".join(days.lines())
    assert list(calls.lines()) == ['seatrial_license_calls_left{license="L-2"} 7']
    with pytest.raises(OverQuota):
        served.guard.take(8)
    assert list(refused.lines()) == ['seatrial_license_refused_total{license="L-2",reason="OverQuota"} 1']


async def test_a_bundle_that_no_license_covers(office: Office, bundle: Bundle, opened: Any) -> None:
    licensing = opened(office.license(bundles=("other@*",)))
    with pytest.raises(WrongBundle, match=r"digits@1\.0\.0"):
        await loaded(licensing, bundle)


async def test_a_bundle_that_asks_for_a_license(bundle: Bundle) -> None:
    without = Licensing(License())
    assert (await loaded(without, bundle)).guard is None
    extra = {**bundle.manifest.extra, "license_required": True}
    asking = dataclasses.replace(bundle.manifest, extra=extra)
    (bundle.folder / "manifest.json").write_bytes(asking.to_bytes())
    with pytest.raises(LicenseError, match=r"digits@1\.0\.0 asks for a license"):
        await loaded(without, bundle)


async def test_a_renewed_license_takes_over(office: Office, bundle: Bundle, opened: Any) -> None:
    licensing = opened(office.license(bundles=("digits@*",), max_calls=5))
    served = await loaded(licensing, bundle)
    served.guard.take(5)
    path = office.license(bundles=("digits@*",), max_calls=9, sequence=2)
    licensing.take_over(licensing.reopened(settings(office, path)), [served])
    served.guard.take(4)
    with pytest.raises(OverQuota):
        served.guard.take(1)


async def test_one_that_does_not_permit_what_is_served_does_not(
    office: Office, bundle: Bundle, opened: Any
) -> None:
    licensing = opened(office.license(bundles=("digits@*",)))
    served = await loaded(licensing, bundle)
    with pytest.raises(WrongBundle):
        licensing.reopened(settings(office, office.license(id="L-9", bundles=("other@*",))))
    served.guard.take(1)


async def test_who_opens_a_sealed_bundle_counts_for_it(
    office: Office, bundle: Bundle, opened: Any, tmp_path: Path
) -> None:
    """A license that the customer issued to himself opens nothing, and must not stand in for the counting."""
    vendor = new_holder()
    sealed = seal(bundle, tmp_path / "sealed", [vendor.public_key()])
    keys = {sealed.digest: content_key_of(sealed, vendor)}
    own, mine = tmp_path / "own.json", tmp_path / "mine.json"
    to = office.device().told.public
    own.write_bytes(issue(office.claims(id="own", bundles=("digits@*",)), office.issuer, to=to))
    limited = office.claims(id="mine", bundles=(bundle.digest,), max_calls=5)
    mine.write_bytes(issue(limited, office.issuer, to=to, content_keys=keys))
    licensing = opened(own, mine)
    opener = licensing.opener(None)
    assert opener is not None
    assert opener(sealed) == keys[sealed.digest]
    served = await loaded(licensing, sealed)
    assert served.guard is not None
    assert served.guard.license.claims.id == "mine"

    false_key = {sealed.digest: bytes(32)}
    own.write_bytes(
        issue(office.claims(id="own", bundles=("digits@*",)), office.issuer, to=to, content_keys=false_key)
    )
    licensing.take_over(licensing.reopened(settings(office, own, mine)), [served])
    assert served.guard.license.claims.id == "mine"
    assert opener(sealed) == keys[sealed.digest]
    with pytest.raises(WrongBundle):
        licensing.reopened(settings(office, own))


def test_a_license_for_a_customers_own_key(office: Office, tmp_path: Path) -> None:
    key, path = new_holder(), tmp_path / "own.json"
    save_holder(key, tmp_path / "own", passphrase=None)
    issuer = save(office.issuer, tmp_path / "issuer", passphrase=None)[1]
    said = License(files=(path,), issuers=(issuer,))
    around = Surroundings(clock=office.time.clock, boot=lambda: office.time.boot)
    path.write_bytes(issue(office.claims(), office.issuer, to=key.public_key()))
    Licensing(said, key=lambda: key, surroundings=around).close()
    path.write_bytes(issue(office.claims(max_calls=9), office.issuer, to=key.public_key()))
    with pytest.raises(UsageError, match="counts calls"):
        Licensing(said, key=lambda: key, surroundings=around)
    with pytest.raises(UsageError, match="none is given"):
        Licensing(said)


def test_a_device_without_a_license(office: Office) -> None:
    with pytest.raises(UsageError, match="no license"):
        Licensing(License(device=office.device_file))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Expired("x"), 403, "PERMISSION_DENIED"),
        (OverQuota("x"), 403, "PERMISSION_DENIED"),
        (OverRate("x", retry=0.5), 429, "RESOURCE_EXHAUSTED"),
    ],
    ids=["expired", "over-quota", "over-rate"],
)
def test_what_a_refusal_is_called_on_the_wire(error: LicenseError | OverRate, status: int, code: str) -> None:
    assert status_of(error) == status
    assert grpc_code_of(error) == code
