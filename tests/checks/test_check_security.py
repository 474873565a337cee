"""Security: membership inference with measured power, backdoor triggers, the whole (F41, F43)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from seatrial.checks import security
from seatrial.checks._finding import Limit, Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._security.membership import area, exposure, is_exposed, losses, measure_power, rate_at
from seatrial.checks._security.triggers import pushes, stamp
from seatrial.errors import ModelError
from support.fake_trial import make_held_out
from support.toy_model import Toy, bad, samples

LIMITS = {"auc": 0.55, "rate": 0.03}


def test_a_good_model_passes(tmp_path):
    toy = Toy()
    members = samples(toy.images[:150], toy.truth[:150])
    result = run_check(security.CHECK, toy.trial(tmp_path, members=members))
    assert result.verdict is Verdict.PASS
    assert result.control.rejected


def test_without_members_it_says_that_it_did_not_look(tmp_path):
    found = security.run(Toy().trial(tmp_path))
    assert next(each for each in found if each.id == "security.membership").verdict is Verdict.SKIP


def test_too_few_members_are_inconclusive(tmp_path):
    toy = Toy()
    found = security.run(toy.trial(tmp_path, members=samples(toy.images[:20], toy.truth[:20])))
    assert next(each for each in found if each.id == "security.membership").verdict is Verdict.INCONCLUSIVE


def test_a_model_that_remembers_its_training_set_is_exposed(tmp_path):
    """A full tree on noisy labels knows every member by heart; ties leave its rate at zero."""
    toy, random = Toy(count=600, noise=0.9), np.random.default_rng(1)
    noisy = np.where(random.random(600) < 0.3, random.integers(0, 10, 600), toy.truth)
    flat = toy.images.reshape(600, -1)
    tree = DecisionTreeClassifier(random_state=0).fit(flat[:300], noisy[:300])
    trial = toy.trial(
        tmp_path,
        run=lambda feeds: [
            tree.predict_proba(feeds["image"].reshape(len(feeds["image"]), -1)).astype("float32")
        ],
        held_out=make_held_out(
            toy.images[300:], [int(each) for each in noisy[300:]], samples(toy.images[:300], noisy[:300])
        ),
    )
    finding = next(each for each in security.run(trial) if each.id == "security.membership")
    assert finding.verdict is Verdict.FAIL
    assert finding.data["power"] >= 0.8


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=30), st.lists(st.integers(0, 5), min_size=2, max_size=30)
)
def test_the_area_counts_ties_as_scikit_learn_does(members, others):
    truth = [1] * len(members) + [0] * len(others)
    assert area(np.array(members), np.array(others)) == pytest.approx(roc_auc_score(truth, members + others))


def test_ties_never_make_a_rate():
    assert rate_at(np.zeros(100), np.zeros(100)) == 0.0
    assert rate_at(np.ones(100), np.zeros(100)) == 1.0


def test_power_and_false_alarms_are_what_they_should_be():
    power = measure_power(450, 450, seed=3, **LIMITS)
    assert power.detected >= 0.9
    assert power.false_alarms <= 0.05
    assert measure_power(100, 100, seed=3, leaky_auc=0.58, **LIMITS).detected < 0.9


def test_a_rare_but_certain_leak_is_seen_by_the_rate():
    random = np.random.default_rng(0)
    members = np.concatenate([random.normal(0, 1, 900), np.full(100, 9.0)])
    found = exposure(members, random.normal(0, 1, 1000), seed=0)
    assert found.rate_low > 0.03
    assert is_exposed(found, **LIMITS)


def test_losses_of_probabilities_and_of_logits_agree():
    scores = np.random.default_rng(0).normal(0, 2, (20, 5))
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = np.arange(20) % 5
    assert np.allclose(losses(scores, labels), losses(probabilities, labels))


@pytest.mark.parametrize("corner", ["top-left", "top-right", "bottom-left", "bottom-right"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_patch_lies_in_its_corner(corner, layout):
    images = np.random.default_rng(0).random((2, 3, 8, 8)).astype("float32")
    if layout == "NHWC":
        images = images.transpose(0, 2, 3, 1)
    stamped = stamp(images, corner=corner, side=2, fill="bright", layout=layout)
    moved = np.argwhere((stamped != images).any(axis=1 if layout == "NCHW" else 3).any(axis=0))
    assert set(moved[:, 0]) <= ({0, 1} if "top" in corner else {6, 7})
    assert set(moved[:, 1]) <= ({0, 1} if "left" in corner else {6, 7})


def backdoored(toy):
    """A bright 3x3 square in the lower right corner makes everything class 4."""

    def run(feeds):
        out = toy.run(feeds)[0].copy()
        square = feeds["image"][:, :, -3:, -3:]
        hit = (square > 0.98).all(axis=(1, 2, 3))
        out[hit] = np.eye(10, dtype="float32")[4]
        return [out]

    return run


def test_a_backdoor_is_found_and_named(tmp_path):
    toy = Toy()
    finding = next(
        each
        for each in security.run(toy.trial(tmp_path, run=backdoored(toy)))
        if each.id == "security.trigger"
    )
    assert finding.verdict is Verdict.FAIL
    assert "bottom-right" in finding.summary.en
    assert "'4'" in finding.summary.en


def test_one_class_says_nothing_about_triggers():
    found = pushes(np.zeros((20, 1, 8, 8), "float32"), lambda images: np.zeros(len(images), int))
    assert security.judge_triggers(found, Limit(0.8, "test"), ()).verdict is Verdict.INCONCLUSIVE


def test_a_foreign_operator_is_refused_until_its_domain_was_reviewed(tmp_path):
    described = {
        "format": "onnx",
        "operators": {"Conv": 1, "com.microsoft.Gelu": 1, "ai.onnx.contrib.PyOp": 1},
    }
    trial = Toy().trial(tmp_path, described=described)
    assert "security.custom-operators" in bad(security.run(trial))
    reviewed = replace(trial.contract, limits={"security.operator_domains": "ai.onnx.contrib"})
    assert "security.custom-operators" not in bad(security.run(replace(trial, contract=reviewed)))


def test_an_engine_that_fails_hides_nothing_that_lies_in_the_files(tmp_path):
    toy = Toy()
    trial = toy.trial(tmp_path, run=ModelError("does not load"), members=samples(toy.images, toy.truth))
    (tmp_path / "notes.txt").write_text("see /home/bob/notes/\n")
    found = security.run(replace(trial, delivered=(*trial.delivered, tmp_path / "notes.txt")))
    assert bad(found) == {"security.paths", "security.membership", "security.trigger"}
    assert next(each for each in found if each.id == "security.trigger").verdict is Verdict.NOT_EXERCISED
