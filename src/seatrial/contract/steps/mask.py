"""The class of every pixel of the source image (segmentation)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.steps import _geometry
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _mask(value: Any, context: Context, /) -> dict[str, Any]:
    """Scores [classes, height, width], or class indices [height, width] or [1, height, width] -> `{"mask"}`.

    Padding is cut off and the rest brought back to the size of the source by nearest neighbour, so that no
    class appears that the model did not give.
    """
    array = as_array(value)
    if array.ndim == 3 and array.size:
        array = array[0] if array.shape[0] == 1 else array.argmax(axis=0)
    if array.ndim != 2 or 0 in array.shape:
        raise ContractViolation(f"takes scores by class, height and width, not shape {list(array.shape)}")
    if float(array.min()) < 0 or float(array.max()) > 65535 or not np.array_equal(array, np.floor(array)):
        raise ContractViolation("takes class indices from 0 to 65535")
    height, width = _geometry.source_size(context)
    (scale_y, scale_x), (top, left) = _geometry.scale(context), _geometry.offset(context)
    rows = slice(max(0, round(top)), max(1, round(top + height * scale_y)))
    columns = slice(max(0, round(left)), max(1, round(left + width * scale_x)))
    content = array[rows, columns]
    if 0 in content.shape:
        raise ContractViolation("nothing of the source image is left in the model's mask")
    whole = cv2.resize(content.astype(np.uint16), (width, height), interpolation=cv2.INTER_NEAREST)
    return {"mask": np.asarray(whole).tolist()}


STEP = FunctionStep("mask", "postprocess", "scores by pixel -> classes by pixel of the source", _mask)
