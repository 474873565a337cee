"""Which machine and which versions a run was made on; latency only compares within one (`M06`)."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from seatrial import lazy

if TYPE_CHECKING:
    from collections.abc import Mapping

# What makes numbers incomparable when it changes. Load, steal time and free memory move by the second:
# they are recorded for the reader and kept out of the digest.
STABLE = (
    "cpu", "cpu_flags", "cores", "cpu_quota", "governor", "memory_bytes",
    "os", "machine", "python", "packages",
)  # fmt: skip

# Instruction sets that decide which kernels an engine picks (bf16 and int8 need them).
FLAGS = (
    "avx",
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_tile",
    "fma",
    "asimd",
    "sve",
)

DISTRIBUTIONS = (
    "numpy", "opencv-python-headless", "paddlepaddle", "paddle2onnx", "onnx", "onnxruntime", "openvino",
)  # fmt: skip


def environment_record(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> dict[str, Any]:
    """What this machine is and how busy it is now.

    Args:
        proc: Where the kernel's process files lie; a folder of fakes in tests.
        sys: Where the kernel's device files lie.

    Returns:
        JSON-able figures by name. What cannot be read on this system is None, never guessed.
    """
    model, flags = _cpu(_read(proc / "cpuinfo"))
    return {
        "cpu": model,
        "cpu_flags": flags,
        "cores": os.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "cpu_quota": _quota(sys / "fs/cgroup"),
        "governor": _read(sys / "devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        "memory_bytes": psutil.virtual_memory().total,
        "os": f"{platform.system()} {_distribution_name()}".strip(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": dict(_packages()),
        "load_average": [round(each, 2) for each in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "steal_percent": steal_percent(_read(proc / "stat")),
    }


def environment_digest(record: Mapping[str, Any]) -> str:
    """`sha256:...` over the fields that decide whether two latencies may be compared."""
    stable = {name: record.get(name) for name in STABLE}
    text = json.dumps(stable, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def usable_cores() -> int:
    """Cores this process may be scheduled on, which an affinity mask can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def steal_percent(stat: str) -> float | None:
    """Share of CPU time since boot that the hypervisor gave to others, from `/proc/stat`, or None."""
    for line in stat.splitlines():
        if line.startswith("cpu "):
            ticks = [int(each) for each in line.split()[1:] if each.isdigit()]
            total = sum(ticks[:8])
            return round(100 * ticks[7] / total, 3) if len(ticks) >= 8 and total else None
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _cpu(cpuinfo: str) -> tuple[str, list[str]]:
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    model = fields.get("model name") or fields.get("hardware") or platform.processor() or platform.machine()
    told = set((fields.get("flags") or fields.get("features") or "").split())
    return model, [each for each in FLAGS if each in told]


def _quota(cgroup: Path) -> float | None:
    """CPUs the container may use: cgroup v2 `cpu.max`, else v1; None when there is no quota."""
    words = _read(cgroup / "cpu.max").split()
    if not words:
        words = [_read(cgroup / f"cpu/cpu.cfs_{each}_us").strip() for each in ("quota", "period")]
    try:
        quota, period = (float(each) for each in words)
    except ValueError:
        return None
    return round(quota / period, 3) if quota > 0 and period > 0 else None


def _distribution_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.version()


@cache
def _packages() -> Mapping[str, str]:
    found = {name: lazy.version(name) for name in DISTRIBUTIONS}
    return {name: version for name, version in found.items() if version}
