"""What a diagnosis found: data, JSON-able but for the setups; the truth behind every rendering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from seatrial.diagnosis.setup import Intervention, Setup, Stage
from seatrial.text import Text

Verdict = Literal["agree", "cause", "none-found"]


@dataclass(frozen=True)
class Divergence:
    """The first stage at which deployed and reference part, as far as the reference lets us see.

    Attributes:
        stage: Which.
        detail: What differs there.
        operator: Label of the first diverging operator; empty when no operator was compared or none differs.
        error: Scale-relative error at that place; infinite for another shape.
        compared: Every stage that could be compared, in order: `stage`, `same` (bool), `error`, `detail`.
    """

    stage: Stage
    detail: Text
    operator: str = ""
    error: float = 0.0
    compared: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One intervention, or two together, tried on samples.

    Attributes:
        interventions: What was changed.
        n: Samples asked.
        before: Agreement of the deployed setup on the same samples, 0 to 1.
        after: Agreement with the change.
        closer_before: Mean closeness before, 0 to 1.
        closer: Mean closeness with the change.
        p_value: Of the paired test, one-sided, not corrected; None where it was only screened.
    """

    interventions: tuple[Intervention, ...]
    n: int
    before: float
    after: float
    closer_before: float
    closer: float
    p_value: float | None = None

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """Names of the hypotheses, in the order in which they were undone."""
        return tuple(each.hypothesis for each in self.interventions)


@dataclass(frozen=True)
class Cause:
    """What explains the difference, proved by undoing it.

    Attributes:
        attempt: The change and what it did.
        p_value: Corrected for everything that was tried.
        exact: Every sample that disagreed now has the reference's numbers.
        partial: It explains much of the difference, not all.
        also: Other changes that do as well on these samples; more samples would tell them apart.
    """

    attempt: Attempt
    p_value: float
    exact: bool
    partial: bool = False
    also: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """The whole answer.

    Attributes:
        verdict: `agree`: there is nothing to explain; `cause`; or `none-found`.
        sentence: The answer in one sentence.
        agreement: Of the deployed setup, 0 to 1.
        n: Samples it was measured on.
        cause: Where one was proved.
        attempts: What was tried, best first.
        tried: How many interventions were tried, screened ones included.
        hypotheses: Names of the hypotheses that proposed something.
        divergence: The first diverging stage, or None where nothing could be compared.
        setup: The deployed setup with the cause undone; the deployed one where there is none.
        seconds: Time it took.
        notes: What a reader should know: budget used up, hypotheses that broke.
    """

    verdict: Verdict
    sentence: Text
    agreement: float
    n: int
    setup: Setup
    cause: Cause | None = None
    attempts: tuple[Attempt, ...] = ()
    tried: int = 0
    hypotheses: tuple[str, ...] = ()
    divergence: Divergence | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default_factory=tuple)
