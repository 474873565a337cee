"""Interface: what contract, graph, labels and preprocessing disagree about is named (F20-F25)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks import interface
from seatrial.checks._finding import Limit, Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._interface.metamorphic import best_permutation, changes, prefer
from seatrial.checks._interface.probes import (
    judge_probes,
    judge_scores,
    kind_of_scores,
    probe_dimensions,
    probe_refusals,
)
from seatrial.checks._interface.specs import compare_inputs, compare_outputs, expected_widths, label_flaws
from seatrial.checks._interface.tokens import count_tokens, judge_tokens
from seatrial.checks._trial import Baseline
from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec
from seatrial.contract.labels import fingerprint
from seatrial.errors import EngineFailure, ModelError
from support.fake_trial import FakeSession, make_held_out
from support.toy_model import INPUTS, Toy, bad

TOY = Toy()


def found(tmp_path, **changes):
    return interface.run(TOY.trial(tmp_path, **changes))


def test_a_good_model_passes(tmp_path):
    result = run_check(interface.CHECK, TOY.trial(tmp_path))
    assert {each.id for each in result.findings if each.verdict != "PASS"} == set()
    assert result.verdict is Verdict.PASS
    assert result.control.rejected


def spec(name="x", dtype="float32", shape=(None, 3, 8, 8)):
    return TensorSpec(name, dtype, shape)


@pytest.mark.parametrize(
    ("graph", "what"),
    [
        (spec("image"), "name"),
        (spec(dtype="float64"), "dtype"),
        (spec(shape=(None, 3, 8)), "rank"),
        (spec(shape=(None, 3, 8, 9)), "axis 3"),
        (spec(shape=(1, 3, 8, 8)), "axis 0"),
    ],
)
def test_an_input_that_differs_is_named(graph, what):
    assert what in {each[1] for each in compare_inputs([spec()], [graph])}


def test_a_contract_may_be_narrower_than_the_graph():
    assert compare_inputs([spec(shape=(None, 3, 48, 320))], [spec(shape=(None, 3, None, None))]) == []


def test_outputs_are_compared_by_place():
    assert compare_outputs([spec("a", shape=("n", 10))], [spec("b", shape=(None, 10))]) == []
    assert compare_outputs([spec("a", shape=("n", 10))], [spec("b", shape=(None, 11))])[0][1] == "axis 1"
    assert compare_outputs([spec("a")], [spec("a"), spec("b")])[0][1] == "number"


def test_a_renamed_input_ends_the_check_early(tmp_path):
    renamed = (replace(INPUTS[0], name="pixels"),)
    assert bad(found(tmp_path, contract_inputs=renamed)) == {"interface.inputs"}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (tuple("1234567890"), "interface.label-map"),
        (tuple("0123456789")[:-1], "interface.labels"),
        (tuple("0123456788"), "interface.label-map"),
        (("background", *"0123456789"), "interface.labels"),
        ((*"012345678", ""), "interface.label-map"),
    ],
)
def test_a_wrong_label_map_is_seen(tmp_path, labels, expected):
    assert expected in bad(found(tmp_path, contract_labels=labels))


def test_doubles_that_were_vouched_for_are_meant():
    assert label_flaws(("crane", "crane"), vouched=True) == []
    assert label_flaws(("crane", "crane"), vouched=False)


def test_numbers_in_the_order_of_text_are_how_folders_are_read():
    as_text = tuple(sorted(str(each) for each in range(12)))
    assert label_flaws(as_text, vouched=False) == []
    assert label_flaws((*as_text[1:], as_text[0]), vouched=False)


def test_two_exchanged_classes_are_named(tmp_path):
    toy = Toy()
    toy.weight[:, [3, 8]] = toy.weight[:, [8, 3]]
    toy.bias[[3, 8]] = toy.bias[[8, 3]]
    findings = interface.run(toy.trial(tmp_path))
    order = next(each for each in findings if each.id == "interface.label-order")
    assert order.verdict is Verdict.FAIL
    assert "3 -> 8" in order.summary.en


def test_labels_given_by_name_show_a_shifted_map(tmp_path):
    names = tuple(f"class {place}" for place in range(10))
    truth = [names[place] for place in TOY.truth]
    shifted = (*names[1:], names[0])
    held_out = make_held_out(TOY.images, truth)
    assert bad(found(tmp_path, contract_labels=names, held_out=held_out)) == set()
    assert "interface.label-order" in bad(found(tmp_path, contract_labels=shifted, held_out=held_out))


def fragile(undo):
    """An engine that undoes what its training did, and is lost where the brightness is not what it knows."""
    toy = Toy(noise=0.8)

    def run(feeds):
        images = np.ascontiguousarray(undo(feeds["image"]))
        out = toy.run({"image": images})[0]
        brightness = images.mean(axis=(1, 2, 3))
        out[(brightness < 0.4) | (brightness > 0.6)] = np.eye(10, dtype="float32")[0]
        return [out]

    return toy, run


@pytest.mark.parametrize(
    ("undo", "name"),
    [
        (lambda x: x[:, ::-1], "RGB/BGR"),
        (lambda x: x / 255, "255 times larger"),
        (lambda x: x * 255, "255 times smaller"),
        (lambda x: x * 0.5 + 0.5, "0.5 applied"),
        (lambda x: (x - 0.5) / 0.5, "0.5 not applied"),
        (lambda x: x.transpose(0, 1, 3, 2), "height and width"),
        (lambda x: 1 - x, "dark and bright"),
    ],
)
def test_a_model_trained_with_another_preprocessing_says_so(tmp_path, undo, name):
    toy, run = fragile(undo)
    findings = interface.run(toy.trial(tmp_path, run=run))
    fit = next(each for each in findings if each.id == "interface.preprocessing-fit")
    assert fit.verdict is Verdict.FAIL
    assert name in fit.summary.en


def test_samples_that_are_wrong_are_asked_first(tmp_path):
    """A front of samples that are right either way hides nothing."""
    toy = Toy(noise=0.2)
    toy.images[len(toy.images) // 2 :] /= 255

    def run(feeds):
        images = feeds["image"]
        brightness = images.mean(axis=(1, 2, 3))[:, None, None, None]
        out = toy.run({"image": np.where(brightness > 1, images / 255, images)})[0]
        out[brightness.ravel() < 0.1] = np.eye(10, dtype="float32")[0]
        return [out]

    findings = interface.run(toy.trial(tmp_path, run=run))
    fit = next(each for each in findings if each.id == "interface.preprocessing-fit")
    assert fit.verdict is Verdict.FAIL
    assert "255 times larger" in fit.summary.en


def test_a_model_that_is_right_is_hardly_asked(tmp_path):
    toy, asked = Toy(noise=0.2), []

    def run(feeds):
        asked.append(len(feeds["image"]))
        return toy.run(feeds)

    findings = interface.run(toy.trial(tmp_path, run=run))
    fit = next(each for each in findings if each.id == "interface.preprocessing-fit")
    assert fit.verdict is Verdict.PASS
    assert fit.measured == 0
    assert asked[-9:] == [4] * 9


def test_scores_and_softmax_must_go_together(tmp_path):
    logits = lambda feeds: [TOY.scores(feeds["image"]).astype("float32") * 4]  # noqa: E731 - a fake engine in one line
    softmax = Pipeline((StepCall("softmax", {}), StepCall("topk", {})))
    assert "interface.scores" in bad(found(tmp_path / "a", run=logits))
    assert "interface.scores" not in bad(found(tmp_path / "b", run=logits, contract_postprocess=softmax))
    assert "interface.scores" in bad(found(tmp_path / "c", contract_postprocess=softmax))


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([[0.2, 0.8]], "probabilities"),
        ([[0.9, 0.8]], "independent"),
        ([[-1.0, 3.0]], "logits"),
        ([[np.nan, 1]], "logits"),
    ],
)
def test_kinds_of_scores(rows, kind):
    assert kind_of_scores(np.array(rows)) == kind


def test_sigmoid_twice_is_seen():
    assert judge_scores(np.array([[0.9, 0.2]]), ["sigmoid"]).verdict is Verdict.FAIL
    assert judge_scores(np.array([[0.9, 0.2]]), ["threshold"]).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "broken",
    [
        lambda out, _: out[:1],
        lambda out, _: out.astype("float64"),
        lambda out, _: np.concatenate([out, out], axis=1),
        lambda out, count: out if count < 7 else np.full_like(out, np.nan),
    ],
)
def test_an_output_that_is_not_as_declared_is_seen(tmp_path, broken):
    """The pass over the samples runs 32 rows and is spared, so that the probe must see it."""

    def run(feeds):
        count = len(feeds["image"])
        out = TOY.run(feeds)[0]
        return [broken(out, count) if count in (2, 7) else out]

    assert "interface.batch" in bad(found(tmp_path, run=run))


def test_a_death_at_a_batch_size_fails_and_an_error_warns(tmp_path):
    for kind, expected in (("signal", Verdict.FAIL), ("exception", Verdict.WARN)):

        def run(feeds, kind=kind):
            if len(feeds["image"]) == 7:
                raise EngineFailure("no", kind=kind, signal_name="SIGFPE")
            return TOY.run(feeds)

        findings = found(tmp_path / kind, run=run)
        assert next(each for each in findings if each.id == "interface.batch").verdict is expected


def test_free_dimensions_of_one_name_change_together(tmp_path):
    inputs = (TensorSpec("ids", "int64", ("batch", "time")), TensorSpec("mask", "int64", ("batch", "time")))
    outputs = (TensorSpec("out", "float32", ("batch", 2)),)
    contract = Contract("t", "text-classification", inputs, outputs)
    asked = []

    def run(feeds):
        asked.append((feeds["ids"].shape, feeds["mask"].shape))
        return [np.zeros((len(feeds["ids"]), 2), "float32")]

    artifact = replace(TOY.trial(tmp_path).artifact, inputs=inputs, outputs=outputs)
    feed = {"ids": np.ones((1, 6), "int64"), "mask": np.ones((1, 6), "int64")}
    probes = probe_dimensions(FakeSession(run, artifact).run, contract, feed)
    assert asked == [((1, 3), (1, 3)), ((1, 7), (1, 7))]
    assert judge_probes("x", interface.CHECK.title, probes).verdict is Verdict.PASS


def test_a_session_that_takes_anything_is_seen():
    probes = probe_refusals(lambda _: [np.zeros((1, 10), "float32")], {"image": TOY.images[:1]})
    assert judge_probes("x", interface.CHECK.title, probes).verdict is Verdict.FAIL


def test_samples_that_do_not_match_the_contract_are_counted(tmp_path):
    wrong = make_held_out(np.zeros((20, 3, 9, 9), "float32"), [0] * 20)
    assert "interface.samples" in bad(found(tmp_path, held_out=wrong))


def test_answers_that_break_the_schema_are_counted(tmp_path):
    schema = {"type": "object", "required": ["mood"]}
    assert "interface.answers" in bad(found(tmp_path, contract_output_schema=schema))


def test_a_pipeline_that_rolls_dice_is_seen(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    good = Contract.prepare

    def noisy(self, payload):
        feeds, context = good(self, payload)
        return {
            name: value + random.normal(0, 0.01, value.shape).astype(value.dtype)
            for name, value in feeds.items()
        }, context

    monkeypatch.setattr(Contract, "prepare", noisy)
    assert "interface.preprocessing" in bad(found(tmp_path))


def baseline(trial, findings, **changes):
    figures = {**interface.record(findings), **changes}
    return Baseline(
        "v1", trial.artifact.digest, trial.held_out.digest, trial.contract.preprocess_digest(), "", "",
        {"interface": figures}, "ann", "first", datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_the_baseline_remembers_tensors_and_labels(tmp_path):
    trial = TOY.trial(tmp_path)
    findings = interface.run(trial)
    same = replace(trial, baseline=baseline(trial, findings))
    assert bad(interface.run(same)) == set()
    other_library = replace(trial, baseline=baseline(trial, findings, golden="sha256:other"))
    assert bad(interface.run(other_library)) == {"interface.preprocessing"}
    other_labels = replace(trial, baseline=baseline(trial, findings, labels=fingerprint(("a", "b"))))
    assert bad(interface.run(other_labels)) == {"interface.labels-since-baseline"}


def test_a_ctc_head_has_a_blank_and_perhaps_a_space():
    contract = Contract("o", "text-recognition", (), (), labels=tuple("abc"))
    assert expected_widths(contract) == (4, 5)
    decode = Pipeline((StepCall("ctc_decode", {"space": False}),))
    assert expected_widths(replace(contract, postprocess=decode)) == (4,)


@given(st.permutations(range(6)))
def test_any_permutation_is_found_from_clean_answers(order):
    truth = np.tile(np.arange(6), 20)
    result = best_permutation(truth, np.array(order)[truth], 6)
    assert result.after == 1.0
    assert dict(result.moved) == {one: other for one, other in enumerate(order) if one != other}


@given(st.integers(0, 1000))
def test_noise_alone_never_looks_like_a_permutation(seed):
    random = np.random.default_rng(seed)
    truth = random.integers(0, 10, 300)
    answers = np.where(random.random(300) < 0.2, random.integers(0, 10, 300), truth)
    result = interface.judge_permutation(best_permutation(truth, answers, 10), Limit(0.02, "test"), ())
    assert result.verdict is Verdict.PASS


@given(st.integers(0, 1000))
def test_noise_alone_never_looks_like_a_preference(seed):
    random = np.random.default_rng(seed)
    change = changes((1, 3, 8, 8), channels_last=False)[0]
    declared, changed = random.random((2, 100)) < 0.7
    found = prefer(change, declared, changed, tried=9)
    assert found.p_value >= 0.01 or found.changed - found.declared > 0.1


def test_without_samples_nothing_passes(tmp_path):
    empty = make_held_out(np.zeros((0, 3, 8, 8), "float32"), [])
    assert bad(found(tmp_path, held_out=empty)) == {"interface.samples", "interface.batch"}
    result = run_check(interface.CHECK, TOY.trial(tmp_path / "again", held_out=empty))
    assert result.verdict is Verdict.NOT_EXERCISED


def test_an_engine_that_tires_is_asked_again_in_a_fresh_process(tmp_path):
    """oneDNN refuses new shapes once its caches have filled the worker's memory."""

    class Tired:
        makes_session = True
        opened = 0

        def __call__(self, artifact, options):
            Tired.opened += 1
            calls = []

            def run(feeds):
                calls.append(1)
                if len(calls) > 8:
                    raise EngineFailure("could not create a primitive", kind="exception")
                return TOY.run(feeds)

            return FakeSession(run, artifact, runtime="fake", options=options)

    trial = TOY.trial(tmp_path, run=Tired())
    assert bad(interface.run(trial)) == set()
    assert Tired.opened > 1


