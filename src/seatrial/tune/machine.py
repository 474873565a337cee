"""The machine that is tuned for: this one or a smaller one of its kind, never one that is not here."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass

from seatrial.checks import environment_record
from seatrial.errors import Unavailable, UsageError
from seatrial.runtimes import all_runtimes

_CPU = re.compile(r"cpu(?:-(\d+)-?cores?)?", re.IGNORECASE)
_KINDS = "cpu, cpu-2core, gpu, arm64"
_ARM = frozenset({"aarch64", "arm64"})
GPU_RUNTIMES = frozenset({"tensorrt"})


@dataclass(frozen=True, slots=True)
class Target:
    """What is measured on.

    Attributes:
        name: As the user said it.
        cores: Threads that may be used, and cores the engines are held to.
        gpu: Whether engines of the GPU are measured, and not those of the processor.
    """

    name: str
    cores: int
    gpu: bool = False

    def describe(self) -> str:
        """The machine in words: processor, cores used, processor family."""
        told = environment_record()
        share = "" if self.cores == usable_cores() else f" of {usable_cores()}"
        return f"{told['cpu'] or platform.machine()}, {self.cores}{share} cores, {platform.machine()}"


def parse_target(text: str = "cpu") -> Target:
    """A target from what people write.

    Raises:
        UsageError: It is no target.
        Unavailable: It is not here, so nothing can be measured on it; the hint says what can be done.
    """
    said = text.strip().lower()
    if found := _CPU.fullmatch(said):
        return _cpu(text, int(found[1]) if found[1] else usable_cores())
    if said == "arm64":
        if platform.machine().lower() in _ARM:
            return Target(text, usable_cores())
        raise Unavailable(
            "this machine is no ARM64, and times of an emulated one would say nothing",
            hint="run seatrial tune on the device itself; what ARM64 answers can be checked here: "
            "seatrial check MODEL with the runtime arm64-onnxruntime",
        )
    if said == "gpu":
        known = all_runtimes()
        if any(name in known and known[name].available() for name in GPU_RUNTIMES):
            return Target(text, usable_cores(), gpu=True)
        raise Unavailable(
            "no engine that uses a GPU is installed here, or there is no GPU",
            hint="run seatrial tune on the machine with the GPU (see: seatrial doctor), or tune for cpu here",
        )
    raise UsageError(f"'{text}' is no target", hint=f"there are: {_KINDS}")


def _cpu(text: str, cores: int) -> Target:
    there = usable_cores()
    if cores < 1:
        raise UsageError(f"'{text}' has no core", hint=f"there are: {_KINDS}")
    if cores > there:
        raise Unavailable(
            f"{text} has {cores} cores and this machine lets us use {there}: nothing can be measured on it",
            hint=f"run seatrial tune on such a machine, or tune for cpu-{there}core here",
        )
    return Target(text, cores)


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))
