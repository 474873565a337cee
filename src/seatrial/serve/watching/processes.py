"""Memory and processor time of the server's own process and of each engine's, read when somebody asks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import psutil

from seatrial.serve.metrics import Read
from seatrial.serve.service import InferenceService

DEVICE = ("model", "version", "device")

Labels = tuple[str, ...]


def process_families(service: InferenceService) -> list[Read]:
    """The metrics of this process and of the engines of a service's models."""
    engines = _Engines(service)
    own = psutil.Process()
    return [
        Read(
            "process_resident_memory_bytes", "Memory of the server's own process.", "gauge", (),
            read=lambda: {(): _rss(own)},
        ),
        Read(
            "process_cpu_seconds_total", "Processor time of the server's own process.", "counter", (),
            read=lambda: {(): _cpu(own)},
        ),
        Read(
            "process_open_fds", "Files and sockets that the server's own process has open.", "gauge", (),
            read=lambda: {(): own.num_fds()},
        ),
        Read(
            "process_start_time_seconds", "When the server's own process began, since 1970.", "gauge", (),
            read=lambda: {(): own.create_time()},
        ),
        Read(
            "seatrial_engine_resident_memory_bytes", "Memory of an engine's process.", "gauge", DEVICE,
            read=lambda: engines.read(_rss),
        ),
        Read(
            "seatrial_engine_cpu_seconds_total",
            "Processor time of an engine's process; from 0 again when the engine was started again.",
            "counter", DEVICE,
            read=lambda: engines.read(_cpu),
        ),
    ]  # fmt: skip


def front_families(pids: Callable[[], Sequence[int]]) -> list[Read]:
    """The metrics of fronts in processes of their own.

    Args:
        pids: Of those that run now.
    """

    def read(what: Callable[[psutil.Process], float]) -> Mapping[Labels, float]:
        found: dict[Labels, float] = {}
        for number, pid in enumerate(pids()):
            with contextlib.suppress(psutil.Error):  # it ended since
                found[str(number),] = what(psutil.Process(pid))
        return found

    return [
        Read(
            "seatrial_front_resident_memory_bytes", "Memory of a front's process (`--fronts`).", "gauge",
            ("front",), read=lambda: read(_rss),
        ),
        Read(
            "seatrial_front_cpu_seconds_total",
            "Processor time of a front's process; from 0 again when the front was replaced.", "counter",
            ("front",), read=lambda: read(_cpu),
        ),
    ]  # fmt: skip


class _Engines:
    """The engines' processes, found again only when an engine was started anew."""

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._processes: dict[Labels, psutil.Process] = {}

    def read(self, what: Callable[[psutil.Process], float]) -> Mapping[Labels, float]:
        """One number for each engine that runs."""
        kept: dict[Labels, psutil.Process] = {}
        found: dict[Labels, float] = {}
        for labels, pid in self._pids():
            process = self._processes.get(labels)
            try:
                if process is None or process.pid != pid:
                    process = psutil.Process(pid)
                found[labels] = what(process)
            except psutil.Error:
                continue  # it died since
            kept[labels] = process
        self._processes = kept
        return found

    def _pids(self) -> Iterator[tuple[Labels, int]]:
        for model in self._service.models:
            for device in model.batcher.devices:
                pid = device.pid
                if pid is not None and pid != os.getpid():
                    yield (model.name, model.version, str(device.number)), pid


def _rss(process: psutil.Process) -> float:
    return float(process.memory_info().rss)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
