"""When an intervention counts as the cause, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.diagnosis import Attempt, Case, Intervention, Reference, Setup
from seatrial.diagnosis.case import Observation
from seatrial.diagnosis.proof import SIGNIFICANT, attempt, proved
from seatrial.text import Text
from support.toy_case import Matrix, contract

TEXT = Text("it differs.", "有差异。")
CHANGE = Intervention("scaling", "other", Setup(contract(), None), TEXT, TEXT)


def seen(agrees: Any, closeness: Any = None) -> Observation:
    flags = np.array(agrees, bool)
    close = np.array(agrees if closeness is None else closeness, float)
    nothing = (None,) * len(flags)
    return Observation(tuple(range(len(flags))), nothing, nothing, nothing, {}, flags, close)


def case(**reference: Any) -> Case:
    return Case(Setup(contract(), None), (), Reference("r", **reference), Matrix())


def tried(before: Any, after: Any) -> Attempt:
    return attempt([CHANGE], seen(before), seen(after))


OUTPUTS = {"outputs": ((np.zeros(1),),)}
CLASSES = {"answers": ("a",)}
CONFIDENT = {"answers": ({"class": "a", "confidence": 0.9},)}
LABELS = {"answers": ("a",), "labels_only": True}


def test_numbers_that_come_back_are_proof_however_few() -> None:
    found = proved(case(**OUTPUTS), tried([1, 1, 0], [1, 1, 1]), count=200)
    assert found is not None
    assert found.exact
    assert not found.partial


def test_numbers_that_come_back_in_part_are_no_proof_by_themselves() -> None:
    assert proved(case(**OUTPUTS), tried([0] * 8, [1] * 4 + [0] * 4), count=200) is None


def test_answers_need_more_samples_than_chance() -> None:
    assert proved(case(**CLASSES), tried([0] * 9, [1] * 9), count=10) is None
    found = proved(case(**CLASSES), tried([0] * 24, [1] * 24), count=10)
    assert found is not None
    assert not found.exact
    assert found.p_value <= SIGNIFICANT


def test_the_correction_counts_everything_that_was_tried() -> None:
    change = tried([0] * 15, [1] * 15)
    assert proved(case(**CLASSES), change, count=5) is not None
    assert proved(case(**CLASSES), change, count=500) is None


@pytest.mark.parametrize(("wrong", "exact"), [(2, False), (3, True)])
def test_confidences_count_as_numbers_when_several_come_back(wrong: int, *, exact: bool) -> None:
    before = [0] * wrong + [1] * 30
    found = proved(case(**CONFIDENT), tried(before, [1] * (wrong + 30)), count=200)
    assert (found is not None and found.exact) == exact


def test_half_an_explanation_is_partial_and_less_is_none() -> None:
    n = 200
    half = tried([0] * n, [1] * (n * 6 // 10) + [0] * (n * 4 // 10))
    found = proved(case(**CLASSES), half, count=50)
    assert found is not None
    assert found.partial
    little = tried([0] * n, [1] * (n * 2 // 10) + [0] * (n * 8 // 10))
    assert proved(case(**CLASSES), little, count=50) is None


def test_two_changes_must_explain_everything() -> None:
    n = 200
    half = replace(tried([0] * n, [1] * 150 + [0] * 50), interventions=(CHANGE, CHANGE))
    assert proved(case(**CLASSES), half, count=50) is None


def test_with_labels_alone_the_best_possible_is_not_known() -> None:
    found = proved(case(**LABELS), tried([0] * 60 + [1] * 40, [1] * 45 + [0] * 15 + [1] * 40), count=50)
    assert found is not None
    assert found.partial


def test_what_makes_it_worse_is_never_a_cause() -> None:
    for known in (OUTPUTS, CLASSES, LABELS):
        assert proved(case(**known), tried([1] * 50, [0] * 50), count=1) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_test_is_one_sided_and_paired(pairs: list[tuple[float, float]]) -> None:
    one, other = np.array(pairs).T
    forward = attempt([CHANGE], seen(one >= 1, one), seen(other >= 1, other)).p_value
    back = attempt([CHANGE], seen(other >= 1, other), seen(one >= 1, one)).p_value
    assert forward is not None
    assert back is not None
    assert 0 < forward <= 1
    assert forward + back >= 1 - 1e-9
