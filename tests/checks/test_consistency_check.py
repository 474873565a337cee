"""The consistency check on fakes: every way to disagree is a sick case."""

import gc
import json
import weakref
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from seatrial.checks._consistency.ground import prepare_ground
from seatrial.checks._finding import Verdict
from seatrial.checks._profile import Profile
from seatrial.checks._trial import Baseline
from seatrial.checks.consistency import CHECK
from seatrial.contract import Contract, Pipeline, StepCall
from seatrial.errors import EngineFailure, MissingDependency, UsageError
from seatrial.runtimes import Exercise, OperatorOutput
from support import quadrants
from support.fake_trial import FakePool, FakeSession, make_artifact, make_held_out, make_trial

RNG = np.random.default_rng(0)
W1 = RNG.normal(size=(64, 32)).astype("float32") / 8
W2 = RNG.normal(size=(32, 10)).astype("float32")
IMAGES = RNG.uniform(size=(24, 1, 8, 8)).astype("float32")
PROFILE = Profile("test", "fake", ("fake", "other"), frozenset())


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layers(feeds, *, w1=W1, w2=W2, hidden=lambda h: h):
    x = feeds["image"].reshape(len(feeds["image"]), -1)
    h = hidden(np.tanh(x @ w1)).astype("float32")
    logits = (h @ w2).astype("float32")
    return h, logits, softmax(logits).astype("float32")


def good(feeds):
    return [layers(feeds)[2]]


def traced(names="pd_op.{}:{}", **changes):
    def trace(feeds):
        values = layers(feeds, **changes)
        operators = ("tanh", "matmul", "softmax")
        return [
            OperatorOutput(names.format(op, i), op, f"v{i}", value)
            for i, (op, value) in enumerate(zip(operators, values, strict=True))
        ]

    return trace


def session(run, *, trace=None, precision=None, runtime="fake"):
    """A factory of fake sessions, as `FakePool` takes it."""

    def make(artifact, options):
        exercise = Exercise(f"{runtime} 1.0", options.threads, precision or options.precision, {"matmul": 2})
        return FakeSession(
            run, artifact, runtime=runtime, options=options, traced=trace or traced(), exercise=exercise
        )

    make.makes_session = True
    return make


def findings(
    tmp_path,
    functions,
    *,
    profile=PROFILE,
    baseline=None,
    images=IMAGES,
    full=False,
    artifact=None,
    pool=FakePool,
):
    artifact = artifact or make_artifact(tmp_path / "model", {"w": W1})
    steps = Pipeline((StepCall("topk", {"k": 2}),))
    contract = Contract("fake", "classification", artifact.inputs, artifact.outputs, postprocess=steps)
    trial = make_trial(
        tmp_path / "scratch",
        artifact,
        good,
        contract=contract,
        held_out=make_held_out(images, [0] * len(images)),
        profile=profile,
        baseline=baseline,
        full=full,
        pool=pool(artifact, functions),
    )
    return trial, {each.id.removeprefix("consistency."): each for each in CHECK.run(trial)}


def test_a_model_that_agrees_everywhere_passes(tmp_path):
    trial, found = findings(tmp_path, {"fake": session(good), "other": session(good, runtime="other")})
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(found, Verdict.PASS)
    assert set(found) == {
        "reference", "fake", "fake-threads-2", "other", "repeat", "batch-invariance", "permutation",
        "intermediates", "float16-range", "golden",
    }  # fmt: skip
    assert all(each.examined for each in found.values())
    control = CHECK.control(trial)
    assert control.rejected
    assert "order" in control.summary.en
    json.dumps(CHECK.record(list(found.values())), allow_nan=False)


def test_a_wrong_operator_is_named(tmp_path):
    worse = W2 * np.float32(1.02)
    sick = session(
        lambda feeds: [layers(feeds, w2=worse)[2]], trace=traced("node_{}_{}", w2=worse), runtime="other"
    )
    _, found = findings(tmp_path, {"fake": session(good), "other": sick})
    assert found["other"].verdict is Verdict.FAIL
    assert found["other"].where == "pd_op.matmul:1"
    assert "pd_op.tanh:0" in found["other"].cause.en
    assert any(each.kind == "chart" for each in found["other"].evidence)
    assert found["fake"].verdict is Verdict.PASS


