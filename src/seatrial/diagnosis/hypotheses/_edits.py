"""Edits of a preprocessing: a step put in, taken out, exchanged for others, or given another option."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seatrial import extensions
from seatrial.contract import StepCall
from seatrial.diagnosis.setup import Intervention, Setup, Side
from seatrial.text import Text


@dataclass(frozen=True)
class Suspect:
    """A step whose options a hypothesis suspects.

    Attributes:
        hypothesis: Its name.
        setup: As deployed.
        place: Of the step.
        side: The pipeline it stands in.
    """

    hypothesis: str
    setup: Setup
    place: int
    side: Side = "preprocess"

    def given(
        self, option: str, value: Any, said: Text, prior: float, *, name: str = "", shown: str = ""
    ) -> Intervention:
        """The step with another value of one option.

        Args:
            option: Its name.
            value: The right one.
            said: What would be wrong.
            prior: Odds before trying.
            name: Of the intervention; empty for the option and its value.
            shown: The value where `written` is not how a person would write it.
        """
        step, shown = self.setup.calls(self.side)[self.place].name, shown or written(value)
        return Intervention(
            hypothesis=self.hypothesis,
            name=name or f"{option}-{shown}".replace("_", "-"),
            setup=self.setup.with_options(self.side, self.place, **{option: value}),
            said=said,
            fix=Text(f"set {option}: {shown} in {step}", f"把 {step} 的 {option} 改为 {shown}"),
            prior=prior,
            place=(self.side, self.place),
        )

    def toggled(self, switch: str, surplus: Text, missing: Text, priors: tuple[float, float]) -> Intervention:
        """The step with an option switched off, or on.

        Args:
            switch: Name of the option.
            surplus: What would be wrong where it is on.
            missing: What would be wrong where it is off.
            priors: Odds of the one and of the other.
        """
        on = bool(option(self.setup, self.place, switch, self.side))
        said, prior = (surplus, priors[0]) if on else (missing, priors[1])
        return self.given(switch, not on, said, prior)


def written(value: Any) -> str:
    """A value as a contract has it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(written(each) for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


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


def option(setup: Setup, place: int, name: str, side: Side = "preprocess") -> Any:
    """The value of a step's option, its default where the contract does not say; None where it has none."""
    call = setup.calls(side)[place]
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
