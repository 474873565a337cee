"""The operators of a model, as the checks look at them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from seatrial.errors import SeatrialError
from seatrial.model import operators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.model.artifact import Artifact, Operator

# What an exporter writes about itself; it changes nothing that is computed.
_CHATTER = frozenset(
    {"struct_name", "op_callstack", "op_namescope", "op_role", "op_role_var", "op_device", "with_quant_attr"}
)


def operators_of(artifact: Artifact) -> tuple[Operator, ...]:
    """Every operator with its attributes; none when the graph cannot be read that far."""
    try:
        return tuple(operators(artifact))
    except SeatrialError:
        return ()


def signatures(found: Sequence[Operator]) -> list[list[str]]:
    """Name, type and a short digest of the attributes of every operator, in the graph's order.

    The same network exported twice gives the same list; an edited attribute changes one digest.
    """
    listed = []
    for each in found:
        said = {key: value for key, value in each.attributes.items() if key not in _CHATTER}
        text = json.dumps([each.type, len(each.inputs), said], sort_keys=True, default=str)
        listed.append([each.name, each.type, hashlib.sha256(text.encode()).hexdigest()[:12]])
    return listed