def test_the_switch_that_causes_it_is_named(tmp_path):
    def make(artifact, options):
        run = good if not options.optimize else lambda feeds: [layers(feeds, w2=W2 * np.float32(1.1))[2]]
        return FakeSession(run, artifact, runtime="other", options=options, traced=traced())

    make.makes_session = True
    _, found = findings(tmp_path, {"fake": session(good), "other": make})
    assert found["other"].verdict is Verdict.FAIL
    assert "graph optimisation" in found["other"].cause.en
    assert "图优化" in found["other"].cause.zh


@pytest.mark.parametrize(
    ("sick", "word"),
    [
        (lambda y: np.where(np.arange(10) == 3, np.nan, y).astype("float32"), "NaN"),
        (lambda y: y * np.float32(0.5), "max abs"),
        (lambda y: y * np.float32(10), "maximum"),
        (lambda y: y[:, :9], "shape"),
        (lambda y: y.astype("float64"), "dtype"),
        (lambda y: np.roll(y, 1, axis=1), "answer"),
    ],
)
def test_sick_outputs_fail(tmp_path, sick, word):
    other = session(lambda feeds: [sick(layers(feeds)[2])], runtime="other")
    _, found = findings(tmp_path, {"fake": session(good), "other": other})
    assert found["other"].verdict is Verdict.FAIL
    assert word in found["other"].summary.en


def test_a_runtime_that_dies_fails_and_one_that_is_missing_was_not_exercised(tmp_path):
    dead = EngineFailure("killed by SIGSEGV", kind="signal", signal_name="SIGSEGV")
    _, found = findings(tmp_path, {"fake": session(good), "other": dead})
    assert found["other"].verdict is Verdict.FAIL
    _, found = findings(tmp_path, {"fake": session(good)})
    assert found["other"].verdict is Verdict.NOT_EXERCISED


def test_what_is_missing_comes_with_the_line_that_installs_it(tmp_path):
    pip = "pip install 'seatrial[other]'"

    class NoConverter(FakePool):
        def converted(self, format_name):
            raise MissingDependency("paddle2onnx is not installed", hint=pip)

    class NoRuntime(FakePool):
        def runtimes(self):
            return ("fake",)

        def converted(self, format_name):
            return replace(self.artifact, format=format_name, digest="sha256:converted")

    absent = MissingDependency("other is not installed", hint=pip)
    for pool, fakes in ((NoConverter, {}), (NoRuntime, {"other": absent})):
        _, found = findings(tmp_path, {"fake": session(good), **fakes}, pool=pool)
        assert found["other"].verdict is Verdict.NOT_EXERCISED
        assert pip in found["other"].fix.en
        assert pip in found["other"].fix.zh


@pytest.mark.parametrize(
    ("runtime", "verdict", "word"),
    [
        ("paddle", Verdict.SKIP, "does not run onnx"),
        ("openvino", Verdict.NOT_EXERCISED, "openvino is not installed"),
        ("openvimo", Verdict.NOT_EXERCISED, "no runtime 'openvimo'"),
    ],
)
def test_an_onnx_model_is_no_gap_for_a_runtime_that_takes_none(tmp_path, runtime, verdict, word):
    artifact = replace(make_artifact(tmp_path / "model", {"w": W1}), format="onnx")

    class Itself(FakePool):
        def converted(self, format_name):
            return self.artifact

    profile = replace(PROFILE, runtimes=("fake", runtime))
    _, found = findings(tmp_path, {"fake": session(good)}, profile=profile, artifact=artifact, pool=Itself)
    assert found[runtime].verdict is verdict
    assert word in found[runtime].summary.en
    if word.endswith("installed"):
        assert "pip install 'seatrial[openvino]'" in found[runtime].fix.en


def test_dropout_left_in_is_found_by_repetition(tmp_path):
    noise = np.random.default_rng(5)

    def dropout(feeds):
        return [layers(feeds, hidden=lambda h: h * (noise.random(h.shape) > 0.3))[2]]

    _, found = findings(tmp_path, {"fake": session(dropout)})
    assert found["repeat"].verdict is Verdict.FAIL
    assert "dropout" in found["repeat"].cause.en


