"""ONNX Runtime on an emulated x86 that has AVX2 and no VNNI."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from seatrial import lazy
from seatrial.errors import MissingDependency
from seatrial.runtimes._emulated import EmulatedEngine
from seatrial.runtimes._engine import Runtime
from seatrial.tools import avx2


class Avx2OnnxRuntimeEngine(EmulatedEngine):
    """The ONNX Runtime of this environment, in an emulator."""

    program = "onnxruntime_side.py"
    tool = avx2.TOOL.name

    def __init__(self) -> None:
        super().__init__()
        self.engine_version = lazy.version("onnxruntime")
        if not self.engine_version:
            raise MissingDependency("onnxruntime is not installed", hint="pip install 'seatrial[onnx]'")

    def line(self) -> Sequence[str] | None:
        """See `EmulatedEngine.line`."""
        emulator = avx2.emulator_line()
        return None if emulator is None else (*emulator, sys.executable)


RUNTIME = Runtime(
    name="avx2-onnxruntime",
    summary="ONNX Runtime on an emulated x86-64 without VNNI: does an older server answer the same",
    formats=("onnx",),
    extra="onnx",
    module="",
    distribution="onnxruntime",
    engine=Avx2OnnxRuntimeEngine,
    tool=avx2.TOOL.name,
    bounded=False,
    emulated=True,
    asked_only=True,
    twin="onnxruntime",
)
