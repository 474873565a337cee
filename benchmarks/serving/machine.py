"""What the machine did meanwhile: the only honest way to measure on cores that are shared with others."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERTZ = os.sysconf("SC_CLK_TCK")
_WORKED = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal in /proc/stat


def busy_seconds() -> float:
    """CPU seconds that all cores of the machine have worked since it was started."""
    fields = Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:]
    return sum(int(fields[each]) for each in _WORKED) / HERTZ


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """CPU seconds that these processes have used, with those of children that ended."""
    total = 0.0
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mib(processes: list[psutil.Process]) -> float:
    """Memory in MiB; pages that processes share are counted once (proportional set size)."""
    total = 0
    for each in processes:
        with contextlib.suppress(psutil.Error):
            total += each.memory_full_info().pss
    return total / (1 << 20)


@dataclass(frozen=True)
class Reading:
    """Clocks at one moment, in CPU seconds."""

    machine: float
    server: float


def reading(processes: list[psutil.Process]) -> Reading:
    """The clocks now."""
    return Reading(busy_seconds(), cpu_seconds(processes))


def realtime_works() -> bool:
    """Whether processes may run in the round-robin class, where others on the machine do not delay them."""
    if shutil.which("chrt") is None:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (OSError, AttributeError):
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def description() -> dict[str, Any]:
    """The machine, in words that name nobody."""
    text = Path("/proc/cpuinfo").read_text("utf-8")
    name = re.search(r"model name\s*:\s*(.+)", text)
    return {
        "processor": name[1].strip() if name else platform.machine(),
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30)),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
    }
