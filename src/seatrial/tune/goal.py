"""What a deployment is tuned for: bounds that must hold, and what is best among the points that hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seatrial.errors import UsageError

Direction = Literal["min", "max"]

# Each figure with the unit it is told in, and the direction that is better.
FIGURES: Mapping[str, tuple[str, Direction]] = {
    "p50": ("ms", "min"),
    "p90": ("ms", "min"),
    "p99": ("ms", "min"),
    "throughput": ("/s", "max"),
    "memory": ("MB", "min"),
}
QUANTILES: Mapping[str, float] = {"p50": 0.50, "p90": 0.90, "p99": 0.99}
_ALIASES = {"latency": "p50"}
_UNITS: Mapping[str, Mapping[str, float]] = {
    "ms": {"us": 1e-3, "ms": 1.0, "s": 1e3},
    "/s": {"/s": 1.0, "rps": 1.0, "qps": 1.0, "": 1.0},
    "MB": {"kb": 1e-3, "mb": 1.0, "gb": 1e3},
}
_NUMBER = r"[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?"
_BOUND = re.compile(rf"([a-z]\w*)\s*(<=?|>=?)\s*({_NUMBER})\s*(\S*)", re.IGNORECASE)
_OBJECTIVE = re.compile(r"(min|max)\s+([a-z]\w*)", re.IGNORECASE)
_HINT = (
    'such as "p99<20ms", "throughput>100/s and memory<500MB", "p99<20ms and max throughput", "min latency"'
)


@dataclass(frozen=True, slots=True)
class Bound:
    """A figure that must stay on one side of a value.

    Attributes:
        figure: One of `FIGURES`.
        value: In the unit of the figure.
    """

    figure: str
    value: float

    def __str__(self) -> str:
        """As people write it."""
        unit, better = FIGURES[self.figure]
        return f"{self.figure}{'<' if better == 'min' else '>'}{self.value:g}{unit}"

    def missed(self, value: float) -> float:
        """How many times a value is on the wrong side: 2 for a latency twice as long; at most 1 holds."""
        if FIGURES[self.figure][1] == "min":
            return value / self.value
        return self.value / value if value > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Goal:
    """Bounds, and the figure that is to be best among the points that hold them.

    Attributes:
        bounds: All must hold.
        objective: One of `FIGURES`; its direction is the one that is better.
        told: As the user said it.
    """

    bounds: tuple[Bound, ...]
    objective: str
    told: str

    def __str__(self) -> str:
        """With the objective that follows when none was said."""
        return " and ".join([*map(str, self.bounds), f"{FIGURES[self.objective][1]} {self.objective}"])


def parse_goal(text: str) -> Goal:
    """A goal from what people write, parts joined by `and`.

    Bounds alone leave open which of the points that hold them is best: a bound of latency or memory asks for
    the most throughput (as a service with an objective of latency does), one of throughput for the shortest
    latency.

    Raises:
        UsageError: A part is neither a bound nor an objective, or two parts contradict each other.
    """
    parts = [part.strip() for part in re.split(r"\band\b|,", text, flags=re.IGNORECASE)]
    if not text.strip() or not all(parts):
        raise UsageError(f"'{text}' is no goal", hint=_HINT)
    bounds: dict[str, Bound] = {}
    objectives: list[str] = []
    for part in parts:
        if found := _OBJECTIVE.fullmatch(part):
            objectives.append(_objective(found[1].lower(), _figure(found[2])))
        elif found := _BOUND.fullmatch(part):
            bound = _bound(part, _figure(found[1]), found[2], float(found[3]), found[4])
            if bound.figure in bounds:
                raise UsageError(f"'{text}' bounds {bound.figure} twice", hint="keep the one that is meant")
            bounds[bound.figure] = bound
        else:
            raise UsageError(f"'{part}' is no goal", hint=_HINT)
    if len(objectives) > 1:
        raise UsageError(
            f"'{text}' asks for the best of two figures at once: {' and '.join(objectives)}",
            hint="make one of them a bound, such as p99<20ms",
        )
    kept = tuple(bounds.values())
    objective = objectives[0] if objectives else "p50" if "throughput" in bounds else "throughput"
    return Goal(kept, objective, text.strip())


def _figure(name: str) -> str:
    figure = _ALIASES.get(name.lower(), name.lower())
    if figure not in FIGURES:
        raise UsageError(f"'{name}' is nothing that is measured", hint=f"there are: {', '.join(FIGURES)}")
    return figure


def _objective(direction: str, figure: str) -> str:
    if direction != FIGURES[figure][1]:
        raise UsageError(
            f"'{direction} {figure}' asks for the worst", hint=f"say: {FIGURES[figure][1]} {figure}"
        )
    return figure


def _bound(part: str, figure: str, sign: str, value: float, unit: str) -> Bound:
    wanted, better = FIGURES[figure]
    if (sign[0] == "<") != (better == "min"):
        raise UsageError(
            f"'{part}' bounds {figure} from the wrong side",
            hint=f"say: {figure}{'<' if better == 'min' else '>'}{value:g}{unit or wanted}",
        )
    scale = _UNITS[wanted].get(unit.lower())
    if scale is None:
        known = ", ".join(each for each in _UNITS[wanted] if each)
        raise UsageError(f"'{part}': {figure} is told in {known}, not in '{unit}'", hint=_HINT)
    if value <= 0:
        raise UsageError(f"'{part}': nothing can be {sign} {value:g}", hint=_HINT)
    return Bound(figure, value * scale)
