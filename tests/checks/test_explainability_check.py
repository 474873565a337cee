from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seatrial.checks._explainability import attribution
from seatrial.checks._explainability.faithfulness import concentration, p_value_of_ranks
from seatrial.checks._finding import Text, Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._pictures import heat, picture, picture_of, sheet
from seatrial.checks.explainability import CHECK
from seatrial.contract import Contract, HeldOut, Sample, TensorSpec
from seatrial.errors import EngineFailure
from seatrial.runtimes import SessionOptions
from support import quadrants
from support.fake_trial import FakeSession, make_artifact, make_trial


def found(trial):
    return {each.id: each for each in CHECK.run(trial)}


@pytest.mark.parametrize("with_gradients", [True, False])
def test_a_model_that_looks_at_the_right_place_passes(tmp_path, with_gradients):
    result = run_check(CHECK, quadrants.trial(tmp_path, count=48, with_gradients=with_gradients))
    assert result.verdict is Verdict.PASS, [each.summary.en for each in result.findings]
    assert result.control is not None
    assert result.control.rejected
    seen = {each.id for each in result.findings}
    assert ("explainability.completeness" in seen) is with_gradients
    pictures = [e for each in result.findings for e in each.evidence if e.kind == "picture"]
    assert len(pictures) == 6
    assert all(len(base64.b64decode(each.png_base64)) < 40_000 for each in pictures)


def test_gradients_of_another_model_do_not_add_up(tmp_path):
    trial = quadrants.trial(tmp_path, count=48, with_gradients=True)
    session = trial.pool.get("fake")
    session._gradient = quadrants.gradients(np.roll(quadrants.weights(), 1, axis=1) * 2)
    trial.pool.functions["fake"] = lambda *_: session
    trial.pool.functions["fake"].makes_session = True
    session.options = SessionOptions()
    assert found(trial)["explainability.completeness"].verdict is Verdict.WARN


@pytest.mark.parametrize(("deaths", "method"), [(1, "Integrated Gradients"), (9, "random masks")])
def test_an_engine_that_dies_of_gradients_costs_no_explanation(tmp_path, deaths, method):
    trial = quadrants.trial(tmp_path, count=48, with_gradients=True)
    run, honest = quadrants.engine(), quadrants.gradients()
    died = []

    def make(artifact, options):
        def gradient(*arguments, **options):
            if len(died) < deaths:
                died.append(1)
                session.closed = True
                raise EngineFailure("killed by SIGSEGV", kind="signal", signal_name="SIGSEGV")
            return honest(*arguments, **options)

        def alive(feeds):
            if session.closed:
                raise EngineFailure("the worker is gone", kind="signal")
            return run(feeds)

        session = FakeSession(alive, artifact, options=options, gradient=gradient)
        return session

    make.makes_session = True
    trial.pool.functions["fake"] = make
    result = run_check(CHECK, trial)
    assert result.verdict is Verdict.PASS, [each.summary.en for each in result.findings]
    assert method in next(e for e in result.findings if e.id == "explainability.attribution").summary.en
    assert len(died) == min(deaths, 2)


def test_a_decision_on_a_corner_pixel_is_a_shortcut(tmp_path):
    images, labels = quadrants.pictures(48)  # F42: the label is coded in one pixel
    images[:, 0, 0, 0] = (labels + 1) / 4
    images[:, 0, 0, 1:] *= 0.1

    def cheat(feeds):
        code = feeds["image"][:, 0, 0, 0]
        return [quadrants.softmax(-40 * (code[:, None] - (np.arange(4) + 1) / 4) ** 2).astype("float32")]

    trial = quadrants.trial(tmp_path, run=cheat, held_out=quadrants.held_out(images, labels))
    shortcut = found(trial)["explainability.shortcut"]
    assert shortcut.verdict is Verdict.FAIL
    assert shortcut.where == "cell 1,1 of 8x8"


def test_a_model_that_ignores_its_input_rests_on_nothing(tmp_path):
    seen = found(
        quadrants.trial(tmp_path, count=40, run=lambda f: [np.full((len(f["image"]), 4), 0.25, "float32")])
    )
    assert seen["explainability.attribution"].verdict is Verdict.WARN
    assert seen["explainability.faithfulness"].verdict is Verdict.WARN


def test_words_are_named_for_texts(tmp_path):
    vocabulary = ("[PAD]", "[UNK]", "good", "bad", "film", "the")
    ids = TensorSpec("ids", "int64", ("batch", "time"), "NT", low=0, high=5)
    scores = TensorSpec("p", "float32", ("batch", 2), "NC")
    artifact = make_artifact(tmp_path / "m", {"w": np.ones(2, "float32")}, inputs=(ids,), outputs=(scores,))

    def sentiment(feeds):
        tone = (feeds["ids"] == 2).sum(axis=1) - (feeds["ids"] == 3).sum(axis=1)
        return [quadrants.softmax(np.stack([-tone, tone], axis=1).astype("float32"))]

    rows = [np.array([5, 2, 4, 5, 4, 5]), np.array([5, 5, 4, 3, 4, 5]), np.array([2, 5, 4, 4, 5, 5])] * 4
    held = HeldOut(
        tuple(Sample(f"{n}", row, int(2 in row)) for n, row in enumerate(rows)), "sha256:t", "memory"
    )
    contract = replace(Contract("words", "tensor", (ids,), (scores,), vocabulary=vocabulary), task="tensor")
    trial = make_trial(tmp_path, artifact, sentiment, contract=contract, held_out=held)
    words = found(trial)["explainability.attribution"].evidence[0]
    assert words.rows[0][0] == "good"
    assert words.rows[0][1] > 0.1


