"""Verdicts, findings and their evidence: frozen data, JSON-able, the truth behind every rendering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from seatrial.errors import UsageError
from seatrial.text import Text as Text  # checks speak through it; it lives lower because other rooms do too

Scalar = str | int | float | bool | None


class Verdict(StrEnum):
    """The answer of a finding, a check or (PASS/FAIL only) the gate. Worst first in `WORST_FIRST`."""

    PASS = "PASS"  # noqa: S105 - a verdict, no password
    WARN = "WARN"
    FAIL = "FAIL"
    ERROR = "ERROR"
    SKIP = "SKIP"
    NOT_EXERCISED = "NOT_EXERCISED"
    INCONCLUSIVE = "INCONCLUSIVE"


WORST_FIRST = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_EXERCISED,
    Verdict.WARN,
    Verdict.SKIP,
    Verdict.PASS,
)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a whole from those of its parts.

    A part that was skipped does not color a whole that ran; an empty whole is an ERROR, never a PASS.
    """
    ran = [each for each in verdicts if each is not Verdict.SKIP]
    if not verdicts:
        return Verdict.ERROR
    return min(ran, key=WORST_FIRST.index) if ran else Verdict.SKIP


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound and where it comes from.

    Attributes:
        value: The bound.
        source: `profile cpu-server`, `contract`, `baseline NAME`, `check default`, with the reason.
        unit: `ms`, `MB`, `%`...; empty for a plain number.
    """

    value: Scalar
    source: str
    unit: str = ""

    @property
    def number(self) -> float:
        """The bound as a number; 0 where there is none.

        Raises:
            UsageError: Someone wrote a word where a number belongs.
        """
        try:
            return float(self.value or 0)
        except ValueError as error:
            raise UsageError(
                f"a bound from the {self.source} is {self.value!r}, expected a number",
                hint="correct it under `limits`",
            ) from error


@dataclass(frozen=True, slots=True)
class Table:
    """Evidence in rows. Columns are plain English field terms; cells are JSON scalars."""

    title: Text
    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Series:
    """One line, step or set of bars. `xs` and `ys` have equal length; keep it under 400 points."""

    name: str
    xs: tuple[float | str, ...]
    ys: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Evidence as a picture drawn from numbers: the renderer makes inline SVG of it.

    Attributes:
        title: Above the picture.
        mark: `line`, `step` (CDF), `bar` or `scatter`.
        x_label: With its unit.
        y_label: With its unit.
        series: What is drawn.
        x_log: Logarithmic x axis.
        y_log: Logarithmic y axis.
        limit: A horizontal line at the limit, or None.
    """

    title: Text
    mark: Literal["line", "step", "bar", "scatter"]
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_log: bool = False
    y_log: bool = False
    limit: float | None = None
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True, slots=True)
class Picture:
    """Evidence as a small raster image (attribution, worst sample): PNG bytes in base64, under 40 kB."""

    title: Text
    png_base64: str
    alt: Text
    kind: Literal["picture"] = "picture"


Evidence = Table | Chart | Picture


@dataclass(frozen=True)
class Finding:
    """One thing a check looked at, and its answer.

    Attributes:
        id: Stable: `weights.non-finite`, `consistency.batch-invariance`.
        verdict: The answer.
        summary: One sentence with the figure in it.
        examined: How many items (tensors, samples, requests...) the answer rests on.
        measured: The figure that was compared, or None.
        limit: What it was compared with, or None.
        evidence: Tables, charts, pictures.
        cause: What usually causes it (for anything but PASS).
        fix: What to do (for anything but PASS).
        where: File, tensor, operator, line: the place, or empty.
        data: Further figures for machines, JSON-able.
    """

    id: str
    verdict: Verdict
    summary: Text
    examined: int
    measured: Scalar = None
    limit: Limit | None = None
    evidence: tuple[Evidence, ...] = ()
    cause: Text | None = None
    fix: Text | None = None
    where: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Control:
    """The negative control of one check: it was handed a poisoned copy in the same run.

    Attributes:
        rejected: Whether the check's own comparator said no, as it must.
        summary: What was poisoned and what happened.
    """

    rejected: bool
    summary: Text
