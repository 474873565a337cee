"""When a change counts as the cause: it helps more than chance among everything tried allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scipy.stats import binomtest

from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.result import Attempt, Cause
from seatrial.diagnosis.setup import Intervention

# Corrected for everything tried. At 1e-3 a hundred innocent pairs give 0.1 false causes.
SIGNIFICANT = 1e-3
SOLVED = 0.98  # agreement from which nothing is left to explain
FEWEST_ANSWERS = 3  # a confidence near 1 can come back by accident once or twice
HALF = 0.5  # share of the gap that a partial cause must close
NEARER = 1e-3  # a change of closeness below this is noise


def attempt(interventions: Sequence[Intervention], before: Observation, after: Observation) -> Attempt:
    """What a change did on the same samples, with the exact one-sided sign test of the paired closeness."""
    change = after.closeness - before.closeness
    nearer, further = int((change > NEARER).sum()), int((change < -NEARER).sum())
    p_value = (
        float(binomtest(nearer, nearer + further, 0.5, alternative="greater").pvalue)
        if nearer + further
        else 1.0
    )
    return Attempt(
        interventions=tuple(interventions),
        n=len(before.places),
        before=before.agreement,
        after=after.agreement,
        closer_before=float(before.closeness.mean()),
        closer=float(after.closeness.mean()),
        p_value=p_value,
    )


def solves(tried: Attempt) -> bool:
    """Whether nothing is left to explain."""
    return tried.after >= SOLVED


def proved(case: Case, tried: Attempt, *, count: int) -> Cause | None:
    """The cause, when the change is one; else None.

    A change is proved by the reference's own numbers when all of them come back (no accident does that), or
    by the sign test, corrected (Bonferroni) for the number of changes tried.

    Args:
        case: Says what the reference knows.
        tried: The change, on every sample.
        count: Changes tried in all, this one included.
    """
    exact = solves(tried) and _numbers_back(case, tried)
    corrected = min(1.0, (tried.p_value if tried.p_value is not None else 1.0) * count)
    if exact:
        return Cause(tried, corrected, exact=True)
    if corrected > SIGNIFICANT or tried.closer <= tried.closer_before + NEARER:
        return None
    if solves(tried):
        return Cause(tried, corrected, exact=False)
    # Two changes have so many partners to choose from that together they must explain everything.
    partly = len(tried.interventions) == 1 and _closes_gap(case, tried)
    return Cause(tried, corrected, exact=False, partial=True) if partly else None


def _numbers_back(case: Case, tried: Attempt) -> bool:
    """Whether what came back are numbers, which no accident brings: outputs, or confidences of several."""
    recovered = round(tried.n * (tried.after - tried.before))
    if case.reference.outputs is not None:
        return recovered > 0
    answers = [each for each in case.reference.answers or () if each is not None]
    confident = bool(answers) and all(isinstance(each, Mapping) and "confidence" in each for each in answers)
    return confident and recovered >= FEWEST_ANSWERS


def _closes_gap(case: Case, tried: Attempt) -> bool:
    """Whether enough of the difference is explained. With labels alone the best possible is not known."""
    if case.reference.labels_only:
        return tried.after > tried.before
    gained = max(_share(tried.before, tried.after), _share(tried.closer_before, tried.closer))
    return gained >= HALF


def _share(before: float, after: float) -> float:
    return (after - before) / (1.0 - before) if before < 1.0 else 0.0
