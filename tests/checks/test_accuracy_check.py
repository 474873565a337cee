from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from seatrial.checks._accuracy import metrics_boxes as boxes
from seatrial.checks._accuracy.baseline import packed, unpacked
from seatrial.checks._accuracy.metrics import edit_distance, evaluate
from seatrial.checks._finding import Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._inference import predictions
from seatrial.checks._trial import Baseline
from seatrial.checks.accuracy import CHECK
from seatrial.contract import HeldOut, Pipeline, Sample
from seatrial.errors import EngineFailure
from support import quadrants
from support.fake_trial import FakePool, make_artifact, make_trial


def found(trial):
    return {each.id: each for each in CHECK.run(trial)}


def accepted(trial, **changes):
    kept = Baseline(
        name="v1",
        model_digest=trial.artifact.digest,
        data_digest=trial.held_out.digest,
        preprocess_digest=trial.contract.preprocess_digest(),
        environment_digest="",
        model_path="",
        figures={"accuracy": CHECK.record(CHECK.run(trial))},
        accepted_by="someone",
        reason="first",
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(kept, **changes)


def noisy(share, *, seed=0):
    """An engine that answers wrongly on a share of pictures, always on the same ones."""
    right = quadrants.engine()

    def run(feeds):
        (scores,) = right(feeds)
        pick = np.array(
            [np.random.default_rng(int(each.sum() * 1e4) + seed).random() for each in feeds["image"]]
        )
        return [np.where((pick < share)[:, None], np.roll(scores, 1, axis=1), scores)]

    return run


def test_a_good_model_passes_and_its_control_is_rejected(tmp_path):
    result = run_check(CHECK, quadrants.trial(tmp_path))
    assert result.verdict is Verdict.PASS, [each.summary.en for each in result.findings]
    assert result.control is not None
    assert result.control.rejected
    score = next(each for each in result.findings if each.id == "accuracy.score")
    assert score.measured == 1.0
    assert {each.kind for each in score.evidence} == {"table", "chart"}
    assert score.data["metrics"]["auc_one_vs_rest"][0] == pytest.approx(1.0)


def test_below_the_minimum_it_fails_and_shows_the_worst_samples(tmp_path):
    trial = quadrants.trial(
        tmp_path, run=noisy(0.2), contract=quadrants.contract(limits={"accuracy.minimum": 0.97})
    )
    score = found(trial)["accuracy.score"]
    assert score.verdict is Verdict.FAIL
    assert score.limit.source == "contract"
    assert any(each.kind == "picture" for each in score.evidence)
    assert any("confusions" in each.title.en for each in score.evidence)


def test_a_constant_answer_is_no_model(tmp_path):
    constant = found(
        quadrants.trial(tmp_path, run=lambda feeds: [np.full((len(feeds["image"]), 4), 0.25, "float32")])
    )
    assert constant["accuracy.looks-at-input"].verdict is Verdict.FAIL
    assert constant["accuracy.classes"].verdict is Verdict.FAIL


def test_permuted_classes_are_named(tmp_path):
    order = [1, 0, 2, 3]  # F20
    permuted = found(quadrants.trial(tmp_path, matrix=quadrants.weights()[:, order]))
    assert permuted["accuracy.classes"].verdict is Verdict.FAIL
    assert "north" in permuted["accuracy.classes"].where


def test_a_rare_class_that_is_unlucky_is_not_blamed(tmp_path):
    images, labels = quadrants.pictures(203)
    labels = np.where(np.arange(203) >= 200, 3, np.minimum(labels, 2))
    images[200:] = images[0]
    trial = quadrants.trial(tmp_path, held_out=quadrants.held_out(images, labels), run=quadrants.engine())
    classes = found(trial)["accuracy.classes"]
    assert classes.measured == 0.0
    assert classes.verdict is Verdict.PASS


def test_three_rows_are_inconclusive_and_say_how_many_are_needed(tmp_path):
    result = run_check(CHECK, quadrants.trial(tmp_path, count=3))
    assert result.verdict is Verdict.INCONCLUSIVE
    few = next(each for each in result.findings if each.id == "accuracy.samples")
    assert "30 are needed" in few.summary.en


def test_without_labels_nothing_can_be_said(tmp_path):
    images, _ = quadrants.pictures(40)
    unlabelled = HeldOut(
        tuple(Sample(f"{row}", each) for row, each in enumerate(images)), "sha256:0", "memory"
    )
    assert (
        found(quadrants.trial(tmp_path, held_out=unlabelled))["accuracy.score"].verdict
        is Verdict.INCONCLUSIVE
    )


def test_labels_out_of_range_and_unreadable_samples_are_named(tmp_path):
    images, labels = quadrants.pictures(60)
    labels = labels.copy()
    labels[5] = 9
    held = quadrants.held_out(images, labels)
    spoiled = list(held.samples)
    spoiled[7] = replace(spoiled[7], payload=np.zeros((3, 3), "float32"))
    readable = found(quadrants.trial(tmp_path, held_out=replace(held, samples=tuple(spoiled))))[
        "accuracy.readable"
    ]
    assert readable.verdict is Verdict.FAIL
    assert {row[0] for row in readable.evidence[0].rows} == {"row-5", "row-7"}


def test_an_engine_that_dies_on_one_sample_costs_only_that_one(tmp_path):
    images, labels = quadrants.pictures(40)
    images[11, 0, 0, 0] = 0.987
    right = quadrants.engine()

    def fragile(feeds):
        if (feeds["image"][:, 0, 0, 0] == np.float32(0.987)).any():
            raise EngineFailure("SIGSEGV on image", kind="signal", signal_name="SIGSEGV")
        return right(feeds)

    trial = quadrants.trial(tmp_path, run=fragile, held_out=quadrants.held_out(images, labels))
    passed = predictions(trial)
    assert [each.key for each in passed.failures] == ["row-11"]
    assert found(trial)["accuracy.readable"].verdict is Verdict.FAIL


def test_contamination_and_duplicates_are_counted(tmp_path):
    images, labels = quadrants.pictures(100)  # F44
    members = np.concatenate([images[:20], images[30:35] * 0.9 + 0.01])
    images = np.concatenate([images, images[90:100]])
    labels = np.concatenate([labels, (labels[90:100] + 1) % 4])
    trial = quadrants.trial(tmp_path, held_out=quadrants.held_out(images, labels, members=members))
    seen = found(trial)
    assert seen["accuracy.contamination"].verdict is Verdict.FAIL
    assert "20 of 110" in seen["accuracy.contamination"].summary.en
    assert "5 more almost so" in seen["accuracy.contamination"].summary.en
    assert seen["accuracy.duplicates"].verdict is Verdict.WARN
    assert "10 of them with another label" in seen["accuracy.duplicates"].summary.en


def test_a_slice_left_behind_fails_though_the_whole_hardly_moves(tmp_path):
    images, labels = quadrants.pictures(400)  # F45
    slices = [{"font": "serif" if row % 19 == 0 else "sans"} for row in range(400)]
    images[::19] = 0.3  # this font cannot be told apart
    trial = quadrants.trial(tmp_path, held_out=quadrants.held_out(images, labels, slices=slices))
    assert found(trial)["accuracy.slices"].verdict is Verdict.FAIL
    assert found(trial)["accuracy.slices"].where == "font=serif"


def test_against_its_own_baseline_a_model_passes(tmp_path):
    trial = quadrants.trial(tmp_path, count=400, run=noisy(0.1))
    seen = found(replace(trial, baseline=accepted(trial)))
    assert seen["accuracy.baseline"].verdict is Verdict.PASS
    assert seen["accuracy.baseline-slices"].verdict is Verdict.PASS


def test_with_few_samples_an_unchanged_model_is_only_warned_about(tmp_path):
    trial = quadrants.trial(tmp_path, count=60)
    assert found(replace(trial, baseline=accepted(trial)))["accuracy.baseline"].verdict is Verdict.WARN


def test_weights_of_another_run_lose_against_the_baseline(tmp_path):
    trial = quadrants.trial(tmp_path, count=700)  # F12: .969 against .990 passes a fixed tolerance
    worse = quadrants.trial(tmp_path / "worse", count=700, run=noisy(0.03), baseline=accepted(trial))
    assert found(worse)["accuracy.baseline"].verdict is Verdict.FAIL


def test_a_shrunk_set_is_named(tmp_path):
    trial = quadrants.trial(tmp_path)  # F49
    short = replace(trial.held_out, samples=trial.held_out.samples[:3], digest="sha256:3")
    result = run_check(CHECK, replace(trial, held_out=short, baseline=accepted(trial)))
    assert result.verdict is Verdict.FAIL
    assert (
        "shrunk" in next(each for each in result.findings if each.id == "accuracy.baseline-data").summary.en
    )


def test_a_damaged_baseline_is_inconclusive(tmp_path):
    trial = quadrants.trial(tmp_path)
    damaged = accepted(
        trial, figures={"accuracy": {"samples": {"base64": "!", "judged": 200, "kind": "bits"}}}
    )
    assert found(replace(trial, baseline=damaged))["accuracy.baseline"].verdict is Verdict.INCONCLUSIVE


def test_scores_survive_packing(tmp_path):
    trial = quadrants.trial(tmp_path, run=noisy(0.3))
    judged = evaluate(predictions(trial), trial.contract, seed=0)
    places, scores = unpacked(packed(judged, trial.held_out))
    assert places == judged.places
    assert (scores == judged.scores).all()


def text_trial(tmp_path, said, truth):
    artifact = make_artifact(tmp_path / "m", {"w": np.ones(2, "float32")})
    held = HeldOut(
        tuple(
            Sample(f"{row}", np.full((1, 8, 8), row / 100, "float32"), each) for row, each in enumerate(truth)
        ),
        "sha256:t",
        "memory",
    )
    trial = make_trial(
        tmp_path,
        artifact,
        lambda feeds: [feeds["image"].reshape(len(feeds["image"]), -1)[:, :10]],
        held_out=held,
        contract=replace(
            quadrants.contract(task="tensor"), outputs=artifact.outputs, labels=(), postprocess=Pipeline()
        ),
    )
    passed = predictions(trial)
    answers = tuple({"text": each, "confidence": 1.0} for each in said)
    return replace(trial, contract=replace(trial.contract, task="text-recognition")), replace(
        passed, answers=answers
    )


def test_text_is_judged_by_lines_and_characters(tmp_path):
    trial, passed = text_trial(tmp_path, ["中山 路", "Gate 5", "abd"], ["中山路", "Gate 5", "abc"])
    judged = evaluate(passed, trial.contract, seed=0)
    assert judged.metrics["line_accuracy"].value == pytest.approx(2 / 3)
    assert judged.metrics["line_accuracy_strict"].value == pytest.approx(1 / 3)
    assert judged.metrics["character_error_rate"].value == pytest.approx(1 / 11)


@pytest.mark.parametrize(
    ("one", "other", "distance"), [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("字典", "字库", 1)]
)
def test_edit_distance(one, other, distance):
    assert edit_distance(one, other) == edit_distance(other, one) == distance


def test_boxes_are_matched_once_and_ignored_regions_do_not_count():
    truth = boxes.regions(
        {"boxes": [[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]], "texts": ["a", "b", "###"]}
    )
    said = boxes.regions(
        {"boxes": [[0, 0, 10, 9], [1, 0, 10, 10], [50, 50, 60, 60]], "scores": [0.9, 0.8, 0.7], "classes": []}
    )
    match = boxes.match(said, truth)
    assert (match.found, match.said, match.truth) == (1, 2, 2)
    assert match.hmean == pytest.approx(0.5)


def test_overlap_of_polygons():
    square = boxes.regions([[0, 0, 2, 2]]).polygons[0]
    diamond = boxes.regions([[[1, 0], [2, 1], [1, 2], [0, 1]]]).polygons[0]
    assert boxes.overlap(square, diamond) == pytest.approx(0.5)
    assert boxes.overlap(square, square + 5) == 0.0


def test_average_precision_of_a_perfect_and_of_a_half_right_detector():
    truth = boxes.regions({"boxes": [[0, 0, 10, 10], [20, 0, 30, 10]], "classes": ["cat", "dog"]})
    right = boxes.match(
        boxes.regions({"boxes": [[0, 0, 10, 10], [20, 0, 30, 10]], "classes": ["cat", "dog"]}), truth
    )
    swapped = boxes.match(
        boxes.regions({"boxes": [[0, 0, 10, 10], [20, 0, 30, 10]], "classes": ["cat", "cat"]}), truth
    )
    assert boxes.average_precision([right]) == pytest.approx(1.0)
    assert boxes.average_precision([swapped]) == pytest.approx(0.5)


def test_one_pass_serves_every_check(tmp_path):
    trial = quadrants.trial(tmp_path)
    first = predictions(trial)
    session = trial.pool.opened[0]
    calls = session.calls
    assert predictions(trial) is first
    assert session.calls == calls
    assert calls == -(-200 // 32)
    assert predictions(trial, samples=trial.held_out.samples[:5]) is not first


def test_order_is_kept_over_shapes_and_batches(tmp_path):
    trial = quadrants.trial(tmp_path)
    passed = predictions(trial)
    assert [each["index"] for each in passed.answers] == [each.label for each in passed.samples]
    assert [row[0].shape for row in passed.outputs] == [(1, 4)] * 200
    assert isinstance(trial.pool, FakePool)
