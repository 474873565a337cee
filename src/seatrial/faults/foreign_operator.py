"""An ONNX model has an operator that runs Python or a library of its own."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import small_onnx, with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    domain, operator = (("ai.onnx.contrib", "PyOp"), ("com.example.ops", "Fetch"))[seed % 2]
    return with_files(good, folder, {"head.onnx": small_onnx(domain=domain, operator=operator)})


FAULT = Fault(
    name="foreign-operator",
    title=Text("a delivered ONNX model brings an operator of its own", "交付的 ONNX 模型带有自定义算子"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F38",
)
