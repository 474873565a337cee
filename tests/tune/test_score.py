"""Scores and drops: what is claimed of a candidate follows from the samples, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks import Interval
from seatrial.contract import HeldOut
from seatrial.errors import UsageError
from seatrial.tune import Drop, Ruling, Score, Scorer
from seatrial.tune import _score as score_file
from support.toy_model import Toy


def score_of(scores):
    values = np.asarray(scores, "float64")
    return Score(
        "sha256:0", "fake", "classification", "accuracy", Interval(values.mean(), 0, 1), {}, values,
        tuple(range(len(values))), (), None,
    )  # fmt: skip


@pytest.fixture
def scorer(tmp_path):
    trial = Toy(count=60).trial(tmp_path)
    return Scorer(trial.contract, trial.held_out)


def test_a_model_that_changed_nothing_is_accepted_on_enough_samples(scorer):
    same = score_of(np.ones(450))
    drop = scorer.drop(same, same)
    assert (drop.value, drop.lost, drop.won) == (0, 0, 0)
    assert drop.ruling(0.01) is Ruling.ACCEPTED
    assert "surely within 1.00%" in drop.words(0.01)


def test_too_few_samples_prove_nothing_and_say_how_many_would(scorer):
    drop = scorer.drop(score_of(np.ones(100)), score_of(np.ones(100)))
    assert drop.ruling(0.01) is Ruling.UNPROVED
    assert drop.needed(0.01) == 268
    assert "about 268 would" in drop.words(0.01)


def test_a_proved_loss_is_refused(scorer):
    after = np.ones(450)
    after[:40] = 0
    drop = scorer.drop(score_of(np.ones(450)), score_of(after))
    assert drop.ruling(0.01) is Ruling.REFUSED
    assert drop.low > 0.01


def test_a_loss_that_is_seen_but_not_proved_is_not_accepted(scorer):
    after = np.ones(300)
    after[:5] = 0
    drop = scorer.drop(score_of(np.ones(300)), score_of(after))
    assert drop.ruling(0.01) is Ruling.UNPROVED
    assert "the drop seen is more" in drop.words(0.01)


def test_a_loss_near_the_bound_needs_less_loss_not_more_samples(scorer):
    after = np.ones(400)
    after[:3] = 0
    drop = scorer.drop(score_of(np.ones(400)), score_of(after))
    assert drop.ruling(0.01) is Ruling.UNPROVED
    assert drop.needed(0.01) <= 400
    assert "too close to 1.00%" in drop.words(0.01)


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=30, max_size=300),
    st.floats(0.001, 0.2),
)
def test_the_interval_holds_the_drop_and_the_ruling_follows_the_interval(pairs, allowed):
    before, after = (np.array(each, "float64") for each in zip(*pairs, strict=True))
    drop = score_file._drop(score_file.paired_change(after, before, seed=1))
    assert drop.low - 1e-6 <= drop.value <= drop.high + 1e-6
    mirrored = score_file._drop(score_file.paired_change(before, after, seed=1))
    assert mirrored.low == pytest.approx(-drop.high, abs=1e-6)
    expected = (
        Ruling.ACCEPTED if drop.high <= allowed else Ruling.REFUSED if drop.low > allowed else Ruling.UNPROVED
    )
    assert drop.ruling(allowed) is expected


def test_under_thirty_samples_are_never_enough():
    assert Drop(0.0, 0.0, 0.0, 0, 0, 29).ruling(0.5) is Ruling.UNPROVED


def test_scores_of_other_samples_are_not_paired(scorer):
    with pytest.raises(UsageError, match="cannot be paired"):
        scorer.drop(score_of(np.ones(40)), score_of(np.ones(41)))


def test_graded_scores_take_the_bootstrap(scorer):
    random = np.random.default_rng(0)
    before = random.random(200)
    drop = scorer.drop(score_of(before), score_of(np.clip(before - 0.05, 0, 1)))
    assert drop.ruling(0.01) is Ruling.REFUSED


def test_the_reference_is_run_once(scorer, monkeypatch, tmp_path):
    toy, asked = Toy(count=60), []

    class FakePool:
        def __init__(self, artifact, *, preferred):
            self.session = toy.trial(tmp_path / "again").pool

        def get(self, runtime, options=None, *, artifact=None):
            asked.append(runtime)
            return self.session.get(runtime, options)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(score_file, "Pool", FakePool)
    artifact = toy.trial(tmp_path / "model").artifact
    first = scorer.score(artifact, runtime="fake")
    calls = len(asked)
    assert calls
    assert scorer.score(artifact, runtime="fake") is first
    assert len(asked) == calls
    assert first.mean == 1.0
    scorer.score(replace(artifact, digest="sha256:other"), runtime="fake")
    assert len(asked) > calls


def test_nothing_to_score_with_is_refused(scorer):
    with pytest.raises(UsageError, match="no samples"):
        Scorer(scorer.contract, HeldOut((), "sha256:0", "empty"))


def test_samples_without_labels_are_refused(scorer, monkeypatch, tmp_path):
    samples = tuple(replace(each, label=None) for each in scorer.held_out.samples)
    bare = HeldOut(samples, "sha256:0", "bare")
    trial = Toy(count=60).trial(tmp_path / "model")

    class FakePool:
        def __init__(self, artifact, *, preferred):
            pass

        def __enter__(self):
            return trial.pool

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(score_file, "Pool", FakePool)
    with pytest.raises(UsageError, match="none of the 60 samples has a label"):
        Scorer(scorer.contract, bare).score(trial.artifact, runtime="fake")
