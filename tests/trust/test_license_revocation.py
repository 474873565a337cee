"""A license that its issuer took back stops, even where the newest list never comes."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from seatrial.errors import NotFound, TrustError
from seatrial.trust.keys import new_key
from seatrial.trust.refusals import NotYetValid, Replayed, Revoked, StaleRevocations
from seatrial.trust.revocation import read_revocations, revoke
from support.licensing import NOON, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def listed(office: Office) -> Path:
    path = office.folder / "revoked.json"
    revoke(path, office.issuer, [], now=NOON)
    return path


def newer(office: Office, path: Path, *licenses: str, why: str = "") -> None:
    revoke(path, office.issuer, licenses, now=office.time.wall, why=why)
    os.utime(path, ns=(1, int(office.time.boot * 1e9)))  # so that two lists of one moment differ


def test_revoked_while_it_is_used(office: Office, listed: Path) -> None:
    guard = office.guard(revocations=listed)
    guard.take()
    office.time.passes(days=1)
    newer(office, listed, "L-1", "L-7", why="contract ended")
    with pytest.raises(Revoked, match="on 2026-11-22: contract ended"):
        guard.take()


def test_a_revoked_license_stays_revoked_without_the_list(office: Office, listed: Path) -> None:
    path = office.license()
    guard = office.guard(path, revocations=listed)
    newer(office, listed, "L-1")
    office.time.passes(seconds=2)
    with pytest.raises(Revoked):
        guard.take()
    listed.unlink()
    with pytest.raises(Revoked, match="was revoked"):
        office.guard(path, revocations=listed)
    with pytest.raises(Revoked):
        office.guard(path)


def test_an_earlier_list_is_refused(office: Office, listed: Path) -> None:
    old = listed.read_bytes()
    newer(office, listed, "L-9")
    path = office.license()
    office.guard(path, revocations=listed)
    listed.write_bytes(old)
    with pytest.raises(Replayed, match="number 1, and number 2 was seen before"):
        office.guard(path, revocations=listed)


def test_a_list_that_grows_old(office: Office, listed: Path) -> None:
    path = office.license(revocation_days=10, grace_days=2, expires=NOON + timedelta(days=99))
    guard = office.guard(path, revocations=listed)
    assert guard.notice == ""
    office.time.passes(days=11)
    guard.take()
    assert "11.0 days old; in 1.0 days the license stops" in guard.notice
    office.time.passes(days=2)
    with pytest.raises(StaleRevocations, match="10 are allowed"):
        guard.take()
    newer(office, listed)
    office.time.passes(seconds=2)
    guard.take()
    assert guard.notice == ""


def test_a_list_that_is_not_there(office: Office, listed: Path) -> None:
    path = office.license(revocation_days=10)
    with pytest.raises(StaleRevocations, match="there is none"):
        office.guard(path)
    guard = office.guard(path, revocations=listed)
    listed.unlink()
    office.time.passes(seconds=2)
    with pytest.raises(StaleRevocations):
        guard.take()


def test_somebody_elses_list(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "forged.json"
    revoke(path, new_key(), ["L-1"], now=NOON)
    with pytest.raises(TrustError, match="wrong key"):
        office.guard(revocations=path)
    with pytest.raises(TrustError, match="wrong key"):
        revoke(path, office.issuer, [], now=NOON)


def test_a_list_that_was_edited(office: Office, listed: Path) -> None:
    document = json.loads(listed.read_bytes())
    document["payload"] = document["payload"][:-4] + "AAAA"
    listed.write_text(json.dumps(document))
    with pytest.raises(TrustError):
        read_revocations(listed, [office.issuer.public])
    with pytest.raises(NotFound):
        read_revocations(listed.with_name("none"), [office.issuer.public])


def test_a_list_keeps_what_it_said(office: Office, listed: Path) -> None:
    newer(office, listed, "L-1", why="first")
    office.time.passes(days=1)
    newer(office, listed, "L-1", "L-2", why="second")
    told = read_revocations(listed, [office.issuer.public])
    assert [(each.license, each.why) for each in told.revoked] == [("L-1", "first"), ("L-2", "second")]
    assert told.sequence == 3


def test_a_license_that_was_replaced(office: Office) -> None:
    first, second = office.license(sequence=1), office.license(sequence=2)
    office.guard(first)
    office.guard(second)
    with pytest.raises(Replayed, match="number 1 was replaced by number 2"):
        office.guard(first)


def test_the_date_of_a_list_is_a_time_that_was(office: Office, listed: Path) -> None:
    office.time.passes(days=9)
    newer(office, listed)
    office.time.wall = NOON
    with pytest.raises(TrustError, match="clock rolled back"):
        office.guard(revocations=listed)


def test_a_replacement_whose_term_has_not_begun_replaces_nothing(office: Office) -> None:
    first = office.license(sequence=1)
    second = office.license(sequence=2, not_before=NOON + timedelta(days=9))
    with pytest.raises(NotYetValid):
        office.guard(second)
    office.guard(first).take()


def test_a_list_that_was_there_before_the_license_is_remembered(office: Office, listed: Path) -> None:
    newer(office, listed, "L-1")
    office.guard(office.license(id="L-2"), revocations=listed)
    path = office.license()
    with pytest.raises(Revoked):
        office.guard(path, revocations=listed)
    with pytest.raises(Revoked):
        office.guard(path)
