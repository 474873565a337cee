"""An ONNX model takes a tensor from a file outside its folder."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._delivery import small_onnx, with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    location = ("../../../etc/hostname", "/etc/hostname", "weights/../../secret.bin")[seed % 3]
    return with_files(good, folder, {"head.onnx": small_onnx(location=location)})


FAULT = Fault(
    name="external-data-outside",
    title=Text(
        "a delivered ONNX model reads files outside its folder", "交付的 ONNX 模型会读取目录之外的文件"
    ),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F38",
)
