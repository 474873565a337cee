"""Sessions are reused while they live, and what cannot be opened is said before anything starts."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
from test_worker_processes import FAKE

from seatrial import extensions, lazy
from seatrial.contract import TensorSpec
from seatrial.errors import (
    ContractViolation,
    EngineFailure,
    MissingDependency,
    ModelError,
    NotFound,
    UnsupportedModel,
    UsageError,
)
from seatrial.model import Problem
from seatrial.runtimes import (
    Pool,
    SessionOptions,
    _launch,
    all_runtimes,
    available_runtimes,
    length_input,
    open_session,
)
from seatrial.runtimes._client import native_precision
from seatrial.runtimes._feeds import checked
from support.artifacts import by_hand

INPUT = TensorSpec("x", "float32", ("batch", 2))
ARTIFACT = by_hand(Path("model.fake"), "fake", [INPUT])
GOOD = {"x": np.ones((3, 2), "float32")}


@pytest.fixture(autouse=True)
def _fake(monkeypatch):
    second = dataclasses.replace(FAKE, name="second")
    absent = dataclasses.replace(FAKE, name="absent", module="no_such_engine", formats=("fake", "rare"))
    far = dataclasses.replace(FAKE, name="far", formats=("fake",), emulated=True, asked_only=True)
    found = {"absent": absent, "fake": FAKE, "far": far, "second": second}
    find = extensions.find
    monkeypatch.setattr(
        extensions, "find", lambda room, name: found if room == "seatrial.runtimes" else find(room, name)
    )


@pytest.fixture(scope="module", autouse=True)
def _end():
    yield
    _launch.end_all()


def test_what_is_installed_and_fits_is_offered():
    assert available_runtimes(ARTIFACT) == ["fake", "second"]
    assert available_runtimes(by_hand(Path("m"), "stone", [INPUT])) == []
    assert set(all_runtimes()) == {"absent", "fake", "far", "second"}


def test_what_wants_to_be_asked_for_is_taken_only_by_name_or_when_nothing_else_runs_the_format(monkeypatch):
    shy = dataclasses.replace(FAKE, name="shy", formats=("fake", "own"), asked_only=True)
    found = {"shy": shy, "fake": FAKE}
    monkeypatch.setattr(extensions, "find", lambda _room, _name: found)
    monkeypatch.setattr(extensions, "get", lambda _room, _name, key: found[key])
    assert available_runtimes(ARTIFACT) == ["fake"]
    assert available_runtimes(ARTIFACT, asked="shy") == ["fake", "shy"]
    assert available_runtimes(by_hand(Path("m"), "own", [INPUT])) == ["shy"]
    with open_session(ARTIFACT, "shy") as session:
        assert session.run(GOOD)
    # Not even where nothing else is installed for what others run.
    found["fake"] = dataclasses.replace(FAKE, module="no_such_engine")
    assert available_runtimes(ARTIFACT) == []
    with pytest.raises(MissingDependency, match="fake is not installed"):
        open_session(ARTIFACT)


def test_auto_opens_the_first():
    with open_session(ARTIFACT) as session:
        assert session.runtime == "fake"
        assert session.run(GOOD)


def test_an_emulated_runtime_is_never_timed():
    with open_session(ARTIFACT, "far") as session:
        with pytest.raises(UsageError, match="times of an emulated processor say nothing"):
            session.time(GOOD, repeat=3)
        assert session.run(GOOD)


def test_what_cannot_be_opened_is_said():
    with pytest.raises(UnsupportedModel, match="no runtime runs the format 'stone'"):
        open_session(by_hand(Path("m"), "stone", [INPUT]))
    with pytest.raises(UnsupportedModel, match="fake does not run stone"):
        open_session(by_hand(Path("m"), "stone", [INPUT]), "fake")
    with pytest.raises(NotFound):
        open_session(ARTIFACT, "warp")
    for name in ("absent", "auto"):
        with pytest.raises(MissingDependency, match="absent is not installed") as caught:
            open_session(by_hand(Path("m"), "rare", [INPUT]), name)
        assert "pip install 'seatrial[fake]'" in caught.value.hint


def test_a_defective_artifact_is_refused_unless_asked():
    problem = Problem("graph-truncated", "it ends early", "model.fake", "copy it again")
    defective = dataclasses.replace(ARTIFACT, problems=(problem,))
    with pytest.raises(ModelError, match="it ends early") as caught:
        open_session(defective)
    assert caught.value.hint == "copy it again"
    with open_session(defective, unverified=True) as session:
        assert session.run(GOOD)


def test_a_pool_reuses_what_lives_and_replaces_what_died():
    with Pool(ARTIFACT) as pool:
        first = pool.get("fake")
        assert pool.get("fake") is first
        assert pool.get("auto") is first
        assert pool.get("second") is not first
        other = pool.get("fake", SessionOptions(threads=2))
        assert other is not first
        assert pool.get("fake", SessionOptions(threads=2)) is other
        with pytest.raises(EngineFailure):
            first.run({"x": np.full((1, 2), -2, "float32")})
        again = pool.get("fake")
        assert again is not first
        assert again.run(GOOD)
        first.close()
        other.close()
        assert pool.get("fake", SessionOptions(threads=2)) is not other
    with pytest.raises(UsageError, match="closed"):
        again.run(GOOD)


def test_each_thread_gets_its_own():
    with Pool(ARTIFACT) as pool:
        seen = [pool.get("fake")]
        thread = threading.Thread(target=lambda: seen.append(pool.get("fake")))
        thread.start()
        thread.join()
        assert seen[0] is not seen[1]


def test_the_deployment_runtime_comes_first():
    assert list(Pool(ARTIFACT).runtimes()) == ["fake", "second"]
    with Pool(ARTIFACT, preferred="second") as pool:
        assert list(pool.runtimes()) == ["second", "fake"]
        assert pool.get().runtime == "second"


def test_a_conversion_is_asked_for_once():
    asked = []

    def convert(name):
        asked.append(name)
        return by_hand(Path("m"), name, [INPUT])

    pool = Pool(ARTIFACT, convert=convert)
    assert pool.converted("fake") is ARTIFACT
    assert pool.converted("onnx") is pool.converted("onnx")
    assert asked == ["onnx"]
    with pytest.raises(UsageError, match="nothing that converts"):
        Pool(ARTIFACT).converted("onnx")


def test_a_refused_conversion_stays_refused():
    asked = []

    def convert(name):
        asked.append(name)
        raise ModelError("it differs")

    pool = Pool(ARTIFACT, convert=convert)
    for _ in range(2):
        with pytest.raises(ModelError, match="it differs"):
            pool.converted("onnx")
    assert asked == ["onnx"]


LENGTHS = by_hand(
    Path("m"),
    "fake",
    [TensorSpec("ids", "int64", ("batch", "steps")), TensorSpec("lengths", "int64", ("rows",))],
    operators={"pd_op.lstm": 2},
)


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([0, 3], "holds lengths 0..3"),
        ([3, 6], "holds lengths 3..6"),
        ([3], "disagree on the batch"),
        ([5, 1], ""),
    ],
)
def test_lengths_stay_within_their_sequences(lengths, words):
    feeds = {"ids": np.ones((2, 5), "int64"), "lengths": np.array(lengths)}
    assert length_input(LENGTHS) == "lengths"
    if not words:
        assert list(checked(LENGTHS, feeds)) == ["ids", "lengths"]
        return
    with pytest.raises(ContractViolation, match=words):
        checked(LENGTHS, feeds)


def test_only_recurrent_graphs_have_lengths():
    assert length_input(dataclasses.replace(LENGTHS, operators={"matmul": 1})) == ""
    assert length_input(by_hand(Path("m"), "fake", LENGTHS.inputs[1:], operators={"gru": 1})) == ""


def test_the_precision_of_the_files_is_seen():
    from seatrial.model import Parameter

    half = [Parameter("w", "float16", (4, 4), None, 0, 0), Parameter("b", "float32", (4,), None, 0, 0)]
    assert native_precision(ARTIFACT) == "float32"
    assert native_precision(dataclasses.replace(ARTIFACT, parameters=tuple(half))) == "float16"
    assert native_precision(dataclasses.replace(ARTIFACT, operators={"QLinearConv": 3})) == "int8"
    assert native_precision(dataclasses.replace(ARTIFACT, operators={"fake_quantize_abs_max": 3})) == "int8"


def test_another_interpreter_makes_a_runtime_available(monkeypatch):
    absent = dataclasses.replace(FAKE, name="absent", module="no_such_engine")
    assert not absent.available()
    monkeypatch.setenv("SEATRIAL_ABSENT_PYTHON", "/usr/bin/python3")
    assert absent.available()
    assert absent.version() == ""
    assert not lazy.installed("no_such_engine")
