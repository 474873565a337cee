"""GPUs of this machine, through NVIDIA's management library where it is; absent, there is nothing to tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from seatrial import lazy
from seatrial.serve.metrics import Read

MODULE = "pynvml"
EXTRA = "gpu"
FRESH = 1.0  # seconds that a reading is good for: several scrapers cost one

_READINGS: tuple[tuple[str, str, Callable[[Any, Any], float]], ...] = (
    (
        "utilization_ratio",
        "Share of the last moments in which a kernel ran on the GPU, from 0 to 1.",
        lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100,
    ),
    (
        "memory_used_bytes",
        "Memory of the GPU in use.",
        lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used,
    ),
    ("memory_bytes", "Memory of the GPU.", lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).total),
    (
        "power_watts",
        "Power that the GPU draws.",
        lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,  # NVML counts in milliwatts
    ),
    (
        "temperature_celsius",
        "Temperature of the GPU.",
        lambda nvml, gpu: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
    ),
)


def gpu_families(nvml: Any = None, *, clock: Callable[[], float] = time.monotonic) -> list[Read]:
    """The metrics of the machine's GPUs; none where there is no library, no driver or no GPU.

    Args:
        nvml: The library; by default the one that is installed.
        clock: Seconds.
    """
    if nvml is None:
        if not lazy.installed(MODULE):
            return []
        nvml = lazy.load(MODULE, extra=EXTRA)
    try:
        nvml.nvmlInit()
        gpus = [nvml.nvmlDeviceGetHandleByIndex(each) for each in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return []
    readings = _Readings(nvml, gpus, clock)
    return [
        Read(f"seatrial_gpu_{name}", line, "gauge", ("gpu",), read=readings.of(name))
        for name, line, _ in _READINGS
        if gpus
    ]


class _Readings:
    """What the GPUs said last, asked again when that is old."""

    def __init__(self, nvml: Any, gpus: list[Any], clock: Callable[[], float]) -> None:
        self._nvml, self._gpus, self._clock = nvml, gpus, clock
        self._read: dict[str, dict[tuple[str, ...], float]] = {}
        self._at = float("-inf")

    def of(self, name: str) -> Callable[[], Mapping[tuple[str, ...], float]]:
        """What gives one reading of every GPU."""

        def read() -> Mapping[tuple[str, ...], float]:
            if self._clock() - self._at > FRESH:
                self._refresh()
            return self._read.get(name, {})

        return read

    def _refresh(self) -> None:
        self._at = self._clock()
        self._read = {}
        for name, _, ask in _READINGS:
            for number, gpu in enumerate(self._gpus):
                try:
                    told = float(ask(self._nvml, gpu))
                except self._nvml.NVMLError:
                    continue  # not every GPU tells everything
                self._read.setdefault(name, {})[str(number),] = told
