from __future__ import annotations

import io
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seatrial.checks._finding import Limit, Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._robustness.findings import deadline_finding, invariance_finding
from seatrial.checks._robustness.hostile import Case, Outcome, Target, make_canary
from seatrial.checks._robustness.hostile_payloads import payload_cases, png_bomb
from seatrial.checks._robustness.hostile_tensors import fatal, fuzz, tensor_cases
from seatrial.checks._robustness.invariance import agrees, relations
from seatrial.checks.robustness import CHECK
from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec
from seatrial.errors import ContractViolation, EngineFailure
from support import quadrants


def found(trial):
    return {each.id: each for each in CHECK.run(trial)}


def unguarded(**changes):
    """The contract without bounds, which lets every float through."""
    return quadrants.contract(inputs=(replace(quadrants.IMAGE, low=None, high=None),), **changes)


def test_a_guarded_model_passes_and_its_control_is_rejected(tmp_path):
    result = run_check(CHECK, quadrants.trial(tmp_path))
    assert result.verdict is Verdict.PASS, [each.summary.en for each in result.findings]
    assert result.control is not None
    assert result.control.rejected
    assert result.examined > 60


def test_the_same_seed_gives_the_same_findings(tmp_path):
    def seen(trial):
        return [(each.id, each.measured) for each in CHECK.run(trial) if each.id != "robustness.deadline"]

    assert seen(quadrants.trial(tmp_path / "a")) == seen(quadrants.trial(tmp_path / "b"))


def test_an_engine_that_dies_of_huge_values_fails(tmp_path):
    right = quadrants.engine()

    def fragile(feeds):
        if np.abs(feeds["image"]).max() > 1e30:
            raise EngineFailure("killed by SIGSEGV", kind="signal", signal_name="SIGSEGV")
        return right(feeds)

    seen = found(quadrants.trial(tmp_path, run=fragile, contract=unguarded()))
    assert seen["robustness.tensors"].verdict is Verdict.FAIL
    crashed = {row[0] for row in seen["robustness.tensors"].evidence[0].rows if row[1] == "crashed"}
    assert crashed == {"minus-infinity:image", "huge:image", "all-huge:image"}
    assert "SIGSEGV" in seen["robustness.tensors"].summary.en


def test_an_engine_that_hangs_fails(tmp_path):
    right = quadrants.engine()

    def stuck(feeds):
        if not feeds["image"].any():
            raise EngineFailure("no answer within 60 s", kind="timeout")
        return right(feeds)

    seen = found(quadrants.trial(tmp_path, run=stuck))
    assert seen["robustness.tensors"].verdict is Verdict.FAIL
    assert any(row[:2] == ("all-zero:image", "hung") for row in seen["robustness.tensors"].evidence[0].rows)


def test_values_that_no_range_forbids_and_that_overflow_are_a_warning(tmp_path):
    with np.errstate(all="ignore"):
        seen = found(quadrants.trial(tmp_path, contract=unguarded()))
    assert seen["robustness.non-finite"].verdict is Verdict.PASS
    assert seen["robustness.tensors"].verdict is Verdict.WARN


def test_answers_that_change_after_an_error_are_caught(tmp_path):
    right, state = quadrants.engine(), {"spoiled": False}  # F35

    def poisoned(feeds):
        state["spoiled"] |= not feeds["image"].any()
        (scores,) = right(feeds)
        return [scores + np.float32(1e-6) if state["spoiled"] else scores]

    canary = found(quadrants.trial(tmp_path, run=poisoned))["robustness.canary"]
    assert canary.verdict is Verdict.FAIL
    assert canary.where.startswith("all-zero")
    assert "no longer answered as before" in canary.summary.en
    canary = found(quadrants.trial(tmp_path / "good"))["robustness.canary"]
    assert canary.summary.en.endswith("bit for bit, every time.")


