"""RapidOCR's own pipeline, in this process: the peer that the pipeline of examples/ppocr is compared with.

It is unpacked with the demo models, not installed: of what it needs only Shapely is missing here, which is
asked for the area and the perimeter of a polygon.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


class Polygon:
    """The two figures that are asked of Shapely's class of this name."""

    def __init__(self, points: Any) -> None:
        self._points = np.asarray(points, np.float64).reshape(-1, 2)
        self._next = np.roll(self._points, -1, axis=0)

    @property
    def area(self) -> float:
        (x, y), (u, v) = self._points.T, self._next.T
        return float(abs((x * v - u * y).sum()) / 2)

    @property
    def length(self) -> float:
        return float(np.hypot(*(self._next - self._points).T).sum())


def rapidocr(folder: Path, **options: Any) -> Any:
    """Its engine on ONNX Runtime.

    Args:
        folder: That holds the package `rapidocr_onnxruntime`.
        options: Of `RapidOCR`, such as `intra_op_num_threads`.
    """
    geometry = ModuleType("shapely.geometry")
    geometry.Polygon = Polygon  # type: ignore[attr-defined]
    shapely = ModuleType("shapely")
    shapely.geometry = geometry  # type: ignore[attr-defined]
    missing = {"shapely": shapely, "shapely.geometry": geometry}
    sys.modules.update({name: each for name, each in missing.items() if name not in sys.modules})
    sys.path.insert(0, str(folder))
    try:
        from rapidocr_onnxruntime import RapidOCR
    finally:
        sys.path.remove(str(folder))
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    return RapidOCR(**options)
