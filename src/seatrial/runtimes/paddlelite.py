"""Paddle Lite on this processor, in an older Python beside this one."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Runtime, Task
from seatrial.runtimes._program import FAR, ProgramEngine

# The head of an `.nb` file: 2, version of the optimiser, size of the program behind it.
_HEAD = struct.Struct("<H16sQ")
# The kernel of an operator: its type, alias, target, precision and layout.
_KERNEL = re.compile(rb"([a-z][a-z_0-9]*)/[A-Za-z_0-9]+/(\d{1,3})/\d{1,3}/\d{1,3}")
_HOST, _X86, _ARM = 1, 2, 4
_NAMES = {_ARM: "ARM", 3: "CUDA", 5: "OpenCL", 10: "an NPU", 11: "an XPU", 13: "Metal"}


class PaddleLiteEngine(ProgramEngine):
    """An `.nb` file whose kernels are for x86."""

    def __init__(self) -> None:
        super().__init__()
        self._file: dict[str, Any] = {}

    def version(self) -> str:
        """See `Engine.version`."""
        if not self._told.get("version"):
            found = tools.find("paddlelite")
            return (found.version if found else "") or "there"
        return str(self._told["version"])

    def command(self, task: Task) -> Sequence[str]:
        """See `ProgramEngine.command`."""
        return [str(tools.require("paddlelite").path), "-I", str(FAR / "paddlelite_side.py")]

    def environment(self, task: Task) -> Mapping[str, str]:
        """See `ProgramEngine.environment`."""
        count = str(task.threads)
        # Its threads would burn their processors for 200 ms after each run.
        return {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "KMP_BLOCKTIME": "0"}

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        file = _looked_at(Path(task.graph))
        foreign = {code for code in file.targets if code not in (0, _HOST, _X86, 6)}
        if foreign:
            named = " and ".join(_NAMES.get(code, f"target {code}") for code in sorted(foreign))
            raise UsageError(
                f"the kernels in {Path(task.graph).name} are for {named}, and this processor is an x86; "
                "Paddle Lite would load it and answer with what is in its memory",
                hint="convert with the option target=x86 for numbers on this machine, or run it on its device",
            )
        engine = {**task.engine, "made_by": file.version, "outputs": file.outputs, "operators": file.operators}
        super().load(replace(task, engine=engine))
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; the file's kernels are for {task.native}")
        if not task.optimize:
            self.notes.append("the file was optimised when it was made: there is nothing to switch off")


class _File:
    """What the head and the kernels of a file say."""

    def __init__(self, version: str, kernels: Sequence[tuple[str, int]]) -> None:
        self.version = version
        self.targets = {target for _, target in kernels}
        names = Counter(name for name, _ in kernels)
        self.outputs = names.pop("fetch", 0)
        names.pop("feed", 0)
        self.operators = dict(sorted(names.items()))


def _looked_at(path: Path) -> _File:
    with path.open("rb") as file:
        data = file.read(_HEAD.size)
        if len(data) < _HEAD.size:
            raise UsageError(f"{path.name} is no Paddle Lite model", hint="copy it again")
        meta, version, size = _HEAD.unpack(data)
        if meta != 2 or size > path.stat().st_size:
            raise UsageError(f"{path.name} is no Paddle Lite model, or cut off", hint="copy it again")
        program = file.read(size)
    kernels = [(each[1].decode(), int(each[2])) for each in _KERNEL.finditer(program)]
    return _File(version.split(b"\0")[0].decode("ascii", "replace"), kernels)


RUNTIME = Runtime(
    name="paddlelite",
    summary="Paddle Lite on x86: runs .nb files that were made for it",
    formats=("paddlelite",),
    extra="",
    module="",
    distribution="paddlelite",
    engine=PaddleLiteEngine,
    tool="paddlelite",
)