def test_changed_inputs_that_cannot_run_are_not_taken_for_wrong_answers(tmp_path):
    def run(feeds):
        if len(feeds["image"]) == 4:  # the first of the changed samples
            raise EngineFailure("no", kind="signal", signal_name="SIGSEGV")
        return TOY.run(feeds)

    findings = found(tmp_path, run=run)
    assert (
        next(each for each in findings if each.id == "interface.preprocessing-fit").verdict == "NOT_EXERCISED"
    )


def test_a_model_that_does_not_load_still_gets_its_written_part_judged(tmp_path):
    findings = found(tmp_path, run=ModelError("does not load"), contract_labels=tuple("0123456788"))
    assert bad(findings) == {"interface.label-map", "interface.samples"}


WORDS = ("[PAD]", "[UNK]", "a", "b", "c")


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([2, 3, 4, 2], Verdict.PASS),
        ([1, 1, 1, 2], Verdict.FAIL),
        ([2, 3, 4, 5], Verdict.FAIL),
        ([2, -1], Verdict.FAIL),
    ],
)
def test_ids_must_lie_in_the_vocabulary_and_be_known(ids, expected):
    counted = count_tokens([{"ids": np.array([ids])}], "ids", WORDS)
    assert judge_tokens(counted, Limit(0.3, "test")).verdict is expected


