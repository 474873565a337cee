"""Axes of a chart: where the ticks lie, what they say, and where a value falls."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seatrial.checks._render._escape import clipped, one_line
from seatrial.checks._render._figure import number, power


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        low: Smallest value shown.
        high: Largest value shown; more than `low`.
        log: Logarithmic; `low` is positive then.
        ticks: Value and label.
    """

    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """The place of a value, 0 to 1."""
        if self.log:
            return (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return (value - self.low) / (self.high - self.low)


def shown(value: float, *, log: bool) -> bool:
    """Whether the value has a place on such an axis."""
    return math.isfinite(value) and abs(value) < 1e300 and (value > 1e-300 or not log)


def numeric(values: list[float], *, log: bool, zero: bool = False, most: int = 6) -> Axis:
    """An axis that holds all the values, with round ticks at both ends.

    Args:
        values: What must fit; those without a place are left out.
        log: Logarithmic.
        zero: Begin at zero (bars do); on a logarithmic axis, a decade below the smallest.
        most: About how many ticks.
    """
    fit = [each for each in values if shown(each, log=log)]
    if log:
        return _logarithmic(fit or [1.0], zero=zero, most=most)
    low, high = (min(fit), max(fit)) if fit else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        # All one value: a window around it.
        pad = abs(high) * 0.1 or 1.0
        low, high = (0.0, high + pad) if zero and high >= 0 else (low - pad, high + pad)
    step = _round_step((high - low) / max(most - 1, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple((place * step, _label(place * step, step)) for place in range(first, last + 1))
    return Axis(first * step, last * step, log=False, ticks=ticks)


def categories(names: list[str]) -> Axis:
    """An axis with one place for each name, in order."""
    ticks = tuple((float(place), clipped(one_line(name), 22)) for place, name in enumerate(names))
    return Axis(-0.5, max(len(names), 1) - 0.5, log=False, ticks=ticks)


def _logarithmic(values: list[float], *, zero: bool, most: int) -> Axis:
    first, last = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    if zero and 10.0**first > min(values) * 0.7:
        first -= 1
    if first == last:
        first, last = first - 1, last + 1
    stride = math.ceil((last - first) / most)
    last = first + stride * math.ceil((last - first) / stride)
    ticks = [(10.0**place, _decade(place)) for place in range(first, last + 1, stride)]
    if last - first <= 2:
        ticks += [
            (by * 10.0**place, _label(by * 10.0**place, 0)) for place in range(first, last) for by in (2, 5)
        ]
    return Axis(10.0**first, 10.0**last, log=True, ticks=tuple(sorted(ticks)))


def _round_step(rough: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(by * magnitude for by in (1, 2, 2.5, 5, 10) if by * magnitude >= rough * 0.999)


def _decade(place: int) -> str:
    return (
        number(10**place)
        if 0 <= place <= 4
        else f"{10.0**place:g}"
        if -2 <= place < 0
        else f"10{power(place)}"
    )


def _label(value: float, step: float) -> str:
    if step and abs(value) < step * 1e-6:
        return "0"
    return number(float(value))