def test_without_answers_it_is_inconclusive(tmp_path):
    trial = quadrants.trial(tmp_path)
    spoiled = tuple(replace(each, payload=np.zeros(3, "float32")) for each in trial.held_out.samples)
    seen = found(replace(trial, held_out=replace(trial.held_out, samples=spoiled)))
    assert [each.verdict for each in seen.values()] == [Verdict.INCONCLUSIVE]


def test_integrated_gradients_are_exact_for_a_straight_line():
    contract = Contract("line", "tensor", (quadrants.IMAGE,), (TensorSpec("y", "float32", ("batch", 1)),))
    slope = np.random.default_rng(0).normal(0, 1, (1, 8, 8)).astype("float32")

    class Line:
        def run(self, feeds):
            return [(feeds["image"] * slope).sum(axis=(1, 2, 3))[:, None]]

        def gradients(self, feeds, *, of, output, index):
            return np.repeat(slope[None], len(feeds[of]), axis=0)

    feed = {"image": np.random.default_rng(1).random((1, 1, 8, 8)).astype("float32")}
    cells = attribution.cut(contract, feed)
    one = attribution.Target(lambda got: got[0][:, 0], "the line", 0)
    asked = attribution.Question(feed, cells, np.zeros_like(feed["image"]), one)
    found = attribution.integrated_gradients(Line(), [asked], steps=8)
    assert found.residual[0] < 1e-5
    assert found.weights[0] == pytest.approx((feed["image"] * slope)[0, 0], abs=1e-6)


@given(st.integers(8, 90), st.integers(8, 300), st.integers(4, 100))
def test_cells_cover_every_pixel_once(height, width, most):
    spec = TensorSpec("x", "float32", ("batch", 3, "h", "w"), "NCHW")
    contract = Contract("x", "tensor", (spec,), ())
    feed = {"x": np.zeros((1, 3, height, width), "float32")}
    cells = attribution.cut(contract, feed, most=most)
    assert cells is not None
    assert set(np.unique(cells.index)) == set(range(cells.count))
    assert cells.count <= most
    one = attribution.Target(lambda got: got[0][:, 0], "anything", 0)
    everything = attribution.Question(feed, cells, np.ones_like(feed["x"]), one).without(
        np.ones(cells.count, bool)
    )
    assert everything["x"].all()
    assert cells.gather(np.ones((height, width))).sum() == height * width


def test_ranks_without_meaning_are_no_proof():
    assert p_value_of_ranks([0, 0, 0], 7) == pytest.approx(1 / 512)
    assert p_value_of_ranks([7, 7], 7) == pytest.approx(1.0)
    assert p_value_of_ranks([], 7) == 1.0
    assert p_value_of_ranks([3, 4, 3, 4], 7) > 0.3


def test_one_answer_only_is_no_shortcut():
    stamp = [np.eye(1, 64)[0] for _ in range(6)]
    assert concentration(stamp, list("abcabc")).suspicious(0.35)
    assert not concentration(stamp, list("aaaaaa")).suspicious(0.35)


def test_pictures_are_small_whatever_comes_in():
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype="uint8")
    drawn = picture(noise, Text("a", "a"), Text("b", "b"))
    data = base64.b64decode(drawn.png_base64)
    assert len(data) <= 40_000
    assert Image.open(io.BytesIO(data)).format == "PNG"


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (3, 8, 8), (8, 8, 3), (1, 3, 8, 8)])
def test_arrays_become_pictures(shape):
    drawn = picture_of(np.linspace(0, 1, int(np.prod(shape))).reshape(shape))
    assert drawn.shape == (8, 8, 3)
    assert (drawn.min(), drawn.max()) == (0, 255)


@pytest.mark.parametrize(
    "value", ["text", b"no image", np.zeros(5), np.zeros((7, 9, 9)), {"a": np.zeros((8, 8))}]
)
def test_what_is_no_picture_is_none(value):
    assert picture_of(value) is None


def test_heat_is_red_for_and_blue_against():
    gray = np.full((4, 4, 3), 128, "uint8")
    weights = np.zeros((4, 4))
    weights[0, 0], weights[3, 3] = 1.0, -1.0
    colored = heat(gray, weights).astype(int)
    assert colored[0, 0, 0] > colored[0, 0, 2] + 50
    assert colored[3, 3, 2] > colored[3, 3, 0] + 50
    assert np.ptp(colored[1, 2]) == 0
    assert sheet([gray] * 3, columns=2, height=20, width=20).shape == (64, 64, 3)
