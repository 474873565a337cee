"""Figures as people read them: few digits, the unit, and how far from the limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from seatrial.checks._finding import Finding, Verdict
from seatrial.checks._render._escape import one_line

if TYPE_CHECKING:
    from seatrial.checks._render._words import Words
    from seatrial.checks._report import CheckResult

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_BYTES = ("B", "kB", "MB", "GB", "TB")
_NO_GAP = frozenset({"%", "×", "°"})


def number(value: float) -> str:
    """Four significant digits; thousands apart by a thin space; powers of ten outside 1e-3 to 1e7."""
    if isinstance(value, int) and abs(value) < 10_000_000:
        return f"{value:,}".replace(",", "\u202f")
    value = math.copysign(math.inf, value) if abs(value) >= 1e300 else float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value and not 1e-3 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.2e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}×10{power(int(exponent))}"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.4g}"


def power(exponent: int) -> str:
    """The exponent in superscript digits."""
    return str(exponent).translate(_SUPERSCRIPT)


def scalar(value: Any) -> str:
    """Any value of a table cell or a measurement, on one line."""
    if hasattr(value, "tolist"):  # NumPy's scalars, without importing NumPy
        value = value.tolist()
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    return one_line(value)


def with_unit(value: Any, unit: str) -> str:
    """The figure with its unit: `12.4 ms`, `99.1%`."""
    gap = "" if not unit or unit in _NO_GAP else "\u00a0"
    return f"{scalar(value)}{gap}{one_line(unit)}"


def size(count: Any) -> str:
    """Bytes for people, in powers of 1000 as disks and registries count them."""
    if not isinstance(count, int | float) or isinstance(count, bool):
        return scalar(count)
    value, place = float(count), 0
    while value >= 1000 and place < len(_BYTES) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.3g}\u00a0{_BYTES[place]}"


def seconds(value: float) -> str:
    """A time span: `240 ms`, `3.2 s`, `2 min 5 s`."""
    if value < 1:
        return f"{value * 1000:.0f}\u00a0ms"
    if value < 60:
        return f"{value:.1f}\u00a0s"
    return f"{int(value // 60)}\u00a0min\u00a0{int(value % 60)}\u00a0s"


def took(result: CheckResult, words: Words) -> str:
    """How long a check took, or that its answer comes from an earlier run with the same inputs."""
    return words("reused") if result.reused_from else seconds(result.seconds)


def short_digest(digest: Any) -> str:
    """The first twelve digits, enough to compare by eye."""
    kind, colon, digits = one_line(digest).partition(":")
    return f"{kind}:{digits[:12]}" if colon else kind[:12]


@dataclass(frozen=True)
class Comparison:
    """A measured value beside its limit.

    Attributes:
        measured: With its unit.
        limit: With its unit; empty when there is none.
        sign: How the measured value stands to what is asked: `≤`, `≥`, `=`, or empty when the numbers do not
            tell whether the limit is a ceiling or a floor.
        share: Of a ceiling: measured / limit. None when that says nothing.
        gap: Of a floor: measured - limit. None for anything else.
        good: Whether the finding passed.
    """

    measured: str
    limit: str
    sign: Literal["≤", "≥", "=", ""]
    share: float | None
    gap: float | None
    unit: str
    good: bool

    def asked(self) -> str:
        """What is asked of the figure: `≤ 50 ms`."""
        return f"{self.sign}\u00a0{self.limit}".strip()

    def stands(self, words: Words) -> str:
        """The figure against its limit as it is: `12 ms ≤ 50 ms`, `80 ms > 50 ms`."""
        if not self.limit:
            return self.measured
        if not self.sign:
            return f"{self.measured}{words('comma')}{words('limit').lower()} {self.limit}"
        sign = self.sign if self.good else {"≤": ">", "≥": "<"}[self.sign]
        return f"{self.measured} {sign} {self.limit}"

    def margin(self, words: Words) -> str:
        """How far the limit is, in words; empty when the numbers do not tell."""
        if self.gap is not None:
            side = words("above" if self.gap >= 0 else "below")
            return side.format(with_unit(abs(self.gap), self.unit))
        if self.share is None:
            return ""
        if self.share > 1:
            times = number(round(self.share)) if self.share >= 10 else f"{self.share:.2f}"
            return words("times_limit").format(times)
        percent = 100 * self.share
        return words("share_of_limit").format("<0.1" if 0 < percent < 0.1 else f"{percent:.3g}")


def compare(finding: Finding) -> Comparison | None:
    """The finding's figure beside its limit, or None when it measured nothing.

    A limit does not say whether it is a ceiling or a floor. A PASS and a FAIL tell it from which side the
    figure stands; for the other verdicts nothing is claimed.
    """
    if finding.measured is None:
        return None
    unit = finding.limit.unit if finding.limit else ""
    measured = with_unit(finding.measured, unit)
    good = finding.verdict is Verdict.PASS
    if finding.limit is None:
        return Comparison(measured, "", "", None, None, unit, good)
    limit = with_unit(finding.limit.value, unit)
    value, bound = _number(finding.measured), _number(finding.limit.value)
    told = good or finding.verdict is Verdict.FAIL
    if not told or value is None or bound is None:
        return Comparison(measured, limit, "", None, None, unit, good)
    if value == bound:
        return Comparison(measured, limit, "=" if good else "", None, None, unit, good)
    if (value < bound) == good:
        share = value / bound if bound > 0 <= value else None
        return Comparison(measured, limit, "≤", share, None, unit, good)
    return Comparison(measured, limit, "≥", None, value - bound, unit, good)


def _number(value: Any) -> float | None:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None
