"""Reads PaddleDetection's rows: class, score and corners."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.steps import _geometry
from seatrial.contract.steps._scores import name_of
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _detection_rows(
    value: Any,
    context: Context,
    /,
    *,
    score: float = 0.5,
    coordinates: Literal["source", "model"] = "source",
    order: Literal["xy", "yx"] = "xy",
) -> dict[str, Any]:
    """Rows [n, 6] of (class, score, x0, y0, x1, y1) -> `{"boxes", "scores", "classes"}`, best first.

    With several outputs the first holds the rows. Rows of class -1 are filling. `coordinates` says where the
    model places its boxes: `model` ones are brought back to the source image. Boxes are cut at its border
    when its size is known. `order` says which coordinate of a corner the model gives first.
    """
    rows = as_array(
        value[0] if isinstance(value, list | tuple) and len(value) else value, rank=2, what="rows"
    )
    if rows.shape[1] != 6:
        raise ContractViolation(
            f"takes rows of (class, score, x0, y0, x1, y1), not rows of {rows.shape[1]} numbers"
        )
    rows = rows[(rows[:, 0] >= 0) & (rows[:, 1] >= score)].astype(np.float64)
    rows = rows[np.argsort(-rows[:, 1], kind="stable")]
    boxes = rows[:, 2:] if order == "xy" else rows[:, [3, 2, 5, 4]]
    if coordinates == "model":
        (scale_y, scale_x), (top, left) = _geometry.scale(context), _geometry.offset(context)
        boxes = (boxes - (left, top, left, top)) / (scale_x, scale_y, scale_x, scale_y)
    if "source_size" in context.notes:
        height, width = _geometry.source_size(context)
        boxes = boxes.clip(0, (width, height, width, height))
    return {
        "boxes": boxes.tolist(),
        "scores": rows[:, 1].tolist(),
        "classes": [name_of(context.labels, int(kind)) for kind in rows[:, 0]],
    }


STEP = FunctionStep(
    "detection_rows", "postprocess", "rows of class, score, corners -> boxes", _detection_rows
)
