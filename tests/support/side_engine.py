"""The runtime of `side_program`, for sessions whose worker must find these tests."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from seatrial.runtimes._program import FAR, ProgramEngine
from support.fake_runtime import FAKE

PROGRAM = Path(__file__).parent / "side_program.py"


class SideEngine(ProgramEngine):
    """Runs `side_program`, or what the option `program` names."""

    def version(self):
        return "1.0"

    def command(self, task):
        named = task.engine.get("program")
        return [named] if named else [sys.executable, "-I", str(PROGRAM), str(FAR)]

    def environment(self, task):
        return {"SIDE": "yes"}


SIDE = replace(FAKE, name="side", engine=SideEngine, switches={"mood": str, "program": str})
