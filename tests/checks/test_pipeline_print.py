"""The same weights used otherwise than in the baseline: seen in one sample of many, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks import Verdict, interface
from seatrial.checks._inference import Predictions
from seatrial.checks._interface.pipeline_print import compare, take
from seatrial.checks._trial import Baseline
from seatrial.contract import Pipeline, Sample, StepCall
from support.toy_model import Toy, bad


def passed(feeds, answers):
    samples = tuple(Sample(str(place), "x") for place in range(len(feeds)))
    return Predictions(
        samples, ((),) * len(feeds), tuple(answers), feeds, (None,) * len(feeds), (), "toy", None
    )


def feeds_of(arrays):
    return [{"x": each[None]} for each in arrays]


ANSWERS = [{"class": "a", "confidence": 0.5}] * 6


@given(st.integers(0, 999), st.integers(0, 5), st.sampled_from(["float32", "int64"]))
def test_one_changed_number_of_one_sample_is_seen(seed, place, dtype):
    random = np.random.default_rng(seed)
    arrays = (random.normal(0, 100, (6, 40))).astype(dtype)
    other = arrays.copy()
    other[place, random.integers(40)] += 3
    moved = compare(take(passed(feeds_of(arrays), ANSWERS)), passed(feeds_of(other), ANSWERS))
    assert moved.fed == (place,)
    assert moved.answered == ()


@given(st.integers(0, 999))
def test_the_rounding_of_another_library_is_not_seen(seed):
    arrays = np.random.default_rng(seed).normal(0, 1, (6, 300)).astype("float32")
    noise = np.random.default_rng(seed + 1).normal(0, 1e-6, arrays.shape).astype("float32")
    moved = compare(take(passed(feeds_of(arrays), ANSWERS)), passed(feeds_of(arrays + noise), ANSWERS))
    assert (moved.fed, moved.answered, moved.share) == ((), (), 0.0)


@pytest.mark.parametrize(
    ("other", "seen"),
    [
        ({"class": "b", "confidence": 0.5}, True),
        ({"class": "a", "confidence": 0.6}, True),
        ({"class": "a", "confidence": 0.500001}, False),
        ({"class": "a", "confidence": float("nan")}, True),
        (None, True),
    ],
)
def test_another_answer_to_the_same_feed_is_seen(other, seen):
    feeds = feeds_of(np.ones((6, 4), "float32"))
    answers = [*ANSWERS[:5], other]
    moved = compare(take(passed(feeds, ANSWERS)), passed(feeds, answers))
    assert moved.answered == ((5,) if seen else ())


def test_boxes_in_another_order_or_number_are_seen():
    feeds = feeds_of(np.ones((1, 4), "float32"))
    box = {"boxes": [[[1, 2], [30, 2], [30, 9], [1, 9]]], "scores": [0.9]}
    turned = {"boxes": [[[y, x] for x, y in box["boxes"][0]]], "scores": [0.9]}
    fewer = {"boxes": [], "scores": []}
    for other in (turned, fewer):
        assert compare(take(passed(feeds, [box])), passed(feeds, [other])).answered == (0,)


def test_a_feed_of_another_shape_and_a_refused_sample_are_seen():
    feeds = feeds_of(np.ones((2, 4), "float32"))
    kept = take(passed(feeds, ANSWERS[:2]))
    wide = [feeds[0], {"x": np.ones((1, 5), "float32")}]
    assert compare(kept, passed(wide, ANSWERS[:2])).fed == (1,)
    assert compare(kept, passed([feeds[0], None], ANSWERS[:2])).fed == (1,)


def test_prints_of_other_sets_are_not_compared():
    feeds = feeds_of(np.ones((3, 4), "float32"))
    assert compare(take(passed(feeds, ANSWERS[:3])), passed(feeds[:2], ANSWERS[:2])) is None


def accepted(trial, findings):
    return Baseline(
        "v1", trial.artifact.digest, trial.held_out.digest, trial.contract.preprocess_digest(), "", "",
        {"interface": interface.record(findings)}, "ann", "first", datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def with_step(trial, *calls):
    steps = Pipeline((*trial.contract.preprocess.calls, *calls))
    return replace(trial, contract=replace(trial.contract, preprocess=steps))


def test_the_gate_says_no_to_the_same_weights_fed_otherwise(tmp_path):
    trial = Toy().trial(tmp_path)
    trial = replace(trial, baseline=accepted(trial, interface.run(trial)))
    scaled = with_step(trial, StepCall("cast", {"dtype": "float16"}), StepCall("cast", {"dtype": "float32"}))
    assert "interface.pipeline" in bad(interface.run(scaled))
    allowed = replace(scaled, contract=replace(scaled.contract, limits={"interface.changed": 1.0}))
    assert "interface.pipeline" not in bad(interface.run(allowed))


def test_a_pipeline_written_otherwise_that_does_the_same_passes(tmp_path):
    trial = Toy().trial(tmp_path)
    trial = replace(trial, baseline=accepted(trial, interface.run(trial)))
    findings = interface.run(with_step(trial, StepCall("cast", {"dtype": "float32"})))
    said = next(each for each in findings if each.id == "interface.pipeline")
    assert said.verdict is Verdict.PASS
    assert "as before" in said.summary.en


def test_other_weights_may_be_fed_otherwise(tmp_path):
    trial = Toy().trial(tmp_path)
    baseline = replace(accepted(trial, interface.run(trial)), model_digest="sha256:other")
    scaled = with_step(
        replace(trial, baseline=baseline),
        StepCall("cast", {"dtype": "float16"}),
        StepCall("cast", {"dtype": "float32"}),
    )
    assert "interface.pipeline" not in {each.id for each in interface.run(scaled)}
