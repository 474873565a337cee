"""From rows to figures: what counts as caught, what is set aside, and how sure a zero is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.selftest import FaultRow, Mark, Status
from seatrial.selftest.scoring import bound, score
from support.sample_selftest import TITLES, fault, good, rows, sample_selftest


def test_what_counts() -> None:
    scores = sample_selftest().scores
    assert (scores.caught, scores.applicable) == (4, 6)
    assert (scores.behavior_caught, scores.behavior_applicable, scores.equivalents) == (2, 5, 1)
    assert scores.digest_only == 2
    assert scores.missed == ("through",)
    assert scores.errors == ("broken",)


def test_a_check_is_credited_for_what_it_saw_and_not_for_digests() -> None:
    found = {each.name: each for each in sample_selftest().scores.checks}
    assert (found["weights"].kills, found["weights"].unique, found["weights"].digests) == (2, 1, 0)
    assert (found["accuracy"].kills, found["accuracy"].unique) == (1, 0)
    assert (found["structure"].kills, found["structure"].digests, found["structure"].asked) == (0, 3, 5)
    assert found["performance"].asked == 0
    assert found["weights"].seconds == pytest.approx(0.2)


def test_a_check_that_could_not_answer_saw_nothing() -> None:
    row = fault("cascade", structure=Mark.NO, weights=Mark.NO_ANSWER)
    scores = score([row], [], titles=TITLES, seconds={}, quick=False)
    found = {each.name: each for each in scores.checks}
    assert (found["structure"].unique, found["weights"].kills) == (1, 0)


def test_a_quick_run_tells_no_unique_kills() -> None:
    assert all(each.unique is None for each in sample_selftest(quick=True).scores.checks)


def test_caught_elsewhere_is_said() -> None:
    row = fault("odd", structure=Mark.NO, weights=Mark.YES)
    assert row.elsewhere
    assert not fault("usual", weights=Mark.NO).elsewhere
    assert score([row], [], titles=TITLES, seconds={}, quick=False).elsewhere == ("odd",)


@pytest.mark.parametrize(
    ("faults", "refused", "passed"),
    [
        ((fault("seen", weights=Mark.NO),), 0, True),
        ((fault("seen", weights=Mark.NO),), 1, False),
        ((fault("seen", weights=Mark.NO), fault("missed", Status.MISSED)), 0, False),
        ((fault("seen", weights=Mark.NO), fault("broke", Status.ERROR)), 0, False),
    ],
)
def test_when_the_gate_is_trusted(faults: tuple[FaultRow, ...], refused: int, *, passed: bool) -> None:
    assert sample_selftest(faults, good(refused=refused)).passed is passed


def test_nothing_asked_is_no_pass() -> None:
    only_inapplicable = (fault("elsewhere", Status.NOT_APPLICABLE),)
    assert not sample_selftest(only_inapplicable, ()).passed


@pytest.mark.parametrize("n", [10, 20, 60, 200, 1000])
def test_no_false_alarm_in_n_is_the_rule_of_three(n: int) -> None:
    found = bound(0, n)
    assert found.hits == 0
    assert found.high == pytest.approx(1 - 0.05 ** (1 / n), abs=1e-6)
    assert found.high <= 3 / n
    assert found.high > 2.5 / n


def test_without_a_run_nothing_is_known() -> None:
    assert bound(0, 0).high == 1.0


@given(st.integers(1, 400), st.data())
def test_the_bound_is_one(n: int, data: st.DataObject) -> None:
    """The chance to see so few hits is 5 % when the true rate is the bound (Clopper and Pearson)."""
    hits = data.draw(st.integers(0, n - 1))
    high = bound(hits, n).high
    tail = sum(math.comb(n, k) * high**k * (1 - high) ** (n - k) for k in range(hits + 1))
    assert tail == pytest.approx(0.05, abs=1e-3)


def test_rows_are_what_they_say() -> None:
    assert [each.applicable for each in rows()].count(False) == 1
