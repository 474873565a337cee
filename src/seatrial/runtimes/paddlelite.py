"""Paddle Lite on this processor, in an older Python beside this one."""

from __future__ import annotations

import platform
import re
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seatrial import tools
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Runtime, Task
from seatrial.runtimes._program import FAR, ProgramEngine

# The head of an `.nb` file: 2, version of the optimiser, size of the program behind it.
_HEAD = struct.Struct("<H16sQ")
# The kernel of an operator: its type, alias, target, precision and layout.
_KERNEL = re.compile(rb"([a-z][a-z_0-9]*)/[A-Za-z_0-9]+/(\d{1,3})/\d{1,3}/\d{1,3}")
_HOST, _X86, _ARM, _ANY = 1, 2, 4, 6
_OWN = _ARM if platform.machine() in ("aarch64", "arm64") else _X86
_NAMES = {_X86: "x86", _ARM: "ARM", 3: "CUDA", 5: "OpenCL", 10: "an NPU", 11: "an XPU", 13: "Metal"}
_RELOADED = "loaded anew whenever the size of its input changes: it answers wrongly with the buffers before"


class PaddleLiteEngine(ProgramEngine):
    """An `.nb` file whose kernels are for x86."""

    def __init__(self) -> None:
        super().__init__()
        self._shapes: tuple[tuple[int, ...], ...] = ()

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
        foreign = {code for code in file.targets if code not in (0, _HOST, _OWN, _ANY)}
        if foreign:
            named = " and ".join(_NAMES.get(code, f"target {code}") for code in sorted(foreign))
            raise UsageError(
                f"the kernels in {Path(task.graph).name} are for {named}, this processor is {_NAMES[_OWN]}; "
                "Paddle Lite would load it and answer with what is in its memory",
                hint=f"convert with the option target={_NAMES[_OWN].lower()} for one that runs here, "
                "or run it on its device",
            )
        engine = {
            **task.engine,
            "made_by": file.version,
            "outputs": file.outputs,
            "operators": file.operators,
        }
        super().load(replace(task, engine=engine))
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; the file's kernels are for {task.native}")
        if not task.optimize:
            self.notes.append("the file was optimised when it was made: there is nothing to switch off")

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        shapes = tuple(each.shape for each in feeds.values())
        if self._shapes not in ((), shapes) and _RELOADED not in self.notes:
            self.notes.append(_RELOADED)
        self._shapes = shapes
        return super().run(feeds)


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
