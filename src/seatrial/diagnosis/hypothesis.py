"""What a file in `hypotheses/` defines: one reason why two pipelines disagree, and how to test it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from seatrial import extensions
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.setup import Intervention, Setup, Stage
from seatrial.text import Text


@dataclass(frozen=True)
class Hypothesis:
    """One suspected difference.

    Attributes:
        name: As its file, with hyphens: `channel-order`.
        title: Two or three words for tables.
        question: What it asks.
        stage: The first stage at which the difference shows; where the reference's tensors of that stage
            are known and equal, the search does not ask.
        propose: From the case and a setup (the deployed one, or one with another cause already undone), the
            changes worth trying; none where the hypothesis cannot apply. It must be cheap: no engine calls
            beyond what the case already observed. Each prior rests on cheap statistics of the case.
        source: Where people met it: issues, documents.
    """

    name: str
    title: Text
    question: Text
    stage: Stage
    propose: Callable[[Case, Setup], Iterable[Intervention]]
    source: str = ""


def all_hypotheses() -> dict[str, Hypothesis]:
    """Every hypothesis there is, by name; one's own come in through an entry point."""
    return extensions.find("seatrial.diagnosis.hypotheses", "HYPOTHESIS")
