"""Paddle Inference on an emulated 64-bit ARM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seatrial.runtimes._emulated import EmulatedPaddleEngine
from seatrial.runtimes._engine import Runtime
from seatrial.tools import arm64, arm64_paddle


class Arm64PaddleEngine(EmulatedPaddleEngine):
    """A predictor of Paddle Inference in the emulator."""

    tool = arm64_paddle.TOOL.name
    engine_version = arm64_paddle.PADDLE

    def line(self) -> Sequence[str] | None:
        """See `EmulatedEngine.line`."""
        return arm64.python_line()

    def folders(self) -> Sequence[Path]:
        """See `EmulatedEngine.folders`."""
        return (arm64_paddle.site(),)


RUNTIME = Runtime(
    name="arm64-paddle",
    summary="Paddle Inference on an emulated 64-bit ARM: are the answers the same there; never timed",
    formats=("paddle-json", "paddle-pdmodel"),
    extra="",
    module="",
    distribution="",
    engine=Arm64PaddleEngine,
    tool=arm64_paddle.TOOL.name,
    bounded=False,
    emulated=True,
    asked_only=True,
    twin="paddle",
)
