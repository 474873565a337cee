"""Cuts quadrilaterals out of a picture and lays them straight, as PP-OCR does with the boxes of its lines."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation
from seatrial.serve.joints._joint import Joint


def _crop_quads(picture: Array, boxes: list[Any], *, tall: float | None = 1.5) -> list[Array]:
    """A picture [height, width, channels] and boxes of four points (x, y) -> one picture a box.

    A crop is as wide as the longer of the upper and the lower side, and as high as the longer of the left and
    the right one; cubic, and the border is repeated beyond the picture.

    Args:
        picture: What is cut.
        boxes: Each from the upper left clockwise, in pixels of `picture`.
        tall: A crop at least this many times as high as wide is turned a quarter to the left: a line that
            runs downwards. None: none is.

    Raises:
        ContractViolation: A box is not of four points, or has no area.
    """
    return [_cropped(picture, box, place, tall) for place, box in enumerate(boxes)]


def _cropped(picture: Array, box: Any, place: int, tall: float | None) -> Array:
    points = np.asarray(box, np.float32)
    if points.shape != (4, 2):
        raise ContractViolation(f"boxes[{place}] has shape {list(points.shape)}, not four points (x, y)")
    upper, right, lower, left = (np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1)).tolist()
    width, height = int(max(upper, lower)), int(max(left, right))
    if width < 1 or height < 1:
        raise ContractViolation(f"boxes[{place}] is {width} x {height} pixels")
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(points, corners)
    crop = cv2.warpPerspective(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    crop = crop if crop.ndim == 3 else crop[:, :, None]
    if tall is not None and height / width >= tall:
        crop = np.rot90(crop)
    return np.ascontiguousarray(crop)


JOINT = Joint(
    "crop_quads",
    "boxes of four corners -> crops laid straight",
    {"picture": "picture", "boxes": "number[][][]"},
    "picture[]",
    _crop_quads,
    one_for_one=True,
)
