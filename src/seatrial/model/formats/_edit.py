"""What may be changed in a graph, by the number of an operator in the order its reader sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.contract.tensor import Dimension
from seatrial.errors import UsageError


@dataclass(frozen=True, slots=True)
class OperatorEdit:
    """What becomes of one operator.

    Attributes:
        name: `Operator.name`, as `seatrial.model.operators` has it.
        attributes: New values by name, of the kinds `Operator.attributes` shows; None takes one away. The
            kind of an attribute that is there is kept: `1` for a number with a point becomes `1.0`.
        type: The operator becomes one of this type; empty when it stays what it is.
    """

    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    type: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of one graph.

    Attributes:
        operators: By place among the operators.
        names: New names of inputs by old ones.
        shapes: New shapes of inputs by (old) name.
        version: What the file says of its format's version.
        stated: Shapes that tensors stored in the graph file are said to have, by name.
        without: Tensors stored in the graph file that are taken out.
    """

    operators: Mapping[int, OperatorEdit] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[Dimension, ...]] = field(default_factory=dict)
    version: int | None = None
    stated: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        lies = self.version is not None or self.stated or self.without
        return bool(self.operators or self.names or self.shapes or lies)


def items(value: Any) -> tuple[Any, ...]:
    """A value of a repeated attribute as a tuple."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def cannot(edit: OperatorEdit, attribute: str, value: Any, why: str) -> UsageError:
    """The error of an attribute that cannot be given this value."""
    return UsageError(
        f"attribute '{attribute}' of '{edit.name}' cannot become {str(value)[:80]!r}: {why}",
        hint="give a value of the kind that seatrial.model.operators shows for it",
    )