def test_a_decision_on_single_pixels_fails_the_invariance(tmp_path):
    def brittle(feeds):
        jitter = (feeds["image"].sum(axis=(1, 2, 3)) * 1e5).astype("int64") % 4
        return [np.eye(4, dtype="float32")[jitter]]

    seen = found(quadrants.trial(tmp_path, run=brittle))
    assert seen["robustness.invariance-small-noise"].verdict is Verdict.FAIL


def test_an_error_that_is_not_ours_is_a_defect(tmp_path):
    def careless(_):
        raise KeyError("oops")

    trial = quadrants.trial(tmp_path, run=careless)
    outcome = Target(trial.contract, lambda: trial.pool.get("fake")).ask(
        Case("any", "payload", lambda: trial.held_out.samples[0].payload)
    )
    assert outcome.ending == "broke"
    assert fatal(outcome)


def test_confidence_in_nan_is_nonsense(tmp_path):
    trial = quadrants.trial(tmp_path)

    class Blind:
        def run(self, feeds):
            return [np.full((1, 4), 0.25, "float32")]

    blind = replace(trial.contract, inputs=(TensorSpec("image", "float32", (None, 1, 8, 8)),))
    target = Target(blind, Blind)
    good = target.ask(Case("good", "tensor", lambda: {"image": np.zeros((1, 1, 8, 8), "float32")}))
    lie = target.ask(
        Case("wrong", "tensor", lambda: {"image": np.zeros((1, 1, 8, 8), "float32")}, must_refuse=True)
    )
    assert (good.ending, lie.ending) == ("answered", "nonsense")


def test_a_late_answer_fails():
    late = Outcome(Case("over-long", "payload", str), "answered", "", 12.5)
    assert deadline_finding([late], Limit(10.0, "profile", "s")).verdict is Verdict.FAIL
    assert not late.good(10.0)


def test_a_failing_mixture_comes_back_shrunk(tmp_path):
    trial = quadrants.trial(tmp_path)
    right = quadrants.engine()

    class Fragile:
        def run(self, feeds):
            if len(feeds["image"]) > 1:
                raise EngineFailure("killed by SIGABRT", kind="signal", signal_name="SIGABRT")
            return right(feeds)

    feeds, _ = trial.contract.prepare(trial.held_out.samples[0].payload)
    failures = fuzz(feeds, Target(trial.contract, Fragile), seed=3, rounds=60)
    assert failures
    assert {names for names, _ in failures} == {("repeat-batch",)}


def test_every_hostile_tensor_of_integer_ids_is_refused_by_its_bounds():
    ids = TensorSpec("ids", "int64", ("batch", "time"), "NT", low=0, high=99)
    contract = Contract("ids", "tensor", (ids,), (TensorSpec("out", "float32", ("batch", 2)),))

    class Never:
        def run(self, feeds):
            assert feeds["ids"].min() >= 0
            assert feeds["ids"].max() <= 99
            return [np.zeros((len(feeds["ids"]), 2), "float32")]

    target = Target(contract, Never)
    outcomes = [target.ask(each) for each in tensor_cases(contract, {"ids": np.arange(6)[None]})]
    assert not any(fatal(each) for each in outcomes)
    assert {each.case.name for each in outcomes if each.ending == "refused"} >= {
        "one-too-high:ids", "minus-one:ids", "a-billion:ids", "empty-batch:ids", "wrong-dtype:ids",
        "missing-input",
    }  # fmt: skip


@pytest.fixture
def pictures():
    """A contract that reads image files, in front of nothing."""
    scale = {"scale": 1 / 255, "mean": [0.0], "std": [1.0]}
    steps = Pipeline((
        StepCall("decode_image", {"color": "RGB"}), StepCall("resize", {"size": [8, 8]}),
        StepCall("normalize", scale), StepCall("transpose", {"order": [2, 0, 1]}),
    ))  # fmt: skip
    spec = TensorSpec("x", "float32", ("batch", 3, 8, 8), "NCHW", low=0, high=1)
    return Contract(
        "pictures", "tensor", (spec,), (TensorSpec("y", "float32", ("batch", 2)),), preprocess=steps
    )


