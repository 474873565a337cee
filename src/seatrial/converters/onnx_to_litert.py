"""ONNX to LiteRT by onnx2tf, the layout of the inputs kept (M20)."""

from __future__ import annotations

from seatrial.converters._converter import Converter
from seatrial.converters._from_tensorflow import available
from seatrial.converters._to_tensorflow import make_litert

CONVERTER = Converter(
    name="onnx_to_litert",
    summary="onnx2tf in a child process, after ONNX Runtime fused what it cannot read",
    sources=("onnx",),
    target="litert",
    extra="tensorflow",
    available=available,
    make=make_litert,
    options={"precision": "float32", "timeout": 900},
    tool="tensorflow",
)
