"""What every runtime must do, asked of each one that lies in the folder (M40, M05)."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from seatrial import extensions
from seatrial.contract import TensorSpec
from seatrial.converters import convert
from seatrial.errors import ContractViolation, EngineFailure, UsageError
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, available_runtimes, open_session
from seatrial.runtimes._engine import Runtime
from support import edge_models, paddle_models, sources
from support.artifacts import by_hand

QUICK = {"onnxruntime", "openvino"}
# The engines that a release is judged and served on; what lies beside them need not trace or count memory.
GROUND = {*QUICK, "paddle"}
FOUND = extensions.find("seatrial.runtimes", "RUNTIME")


def marked(names):
    return [
        pytest.param(FOUND[name], id=name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name in sorted(names)
    ]


every_runtime = pytest.mark.parametrize("runtime", marked(FOUND))
# An emulated one starts in up to half a minute, and has tests of its own.
quick_to_start = pytest.mark.parametrize(
    "runtime", marked(name for name, each in FOUND.items() if not each.emulated)
)
ground_runtime = pytest.mark.parametrize("runtime", marked(GROUND))
OPTIONS = SessionOptions(timeout=120)
ON_THIS_MACHINE = {"paddlelite": {"target": "x86"}}  # the default is for another processor
# Formats that are a class and its checkpoint, with the framework of the class.
SOURCES = {"paddle-layer": "paddle", "torch-module": "torch"}
# softmax(relu(x @ W1) @ W2), known in numpy.
_RNG = np.random.default_rng(3)
W1, W2 = _RNG.normal(size=(4, 8)).astype("float32"), _RNG.normal(size=(8, 3)).astype("float32")


def onnx_model(folder: Path):
    import onnx
    from onnx import helper, numpy_helper

    float32 = onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("MatMul", ["x", "W1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "W2"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", float32, ["batch", 4])],
        [helper.make_tensor_value_info("y", float32, ["batch", 3])],
        [numpy_helper.from_array(W1, "W1"), numpy_helper.from_array(W2, "W2")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "tiny.onnx"))
    return by_hand(folder / "tiny.onnx", "onnx", [TensorSpec("x", "float32", ("batch", 4))])


def expected(x, artifact):
    if artifact.format not in {"onnx", *SOURCES}:
        return None
    scores = np.maximum(x @ W1, 0) @ W2
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.fixture
def artifact(runtime: Runtime, tmp_path, tmp_path_factory, made_before):
    if not runtime.available():
        pytest.skip(f"{runtime.name} is not here: {runtime.how_to_get()}")
    if "onnx" in runtime.formats:
        return onnx_model(tmp_path)
    if "paddle-json" in runtime.formats:
        return paddle_models.paddle_model("affine")
    for name, framework in SOURCES.items():
        if name in runtime.formats:
            return open_model(sources.affine(framework, tmp_path / "source", W1, W2))
    # A conversion may take as long as all the questions that are asked of its result.
    if runtime.name not in made_before:
        folder = tmp_path_factory.mktemp(runtime.name)
        made_before[runtime.name] = converted(onnx_model(folder), runtime, folder / "converted")
    return made_before[runtime.name]


@pytest.fixture(scope="module")
def made_before():
    """Converted models, by the runtime they are for."""
    return {}


def converted(model, runtime: Runtime, out: Path):
    """The same model in a format that a runtime runs, or one like it from the graphs of Paddle 2."""
    for each in extensions.find("seatrial.converters", "CONVERTER").values():
        if each.target not in runtime.formats or not each.available():
            continue
        if model.format in each.sources:
            return convert(open_model(model.path), each.target, out).artifact
        if "paddle-pdmodel" in each.sources:
            source = open_model(edge_models.small("affine"))
            return convert(source, each.target, out, options=ON_THIS_MACHINE.get(each.target)).artifact
    pytest.skip(f"no converter here makes {' or '.join(runtime.formats)} of ONNX; it has tests of its own")
    return None


def feed(batch=3):
    return {"x": np.random.default_rng(batch).normal(size=(batch, 4)).astype("float32")}


@every_runtime
def test_it_describes_itself(runtime):
    assert runtime.name
    assert runtime.summary
    assert runtime.formats
    assert runtime.how_to_get()
    assert not (runtime.emulated and not runtime.asked_only)
    if runtime.name in GROUND:
        assert runtime.available()
        assert runtime.version()


@quick_to_start
def test_it_answers_every_batch_size_the_same_way(runtime, artifact):
    assert runtime.name in available_runtimes(artifact, asked=runtime.name)
    with open_session(artifact, runtime.name, OPTIONS) as session:
        whole = session.run(feed(7))[0]
        assert whole.shape == (7, 3)
        np.testing.assert_allclose(whole.sum(1), 1, atol=1e-5)
        for batch in (1, 2):
            part = {"x": feed(7)["x"][:batch]}
            (answer,) = session.run(part)
            np.testing.assert_allclose(answer, whole[:batch], atol=1e-5)
        known = expected(feed(7)["x"], artifact)
        if known is not None:
            np.testing.assert_allclose(whole, known, atol=1e-5)
        (strided,) = session.run({"x": np.asfortranarray(feed(7)["x"])})
        np.testing.assert_array_equal(strided, whole)


@ground_runtime
def test_switches_of_optimisation_and_threads_change_no_answer(runtime, artifact):
    answers = []
    for options in (OPTIONS, SessionOptions(optimize=False), SessionOptions(threads=2)):
        with open_session(artifact, runtime.name, options) as session:
            answers.append(session.run(feed())[0])
            exercise = session.exercise
            assert exercise.runtime.startswith(runtime.name + " ")
            assert exercise.threads == options.threads
            assert exercise.precision == "float32"
            assert sum(exercise.operators.values()) > 0
            assert exercise.load_seconds > 0
    for each in answers[1:]:
        np.testing.assert_allclose(each, answers[0], atol=1e-5)


@ground_runtime
def test_a_precision_that_did_not_run_is_not_claimed(runtime, artifact):
    with open_session(artifact, runtime.name, SessionOptions(precision="float32")) as session:
        (plain,) = session.run(feed())
    for precision in ("bfloat16", "float16", "int8"):
        with open_session(artifact, runtime.name, SessionOptions(precision=precision)) as session:
            (answer,) = session.run(feed())
            told = session.exercise
        if np.array_equal(answer, plain):
            assert told.precision == "float32"
            assert any(precision in each for each in told.notes)


@ground_runtime
def test_an_exception_leaves_the_session_good(runtime, artifact):
    with open_session(artifact, runtime.name, OPTIONS, unverified=True) as session:
        good = session.run(feed())[0]
        with pytest.raises(EngineFailure) as caught:
            session.run({"x": np.ones((2, 5), "float32")})
        assert caught.value.kind == "exception"
        assert artifact.graph.name in caught.value.message
        assert "x: float32[2, 5]" in caught.value.message
        np.testing.assert_array_equal(session.run(feed())[0], good)


@quick_to_start
def test_bad_feeds_never_reach_the_engine(runtime, artifact):
    with open_session(artifact, runtime.name, OPTIONS) as session:
        for bad in (
            {"x": np.ones((2, 5), "float32")},
            {"x": np.ones((2, 4), "float64")},
            {"x": np.ones((0, 4), "float32")},
            {"x": np.ones(4, "float32")},
            {"y": np.ones((2, 4), "float32")},
            {},
        ):
            with pytest.raises(ContractViolation):
                session.run(bad)
        assert session.run(feed())


@quick_to_start
def test_a_signal_is_named_and_the_next_session_works(runtime, artifact):
    session = open_session(artifact, runtime.name, OPTIONS)
    session.run(feed())
    os.kill(session.pid, signal.SIGSEGV)
    for _ in range(2):
        with pytest.raises(EngineFailure) as caught:
            session.run(feed())
        assert (caught.value.kind, caught.value.signal_name) == ("signal", "SIGSEGV")
    session.close()
    with open_session(artifact, runtime.name, OPTIONS) as another:
        assert another.run(feed())


@quick_to_start
def test_a_stopped_worker_times_out(runtime, artifact):
    with open_session(artifact, runtime.name, OPTIONS) as session:
        session.run(feed())
        # What starts another program has had its time to load; the limit is for each answer.
        session.options = dataclasses.replace(OPTIONS, timeout=2)
        os.kill(session.pid, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(EngineFailure) as caught:
            session.run(feed())
        assert caught.value.kind == "timeout"
        assert time.monotonic() - begin < 15


@ground_runtime
def test_memory_is_bounded(runtime, artifact):
    """400 MB of feeds do not fit into 300 MB, whatever the engine does with them."""
    with open_session(artifact, runtime.name, SessionOptions(memory_limit=300 << 20)) as session:
        session.run(feed())
        with pytest.raises(EngineFailure) as caught:
            session.run({"x": np.zeros((25 << 20, 4), "float32")})
        assert caught.value.kind in {"memory", "signal"}


@ground_runtime
def test_traces_have_stable_labels_and_the_answer_at_their_end(runtime, artifact):
    seen = []
    for _ in range(2):
        with open_session(artifact, runtime.name, OPTIONS) as session:
            (answer,) = session.run(feed())
            seen += [session.trace(feed()), session.trace(feed())]
    labels = [[each.label for each in trace] for trace in seen]
    assert len(labels[0]) >= 4
    assert len(set(labels[0])) == len(labels[0])
    assert all(each == labels[0] for each in labels)
    for one, other in zip(seen[0], seen[3], strict=True):
        np.testing.assert_allclose(one.value, other.value, atol=1e-6)
    np.testing.assert_allclose(seen[0][-1].value, answer, atol=1e-5)
    assert seen[0][-1].operator.lower().startswith("softmax")


@ground_runtime
def test_gradients_are_true_or_refused(runtime, artifact):
    feeds = feed(4)
    with open_session(artifact, runtime.name, OPTIONS) as session:
        if runtime.name != "paddle":
            with pytest.raises(UsageError, match="no gradients"):
                session.gradients(feeds, of="x", output=0, index=[0, 1, 2, 0])
            return
        gradient = session.gradients(feeds, of="x", output=0, index=[0, 1, 2, 0])
        step = 1e-3
        for axis in range(4):
            moved = [feeds["x"].copy(), feeds["x"].copy()]
            moved[0][:, axis] += step
            moved[1][:, axis] -= step
            up, down = (session.run({"x": each})[0] for each in moved)
            slope = (up - down)[np.arange(4), [0, 1, 2, 0]] / (2 * step)
            np.testing.assert_allclose(gradient[:, axis], slope, atol=5e-3)


@ground_runtime
def test_time_is_measured_in_the_worker(runtime, artifact):
    with open_session(artifact, runtime.name, OPTIONS) as session:
        seconds = session.time(feed(), repeat=20)
        assert seconds.shape == (20,)
        assert seconds.dtype == np.float64
        assert (seconds > 0).all()
        used = session.resources()
        assert used.rss >= used.uss > 1 << 20
        assert used.cpu_seconds >= 0
        assert used.threads >= 1


@ground_runtime
def test_two_sessions_in_two_threads(runtime, artifact):
    wrong = []

    def serve(seed):
        with open_session(artifact, runtime.name, OPTIONS) as session:
            (first,) = session.run(feed(seed))
            wrong.extend(seed for _ in range(30) if not np.array_equal(session.run(feed(seed))[0], first))
            wrong.append(None)

    threads = [threading.Thread(target=serve, args=(seed,)) for seed in (2, 5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == [None, None]


@ground_runtime
def test_a_file_that_is_no_model_is_an_engine_failure(runtime, artifact, tmp_path):
    broken = tmp_path / f"broken{artifact.graph.suffix}"
    broken.write_bytes(os.urandom(64) + b"not a model")
    with pytest.raises(EngineFailure, match="broken"):
        open_session(by_hand(broken, artifact.format, artifact.inputs), runtime.name, OPTIONS)


@ground_runtime
def test_unknown_switches_are_refused(runtime, artifact):
    with pytest.raises(UsageError, match="warp"):
        open_session(artifact, runtime.name, SessionOptions(engine={"warp": 9}))


@ground_runtime
def test_closing_twice_leaves_no_process(runtime, artifact):
    session = open_session(artifact, runtime.name, OPTIONS)
    pid = session.pid
    session.close()
    session.close()
    end = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not psutil.pid_exists(pid)
