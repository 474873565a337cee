"""Operators whose code the model brings itself, of every ONNX model that is handed over (`M08`, F38)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from seatrial.checks._security.delivered import Threat
from seatrial.errors import SeatrialError
from seatrial.model import open_model

if TYPE_CHECKING:
    from seatrial.checks._trial import Trial
    from seatrial.model import Artifact

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})

# Of the engine's own extensions; a folded pipeline decodes images with it. Others there are looked at.
KNOWN_OPERATORS = frozenset({"com.microsoft.extensions.DecodeImage"})


def foreign_operators(trial: Trial) -> list[Threat]:
    """Operators of domains that no engine brings itself (`domain::Name` or `domain.Name`).

    Of the model on trial, and of every other ONNX file that is handed over.
    """
    reviewed = str(trial.limit("security.operator_domains", "").value or "").split()
    found = []
    for model in [trial.artifact, *_other_models(trial)]:
        for operator in model.operators if model.format == "onnx" else ():
            domain, mark, _ = operator.rpartition("::")
            if not mark:
                domain = operator.rpartition(".")[0]
            known = domain in STANDARD_DOMAINS or operator.replace("::", ".") in KNOWN_OPERATORS
            if not known and domain not in reviewed:
                found.append(Threat("custom-operator", model.graph.name, operator))
    return found


def _other_models(trial: Trial) -> list[Artifact]:
    """ONNX files that are handed over beside the model; what cannot be read as one has other findings."""
    found = []
    for path in trial.delivered:
        if path.suffix.lower() == ".onnx" and path != trial.artifact.graph:
            with suppress(SeatrialError):
                found.append(open_model(path))
    return found
