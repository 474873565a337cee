"""Why what is deployed does not answer as it did in training: hypotheses, tried and proved."""

from seatrial.diagnosis.agreement import Judge
from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.hypothesis import Hypothesis, all_hypotheses
from seatrial.diagnosis.reference import Reference
from seatrial.diagnosis.result import Attempt, Cause, Diagnosis, Divergence
from seatrial.diagnosis.search import Search, diagnose
from seatrial.diagnosis.setup import Intervention, Runner, Setup

__all__ = [
    "Attempt",
    "Case",
    "Cause",
    "Diagnosis",
    "Divergence",
    "Hypothesis",
    "Intervention",
    "Judge",
    "Observation",
    "Reference",
    "Runner",
    "Search",
    "Setup",
    "all_hypotheses",
    "diagnose",
]
