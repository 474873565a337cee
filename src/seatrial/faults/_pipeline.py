"""How faults of pipelines and lists are made: edits of the contract, and proof that an edit shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seatrial.contract import Contract, HeldOut, Pipeline, StepCall
from seatrial.contract.sample import Payload
from seatrial.errors import SeatrialError
from seatrial.extensions import get
from seatrial.faults._fault import Good, NotApplicable, Release
from seatrial.faults._ideal import ideal_outputs

Side = Literal["preprocess", "postprocess"]
Instances = Callable[[Contract], Iterator[Contract]]

BASELINE = frozenset({"baseline"})
SEEN_BY = frozenset({"interface", "accuracy"})
SIZED = ("resize", "resize_limit", "resize_long", "resize_short", "resize_width")
TEXTS = ("tokenize_chars", "tokenize_words", "tokenize_bert")
CONFIDENT = ("topk", "threshold", "ctc_decode")  # steps that read probabilities
_WITHOUT = {
    SIZED: "no picture is resized",
    TEXTS: "no text is cut into tokens",
    CONFIDENT: "no probability is read",
}

_TRIED = 48  # samples looked at before a fault is said not to show
_EVERY = 2000
_BEGINNING = 6  # samples that decide whether bounds are passed, and whether anything runs at all


# --- edits ---------------------------------------------------------------------------------------------


def places(contract: Contract, side: Side, *names: str) -> list[int]:
    """Where steps of these names stand in one pipeline."""
    return [place for place, call in enumerate(calls_of(contract, side)) if call.name in names]


def needed(contract: Contract, side: Side, *names: str) -> list[int]:
    """As `places`, for a fault that needs one of them.

    Raises:
        NotApplicable: There is none.
    """
    found = places(contract, side, *names)
    if not found:
        listed = " or ".join(names)
        raise NotApplicable(_WITHOUT.get(names, f"the {side}ing has no step {listed}"))
    return found


def calls_of(contract: Contract, side: Side) -> tuple[StepCall, ...]:
    """The steps of one pipeline."""
    pipeline: Pipeline = getattr(contract, side)
    return pipeline.calls


def option(call: StepCall, name: str) -> Any:
    """An option of a call, its default where the contract does not say."""
    return call.options.get(name, get("seatrial.contract.steps", "STEP", call.name).options[name])


def with_calls(contract: Contract, side: Side, calls: Iterable[StepCall]) -> Contract:
    """The contract with other steps in one pipeline."""
    pipeline = Pipeline(tuple(calls))
    if side == "preprocess":
        return replace(contract, preprocess=pipeline)
    return replace(contract, postprocess=pipeline)


def changed(contract: Contract, side: Side, place: int, /, **options: Any) -> Contract:
    """The contract with some options of one step changed; `None` takes an option away."""
    call = calls_of(contract, side)[place]
    merged = {name: value for name, value in {**call.options, **options}.items() if value is not None}
    return exchanged(contract, side, place, StepCall(call.name, merged))


def others(
    contract: Contract, side: Side, place: int, name: str, values: Iterable[Any]
) -> Iterator[Contract]:
    """The contract with each of several values of one option that is not its value now."""
    now = option(calls_of(contract, side)[place], name)
    for value in values:
        if value != now:
            yield changed(contract, side, place, **{name: value})


def exchanged(contract: Contract, side: Side, place: int, *calls: StepCall) -> Contract:
    """The contract with one step replaced by others, or by none."""
    old = calls_of(contract, side)
    return with_calls(contract, side, (*old[:place], *calls, *old[place + 1 :]))


def inserted(contract: Contract, side: Side, place: int, *calls: StepCall) -> Contract:
    """The contract with steps put in before the one at `place`."""
    old = calls_of(contract, side)
    return with_calls(contract, side, (*old[:place], *calls, *old[place:]))


def with_names(contract: Contract, what: Literal["labels", "vocabulary"], names: Sequence[str]) -> Contract:
    """The contract with another list, and without the fingerprint of the old one.

    A careless integrator has the fingerprint written anew: nothing in the contract speaks against the list.
    """
    kept = {name: value for name, value in contract.fingerprints.items() if name != what}
    listed = tuple(names)
    if what == "labels":
        return replace(contract, labels=listed, fingerprints=kept)
    return replace(contract, vocabulary=listed, fingerprints=kept)


def unbounded(contract: Contract) -> Contract:
    """The contract without bounds of its floating inputs: who writes a pipeline writes the bounds it has."""
    return replace(
        contract,
        inputs=tuple(
            replace(each, low=None, high=None) if each.dtype.startswith("float") else each
            for each in contract.inputs
        ),
    )


# --- what a contract has -------------------------------------------------------------------------------


def image_order(contract: Contract) -> Literal["HWC", "CHW"]:
    """Where the channels of the one image that is fed stand.

    Raises:
        NotApplicable: The model takes something else than one image of floating numbers.
    """
    spec = contract.inputs[0]
    if len(contract.inputs) != 1 or len(spec.shape) != 4 or not spec.dtype.startswith("float"):
        raise NotApplicable("the model does not take one image of floating numbers")
    return "HWC" if spec.layout == "NHWC" else "CHW"


def image_end(contract: Contract) -> int:
    """The place behind the last step that changes the image."""
    calls = calls_of(contract, "preprocess")
    return len(calls) - (bool(calls) and calls[-1].name == "feed")


def image_pads(contract: Contract) -> list[int]:
    """Where the picture is padded.

    Raises:
        NotApplicable: Nowhere, or texts are.
    """
    found = needed(contract, "preprocess", "pad")
    if places(contract, "preprocess", "lookup", *TEXTS):
        raise NotApplicable("texts are filled up, not pictures")
    return found


def class_labels(contract: Contract) -> tuple[str, ...]:
    """Names of classes, two at least.

    Raises:
        NotApplicable: There are none, or they are the characters of a text recognizer.
    """
    if places(contract, "postprocess", "ctc_decode"):
        raise NotApplicable("the labels are a dictionary of characters")
    if len(contract.labels) < 2:
        raise NotApplicable("the contract has no labels")
    return contract.labels


def dictionary(contract: Contract) -> tuple[tuple[str, ...], int]:
    """Characters of a text recognizer, and the place of the step that reads them.

    Raises:
        NotApplicable: The contract is of another kind.
    """
    place = needed(contract, "postprocess", "ctc_decode")[0]
    if len(contract.labels) < 2:
        raise NotApplicable("the dictionary has no second character")
    return contract.labels, place


def leading_specials(contract: Contract) -> int:
    """How many tokens such as `[PAD]` and `<unk>` the vocabulary begins with.

    Raises:
        NotApplicable: There is no vocabulary.
    """
    if len(contract.vocabulary) < 2:
        raise NotApplicable("the contract has no vocabulary")
    special = [len(each) > 2 and each[0] + each[-1] in ("[]", "<>") for each in contract.vocabulary]
    return special.index(False) if False in special else 0


# --- the fault -----------------------------------------------------------------------------------------


def edited(
    instances: Instances, *, refusal: bool = False, rare: bool = False
) -> Callable[[Good, Path, int], Release]:
    """The `make` of a fault that edits the contract and leaves the model's files as they are.

    Args:
        instances: Gives the broken contracts there are, or raises `NotApplicable` and says why there is none.
            One that changes nothing for the held-out samples is passed over.
        refusal: Whether a release that refuses every sample is an instance too: it is found at the first try.
        rare: Whether a few samples of many may show it, so that every one is looked at.
    """
    return partial(_make, instances, refusal=refusal, most=_EVERY if rare else _TRIED)


def _make(instances: Instances, good: Good, folder: Path, seed: int, *, refusal: bool, most: int) -> Release:
    """The first instance, in an order drawn by the seed, that some held-out sample shows.

    Raises:
        NotApplicable: There is no instance, or none that shows.
    """
    listed = list(instances(good.contract))
    if not len(good.release.held_out):
        raise NotApplicable("there is no held-out sample to show it")
    why = "it has no instance for this contract"
    for place in np.random.default_rng(seed).permutation(len(listed)):
        broken = _bounded(good.contract, listed[place], good.release.held_out)
        if not refusal and _refuses_all(broken, good.release.held_out):
            why = "the model takes one shape only, so that nothing would run at all"
        elif shows(good.contract, broken, good.release.held_out, most=most):
            return replace(good.release, contract=broken)
        else:
            why = "no held-out sample shows it"
    raise NotApplicable(why)


def shows(good: Contract, broken: Contract, held_out: HeldOut, *, most: int = _TRIED) -> bool:
    """Whether a held-out sample becomes another feed, or would be given another answer by an ideal model.

    Args:
        good: The right contract.
        broken: The edited one.
        held_out: Samples.
        most: How many of them to look at; texts cost nothing and are looked at all the same.
    """
    return any(_differs(good, broken, sample.payload, sample.label) for sample in _spread(held_out, most))


def _differs(good: Contract, broken: Contract, payload: Payload, label: Any) -> bool:
    before = _fed(good, payload)
    if before is None:
        return False
    if (good.preprocess, good.vocabulary) != (broken.preprocess, broken.vocabulary):
        after = _fed(broken, payload)
        if after is None or before.keys() != after.keys():
            return True
        if not all(np.array_equal(before[name], after[name]) for name in before):
            return True
    if (good.postprocess, good.labels) == (broken.postprocess, broken.labels):
        return False
    return bool(_answered(good, good, payload, label) != _answered(good, broken, payload, label))


def _fed(contract: Contract, payload: Payload) -> dict[str, Any] | None:
    try:
        return contract.prepare(payload)[0]
    except SeatrialError:
        return None


def _answered(good: Contract, contract: Contract, payload: Payload, label: Any) -> Any:
    """The answer when the model is right; what refuses it is an answer too."""
    try:
        feeds, context = good.prepare(payload)
        outputs = ideal_outputs(good, feeds, context, label)
        context.labels, context.vocabulary = contract.labels, contract.vocabulary
        return contract.answer(outputs, 0, context)
    except SeatrialError as error:
        return error.message


def _bounded(good: Contract, broken: Contract, held_out: HeldOut) -> Contract:
    """The broken contract, without bounds on its inputs where its own pipeline passes the good ones."""
    if good.preprocess == broken.preprocess:
        return broken
    wide = unbounded(broken)
    for sample in _spread(held_out, _BEGINNING):
        if _fed(broken, sample.payload) is None and _fed(wide, sample.payload) is not None:
            return wide
    return broken


def _refuses_all(contract: Contract, held_out: HeldOut) -> bool:
    return all(_fed(contract, sample.payload) is None for sample in _spread(held_out, _BEGINNING))


def _spread(held_out: HeldOut, most: int) -> list[Any]:
    """Up to `most` samples from the whole set; more where they are texts, which cost nothing to prepare."""
    samples = held_out.samples
    if most == _TRIED and samples and isinstance(samples[0].payload, str):
        most = _EVERY
    if len(samples) <= most:
        return list(samples)
    return [samples[place] for place in np.linspace(0, len(samples) - 1, most).astype(int)]
