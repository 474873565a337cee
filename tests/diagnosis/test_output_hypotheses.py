"""What was done to labels and postprocessing is named first, without an engine, from drawn outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial.diagnosis import Search, all_hypotheses, diagnose
from seatrial.diagnosis.hypotheses import label_map, softmax
from seatrial.diagnosis.hypotheses._outputs import Change, each_float, reordered, with_outputs
from seatrial.faults import all_faults
from support.drawn_case import broken, drawn_case
from support.pipelines import CASES

OUTPUTS = {name: all_hypotheses()[name] for name in ("label-map", "softmax", "threshold", "decoding")}
FAULTS = all_faults()
PAIRS = [
    ("classifier", "label-missing"), ("classifier", "label-twice"), ("classifier", "labels-shifted"),
    ("classifier", "labels-exchanged"), ("classifier", "softmax-missing"), ("classifier", "softmax-twice"),
    ("fitted", "target-scale-lost"), ("line", "ctc-blank-wrong"), ("line", "ctc-repeats-kept"),
    ("line", "dictionary-off-by-one-line"), ("line", "dictionary-line-missing"),
    ("line", "dictionary-without-space"), ("page", "unclip-ratio-wrong"), ("page", "score-threshold-wrong"),
    ("page", "boxes-y-first"), ("boxes", "boxes-not-scaled-back"), ("boxes", "labels-shifted"),
    ("candidates", "nms-overlap-wrong"), ("masks", "argmax-axis-wrong"), ("arrays", "score-threshold-wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fault"), PAIRS)
def test_names_the_cause_of_each_fault(kind: str, fault: str, tmp_path: Path) -> None:
    case = CASES[kind]()
    wrong = broken(case, FAULTS[fault], tmp_path, 1)
    found = diagnose(drawn_case(case, wrong, count=24), Search(budget=120, hypotheses=OUTPUTS))
    assert found.cause is not None, found.sentence.en
    assert found.cause.attempt.hypotheses == (FAULTS[fault].cause,)
    assert found.cause.attempt.after == 1.0
    assert found.sentence.zh != found.sentence.en


@pytest.mark.parametrize("kind", ["classifier", "line", "boxes", "arrays"])
def test_nothing_is_blamed_where_nothing_differs(kind: str) -> None:
    case = CASES[kind]()
    found = diagnose(drawn_case(case, case.contract, count=8), Search(hypotheses=OUTPUTS))
    assert (found.verdict, found.tried) == ("agree", 0)


def test_answers_alone_are_enough_to_see_a_shift(tmp_path: Path) -> None:
    case = CASES["classifier"]()
    wrong = broken(case, FAULTS["labels-shifted"], tmp_path, 2)
    found = diagnose(drawn_case(case, wrong, knows=("answers",)), Search(hypotheses=OUTPUTS))
    assert found.cause is not None
    assert "The labels are shifted by one" in found.cause.attempt.interventions[0].said.en
    assert found.setup.contract.labels == case.contract.labels


def test_the_references_own_list_is_proposed_first(tmp_path: Path) -> None:
    case = CASES["classifier"]()
    wrong = broken(case, FAULTS["labels-exchanged"], tmp_path, 2)
    trial = drawn_case(case, wrong, count=8, knows=("answers", "contract"))
    first = next(iter(label_map.propose(trial, trial.setup)))
    assert first.name == "reference-labels"
    assert first.setup.contract.labels == case.contract.labels


def test_classes_exchanged_in_the_last_layer_are_put_back() -> None:
    case = CASES["classifier"]()
    trial = drawn_case(case, case.contract)
    trial.setup = with_outputs(trial.setup, reordered([1, 0, 2, 4, 3], -1))
    found = diagnose(trial, Search(hypotheses=OUTPUTS))
    assert found.cause is not None
    assert found.cause.attempt.hypotheses == ("label-map",)
    assert found.cause.exact
    assert "Classes are in each other's place" in found.sentence.en


def test_a_graph_with_two_softmaxes_is_undone() -> None:
    case = CASES["bert"]()
    trial = drawn_case(case, case.contract)
    twice = each_float("again", lambda each: softmax._softmax(each, -1))
    trial.setup = with_outputs(trial.setup, twice)
    found = diagnose(trial, Search(hypotheses=OUTPUTS))
    assert found.cause is not None
    assert found.cause.attempt.hypotheses == ("softmax",)
    assert "twice inside the graph" in found.sentence.en


def test_the_inverse_of_softmax_gives_probabilities_back() -> None:
    rows = softmax._softmax(np.random.default_rng(0).normal(0, 3, (5, 7)).astype("float32"), -1)
    again = softmax._softmax(rows, -1)
    assert np.allclose(softmax._inverse(again, -1), rows, atol=1e-5)


def test_an_opaque_service_is_not_asked_to_change_its_postprocessing() -> None:
    case = CASES["line"]()
    trial = drawn_case(case, case.contract, count=4)
    opaque = replace(trial.setup, opaque=True)
    assert not [each for h in OUTPUTS.values() for each in h.propose(trial, opaque)]


def test_changes_of_outputs_are_known_by_name_and_stack() -> None:
    first, second = reordered([1, 0], -1), Change("twice", lambda outputs: [2 * each for each in outputs])
    setup = with_outputs(drawn_case(CASES["arrays"](), CASES["arrays"]().contract, count=1).setup, first)
    both = with_outputs(setup, second)
    assert both.outputs is not None
    assert both.outputs.name == "classes 0<1,1<0 of axis -1, then twice"  # type: ignore[attr-defined]
    (got,) = both.outputs([np.array([[1.0, 2.0]])])
    assert got.tolist() == [[4.0, 2.0]]


@pytest.mark.parametrize("hypothesis", OUTPUTS.values(), ids=OUTPUTS)
@pytest.mark.parametrize("kind", CASES)
def test_proposals_are_few_and_have_words(hypothesis, kind: str) -> None:  # type: ignore[no-untyped-def]
    case = CASES[kind]()
    trial = drawn_case(case, case.contract, count=3)
    proposed = list(hypothesis.propose(trial, trial.setup))
    assert len(proposed) <= 12
    assert len({each.name for each in proposed}) == len(proposed)
    for each in proposed:
        assert each.prior > 0
        assert each.hypothesis == hypothesis.name
        assert each.said.en.endswith(".")
        assert each.said.zh.endswith("。")
