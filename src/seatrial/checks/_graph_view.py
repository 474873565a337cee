"""The operators of a model, as the checks look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import extensions
from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from seatrial.model.artifact import Artifact, Operator
    from seatrial.model.formats._format import Format


def operators_of(artifact: Artifact) -> tuple[Operator, ...]:
    """Every operator with its attributes; none when the graph cannot be read that far."""
    try:
        model_format: Format = extensions.get("seatrial.model.formats", "FORMAT", artifact.format)
        return model_format.operators(artifact.graph) if model_format.operators else ()
    except SeatrialError:
        return ()
