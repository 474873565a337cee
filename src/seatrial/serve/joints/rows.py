"""Puts lists side by side: one row for each item, with a field for each list."""

from __future__ import annotations

from typing import Any

from seatrial.errors import ContractViolation
from seatrial.serve.joints._joint import Joint


def _rows(**columns: list[Any]) -> list[dict[str, Any]]:
    """Lists of one length -> objects with what stands at each place.

    Args:
        columns: By the name that the field shall have.

    Raises:
        ContractViolation: The lists are of different lengths.
    """
    if len({len(each) for each in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(each)}" for name, each in columns.items())
        raise ContractViolation(f"the lists are of different lengths: {lengths}")
    return [dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True)]


JOINT = Joint("rows", "lists -> one object an item", {"*": "any[]"}, "object[]", _rows)
