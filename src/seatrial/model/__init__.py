"""What is carried: a model as its files describe it.

Names load with the file that defines them: who verifies a bundle needs neither readers of models nor NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    """Imports a public name from the file that defines it."""
    if name not in __all__:
        raise AttributeError(f"module 'seatrial.model' has no attribute '{name}'")
    home = importlib.import_module(f"seatrial.model.{_HOMES.get(name, 'artifact')}")
    value = getattr(home, name)
    globals()[name] = value
    return value
