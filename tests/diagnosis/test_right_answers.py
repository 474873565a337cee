"""Whether an answer is the right one: by task, by numbers, by what the reference knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seatrial.diagnosis import Judge, Reference
from seatrial.diagnosis.agreement import SAME_NUMBERS, Seen, same_boxes, same_numbers

FLOATS = arrays("float32", (3, 4), elements=st.floats(-100, 100, width=32))


def _compare(task: str, right: Any, got: Any) -> tuple[bool, float]:
    return Judge(task, Reference("r", answers=(right,))).compare(0, Seen(None, None, got))


@given(FLOATS)
def test_numbers_agree_with_themselves(array: Any) -> None:
    assert same_numbers([array], [array.copy()]) == 1.0


@given(FLOATS, FLOATS)
def test_closeness_is_between_nought_and_one_and_symmetric(one: Any, other: Any) -> None:
    close = same_numbers([one], [other])
    assert 0.0 <= close <= 1.0
    scale = max(np.abs(one).max(), 1e-6)
    if np.abs(one.astype("float64") - other).max() > SAME_NUMBERS * scale:
        assert close < 1.0


def test_numbers_that_come_nearer_score_higher() -> None:
    right = np.linspace(-1, 1, 40)
    scores = [same_numbers([right], [right + step]) for step in (2.0, 1.0, 0.5, 0.1)]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    "got",
    [None, [], [np.zeros((2, 2))], [np.full((1, 3), np.nan)], [np.zeros((1, 3)), np.zeros((1, 3))]],
    ids=["nothing", "no outputs", "other shape", "all NaN", "one output more"],
)
def test_what_cannot_be_compared_is_far(got: Any) -> None:
    assert same_numbers([np.ones((1, 3))], got) == 0.0


@pytest.mark.parametrize(
    ("task", "right", "got", "agrees"),
    [
        ("classification", {"class": "a", "index": 0}, {"class": "a", "index": 0, "confidence": 0.3}, True),
        ("classification", {"class": "a", "index": 0}, {"class": "b", "index": 1}, False),
        ("classification", "a", {"class": "a", "index": 0}, True),
        ("classification", 0, {"class": "a", "index": 0}, True),
        ("classification", 1, {"class": "a", "index": 0}, False),
        ("classification", {"class": "a", "confidence": 0.9}, {"class": "a", "confidence": 0.5}, False),
        ("text-recognition", {"text": "东湖"}, {"text": "东湖", "confidence": 1.0}, True),
        ("text-recognition", "东湖", {"text": "东胡"}, False),
        ("regression", {"value": 2.0}, {"value": 2.001}, True),
        ("regression", 2.0, {"value": 2.5}, False),
        ("segmentation", {"mask": [[0, 1]]}, {"mask": [[0, 1]]}, True),
        ("segmentation", {"mask": [[0, 1]]}, {"mask": [[1, 1]]}, False),
        ("detection", {"boxes": [[0, 0, 10, 10]]}, {"boxes": [[0, 0, 10, 10]]}, True),
        ("detection", {"boxes": [[0, 0, 10, 10]]}, {"boxes": []}, False),
        ("text-detection", {"boxes": []}, {"boxes": []}, True),
        ("classification", {"class": "a"}, None, False),
    ],
)
def test_answers_by_task(task: str, right: Any, got: Any, *, agrees: bool) -> None:
    said, close = _compare(task, right, got)
    assert (said, close == 1.0) == (agrees, agrees)


def test_half_a_text_is_nearer_than_another() -> None:
    assert _compare("text-recognition", "Total 42", {"text": "Total 4"})[1] > 0.8
    assert _compare("text-recognition", "Total 42", {"text": "zzz"})[1] < 0.2


def test_boxes_match_in_any_order_and_form() -> None:
    right = np.array([[0, 0, 10, 10], [20, 20, 40, 30]], float)
    assert same_boxes(right, right[::-1]) == 1.0
    assert 0.2 < same_boxes(right, right[:1]) < 1.0
    corners = {"boxes": [[[0, 0], [10, 0], [10, 10], [0, 10]]]}
    assert _compare("text-detection", corners, {"boxes": [[0, 0, 10, 10]]})[0]


def test_an_earlier_stage_that_is_right_is_nearer_but_no_agreement() -> None:
    feed, output = {"x": np.ones((1, 3))}, (np.ones((1, 2)),)
    judge = Judge("classification", Reference("r", feeds=(feed,), outputs=(output,), answers=("a",)))
    wrong = Seen({"x": np.zeros((1, 3))}, (np.zeros((1, 2)),), {"class": "b"})
    half = Seen(feed, output, {"class": "b"})
    right = Seen(feed, output, {"class": "a"})
    scores = [judge.compare(0, each) for each in (wrong, half, right)]
    assert [agrees for agrees, _ in scores] == [False, False, True]
    assert scores[0][1] < scores[1][1] < scores[2][1] == 1.0


def test_a_reference_that_knows_nothing_agrees_with_nothing() -> None:
    assert Judge("tensor", Reference("nothing")).compare(0, Seen(None, None, {})) == (False, 0.0)


def test_a_service_that_gives_answers_only_is_judged_by_them() -> None:
    judge = Judge("classification", Reference("r", outputs=((np.ones((1, 2)),),), answers=("a",)))
    assert judge.compare(0, Seen(None, None, {"class": "a"}))[0]
    assert not judge.compare(0, Seen(None, None, {"class": "b"}))[0]
    assert not judge.compare(0, Seen(None, None, None))[0]
    assert not Judge("classification", Reference("r", outputs=((np.ones((1, 2)),),))).compare(
        0, Seen(None, None, {"class": "a"})
    )[0]
