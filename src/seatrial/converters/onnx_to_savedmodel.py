"""ONNX to SavedModel by onnx2tf, the layout of the inputs kept (M20)."""

from __future__ import annotations

from seatrial.converters._converter import Converter
from seatrial.converters._from_tensorflow import available
from seatrial.converters._to_tensorflow import make_savedmodel

CONVERTER = Converter(
    name="onnx_to_savedmodel",
    summary="onnx2tf in a child process, after ONNX Runtime fused what it cannot read",
    sources=("onnx",),
    target="savedmodel",
    extra="tensorflow",
    available=available,
    make=make_savedmodel,
    options={"timeout": 900},
    tool="tensorflow",
    cost=2,
)