def test_lost_lower_casing_shows_as_unknown_words(tmp_path):
    """The vocabulary is lower case; the contract forgot to make the texts so (F24)."""
    vocabulary = ("[UNK]", *"abcdefghijklmnopqrstuvwxyz ")
    inputs = (TensorSpec("ids", "int64", ("batch", "time")),)
    outputs = (TensorSpec("out", "float32", ("batch", 2)),)

    def findings(folder, *, lower):
        steps = Pipeline((StepCall("tokenize_chars", {"lower": lower}), StepCall("lookup", {})))
        trial = TOY.trial(
            tmp_path / folder,
            run=lambda feeds: [np.full((len(feeds["ids"]), 2), 0.5, "float32")],
            contract_task="text-classification",
            contract_inputs=inputs,
            contract_outputs=outputs,
            contract_labels=("bad", "good"),
            contract_vocabulary=vocabulary,
            contract_preprocess=steps,
        )
        texts = replace(
            trial.held_out,
            samples=tuple(replace(each, payload="HELLO THERE", label=0) for each in trial.held_out),
        )
        artifact = replace(trial.artifact, inputs=inputs, outputs=outputs)
        trial.pool.artifact = artifact
        return interface.run(replace(trial, artifact=artifact, held_out=texts))

    assert "interface.tokens" not in bad(findings("good", lower=True))
    assert "interface.tokens" in bad(findings("sick", lower=False))
