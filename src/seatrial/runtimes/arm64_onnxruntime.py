"""ONNX Runtime on an emulated 64-bit ARM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seatrial.runtimes._emulated import EmulatedEngine
from seatrial.runtimes._engine import Runtime
from seatrial.tools import arm64


class Arm64OnnxRuntimeEngine(EmulatedEngine):
    """An inference session of ONNX Runtime in the emulator."""

    program = "onnxruntime_side.py"
    tool = arm64.TOOL.name
    engine_version = arm64.ONNXRUNTIME

    def line(self) -> Sequence[str] | None:
        """See `EmulatedEngine.line`."""
        return arm64.python_line()

    def folders(self) -> Sequence[Path]:
        """See `EmulatedEngine.folders`."""
        return (arm64.site(),)


RUNTIME = Runtime(
    name="arm64-onnxruntime",
    summary="ONNX Runtime on an emulated 64-bit ARM: are the answers the same there; never timed",
    formats=("onnx",),
    extra="",
    module="",
    distribution="",
    engine=Arm64OnnxRuntimeEngine,
    tool=arm64.TOOL.name,
    bounded=False,
    emulated=True,
    asked_only=True,
    twin="onnxruntime",
)
