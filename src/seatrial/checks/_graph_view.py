"""The operators of a model, as the checks look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.errors import SeatrialError
from seatrial.model import opening

if TYPE_CHECKING:
    from seatrial.model.artifact import Artifact, Operator


def operators_of(artifact: Artifact) -> tuple[Operator, ...]:
    """Every operator with its attributes; none when the graph cannot be read."""
    try:
        found: tuple[Operator, ...] = tuple(getattr(opening, "operators", lambda _: ())(artifact))
    except SeatrialError:
        return ()
    return found
