"""What was done to a model is undone by an edited copy: told from the files, in three formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.contract import load_contract, read_held_out
from seatrial.diagnosis import Case, Reference, Search, Setup, all_hypotheses, diagnose
from seatrial.diagnosis.deployed import LocalRunner
from seatrial.diagnosis.hypotheses import batch, precision, service_version
from seatrial.errors import EngineFailure, UsageError
from seatrial.faults import Good, NotApplicable, Release, all_faults
from seatrial.model import Artifact, open_model, operators
from seatrial.model.weights import iter_weights
from seatrial.runtimes import SessionOptions
from support import networks

MODEL = ("weights", "train-mode", "dropout", "operator", "quantization")
FAULTS = {name: each for name, each in all_faults().items() if each.cause in MODEL}


class Silent:
    """A `Runner` that answers nothing: what is proposed must come from the files."""

    def infer(self, setup: Setup, feeds: Mapping[str, Any]) -> list[Any]:
        """Refuses."""
        raise EngineFailure("no engine here", kind="exception")

    def answer(self, setup: Setup, payload: Any) -> Any:
        """Refuses."""
        raise UsageError("not a service")


def case_of(good: Good, deployed: Artifact, scratch: Path, runner: Any = None) -> Case:
    reference = Reference("an earlier release", artifact=good.artifact)
    setup = Setup(good.contract, deployed)
    return Case(setup, good.release.held_out.samples[:8], reference, runner or Silent(), scratch=scratch)


def computes(artifact: Artifact) -> tuple[Any, ...]:
    """What a model computes: operators with their attributes, and weights."""
    graph = [(each.type, sorted(each.attributes.items())) for each in operators(artifact)]
    return graph, {each.name: values.tobytes() for each, values in iter_weights(artifact)}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_the_fault_is_undone_in_every_format_that_can_have_it(name: str, tmp_path: Path) -> None:
    fault, applied = FAULTS[name], 0
    for kind in networks.FORMATS:
        good = networks.good(tmp_path / kind, kind, other=True)
        try:
            made = fault.make(good, tmp_path / kind / "bad", 1)
        except NotApplicable:
            continue
        applied += 1
        case = case_of(good, open_model(made.model), tmp_path / kind)
        proposed = list(all_hypotheses()[fault.cause].propose(case, case.setup))
        assert proposed, kind
        right = computes(good.artifact)
        assert any(each.setup.artifact and computes(each.setup.artifact) == right for each in proposed), kind
        assert all(each.said.zh.endswith("。") and each.said.en.endswith(".") for each in proposed)
    assert applied


@pytest.mark.parametrize("kind", networks.FORMATS)
@pytest.mark.parametrize("name", [*MODEL, "precision", "batch"])
def test_a_good_model_has_nothing_to_undo_in_its_files(kind: str, name: str, tmp_path: Path) -> None:
    good = networks.good(tmp_path, kind)
    case = case_of(good, good.artifact, tmp_path)
    proposed = list(all_hypotheses()[name].propose(case, case.setup))
    assert all(each.setup.artifact == good.artifact for each in proposed)  # only other ways to run it
    assert not proposed or name == "operator"


def test_a_model_of_another_format_is_matched_by_shape(tmp_path: Path) -> None:
    right = networks.good(tmp_path / "right", "onnx")
    other = networks.good(tmp_path / "other", "paddle-json")
    case = replace_reference(case_of(other, other.artifact, tmp_path), right.artifact)
    assert not list(all_hypotheses()["weights"].propose(case, case.setup))


def replace_reference(case: Case, artifact: Artifact) -> Case:
    return replace(case, reference=replace(case.reference, artifact=artifact))


def test_a_lower_precision_that_was_asked_for_is_taken_back(tmp_path: Path) -> None:
    good = networks.good(tmp_path, "onnx")
    case = case_of(good, good.artifact, tmp_path)
    setup = replace(case.setup, options=SessionOptions(precision="float16"))
    (proposed,) = precision.propose(case, setup)
    assert proposed.setup.options.precision == "float32"
    assert "float16" in proposed.said.en


class Mixing(Silent):
    """Adds the mean of the batch to every row."""

    def infer(self, setup: Setup, feeds: Mapping[str, Any]) -> list[Any]:
        """One batch."""
        rows = feeds["image"].reshape(len(feeds["image"]), -1)[:, :4]
        return [rows + rows.mean(axis=0)]


def test_company_in_the_batch_is_blamed_only_where_it_matters(tmp_path: Path) -> None:
    good = networks.good(tmp_path, "onnx")
    mixing = case_of(good, good.artifact, tmp_path, Mixing())
    (proposed,) = batch.propose(mixing, mixing.setup)
    assert proposed.setup.batch == 1
    assert not list(batch.propose(mixing, proposed.setup))


def test_other_versions_of_a_service_are_tried_newest_first(tmp_path: Path) -> None:
    good = networks.good(tmp_path, "onnx")
    runner = Silent()
    case = case_of(good, good.artifact, tmp_path, runner)
    assert not list(service_version.propose(case, case.setup))
    runner.versions, runner.version = ("1", "2", "10"), "2"  # type: ignore[attr-defined]
    proposed = list(service_version.propose(case, case.setup))
    assert [each.setup.where["version"] for each in proposed] == ["10", "1"]


REAL = [
    "weights-of-another-run", "batch-norm-statistics-swapped", "nan-weight", "dropout-active",
    "batch-norm-in-training", "pooling-changed", "epsilon-edited", "padding-lost", "int8-bad-scale",
    "classes-swapped", "logits-not-probabilities",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_the_cause_is_named_first_on_a_real_model(name: str, digits: Path, tmp_path: Path) -> None:
    contract = load_contract(Path(__file__).parents[2] / "examples" / "digits" / "contract.yaml")
    artifact = open_model(digits / "model")
    held_out = read_held_out(digits / "held_out.npz", contract=contract, limit=64)
    good = Good(Release(artifact.graph, contract, held_out), artifact)
    fault = all_faults()[name]
    made = open_model(fault.make(good, tmp_path / "bad", 3).model)
    with LocalRunner() as runner:
        right = Case(Setup(contract, artifact), held_out.samples, Reference(""), runner).observed
        reference = Reference(
            "an earlier release",
            feeds=right.feeds,
            outputs=right.outputs,
            answers=right.answers,
            artifact=artifact,
            contract=contract,
        )
        # Fusion folds a batch normalization away, and with it what it does in training mode.
        options = SessionOptions(optimize=fault.cause != "train-mode")
        setup = Setup(contract, made, options=options)
        case = Case(setup, held_out.samples, reference, runner, scratch=tmp_path)
        found = diagnose(case, Search(budget=300))
    assert found.cause is not None, found.sentence.en
    assert found.cause.attempt.hypotheses == (fault.cause,)
    assert found.cause.exact
    assert found.cause.attempt.after == pytest.approx(1.0)
    assert np.isfinite(found.seconds)
