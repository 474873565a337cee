"""A model in a file is asked through workers that are kept, replaced when dead, and closed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seatrial.contract import draft_contract
from seatrial.diagnosis import Setup, deployed
from seatrial.diagnosis.deployed import LocalRunner
from seatrial.errors import EngineFailure, ModelError, UsageError
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions
from support.models import write_paddle_json


class Opened:
    """Plays sessions, and notes which were opened and closed."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def __call__(self, artifact: Any, runtime: str, options: SessionOptions) -> Any:
        name = f"{artifact.path.parent.name}/{runtime}/{options.threads}"
        self.log.append(f"open {name}")
        return SimpleNamespace(
            alive=True, run=lambda _: [np.zeros(1)], close=lambda: self.log.append(f"close {name}")
        )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    fake = Opened()
    monkeypatch.setattr(deployed, "open_session", fake)
    return fake


def setup_in(folder: Path, **options: Any) -> Setup:
    artifact = open_model(write_paddle_json(folder))
    return Setup(draft_contract(artifact.inputs, artifact.outputs, "m"), artifact, **options)


def test_equal_questions_share_a_session_and_others_do_not(tmp_path: Path, opened: Opened) -> None:
    first = setup_in(tmp_path / "a", runtime="paddle")
    with LocalRunner() as runner:
        for setup in (
            first,
            replace(first, batch=1),
            replace(first, options=SessionOptions(threads=2)),
            first,
        ):
            runner.infer(setup, {})
        assert opened.log == ["open a/paddle/1", "open a/paddle/2"]
    assert sorted(opened.log[2:]) == ["close a/paddle/1", "close a/paddle/2"]


def test_the_session_longest_unused_is_closed(tmp_path: Path, opened: Opened) -> None:
    a, b, c = (setup_in(tmp_path / name, runtime="paddle") for name in "abc")
    with LocalRunner(live=2) as runner:
        for setup in (a, b, a, c, a):
            runner.infer(setup, {})
        assert opened.log == [
            *(f"open {name}/paddle/1" for name in "ab"),
            "close b/paddle/1",
            "open c/paddle/1",
        ]


def test_a_dead_session_is_opened_again(tmp_path: Path, opened: Opened) -> None:
    setup = setup_in(tmp_path / "a", runtime="paddle")
    with LocalRunner() as runner:
        runner.session(setup).alive = False  # type: ignore[misc]  # the fake's own field
        assert runner.session(setup).alive
        assert opened.log == ["open a/paddle/1", "close a/paddle/1", "open a/paddle/1"]


def test_what_cannot_be_asked_is_said(tmp_path: Path, opened: Opened) -> None:
    setup = setup_in(tmp_path / "a")
    runner = LocalRunner()
    with pytest.raises(UsageError, match="names no model"):
        runner.infer(replace(setup, artifact=None), {})
    with pytest.raises(UsageError, match="not for answers"):
        runner.answer(setup, "x")
    runner.close()
    runner.close()
    assert opened.log == []


@pytest.mark.slow
def test_a_real_model_answers_traces_and_dies_apart(digits: Path) -> None:
    artifact = open_model(digits / "model")
    setup = Setup(draft_contract(artifact.inputs, artifact.outputs, "digits"), artifact)
    with np.load(digits / "held_out.npz") as arrays:
        images = arrays["image"][:4]
    with LocalRunner() as runner, np.load(digits / "training_side.npz") as right:
        (outputs,) = runner.infer(setup, {"image": images})
        np.testing.assert_allclose(outputs, right["probabilities"][:4], atol=1e-5)
        labels = [each.label for each in runner.trace(setup, {"image": images})]
        assert any("conv2d" in each for each in labels)
        short = replace(setup, options=SessionOptions(memory_limit=1 << 20))
        with pytest.raises((EngineFailure, ModelError)):
            runner.infer(short, {"image": np.repeat(images, 4000, axis=0)})
        assert len(runner.infer(setup, {"image": images})) == 1
