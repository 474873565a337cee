"""Leaves out what a model was not sure enough of."""

from __future__ import annotations

from typing import Any

from seatrial.errors import ContractViolation
from seatrial.serve.joints._joint import Joint


def _at_least(
    rows: list[dict[str, Any]], *, field: str = "confidence", minimum: float
) -> list[dict[str, Any]]:
    """Objects -> those whose number is large enough, in their order.

    Args:
        rows: Objects.
        field: Of the number.
        minimum: The smallest that stays.

    Raises:
        ContractViolation: An object has no such number.
    """
    for place, row in enumerate(rows):
        if not isinstance(row.get(field), int | float):
            raise ContractViolation(f"rows[{place}] has no number '{field}'")
    return [row for row in rows if row[field] >= minimum]


JOINT = Joint(
    "at_least", "objects -> those that are sure enough", {"rows": "object[]"}, "object[]", _at_least
)
