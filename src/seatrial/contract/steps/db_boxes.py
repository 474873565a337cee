"""Boxes around text from DBNet's probability map (Liao et al., 2020), in coordinates of the source image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import cv2
import numpy as np
import pyclipper

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps import _geometry
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation

_T = TypeVar("_T")

SAME_LINE = 10  # pixels between the tops of two boxes that a reader takes as one line


def _db_boxes(
    value: Any,
    context: Context,
    /,
    *,
    thresh: float = 0.3,
    box_thresh: float = 0.6,
    unclip_ratio: float = 1.5,
    max_candidates: int = 1000,
    min_size: int = 3,
    dilation: bool = False,
    coordinates: Literal["source", "model"] = "source",
    order: Literal["xy", "yx"] = "xy",
) -> dict[str, Any]:
    """A map [height, width] or [1, height, width] -> `{"boxes", "scores"}`.

    A box is four points from the upper left clockwise; boxes are in reading order.

    Args:
        value: Probability of text at each pixel.
        context: Knows the size of the source and where its pixels went.
        thresh: Pixels above it are text.
        box_thresh: A region counts when the mean in its rectangle is at least this.
        unclip_ratio: The model draws text shrunk; each box is grown by area * this / perimeter.
        max_candidates: Most regions looked at.
        min_size: Smallest short side of a region, in pixels of the map.
        dilation: Widens regions by a pixel first.
        coordinates: Of the boxes: pixels of the `source` image, or those of the `model`'s map.
        order: Which coordinate of a point comes first.
    """
    array = as_array(value)
    scores = array[0] if array.ndim == 3 and array.shape[0] == 1 else array
    if scores.ndim != 2 or 0 in scores.shape:
        raise ContractViolation(f"takes a map (height, width), not shape {list(array.shape)}")
    scores = np.ascontiguousarray(scores, np.float32)
    place = _to_source(context) if coordinates == "source" else _Place((1.0, 1.0), (0.0, 0.0), scores.shape)
    mask = (scores > thresh).astype(np.uint8)
    if dilation:
        mask = np.asarray(cv2.dilate(mask, np.ones((2, 2), np.uint8)))
    contours = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[-2][:max_candidates]
    found = []
    for contour in contours:
        box, short = _smallest_rectangle(contour.reshape(-1, 2).astype(np.float32))
        if short < min_size:
            continue
        score = _mean_inside(scores, box)
        grown = _grown(box, unclip_ratio) if score >= box_thresh else None
        if grown is None:
            continue
        outer, short = _smallest_rectangle(grown)
        placed = _placed(outer, place) if short >= min_size + 2 else None
        if placed is not None:
            found.append((placed, score))
    found = in_reading_order(found)
    boxes = [box if order == "xy" else box[:, ::-1] for box, _ in found]
    return {"boxes": [box.tolist() for box in boxes], "scores": [score for _, score in found]}


def _smallest_rectangle(points: Array) -> tuple[Array, float]:
    """The rectangle of least area around points, clockwise from the upper left, and its short side."""
    rectangle = cv2.minAreaRect(points)
    corners = np.asarray(cv2.boxPoints(rectangle), np.float32)
    left, right = np.split(corners[np.argsort(corners[:, 0], kind="stable")], 2)
    upper_left, lower_left = left[np.argsort(left[:, 1], kind="stable")]
    upper_right, lower_right = right[np.argsort(right[:, 1], kind="stable")]
    return np.stack([upper_left, upper_right, lower_right, lower_left]), float(min(rectangle[1]))


def _mean_inside(scores: Array, box: Array) -> float:
    low = np.clip(np.floor(box.min(axis=0)), 0, [scores.shape[1] - 1, scores.shape[0] - 1]).astype(int)
    high = np.clip(np.ceil(box.max(axis=0)), 0, [scores.shape[1] - 1, scores.shape[0] - 1]).astype(int)
    inside = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillPoly(inside, [(box - low).astype(np.int32)], (1,))
    part = scores[low[1] : high[1] + 1, low[0] : high[0] + 1]
    return float(part[inside > 0].mean(dtype=np.float64)) if inside.any() else 0.0


def _grown(box: Array, ratio: float) -> Array | None:
    x, y = box[:, 0].astype(np.float64), box[:, 1].astype(np.float64)
    area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    perimeter = float(np.hypot(x - np.roll(x, -1), y - np.roll(y, -1)).sum())
    if not perimeter:
        return None
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(box.astype(np.int64).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    paths = offset.Execute(area * ratio / perimeter)
    return np.array(paths[0], np.float32) if len(paths) == 1 else None


class _Place(NamedTuple):
    """Where boxes are put: factors (y, x) and pixels (y, x) to undo, and the size (h, w) that cuts them."""

    scale: tuple[float, float]
    offset: tuple[float, float]
    size: tuple[int, ...]


def _to_source(context: Context) -> _Place:
    return _Place(_geometry.scale(context), _geometry.offset(context), _geometry.source_size(context))


def _placed(box: Array, place: _Place) -> Array | None:
    """The box in whole pixels of the place, or None when nothing of it is left there."""
    (scale_y, scale_x), (top, left), size = place
    points = np.rint((box.astype(np.float64) - (left, top)) / (scale_x, scale_y))
    points = points.clip(0, (size[1] - 1, size[0] - 1)).astype(np.int64)
    width, height = np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[0] - points[3])
    return points if int(width) > 3 and int(height) > 3 else None


def in_reading_order(
    found: Sequence[tuple[Array, _T]], *, same_line: int = SAME_LINE
) -> list[tuple[Array, _T]]:
    """Top to bottom; boxes whose tops are within `same_line` pixels go from left to right.

    Args:
        found: Each a box, points (x, y) from the upper left, and what belongs to it.
        same_line: Pixels.
    """
    ordered = sorted(found, key=lambda each: (each[0][0, 1], each[0][0, 0]))
    for place in range(1, len(ordered)):
        at = place
        while at and _before(ordered[at][0][0], ordered[at - 1][0][0], same_line):
            ordered[at - 1], ordered[at] = ordered[at], ordered[at - 1]
            at -= 1
    return ordered


def _before(corner: Array, other: Array, same_line: int) -> bool:
    return bool(abs(corner[1] - other[1]) < same_line and corner[0] < other[0])


STEP = FunctionStep("db_boxes", "postprocess", "DBNet's map -> text boxes in the source image", _db_boxes)
