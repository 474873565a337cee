"""Edits of a preprocessing: a step put in, taken out, or exchanged for others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial import extensions
from seatrial.contract import StepCall
from seatrial.diagnosis.setup import Setup


def without(setup: Setup, place: int) -> Setup:
    """The setup with one step less."""
    return exchanged(setup, place, ())


def inserted(setup: Setup, place: int, name: str, **options: Any) -> Setup:
    """The setup with one step more, before step `place`."""
    calls = setup.calls("preprocess")
    return setup.with_calls("preprocess", [*calls[:place], StepCall(name, options), *calls[place:]])


def exchanged(setup: Setup, place: int, calls: Sequence[StepCall]) -> Setup:
    """The setup with other steps where one stood."""
    old = setup.calls("preprocess")
    return setup.with_calls("preprocess", [*old[:place], *calls, *old[place + 1 :]])


def moved(setup: Setup, place: int, to: int) -> Setup:
    """The setup with a step in another place of the list."""
    calls = list(setup.calls("preprocess"))
    calls.insert(to, calls.pop(place))
    return setup.with_calls("preprocess", calls)


def option(setup: Setup, place: int, name: str) -> Any:
    """The value of a step's option, its default where the contract does not say; None where it has none."""
    call = setup.calls("preprocess")[place]
    step = extensions.get("seatrial.contract.steps", "STEP", call.name)
    return call.options.get(name, step.options.get(name))


def steps_with(setup: Setup, name: str) -> list[int]:
    """Places of the steps that have an option of this name."""
    steps = extensions.find("seatrial.contract.steps", "STEP")
    return [
        place
        for place, call in enumerate(setup.calls("preprocess"))
        if call.name in steps and name in steps[call.name].options
    ]
