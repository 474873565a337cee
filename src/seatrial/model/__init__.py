"""What is carried: a model as its files describe it.

Names load with the file that defines them: who verifies a bundle needs neither readers of models nor NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import lazy

if TYPE_CHECKING:
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

_HOMES = {
    "OperatorEdit": "editing",
    "misstate": "damaging",
    "open_model": "opening",
    "operators": "opening",
    "rewrite": "editing",
}

__getattr__ = lazy.names(__name__, _HOMES, __all__, "artifact")
