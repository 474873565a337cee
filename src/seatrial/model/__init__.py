"""What is carried: a model as its files describe it."""

from seatrial.model.artifact import Artifact, ModelFile, Operator, Parameter, Problem
from seatrial.model.damaging import misstate
from seatrial.model.editing import OperatorEdit, rewrite
from seatrial.model.opening import open_model, operators

__all__ = [
    "Artifact",
    "ModelFile",
    "Operator",
    "OperatorEdit",
    "Parameter",
    "Problem",
    "misstate",
    "open_model",
    "operators",
    "rewrite",
]
