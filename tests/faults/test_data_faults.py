"""Held-out sets that prove nothing: what each fault does to the samples, and that the judgement says no."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seatrial.checks import accuracy
from seatrial.checks._accuracy.bar import bar_findings, limits_of
from seatrial.checks._accuracy.contamination import find_twins
from seatrial.checks._finding import Finding, Limit, Text, Verdict
from seatrial.checks._trial import Baseline
from seatrial.contract import Contract, HeldOut, Pipeline, Sample, StepCall, TensorSpec, digest_of_samples
from seatrial.faults import Good, NotApplicable, Release, all_faults
from seatrial.faults._data import drawn, judged_on, labels_by_class
from support.artifacts import by_hand
from support.fake_trial import make_artifact, make_trial

FAULTS = all_faults()
CLASSES = 4
CONTRACT = Contract(
    "small",
    "classification",
    (TensorSpec("x", "float32", ("batch", 2, CLASSES), low=0.0, high=2.0),),
    (TensorSpec("scores", "float32", ("batch", CLASSES)),),
    preprocess=Pipeline((StepCall("cast", {"dtype": "float32"}),)),
    postprocess=Pipeline((StepCall("topk", {"k": 1}),)),
    labels=tuple("abcd"),
    limits={"accuracy.minimum": 0.9},
)


def sample(number: int, key: str = "s") -> Sample:
    """The brightest column is the class; noise makes every sample its own."""
    noise = np.random.default_rng(number).random((2, CLASSES)).astype("float32") * 0.4
    noise[:, number % CLASSES] += 1.0
    return Sample(f"{key}-{number}", noise, number % CLASSES)


def held_out(count: int = 120, members: int = 120) -> HeldOut:
    samples = tuple(sample(number) for number in range(count))
    return HeldOut(
        samples, digest_of_samples(samples), "memory", tuple(sample(1000 + n, "m") for n in range(members))
    )


def good(data: HeldOut | None = None, contract: Contract = CONTRACT) -> Good:
    model = Path("model.fake")
    release = Release(model, contract, held_out() if data is None else data)
    return Good(release, by_hand(model, "fake", contract.inputs))


def model(feeds):
    (array,) = feeds.values()
    strength = np.exp(20 * np.asarray(array, "float64").mean(axis=1))
    return [(strength / strength.sum(axis=1, keepdims=True)).astype("float32")]


def judged(release: Release, tmp_path: Path, baseline: Baseline | None = None) -> dict[str, Verdict]:
    artifact = make_artifact(tmp_path / "model", {}, inputs=CONTRACT.inputs, outputs=CONTRACT.outputs)
    trial = make_trial(
        tmp_path / "trial",
        artifact,
        model,
        contract=release.contract,
        held_out=release.held_out,
        baseline=baseline,
    )
    return {each.id: each.verdict for each in accuracy.CHECK.run(trial)}


def test_the_good_release_is_accepted(tmp_path):
    verdicts = judged(good().release, tmp_path)
    assert set(verdicts.values()) <= {Verdict.PASS, Verdict.SKIP}
    assert verdicts["accuracy.contamination"] is Verdict.PASS


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("members-held-out", "accuracy.contamination"),
        ("trained-on-held-out", "accuracy.contamination"),
        ("held-out-shrunk", "accuracy.samples"),
        ("held-out-one-class", "accuracy.looks-at-input"),
        ("labels-of-one-class-wrong", "accuracy.score"),
        ("labels-out-of-step", "accuracy.score"),
        ("held-out-damaged", "accuracy.readable"),
        ("one-group-let-down", "accuracy.slices"),
    ],
)
def test_accuracy_says_no(name, finding, seed, tmp_path):
    release = FAULTS[name].make(good(), tmp_path, seed)
    assert release.held_out.digest.startswith("sha256:")
    assert release.contract == CONTRACT
    assert judged(release, tmp_path)[finding] in (Verdict.FAIL, Verdict.INCONCLUSIVE)


def test_a_fifth_is_shared_and_no_sample_has_the_key_of_another(tmp_path):
    for name in ("members-held-out", "trained-on-held-out"):
        found = FAULTS[name].make(good(), tmp_path, 3).held_out
        twins = find_twins(found.samples, found.members)
        assert 20 <= len(twins.shared) <= 24
        assert len({each.key for each in (*found.samples, *found.members)}) == len(found) + len(found.members)


def test_without_members_there_is_nothing_to_copy(tmp_path):
    with pytest.raises(NotApplicable, match="training samples"):
        FAULTS["members-held-out"].make(good(held_out(members=0)), tmp_path, 0)
    assert (
        len(FAULTS["trained-on-held-out"].make(good(held_out(members=0)), tmp_path, 0).held_out.members) == 24
    )


def test_labels_that_are_no_classes_cannot_be_mixed(tmp_path):
    other = replace(CONTRACT, task="regression")
    with pytest.raises(NotApplicable, match="no classes"):
        labels_by_class(good(contract=other))
    same = HeldOut(tuple(replace(sample(n), label=1) for n in range(9)), "", "memory")
    with pytest.raises(NotApplicable, match="one class"):
        labels_by_class(good(same))
    with pytest.raises(NotApplicable, match="the same"):
        FAULTS["labels-out-of-step"].make(good(same), tmp_path, 0)


def test_pictures_are_damaged_and_inverted_as_files(tmp_path):
    def picture(number: int) -> bytes:
        buffer = io.BytesIO()
        pixels = np.random.default_rng(number).integers(0, 200, (16, 16, 3), dtype="uint8")
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()

    path = tmp_path / "first.png"
    path.write_bytes(picture(0))
    samples = (Sample("0", path, 0), *(Sample(str(n), picture(n), n % 2) for n in range(1, 80)))
    release = good(HeldOut(samples, "", "memory"))
    damaged = FAULTS["held-out-damaged"].make(release, tmp_path, 1).held_out
    broken = [each for each, was in zip(damaged, samples, strict=True) if each.payload is not was.payload]
    assert len(broken) == 4
    for each in broken:
        with (
            pytest.raises(OSError, match=r"trunc|identify|short"),
            Image.open(io.BytesIO(each.payload)) as opened,
        ):
            opened.load()
    dark = FAULTS["one-group-let-down"].make(release, tmp_path, 1).held_out
    second = [place for place, each in enumerate(dark) if each.slices == {"camera": "second"}]
    assert len(second) == 10
    before = np.asarray(Image.open(io.BytesIO(picture(second[-1]))))
    after = np.asarray(Image.open(io.BytesIO(dark.samples[second[-1]].payload)))
    np.testing.assert_array_equal(after, 255 - before)


def test_texts_are_neither_damaged_nor_inverted(tmp_path):
    texts = HeldOut(tuple(Sample(str(n), f"text {n}", n % 2) for n in range(80)), "", "memory")
    for name in ("held-out-damaged", "one-group-let-down"):
        with pytest.raises(NotApplicable):
            FAULTS[name].make(good(texts), tmp_path, 0)


def baseline_of(release: Release, tmp_path: Path, **changes: object) -> Baseline:
    from datetime import UTC, datetime

    artifact = make_artifact(tmp_path / "before", {}, inputs=CONTRACT.inputs, outputs=CONTRACT.outputs)
    trial = make_trial(
        tmp_path / "accepted", artifact, model, contract=release.contract, held_out=release.held_out
    )
    kept = {
        "name": "v1",
        "model_digest": artifact.digest,
        "data_digest": release.held_out.digest,
        "preprocess_digest": release.contract.preprocess_digest(),
        "environment_digest": "",
        "model_path": "",
        "figures": {"accuracy": accuracy.CHECK.record(accuracy.CHECK.run(trial))},
        "accepted_by": "someone",
        "reason": "good",
        "accepted_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Baseline(**{**kept, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 3])
def test_a_bar_that_was_lowered_is_seen_against_the_baseline_only(seed, tmp_path):
    release = FAULTS["bar-lowered"].make(good(), tmp_path, seed)
    assert release.contract.limits["accuracy.minimum"] < 0.9
    assert "accuracy.bar" not in judged(release, tmp_path / "alone")
    baseline = baseline_of(good().release, tmp_path)
    assert judged(release, tmp_path / "lowered", baseline)["accuracy.bar"] is Verdict.FAIL
    assert judged(good().release, tmp_path / "same", baseline)["accuracy.bar"] is Verdict.PASS
    with pytest.raises(NotApplicable):
        FAULTS["bar-lowered"].make(good(contract=replace(CONTRACT, limits={})), tmp_path, 0)


def finding(name: str, limit: object) -> Finding:
    bound = None if limit is None else Limit(limit, "test")  # type: ignore[arg-type]
    return Finding(name, Verdict.PASS, Text("", ""), 1, limit=bound)


@pytest.mark.parametrize(
    ("name", "then", "now", "loosened"),
    [
        ("accuracy.score", 0.9, 0.9, False),
        ("accuracy.score", 0.9, 0.8, True),
        ("accuracy.score", 0.9, 0.95, False),
        ("accuracy.score", 0.9, None, True),
        ("accuracy.score", None, 0.5, False),
        ("accuracy.slices", 0.1, 0.5, True),
        ("accuracy.slices", 0.1, 0.05, False),
        ("accuracy.contamination", 0.01, 0.3, True),
    ],
)
def test_a_limit_is_looser_its_own_way(name, then, now, loosened, tmp_path):
    kept = {"accuracy": {"limits": limits_of([finding(name, then)])}}
    (found,) = bar_findings([finding(name, now)], baseline_of(good().release, tmp_path, figures=kept))
    assert (found.verdict is Verdict.FAIL) is loosened
    assert found.where == (name if loosened else "")


def test_a_baseline_without_limits_says_nothing_of_the_bar(tmp_path):
    old = baseline_of(good().release, tmp_path, figures={"accuracy": {}})
    assert bar_findings([finding("accuracy.score", 0.1)], old) == []
    other = baseline_of(good().release, tmp_path, figures={"accuracy": {"limits": {"accuracy.slices": 0.1}}})
    assert bar_findings([finding("accuracy.score", 0.1)], other) == []


def test_drawing_repeats_and_takes_at_least_one():
    assert drawn(100, 0.2, 5) == drawn(100, 0.2, 5) != drawn(100, 0.2, 6)
    assert len(drawn(100, 0.2, 5)) == 20
    assert len(drawn(3, 0.01, 5)) == 1


def test_other_samples_have_another_digest_and_keep_their_members():
    release = judged_on(good(), held_out().samples[:5])
    assert release.held_out.digest == digest_of_samples(held_out().samples[:5]) != held_out().digest
    assert len(release.held_out.members) == 120
    assert judged_on(good(), held_out().samples, members=()).held_out.members == ()