def test_tiny_nondeterminism_is_a_warning(tmp_path):
    noise = np.random.default_rng(5)

    def jitter(feeds):
        y = layers(feeds)[2]
        return [(y + noise.normal(0, 1e-7, y.shape)).astype("float32")]

    _, found = findings(tmp_path, {"fake": session(jitter)})
    assert found["repeat"].verdict is Verdict.WARN


def test_batch_norm_in_training_mode_is_found_by_the_batch(tmp_path):
    def batch_norm(feeds):
        def normalize(h):
            return h if len(h) == 1 else (h - h.mean(axis=0)) / (h.std(axis=0) + 1e-3)

        return [layers(feeds, hidden=normalize)[2]]

    _, found = findings(tmp_path, {"fake": session(batch_norm)})
    assert found["batch-invariance"].verdict is Verdict.FAIL
    assert found["repeat"].verdict is Verdict.PASS


def test_an_answer_that_depends_on_the_place_is_found(tmp_path):
    def placed(feeds):
        y = layers(feeds)[2]
        return [(y * np.linspace(1, 1.5, len(y))[:, None]).astype("float32")]

    _, found = findings(tmp_path, {"fake": session(placed)})
    assert found["permutation"].verdict is Verdict.FAIL


def test_a_batch_the_graph_cannot_take_fails(tmp_path):
    def fixed(feeds):
        if len(feeds["image"]) > 1:
            raise EngineFailure("cannot reshape", kind="exception")
        return good(feeds)

    _, found = findings(tmp_path, {"fake": session(fixed)})
    assert found["batch-invariance"].verdict is Verdict.FAIL
    assert "reshape" in found["batch-invariance"].cause.en


@pytest.mark.parametrize(("precision", "verdict"), [("float32", Verdict.WARN), ("float16", Verdict.FAIL)])
def test_an_overflow_in_float16_is_seen_though_float32_is_perfect(tmp_path, precision, verdict):
    up, down = W1 * np.float32(1), W2 / np.float32(1e6)
    huge = {"w1": up, "w2": down, "hidden": lambda h: h * np.float32(1e6)}
    run = session(lambda feeds: [layers(feeds, **huge)[2]], trace=traced(**huge))
    _, found = findings(tmp_path, {"fake": run}, profile=replace(PROFILE, precision=precision))
    assert found["float16-range"].verdict is verdict
    assert found["float16-range"].where == "pd_op.tanh:0"


def test_a_nan_that_relu_hides_is_found(tmp_path):
    run = session(good, trace=traced(hidden=lambda h: np.where(np.arange(32) == 1, np.nan, h)))
    _, found = findings(tmp_path, {"fake": run})
    assert found["intermediates"].verdict is Verdict.FAIL


@pytest.mark.parametrize("told", ["float32", "bfloat16"])
def test_a_precision_that_did_not_run_is_not_exercised(tmp_path, told):
    """Either the engine says so, or the bits do (`F28`)."""
    run = session(good, precision=told)
    _, found = findings(tmp_path, {"fake": run}, profile=replace(PROFILE, precision="bfloat16"))
    assert found["fake"].verdict is Verdict.NOT_EXERCISED
    assert "bfloat16" in found["fake"].summary.en


def test_only_production_has_to_prove_int8(tmp_path):
    """The int8 lies in the file; OpenVINO computes a dynamically quantised graph in float32."""
    profile = replace(PROFILE, precision="int8")
    native, floats = session(good, precision="int8"), session(good, precision="float32", runtime="other")
    _, found = findings(tmp_path, {"fake": native, "other": floats}, profile=profile)
    assert found["other"].verdict is Verdict.PASS
    assert "computed in float32" in found["other"].summary.en
    _, found = findings(tmp_path, {"fake": floats, "other": native}, profile=profile)
    assert found["fake"].verdict is Verdict.NOT_EXERCISED
    assert found["fake"].summary.en.endswith("the kernels ran in float32.")
    wrong = session(lambda feeds: [np.roll(good(feeds)[0], 1, axis=1)], precision="float32", runtime="other")
    _, found = findings(tmp_path, {"fake": native, "other": wrong}, profile=profile)
    assert found["other"].verdict is Verdict.FAIL


