"""Consistency across processors, on fakes: floats under a tolerance, integers to the bit, nothing timed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from seatrial.checks import performance
from seatrial.checks._consistency import processors
from seatrial.checks._consistency.ground import prepare_ground
from seatrial.checks._consistency.processors import processor_findings
from seatrial.checks._consistency.saturation import has_saturating_sums, saturating_weights, unseen_saturation
from seatrial.checks._finding import Verdict
from seatrial.checks._profile import Profile, load_profile
from seatrial.contract import Contract, Pipeline, StepCall
from seatrial.errors import EngineFailure, UnsupportedModel
from seatrial.runtimes._engine import Engine, Runtime
from support.fake_trial import FakePool, FakeSession, make_artifact, make_held_out, make_trial

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(64, 10)).astype("float32")
IMAGES = RNG.uniform(size=(40, 1, 8, 8)).astype("float32")
SEVEN, EIGHT = (np.clip(np.round(WEIGHTS * 100), -most, most).astype("int8") for most in (64, 127))
INT8 = {"QLinearConv": 1}
PROFILE = Profile("test", "fake", (), frozenset(), also=("far",))


def runtime(name, *, formats=("paddle-json",), tool="", twin="fake", **more):
    return Runtime(name, "", formats, "x", "numpy", "numpy", Engine, tool=tool, twin=twin, **more)


FAKE = runtime("fake")
FAR = runtime("far", emulated=True, asked_only=True)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    found = {"fake": FAKE, "far": FAR}
    monkeypatch.setattr(processors, "all_runtimes", lambda: found)
    return found


def scores(feeds):
    x = feeds["image"].reshape(len(feeds["image"]), -1) @ WEIGHTS
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return [(powers / powers.sum(axis=1, keepdims=True)).astype("float32")]


def off_by(error):
    def run(feeds):
        (answer,) = scores(feeds)
        moved = answer.copy()
        moved[:, 0] += np.float32(error)
        return [moved]

    return run


def asked(tmp_path, functions, *, int8=None, profile=PROFILE, conversions=None):
    weights = {"w": int8 if int8 is not None else WEIGHTS}
    artifact = make_artifact(tmp_path / "model", weights, operators=INT8 if int8 is not None else None)
    contract = Contract(
        "fake",
        "classification",
        artifact.inputs,
        artifact.outputs,
        postprocess=Pipeline((StepCall("topk", {"k": 2}),)),
    )
    if int8 is not None:
        profile = replace(profile, precision="int8")
    trial = make_trial(
        tmp_path / "scratch",
        artifact,
        scores,
        contract=contract,
        held_out=make_held_out(IMAGES, [0] * len(IMAGES)),
        profile=profile,
        pool=FakePool(artifact, {"fake": scores, **functions}, conversions),
    )
    return trial, processor_findings(trial, prepare_ground(trial))


def test_floats_that_round_agree_and_say_on_how_many_samples(tmp_path):
    _, (found,) = asked(tmp_path, {"far": off_by(1e-7)})
    assert (found.id, found.verdict) == ("consistency.also-far", Verdict.PASS)
    assert "on 16 of 40 samples, 100.00% of the answers the same" in found.summary.en
    assert found.examined == 16
    assert 0 < found.measured < 1e-6
    json.dumps(found.data, allow_nan=False)


def test_floats_that_differ_are_named(tmp_path):
    _, (found,) = asked(tmp_path, {"far": off_by(0.2)})
    assert found.verdict is Verdict.FAIL
    assert "max abs error" in found.summary.en
    assert found.cause
    assert found.fix


def test_integers_are_equal_to_the_bit(tmp_path):
    trial, (found,) = asked(tmp_path, {"far": scores}, int8=SEVEN)
    assert found.verdict is Verdict.PASS
    assert found.data["equal_to_the_bit"]
    assert "equal to the bit with fake here, max abs 0" in found.summary.en
    assert saturating_weights(trial.artifact) == []


def test_integers_that_saturate_are_refused_with_the_cause(tmp_path):
    _, found = asked(tmp_path, {"far": off_by(0.1)}, int8=EIGHT)
    first = found[0]
    assert first.verdict is Verdict.FAIL
    assert "not equal to the bit" in first.summary.en
    assert "16-bit sums saturate on x86 without VNNI, and 1 weight(s)" in first.cause.en
    assert "reduce_range" in first.fix.en
    assert first.measured == pytest.approx(0.1, abs=1e-3)


def test_integers_of_seven_bits_that_differ_did_not_saturate(tmp_path):
    _, (found,) = asked(tmp_path, {"far": off_by(0.1)}, int8=SEVEN)
    assert found.verdict is Verdict.FAIL
    assert "no 16-bit sum saturates" in found.cause.en


def test_the_float_parts_of_an_integer_model_may_round(tmp_path):
    _, found = asked(tmp_path, {"far": off_by(1e-7)}, int8=SEVEN)
    assert found[0].verdict is Verdict.WARN
    assert "No more than float32 rounds" in found[0].cause.en


def test_floats_after_equal_integers_are_no_reason_to_refuse(tmp_path, monkeypatch):
    monkeypatch.setattr(processors, "_same_but_for", lambda *_: "Softmax")
    _, (found,) = asked(tmp_path, {"far": off_by(1e-7)}, int8=SEVEN)
    assert found.verdict is Verdict.PASS
    assert "every integer equal to the bit with fake here; Softmax after them" in found.summary.en
    assert 0 < found.measured <= found.limit.value
    _, (found,) = asked(tmp_path, {"far": off_by(0.1)}, int8=SEVEN)
    assert found.verdict is Verdict.FAIL


def test_what_is_not_there_is_not_exercised(tmp_path, known):
    known["gone"] = runtime("gone", tool="arm64")
    known["gone"] = replace(known["gone"], tool="", module="no_such_engine")
    _, found = asked(tmp_path, {}, profile=replace(PROFILE, also=("gone", "nowhere")))
    assert [each.verdict for each in found] == [Verdict.NOT_EXERCISED] * 2
    assert "pip install 'seatrial[x]'" in found[0].fix.en
    assert "there is no runtime 'nowhere'" in found[1].summary.en


def test_a_model_of_another_format_is_converted_or_the_reason_is_told(tmp_path, known, monkeypatch):
    known["far"] = replace(FAR, formats=("onnx",))
    _, (found,) = asked(tmp_path, {})
    assert found.verdict is Verdict.NOT_EXERCISED
    assert "cannot be converted" in found.summary.en
    other = make_artifact(tmp_path / "onnx", {"w": WEIGHTS[:1]}, format="onnx")
    monkeypatch.setattr(processors, "available_runtimes", lambda _: ["fake"])
    _, (found,) = asked(tmp_path, {"far": scores}, conversions={"onnx": other})
    assert found.verdict is Verdict.PASS
    assert found.summary.en.startswith("far, through onnx")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (EngineFailure("no operator Foo", kind="exception"), Verdict.FAIL),
        (EngineFailure("did not answer within 900 s", kind="timeout"), Verdict.NOT_EXERCISED),
        (UnsupportedModel("far does not run it"), Verdict.NOT_EXERCISED),
    ],
    ids=["refused", "late", "unsupported"],
)
def test_an_engine_that_fails_there(tmp_path, error, verdict):
    _, (found,) = asked(tmp_path, {"far": error})
    assert found.verdict is verdict
    assert error.message in found.summary.en


def test_samples_that_take_too_long_there_are_no_answer(tmp_path):
    def late(_feeds):
        raise EngineFailure("did not answer within 900 s", kind="timeout")

    _, (found,) = asked(tmp_path, {"far": late})
    assert found.verdict is Verdict.NOT_EXERCISED


def test_an_answer_that_is_missing_there_fails(tmp_path):
    def some(feeds):
        if len(feeds["image"]) > 1 or float(feeds["image"].sum()) < 30:
            raise EngineFailure("refused", kind="exception")
        return scores(feeds)

    _, (found,) = asked(tmp_path, {"far": some})
    assert found.verdict is Verdict.FAIL


def test_slow_processors_are_asked_fewer_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(processors, "SECONDS", {False: 0.0, True: 0.0})
    _, (found,) = asked(tmp_path, {"far": scores})
    assert found.examined == 1


def test_an_older_x86_that_nobody_asked_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("seatrial.checks._consistency.saturation.has_saturating_sums", lambda: False)
    trial, found = asked(tmp_path, {"far": scores}, int8=EIGHT)
    assert [each.verdict for each in found] == [Verdict.PASS, Verdict.WARN]
    assert found[1].id == "consistency.saturation"
    assert "--also avx2-onnxruntime" in found[1].fix.en
    named = replace(trial, profile=replace(trial.profile, also=("avx2-onnxruntime",)))
    assert unseen_saturation(named) is None
    monkeypatch.setattr("seatrial.checks._consistency.saturation.has_saturating_sums", lambda: True)
    assert unseen_saturation(trial) is None


def test_only_signed_bytes_that_use_the_eighth_bit_saturate(tmp_path):
    tensors = {
        "seven": np.array([[-64, 64]], "int8"),
        "eight": np.array([[-65, 0]], "int8"),
        "lowest": np.array([[-128, 0]], "int8"),
        "unsigned": np.array([[255, 0]], "uint8"),
        "bias": np.array([127], "int8"),
        "wide": np.array([[1000]], "int32"),
    }
    assert saturating_weights(make_artifact(tmp_path / "m", tensors)) == ["eight", "lowest"]


@pytest.mark.parametrize(
    ("flags", "saturates"),
    [
        ("flags : avx avx2 fma", True),
        ("flags : avx2 avx512f", True),
        ("flags : avx2 avx512_vnni", False),
        ("flags : avx2 avx_vnni", False),
        ("Features : asimd i8mm", False),
    ],
)
def test_which_processors_saturate(flags, saturates):
    assert has_saturating_sums(flags) is saturates


def test_a_profile_names_them(tmp_path):
    own = tmp_path / "edge-fleet.yaml"
    own.write_text("runtimes: [fake]\nrequired: []\nalso: [arm64-onnxruntime, browser]\n")
    assert load_profile(str(own)).also == ("arm64-onnxruntime", "browser")


def test_an_emulated_production_is_not_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(performance, "all_runtimes", lambda: {"fake": replace(FAKE, emulated=True)})

    class Untimed(FakeSession):
        def time(self, feeds, *, repeat):
            pytest.fail("an emulated runtime was timed")

    def make(artifact, options):
        return Untimed(scores, artifact, options=options)

    make.makes_session = True
    artifact = make_artifact(tmp_path / "model", {"w": WEIGHTS})
    trial = make_trial(tmp_path, artifact, scores, pool=FakePool(artifact, {"fake": make}))
    found = {each.id: each for each in performance.CHECK.run(trial)}
    assert found["performance.service"].verdict is Verdict.NOT_EXERCISED
    assert "times of an emulated processor say nothing" in found["performance.service"].summary.en
