"""Outputs that are made from the truth are read as the truth by the good postprocessing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatrial.contract import Sample
from seatrial.faults._ideal import ideal_outputs
from support.pipelines import CASES


def answer(name: str, sample: Sample) -> Any:
    contract = CASES[name]().contract
    feeds, context = contract.prepare(sample.payload)
    return contract.answer(ideal_outputs(contract, feeds, context, sample.label), 0, context)


@pytest.mark.parametrize("name", ["classifier", "bert", "raw", "arrays"])
def test_the_true_class_is_answered(name: str) -> None:
    for sample in CASES[name]().held_out:
        found = answer(name, sample)
        assert found["index"] == sample.label
        assert 0 < found["confidence"] < 1


def test_the_true_text_is_read_with_its_spaces_and_doubles() -> None:
    samples = CASES["line"]().held_out.samples
    assert [answer("line", each)["text"] for each in samples] == ["add a", "hello", "no", "be on", "kick"]


def test_a_map_holds_regions_of_several_strengths() -> None:
    found = answer("page", CASES["page"]().held_out.samples[0])
    assert len(found["boxes"]) == 3
    assert max(found["scores"]) - min(found["scores"]) > 0.15


@pytest.mark.parametrize("name", ["boxes", "candidates"])
def test_boxes_lie_in_the_picture(name: str) -> None:
    for sample in CASES[name]().held_out.samples:
        found = answer(name, sample)
        assert found["boxes"]
        assert np.asarray(found["boxes"]).min() >= 0
        assert set(found["classes"]) <= set(CASES[name]().contract.labels)


@pytest.mark.parametrize("name", CASES)
def test_they_have_the_shapes_of_the_specs_and_are_the_same_each_time(name: str) -> None:
    case = CASES[name]()
    sample = case.held_out.samples[1]
    feeds, context = case.contract.prepare(sample.payload)
    one, again = (ideal_outputs(case.contract, feeds, context, sample.label) for _ in range(2))
    for array, same, spec in zip(one, again, case.contract.outputs, strict=True):
        np.testing.assert_array_equal(array, same)
        assert array.dtype == spec.dtype
        assert spec.layout == "DV" or array.ndim == len(spec.shape)


def test_a_type_that_numpy_does_not_know_comes_as_float32() -> None:
    contract = CASES["bert"]().contract
    contract = replace(contract, outputs=(replace(contract.outputs[0], dtype="bfloat16"),))
    sample = CASES["bert"]().held_out.samples[0]
    feeds, context = contract.prepare(sample.payload)
    assert ideal_outputs(contract, feeds, context, None)[0].dtype == np.float32
