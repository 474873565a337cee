"""The term of a license, and a clock that somebody sets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from seatrial.trust import clockfloor
from seatrial.trust.clockfloor import BELIEVED
from seatrial.trust.guard import Guard
from seatrial.trust.refusals import ClockBack, Expired, FeatureMissing, NotYetValid, WrongBundle
from support.licensing import MANIFEST, NOON, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def used(guard: Guard) -> str:
    """Asks once; returns the warning."""
    guard.take()
    return guard.notice


def test_not_yet_valid(office: Office) -> None:
    path = office.license(not_before=NOON + timedelta(days=1))
    with pytest.raises(NotYetValid, match="begins on 2026-11-22"):
        office.guard(path)


def test_it_ends_while_it_is_used(office: Office) -> None:
    guard = office.guard(office.license(grace_days=2))
    assert used(guard) == ""
    assert guard.days_left == pytest.approx(30)
    office.time.passes(days=31)
    assert "works for 1.0 days more" in used(guard)
    assert guard.days_left == pytest.approx(-1)
    office.time.passes(days=2)
    for _ in range(2):
        with pytest.raises(Expired, match="ended on 2026-12-21, its 2 days of grace on 2026-12-23"):
            guard.take()


def test_expired_before_it_is_used(office: Office) -> None:
    path = office.license()
    office.time.passes(days=30)
    with pytest.raises(Expired, match="ended on 2026-12-21"):
        office.guard(path)


def test_another_feature(office: Office) -> None:
    with pytest.raises(FeatureMissing, match="only: serve"):
        office.guard(feature="train")


def test_another_bundle(office: Office) -> None:
    guard = office.guard(office.license(bundles=("other@*",)))
    with pytest.raises(WrongBundle, match=r"digits@1\.2\.0"):
        guard.admit(MANIFEST)
    office.guard().admit(MANIFEST)


def test_set_back_while_it_runs(office: Office) -> None:
    guard = office.guard()
    office.time.passes(days=5)
    guard.take()
    office.time.wall -= timedelta(hours=1.9)
    office.time.boot += 2
    guard.take()
    office.time.wall -= timedelta(hours=1)
    office.time.boot += 2
    with pytest.raises(ClockBack, match=r"2\.9 h behind"):
        guard.take()
    office.time.wall += timedelta(hours=3)
    office.time.boot += 2
    guard.take()


def test_set_back_between_two_runs(office: Office) -> None:
    path = office.license()
    guard = office.guard(path)
    office.time.passes(days=20)
    guard.take()
    guard.close()
    office.time.wall = NOON
    office.time.boot = 5.0  # the machine was started again
    with pytest.raises(ClockBack, match=r"480\.0 h behind"):
        office.guard(path)


def test_set_back_before_the_license_was_made(office: Office) -> None:
    path = office.license(not_before=NOON - timedelta(days=9))
    office.time.wall -= timedelta(days=3)
    with pytest.raises(ClockBack):
        office.guard(path)


def test_set_back_before_the_bundle_was_made(office: Office) -> None:
    device = office.device()
    office.time.wall = NOON - timedelta(days=30)
    path = office.license(device=device, issued=office.time.wall, not_before=office.time.wall)
    state = device.ledger
    state.change(lambda found: setattr(found, "floor", 0))  # as if the device had been enrolled long ago
    guard = office.guard(path, device=device)
    with pytest.raises(ClockBack):
        guard.admit(MANIFEST)


def test_grace_of_a_clock_set_back_runs_out_over_all_starts(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = 2 * 3600
    monkeypatch.setattr(clockfloor, "BLOCK", block)
    path = office.license(grace_days=1)
    office.guard(path).close()
    office.time.wall -= timedelta(days=3)
    for _ in range(86400 // block):  # each start pays for its first block before it gets it
        guard = office.guard(path)
        assert "the clock is" in used(guard)
        guard.close()
        office.time.boot = 0.0
    with pytest.raises(ClockBack, match="longer than the license's grace"):
        office.guard(path)


def test_time_goes_on_behind_a_clock_that_is_set_back(office: Office) -> None:
    """Grace is no way to stop the term: it goes on by the seconds since boot."""
    guard = office.guard(office.license(expires=NOON + timedelta(hours=5), grace_days=1))
    guard.take()
    office.time.wall -= timedelta(days=1)
    office.time.boot += 6 * 3600
    assert "expired on" in used(guard)
    office.time.boot += 86400
    with pytest.raises((Expired, ClockBack)):
        guard.take()


def test_a_clock_that_is_stopped_stops_nothing(office: Office) -> None:
    guard = office.guard(office.license(expires=NOON + timedelta(hours=1)))
    office.time.boot += 3601
    with pytest.raises(Expired):
        guard.take()


def test_a_clock_that_was_wrong_for_a_minute_ends_nothing(office: Office) -> None:
    path = office.license()
    guard = office.guard(path)
    office.time.wall += timedelta(days=4000)
    office.time.boot += 60
    with pytest.raises(Expired):
        guard.take()
    office.time.wall = NOON + timedelta(seconds=120)
    office.time.boot += 60
    guard.take()
    guard.close()
    assert office.guard(path).days_left > 29


def test_a_clock_that_stays_ahead_is_believed(office: Office) -> None:
    path = office.license()
    guard = office.guard(path)
    office.time.wall += timedelta(days=4000)
    office.time.boot += 2
    for _ in range(2):
        with pytest.raises(Expired):
            guard.take()
        office.time.passes(seconds=BELIEVED + 1)
    with pytest.raises(Expired):
        guard.take()
    guard.close()
    office.time.wall = NOON
    with pytest.raises(ClockBack):
        office.guard(path)


def test_the_time_is_kept_while_nothing_else_is(office: Office) -> None:
    device = office.device()
    guard = office.guard(device=device)
    office.time.passes(days=3)
    guard.take()
    assert device.ledger.look().floor == int(office.time.wall.timestamp())