def test_a_precision_that_ran_is_judged_by_its_own_tolerance(tmp_path):
    def make(artifact, options):
        def run(feeds):
            y = layers(feeds)[2]
            return [y if options.precision == "float32" else y.astype("float16").astype("float32")]

        return FakeSession(run, artifact, runtime="fake", options=options, traced=traced())

    make.makes_session = True
    _, found = findings(
        tmp_path, {"fake": make}, profile=Profile("t", "fake", ("fake",), frozenset(), "float16")
    )
    assert found["fake"].verdict is Verdict.PASS


def test_threads_of_one_precision_may_agree_to_the_bit(tmp_path):
    """Two bfloat16 sessions with equal bits are no sign that either was float32."""

    def make(artifact, options):
        def run(feeds):
            y = layers(feeds)[2]
            return [y if options.precision == "float32" else y.astype("float16").astype("float32")]

        return FakeSession(run, artifact, runtime="fake", options=options, traced=traced())

    make.makes_session = True
    profile = Profile("t", "fake", ("fake",), frozenset(), "bfloat16")
    _, found = findings(tmp_path, {"fake": make}, profile=profile)
    assert found["fake"].verdict is Verdict.PASS
    assert found["fake-threads-2"].verdict is Verdict.PASS


def test_a_session_that_cannot_be_traced_still_gets_a_verdict(tmp_path):
    def refuse(_):
        raise UsageError("this runtime cannot be traced")

    sick = session(lambda feeds: [layers(feeds, w2=W2 * np.float32(1.1))[2]], trace=refuse, runtime="other")
    _, found = findings(tmp_path, {"fake": session(good, trace=refuse), "other": sick})
    assert found["other"].verdict is Verdict.FAIL
    assert "traced" in found["other"].cause.en
    assert found["intermediates"].verdict is Verdict.SKIP


def test_a_model_that_does_not_run_is_a_fail_and_nothing_passes(tmp_path):
    trial, found = findings(tmp_path, {"fake": EngineFailure("no such operator", kind="exception")})
    assert [each.verdict for each in found.values()] == [Verdict.FAIL]
    assert CHECK.control(trial).rejected


def baseline(trial, figures, digest=None, data=None):
    return Baseline(
        name="accepted",
        model_digest=digest or trial.artifact.digest,
        data_digest=data or trial.held_out.digest,
        preprocess_digest=trial.contract.preprocess_digest(),
        environment_digest="",
        model_path="",
        figures={"consistency": figures},
        accepted_by="a person",
        reason="first",
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
def accepted(tmp_path):
    trial, found = findings(tmp_path / "first", {"fake": session(good)})
    return trial, json.loads(json.dumps(CHECK.record(list(found.values()))))


def flipped(feeds):
    """One weight with its sign flipped: no answer changes (`F10`)."""
    w2 = W2.copy()
    w2[3, 4] *= -1
    return [layers(feeds, w2=w2)[2]]


def test_the_same_model_matches_its_golden_outputs(tmp_path, accepted):
    _, found = findings(tmp_path / "b", {"fake": session(good)}, baseline=baseline(*accepted))
    assert found["golden"].verdict is Verdict.PASS
    assert "accepted" in found["golden"].summary.en


def test_a_changed_model_is_a_warning_with_the_figure(tmp_path, accepted):
    kept = baseline(*accepted, digest="sha256:other")
    _, found = findings(tmp_path / "b", {"fake": session(flipped)}, baseline=kept)
    assert found["golden"].verdict is Verdict.WARN
    assert found["golden"].measured > found["golden"].limit.value


def test_the_same_model_with_other_answers_fails(tmp_path, accepted):
    _, found = findings(tmp_path / "b", {"fake": session(flipped)}, baseline=baseline(*accepted))
    assert found["golden"].verdict is Verdict.FAIL


def test_golden_outputs_of_other_data_are_not_compared(tmp_path, accepted):
    kept = baseline(*accepted, data="sha256:other")
    _, found = findings(tmp_path / "b", {"fake": session(flipped)}, baseline=kept)
    assert found["golden"].verdict is Verdict.SKIP


def test_the_ground_of_a_trial_goes_with_its_pool(tmp_path):
    trial = quadrants.trial(tmp_path)
    prepare_ground(trial)
    assert prepare_ground(trial) is prepare_ground(trial)
    pool = weakref.ref(trial.pool)
    del trial
    gc.collect()
    assert pool() is None
