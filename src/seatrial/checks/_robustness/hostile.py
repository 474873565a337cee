"""Hostile inputs and what an honest model does with them: a clear refusal, or a sound answer (`M07`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seatrial.contract import Contract, check_feeds
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation, EngineFailure, SeatrialError
from seatrial.runtimes import Session

Ending = Literal[
    "refused", "answered", "engine-refused", "overflowed", "nonsense", "crashed", "hung", "broke"
]


@dataclass(frozen=True)
class Case:
    """One hostile input.

    Attributes:
        name: Stable: `truncated-image`.
        level: `payload` goes through the contract's preprocessing, `tensor` straight to the model's input.
        make: Makes it.
        must_refuse: An answer would be a lie (NaN, wrong shape); otherwise refusal and answer are both fine.
    """

    name: str
    level: Literal["payload", "tensor"]
    make: Callable[[], Any]
    must_refuse: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    Attributes:
        case: Which.
        ending: `refused` (clear error at the boundary), `answered` (finite and as the schema says),
            `engine-refused` (the engine raised; its process lives), `overflowed` (outputs that are not
            finite, from values that no declared range forbids), `nonsense` (an answer where none can be),
            `crashed` (signal, memory), `hung` (time limit), `broke` (an error that is not ours).
        message: What was said.
        seconds: How long it took.
    """

    case: Case
    ending: Ending
    message: str
    seconds: float

    def good(self, deadline: float) -> bool:
        """Whether this is what an honest model does, in time."""
        return self.ending in ("refused", "answered", "engine-refused") and self.seconds <= deadline


class Target:
    """The deployed model as production asks it: preprocessing, boundary, engine, answer."""

    def __init__(self, contract: Contract, session: Callable[[], Session]) -> None:
        self._contract, self._session = contract, session

    def ask(self, case: Case) -> Outcome:
        """Puts one case to the model."""
        begin = time.monotonic()
        ending, message = self._ask(case)
        return Outcome(case, ending, message[:300], round(time.monotonic() - begin, 4))

    def _ask(self, case: Case) -> tuple[Ending, str]:
        try:
            outputs, answer = self._through(case)
        except ContractViolation as error:
            return "refused", error.message
        except EngineFailure as error:
            if error.kind == "exception":
                return "engine-refused", error.message
            return "hung" if error.kind == "timeout" else "crashed", error.message
        except SeatrialError as error:
            return "refused", error.message
        except Exception as error:  # noqa: BLE001 - whatever it is, a server would have died of it
            return "broke", f"{type(error).__name__}: {error}"
        if not all(finite(each) for each in outputs):
            return "nonsense" if case.must_refuse else "overflowed", "the outputs are not finite"
        if case.must_refuse:
            return "nonsense", f"it was answered: {str(answer)[:120]}"
        return "answered", str(answer)[:120]

    def _through(self, case: Case) -> tuple[list[Array], Any]:
        value = case.make()
        if case.level == "payload":
            feeds, context = self._contract.prepare(value)
        else:
            feeds, context = value, self._contract.context()
            check_feeds(self._contract.inputs, feeds)
        outputs = self._session().run(feeds)
        if case.level == "tensor":  # steps that need notes of the preprocessing have none here
            return outputs, [np.asarray(each).shape for each in outputs]
        return outputs, self._contract.answer(outputs, 0, context)


def finite(array: Array) -> bool:
    """Whether an output holds neither NaN nor infinity."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


@dataclass(frozen=True)
class Canary:
    """A good request whose answer must stay the same, bit for bit, whatever was asked in between (F35).

    Attributes:
        payload: Of a good sample.
        outputs: What it gave before.
        spread: Largest difference between two asks of a healthy session; 0 for a deterministic engine.
    """

    payload: Any
    outputs: tuple[Array, ...]
    spread: float

    def differs(self, outputs: Sequence[Array]) -> bool:
        """Whether these outputs are not what the canary gave before."""
        if len(outputs) != len(self.outputs):
            return True
        return any(
            now.shape != then.shape or now.dtype != then.dtype or not _equal(now, then, self.spread)
            for now, then in zip(outputs, self.outputs, strict=True)
        )


def _equal(now: Array, then: Array, spread: float) -> bool:
    if not spread:
        return now.tobytes() == then.tobytes()
    return bool(np.abs(now.astype("float64") - then.astype("float64")).max(initial=0.0) <= 10 * spread)


def make_canary(contract: Contract, session: Callable[[], Session], payload: Any) -> Canary:
    """Asks a good sample three times, so that the engine's own unrest is known.

    Raises:
        SeatrialError: The good sample has no answer.
    """
    seen = [[np.array(each) for each in session().run(contract.prepare(payload)[0])] for _ in range(3)]
    spread = 0.0
    for again in seen[1:]:
        for one, other in zip(seen[0], again, strict=True):
            if one.dtype.kind in "biuf" and one.shape == other.shape:
                gap = np.abs(one.astype("float64") - other.astype("float64"))
                spread = max(spread, float(gap.max(initial=0.0)))
    return Canary(payload, tuple(seen[0]), spread)


def ask_all(
    cases: Sequence[Case], target: Target, alive: Callable[[], str]
) -> tuple[list[Outcome], list[tuple[str, str]]]:
    """Puts every case to the model and the canary after each.

    Args:
        cases: Hostile inputs.
        target: The model.
        alive: Asks the canary; returns what is wrong with it, or an empty string.

    Returns:
        The outcomes, and (case, what became of the canary) where it changed.
    """
    outcomes, poisoned = [], []
    for case in cases:
        outcomes.append(target.ask(case))
        wrong = alive()
        if wrong:
            poisoned.append((case.name, wrong))
    return outcomes, poisoned


def canary_question(canary: Canary, contract: Contract, session: Callable[[], Session]) -> Callable[[], str]:
    """The function that asks the canary again."""

    def ask() -> str:
        try:
            outputs = session().run(contract.prepare(canary.payload)[0])
        except SeatrialError as error:
            return f"no answer any more: {error.message[:160]}"
        return "another answer than before" if canary.differs(outputs) else ""

    return ask


def copied(feeds: Mapping[str, Array], name: str, value: Any) -> dict[str, Any]:
    """The feeds with one input replaced."""
    return {**feeds, name: value}
