"""SavedModels and Keras models to ONNX by tf2onnx (M20)."""

from __future__ import annotations

from seatrial.converters._converter import Converter
from seatrial.converters._from_tensorflow import available, make_onnx

CONVERTER = Converter(
    name="tensorflow_to_onnx",
    summary="tf2onnx in a child process; a Keras model goes over a SavedModel",
    sources=("savedmodel", "keras"),
    target="onnx",
    extra="tensorflow",
    available=available,
    make=make_onnx,
    options={"opset": 0, "timeout": 600},
    tool="tensorflow",
)
