"""Sorts what was found on a page as people read: lines from the top, and each from the left."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.steps.db_boxes import SAME_LINE, in_reading_order
from seatrial.errors import ContractViolation
from seatrial.serve.joints._joint import Joint


def _reading_order(
    rows: list[dict[str, Any]], *, field: str = "box", same_line: int = SAME_LINE
) -> list[dict[str, Any]]:
    """Objects with a box -> the same in reading order. The step `db_boxes` gives its boxes so already.

    Args:
        rows: Objects.
        field: Of the box: points (x, y) from the upper left, or the numbers x0, y0, x1, y1.
        same_line: Boxes whose tops are fewer pixels apart are on one line.

    Raises:
        ContractViolation: An object has no such box.
    """
    corners = []
    for place, row in enumerate(rows):
        box = np.asarray(row.get(field), np.float64)
        if box.ndim not in (1, 2) or box.size < 2:
            raise ContractViolation(f"rows[{place}] has no box '{field}'")
        corners.append((box.reshape(-1, 2), row))
    return [row for _, row in in_reading_order(corners, same_line=same_line)]


JOINT = Joint(
    "reading_order", "objects with boxes -> as people read", {"rows": "object[]"}, "object[]", _reading_order
)
