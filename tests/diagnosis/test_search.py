"""The search finds what was broken, says so, and never guesses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatrial.contract import StepCall
from seatrial.diagnosis import Case, Hypothesis, Intervention, Observation, Search, Setup, diagnose
from seatrial.diagnosis.hypotheses.channel_order import HYPOTHESIS as CHANNELS
from seatrial.diagnosis.setup import Stage
from seatrial.text import Text
from support.toy_case import CLASSES, Matrix, toy_case


def _say(hypothesis: str, name: str, setup: Setup, **more: float) -> Intervention:
    text = Text(f"{name} is wrong.", f"{name} 有误。")
    return Intervention(hypothesis, name, setup, said=text, fix=text, **more)


def _hypothesis(name: str, propose: object, stage: Stage = "preprocessed") -> Hypothesis:
    return Hypothesis(name, Text(name, name), Text("?", "？"), stage, propose)  # type: ignore[arg-type]


def _scales(_: Case, setup: Setup) -> Iterator[Intervention]:
    for place in setup.places("preprocess", "normalize"):
        for scale in (1.0, 1 / 255, 1 / 127.5):
            yield _say("scaling", f"scale {scale:.4f}", setup.with_options("preprocess", place, scale=scale))


def _shifts(_: Case, setup: Setup) -> Iterator[Intervention]:
    labels = setup.contract.labels
    for by in (1, 2, 3):
        shifted = labels[by:] + labels[:by]
        yield _say("label-map", f"shift {by}", setup.with_contract(labels=shifted))


HYPOTHESES = {
    "channel-order": CHANNELS,
    "scaling": _hypothesis("scaling", _scales),
    "label-map": _hypothesis("label-map", _shifts, "answers"),
}
HOW = Search(budget=600, hypotheses=HYPOTHESES)


def swapped(setup: Setup) -> Setup:
    return setup.with_options("preprocess", 0, color="BGR")


def unscaled(setup: Setup) -> Setup:
    return setup.with_options("preprocess", 1, scale=1.0)


def shifted(setup: Setup) -> Setup:
    return setup.with_contract(labels=CLASSES[1:] + CLASSES[:1])


@pytest.mark.parametrize("knows", [("outputs", "answers"), ("answers",), ("feeds",), ("labels",)])
@pytest.mark.parametrize(
    ("edit", "name"), [(swapped, "channel-order"), (unscaled, "scaling"), (shifted, "label-map")]
)
def test_names_the_cause(edit: object, name: str, knows: tuple[str, ...]) -> None:
    if knows == ("feeds",):
        knows = ("feeds", "outputs", "answers")
    found = diagnose(toy_case(edit, knows=knows, count=96), HOW)  # type: ignore[arg-type]
    assert found.verdict == "cause", found.sentence.en
    assert found.cause is not None
    assert found.cause.attempt.hypotheses == (name,)
    assert found.cause.attempt.after > found.agreement
    assert found.setup == found.cause.attempt.interventions[-1].setup


def test_the_sentence_has_the_evidence_in_both_languages() -> None:
    found = diagnose(toy_case(swapped), HOW)
    assert "Channels are swapped: the service feeds BGR, training used RGB." in found.sentence.en
    assert "to 100.0% (n=64, p" in found.sentence.en
    assert "Fix: set color: RGB in decode_image" in found.sentence.en
    assert "通道顺序颠倒" in found.sentence.zh


def test_two_causes_at_once() -> None:
    found = diagnose(toy_case(lambda setup: swapped(unscaled(setup))), HOW)
    assert found.cause is not None
    assert set(found.cause.attempt.hypotheses) == {"channel-order", "scaling"}
    assert "Two causes at once." in found.sentence.en


def _softer(by: int) -> Hypothesis:
    """Makes overconfident logits look a little better without being the cause."""

    def divided(outputs: Sequence[Any]) -> list[Any]:
        return [each / by for each in outputs]

    def propose(_: Case, setup: Setup) -> Iterator[Intervention]:
        yield _say(f"softer-{by}", f"by {by}", replace(setup, outputs=divided))

    return _hypothesis(f"softer-{by}", propose, "outputs")


@pytest.mark.parametrize("softer", [(), (350, 450)], ids=["first-was-best-alone", "others-were-better-alone"])
def test_each_of_two_causes_is_asked_alone_on_every_sample_and_never_again(
    softer: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Setup, tuple[int, ...]]] = []
    observe = Case.observe

    def noted(case: Case, setup: Setup, places: Sequence[int]) -> Observation:
        asked.append((setup, tuple(places)))
        return observe(case, setup, places)

    case = toy_case(lambda setup: swapped(unscaled(setup)))
    monkeypatch.setattr(Case, "observe", noted)
    more = {f"softer-{by}": _softer(by) for by in softer}
    found = diagnose(case, replace(HOW, hypotheses=HYPOTHESES | more))
    assert found.cause is not None
    assert set(found.cause.attempt.hypotheses) == {"channel-order", "scaling"}
    whole = [id(setup) for setup, places in asked if places == tuple(range(found.n))]
    first, both = found.cause.attempt.interventions
    assert (whole.count(id(first.setup)), whole.count(id(both.setup))) == (1, 1)
    alone = [each.hypotheses for each in found.attempts if len(each.interventions) == 1]
    assert ((first.hypothesis,) in alone) is not bool(softer)


def test_two_causes_on_both_sides_of_the_model() -> None:
    found = diagnose(toy_case(lambda setup: swapped(shifted(setup))), HOW)
    assert found.cause is not None
    assert set(found.cause.attempt.hypotheses) == {"channel-order", "label-map"}


def test_one_cause_is_never_told_as_two() -> None:
    for edit in (swapped, unscaled, shifted):
        found = diagnose(toy_case(edit), HOW)
        assert found.cause is not None
        assert len(found.cause.attempt.interventions) == 1


def test_a_matched_pair_is_left_alone() -> None:
    found = diagnose(toy_case(), HOW)
    assert (found.verdict, found.tried, found.cause) == ("agree", 0, None)


@pytest.mark.parametrize("seed", range(10))
def test_labels_that_are_partly_wrong_give_no_cause(seed: int) -> None:
    case = toy_case(knows=("labels",))
    rng = np.random.default_rng(seed)
    noisy = tuple(
        str(rng.choice(CLASSES)) if rng.random() < 0.1 else each for each in case.reference.answers or ()
    )
    found = diagnose(replace(case, reference=replace(case.reference, answers=noisy)), HOW)
    assert found.cause is None


def test_an_unknown_cause_is_not_guessed() -> None:
    found = diagnose(toy_case(runner=Matrix(seed=99)), HOW)
    assert found.verdict == "none-found"
    assert "No cause found among" in found.sentence.en
    assert "raw outputs" in found.sentence.en
    assert found.setup == toy_case().setup


def test_a_hypothesis_that_breaks_costs_no_other_its_turn() -> None:
    def broken(_: Case, __: Setup) -> Iterator[Intervention]:
        raise ValueError("a bug in a plug-in")

    found = diagnose(
        toy_case(swapped), Search(hypotheses={"broken": _hypothesis("broken", broken)} | HYPOTHESES)
    )
    assert found.cause is not None
    assert any("a bug in a plug-in" in note for note in found.notes)


def test_a_dead_model_is_an_honest_no() -> None:
    found = diagnose(toy_case(swapped, runner=Matrix(fails=True)), HOW)
    assert (found.verdict, found.agreement) == ("none-found", 0.0)


def test_a_change_behind_the_model_asks_the_model_nothing() -> None:
    runner = Matrix()
    case = toy_case(shifted, runner=runner)
    assert case.observed.agreement < 1
    asked = runner.asked
    case.observe(case.setup.with_contract(labels=CLASSES), range(64))
    assert runner.asked == asked


class Words(Matrix):
    """A model of words: how long they are."""

    def infer(self, setup: Setup, feeds: Mapping[str, Any]) -> list[Any]:
        """One batch."""
        self.asked += 1
        return [np.array([[len(each)] for each in feeds["x"]])]


def test_the_same_words_are_not_asked_again_and_other_words_are() -> None:
    runner = Words()
    case = toy_case(runner=runner)
    first, again, other = (
        np.array(["".join(each)], object) for each in (["a", "b"], ["a", "b"], ["a", "bc"])
    )
    assert first[0] is not again[0]
    told = [case.infer(case.setup, {"x": each})[0].item() for each in (first, again, other)]
    assert (told, runner.asked) == ([2, 2, 3], 2)


def test_of_too_many_answers_those_not_asked_for_longest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Matrix()
    case = toy_case(runner=runner)
    feeds = [{"x": np.full((1, 3, 8, 8), value, "float32")} for value in range(9)]
    one = sum(each.nbytes for each in case.infer(case.setup, feeds[8]))
    monkeypatch.setattr("seatrial.diagnosis.case._KEEP_BYTES", 2 * one)
    runner.asked = 0
    asked = []
    for number in (0, 1, 0, 2, 0, 1, 3, 4, 5, 6, 7, 6, 7, 7, 6, 5):
        case.infer(case.setup, feeds[number])
        asked.append(runner.asked)
    assert asked == [1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 10]


def test_an_answer_that_is_too_large_is_kept_until_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.diagnosis.case._KEEP_BYTES", 1)
    runner = Matrix()
    case = toy_case(runner=runner)
    feeds = [{"x": np.full((1, 3, 8, 8), value, "float32")} for value in range(2)]
    for number in (0, 0, 1, 1, 0):
        case.infer(case.setup, feeds[number])
    assert runner.asked == 3


def test_equal_tensors_acquit_the_preprocessing() -> None:
    asked: list[str] = []

    def noted(_: Case, __: Setup) -> Iterator[Intervention]:
        asked.append("before")
        yield from ()

    hypotheses = {"noted": _hypothesis("noted", noted), "label-map": HYPOTHESES["label-map"]}
    found = diagnose(toy_case(shifted, knows=("feeds", "outputs", "answers")), Search(hypotheses=hypotheses))
    assert found.cause is not None
    assert not asked


def test_time_that_is_up_ends_the_search() -> None:
    ticks = iter(range(0, 10_000, 40))
    found = diagnose(
        toy_case(swapped), Search(budget=60, hypotheses=HYPOTHESES, now=lambda: float(next(ticks)))
    )
    assert found.verdict in {"cause", "none-found"}


def test_steps_can_be_taken_out() -> None:
    setup = toy_case().setup
    shorter = setup.with_calls("preprocess", setup.calls("preprocess")[:1])
    assert [each.name for each in shorter.calls("preprocess")] == ["decode_image"]
    assert setup.with_options("postprocess", 1, k=None).calls("postprocess")[1] == StepCall("topk", {})
