"""Deployed and reference are compared stage by stage; the first that differs is named, and its operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.diagnosis import Case, Reference, Setup
from seatrial.diagnosis.stages import compare_operators, first_stage
from seatrial.errors import UsageError
from seatrial.model import Artifact, OperatorEdit, open_model, rewrite
from seatrial.runtimes import OperatorOutput
from support import networks
from support.toy_case import CLASSES, contract, toy_case


def known(case: Case, **more: Any) -> Case:
    """The case with a reference that knows its contract too."""
    return replace(case, reference=replace(case.reference, **more))


def test_nothing_is_said_where_nothing_differs() -> None:
    case = known(toy_case(knows=("feeds", "outputs", "answers")), contract=contract())
    assert first_stage(case) is None


def test_the_decoded_picture_comes_first() -> None:
    case = known(toy_case(lambda each: each.with_options("preprocess", 0, color="BGR")), contract=contract())
    found = first_stage(case)
    assert found is not None
    assert found.stage == "decoded"
    assert [row["stage"] for row in found.compared] == ["decoded", "preprocessed", "outputs", "answers"]
    assert not any(row["same"] for row in found.compared)


def test_a_tensor_that_differs_shows_its_moments() -> None:
    case = toy_case(
        lambda each: each.with_options("preprocess", 1, scale=1.0), knows=("feeds", "outputs", "answers")
    )
    found = first_stage(case)
    assert found is not None
    assert found.stage == "preprocessed"
    assert "mean" in found.detail.en
    assert "均值" in found.detail.zh
    assert found.error > 1


def test_a_tensor_of_another_shape_is_told_by_its_shape() -> None:
    case = toy_case(knows=("feeds", "outputs", "answers"))
    feeds = tuple({"x": each["x"][:, :, :4]} for each in case.reference.feeds or () if each)
    found = first_stage(known(case, feeds=feeds))
    assert found is not None
    assert found.stage == "preprocessed"
    assert "[1, 3, 8, 8] as deployed, [1, 3, 4, 8] in the reference" in found.detail.en
    assert found.error == float("inf")


def test_equal_outputs_leave_the_answers() -> None:
    case = toy_case(lambda each: each.with_contract(labels=CLASSES[1:] + CLASSES[:1]))
    found = first_stage(case)
    assert found is not None
    assert found.stage == "answers"
    assert [(row["stage"], row["same"]) for row in found.compared] == [("outputs", True), ("answers", False)]


def test_a_sample_that_cannot_be_answered_says_why() -> None:
    found = first_stage(toy_case(lambda each: each.with_contract(labels=CLASSES[1:])))
    assert found is not None
    assert "the model gives 4 scores and the contract has 3 labels" in found.detail.en


def test_labels_alone_leave_only_the_answers_to_compare() -> None:
    case = toy_case(lambda each: each.with_options("preprocess", 0, color="BGR"), knows=("labels",))
    found = first_stage(case)
    assert found is not None
    assert [row["stage"] for row in found.compared] == ["answers"]


class Tracing:
    """Plays an engine that shows its operators: three layers, of which `broken` is scaled."""

    def __init__(self, broken: Mapping[str, int]) -> None:
        self.broken, self.traced = broken, 0

    def trace(self, setup: Setup, feeds: Mapping[str, Any]) -> list[OperatorOutput]:
        """The layers' outputs."""
        self.traced += 1
        x = next(iter(feeds.values())).reshape(len(next(iter(feeds.values()))), -1)[:, :16]
        seen = []
        for place in range(3):
            bad = setup.artifact is not None and self.broken.get(setup.artifact.digest) == place
            x = np.tanh(x + place) * (1.5 if bad else 1.0)
            seen.append(OperatorOutput(f"op{place}", "tanh", f"t{place}", x))
        return seen

    def infer(self, setup: Setup, feeds: Mapping[str, Any]) -> list[Any]:
        """The last layer, in shape."""
        return [self.trace(setup, feeds)[-1].value[:, :4]]

    def answer(self, setup: Setup, payload: Any) -> Any:
        """Nothing here is opaque."""
        raise UsageError("not a service")


def models(folder: Path) -> tuple[Artifact, Artifact]:
    """Two models of one network."""
    paths = [networks.write_network(folder / str(seed), "onnx", seed=seed) for seed in (7, 8)]
    return open_model(paths[0]), open_model(paths[1])


@pytest.mark.parametrize("layer", range(3))
def test_the_first_operator_that_diverges_is_named(layer: int, tmp_path: Path) -> None:
    right, deployed = models(tmp_path)
    runner = Tracing({deployed.digest: layer})
    samples = networks.held_out(8).samples
    case = Case(Setup(networks.contract(), deployed), samples, Reference("earlier", artifact=right), runner)
    found = first_stage(case)
    assert found is not None
    assert (found.stage, found.operator) == ("operators", f"op{layer}")
    assert f"op{layer}" in found.detail.zh
    before = runner.traced
    compare_operators(case, case.setup)
    assert runner.traced == before, "two traces are taken once"


def test_equal_operators_and_other_outputs_blame_how_the_graph_is_run(tmp_path: Path) -> None:
    right, deployed = models(tmp_path)
    samples = networks.held_out(8).samples
    case = Case(
        Setup(networks.contract(), deployed), samples, Reference("earlier", artifact=right), Tracing({})
    )
    case.setup = replace(case.setup, outputs=lambda outputs: [each * 1.1 for each in outputs])
    wanted = tuple(
        tuple(case.runner.infer(Setup(networks.contract(), right), {"x": s.payload[None]})) for s in samples
    )
    found = first_stage(known(case, outputs=wanted))
    assert found is not None
    assert found.stage == "outputs"
    assert "how the graph is run" in found.detail.en


@pytest.mark.slow
def test_a_changed_epsilon_is_found_by_a_real_engine(tmp_path: Path) -> None:
    from seatrial.diagnosis.deployed import LocalRunner
    from seatrial.model import operators

    right = open_model(networks.write_network(tmp_path / "right", "onnx"))
    norm = next(each for each in operators(right) if each.type == "BatchNormalization")
    deployed = open_model(
        rewrite(right, tmp_path / "bad", operators=[OperatorEdit(norm.name, {"epsilon": 0.5})])
    )
    with LocalRunner() as runner:
        case = Case(
            Setup(networks.contract(), deployed),
            networks.held_out(8).samples,
            Reference("earlier", artifact=right, contract=networks.contract()),
            runner,
        )
        found = first_stage(case)
    assert found is not None
    assert found.stage == "operators"
    assert found.operator == norm.outputs[0]