def as_png():
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 40, 3), dtype="uint8")).save(buffer, "PNG")
    return buffer.getvalue()


def test_hostile_pictures_are_read_or_refused_in_time(pictures):
    class Engine:
        def run(self, feeds):
            return [feeds["x"].mean(axis=(2, 3))[:, :2]]

    target, data = Target(pictures, Engine), as_png()
    begin = time.monotonic()
    outcomes = {each.name: target.ask(each) for each in payload_cases(pictures, data)}
    assert time.monotonic() - begin < 10
    assert not [each for each in outcomes.values() if not each.good(5.0)]
    for name in ("empty-file", "not-an-image", "header-only", "header-bomb"):
        assert outcomes[name].ending == "refused", name
    for name in ("gray", "alpha", "cmyk", "all-black", "one-pixel", "exif-rotated"):
        assert outcomes[name].ending == "answered", (name, outcomes[name].message)


def test_the_bomb_is_small_and_promises_much():
    assert len(png_bomb(60_000, 60_000)) < 200


def test_harmless_changes_of_pictures_and_texts_are_harmless(pictures):
    random, data = np.random.default_rng(0), as_png()
    for relation in relations(pictures, data):
        changed = relation.change(data, random)
        assert isinstance(changed, bytes)
        pictures.prepare(changed)
    for relation in relations(pictures, "naïve text"):
        assert str(relation.change("naïve text", random)).strip() in {"naïve text", "nai\u0308ve text"}


@pytest.mark.parametrize(
    ("task", "one", "other", "same"),
    [
        ("classification", {"index": 1}, {"index": 1}, True),
        ("classification", {"index": 1}, None, False),
        ("text-recognition", {"text": "a b"}, {"text": "ab"}, True),
        ("text-recognition", {"text": "ab"}, {"text": "ac"}, False),
        ("regression", {"value": 10.0}, {"value": 10.2}, True),
        ("regression", {"value": 10.0}, {"value": 12.0}, False),
        ("detection", {"boxes": [[0, 0, 9, 9]]}, {"boxes": [[0, 0, 9, 8]]}, True),
        ("detection", {"boxes": [[0, 0, 9, 9]]}, {"boxes": []}, False),
        ("segmentation", {"mask": [[1, 0]]}, {"mask": [[0, 1]]}, False),
        ("tensor", [0.1, 0.9], [0.2, 0.8], True),
    ],
)
def test_when_two_answers_mean_the_same(task, one, other, same):
    assert agrees(task, one, other) is same


def test_invariance_needs_more_than_chance_to_fail(pictures):
    relation, limit = relations(pictures, b"")[0], Limit(0.9, "check default")
    verdicts = [invariance_finding(relation, kept, 24, [], limit).verdict for kept in (24, 21, 10)]
    assert verdicts == [Verdict.PASS, Verdict.WARN, Verdict.FAIL]


def test_the_canary_knows_the_unrest_of_its_engine(tmp_path):
    random = np.random.default_rng(0)
    right = quadrants.engine()
    trial = quadrants.trial(tmp_path, run=lambda feeds: [right(feeds)[0] + random.uniform(0, 1e-7, (1, 4))])
    canary = make_canary(trial.contract, lambda: trial.pool.get("fake"), trial.held_out.samples[0].payload)
    assert 0 < canary.spread < 2e-7
    assert not canary.differs([canary.outputs[0] + 1e-7])
    assert canary.differs([canary.outputs[0] + 1e-3])


def test_without_one_good_sample_it_is_inconclusive(tmp_path):
    def refuses(_):
        raise ContractViolation("no")

    seen = found(quadrants.trial(tmp_path, run=refuses))
    assert [each.verdict for each in seen.values()] == [Verdict.INCONCLUSIVE]
