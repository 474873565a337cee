"""What a server counts, and where the numbers come from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import psutil

from seatrial.serve.metrics import ROWS, Counter, Histogram, Metrics, Read
from seatrial.serve.model import ServedModel
from seatrial.serve.service import InferenceService

_MODEL = ("model", "version")
_PREFIX = "seatrial"


class Instruments:
    """The metrics of one server.

    Args:
        service: Whose models are watched.
    """

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self._metrics = Metrics()
        self._clock = time.monotonic
        self._requests = Counter(
            f"{_PREFIX}_requests_total", "Requests answered.", (*_MODEL, "route", "code")
        )
        self._seconds = Histogram(
            f"{_PREFIX}_request_seconds", "From a request's first byte to its answer.", (*_MODEL, "route")
        )
        self._queue = Histogram(f"{_PREFIX}_queue_seconds", "Time a request waited for a device.", _MODEL)
        self._device = Histogram(f"{_PREFIX}_device_seconds", "Time a batch was on its device.", _MODEL)
        self._rows = Histogram(f"{_PREFIX}_batch_rows", "Rows of a batch.", _MODEL, bounds=ROWS)
        for each in (self._requests, self._seconds, self._queue, self._device, self._rows):
            self._metrics.add(each)
        self._read_tallies()
        self._read_state()

    def watch(self, model: ServedModel) -> None:
        """Counts a model's batches from now on."""
        labels = (model.name, model.version)
        queue, device, rows = (each.labelled(*labels) for each in (self._queue, self._device, self._rows))

        def batched(count: int, seconds: float, waited: Sequence[float]) -> None:
            rows.observe(count)
            device.observe(seconds)
            for each in waited:
                queue.observe(each)

        model.batcher.tally.batched = batched

    def of(self, model: str, version: str, route: str, began: float) -> Callable[[int], None]:
        """What is told the status of one answer."""
        return partial(self._answered, model, version, route, began)

    def text(self) -> str:
        """What `GET /metrics` answers."""
        return self._metrics.text()

    def _answered(self, model: str, version: str, route: str, began: float, status: int) -> None:
        self._requests.labelled(model, version, route, str(status)).add()
        self._seconds.labelled(model, version, route).observe(self._clock() - began)

    def _read_tallies(self) -> None:
        told = {
            "batches": "Batches that were run.",
            "rows": "Rows that were run.",
            "rejected": "Requests refused because the queue was full.",
            "expired": "Requests dropped because their deadline could not be met.",
            "cancelled": "Requests whose client went away while they waited.",
            "deaths": "Engines that died.",
            "poisoned": "Requests refused because they killed an engine before.",
        }
        for name, line in told.items():
            read = partial(self._of_models, partial(_tallied, name))
            self._metrics.add(Read(f"{_PREFIX}_{name}_total", line, "counter", _MODEL, read=read))

    def _read_state(self) -> None:
        add = self._metrics.add
        queued = partial(self._of_models, lambda model: model.batcher.queue.rows)
        add(Read(f"{_PREFIX}_queue_rows", "Rows that wait now.", "gauge", _MODEL, read=queued))
        ready = partial(self._of_models, lambda model: float(model.ready))
        add(Read(f"{_PREFIX}_ready", "Whether the model answers.", "gauge", _MODEL, read=ready))
        process = psutil.Process()
        memory = Read(
            "process_resident_memory_bytes", "Memory of the front process.", "gauge", (),
            read=lambda: {(): process.memory_info().rss},
        )  # fmt: skip
        cpu = Read(
            "process_cpu_seconds_total", "Processor time of the front process.", "counter", (),
            read=lambda: {(): sum(process.cpu_times()[:2])},
        )  # fmt: skip
        add(memory)
        add(cpu)

    def _of_models(self, read: Callable[[ServedModel], float]) -> Mapping[tuple[str, ...], float]:
        return {(each.name, each.version): read(each) for each in self._service.models}


def _tallied(name: str, model: ServedModel) -> float:
    return float(getattr(model.batcher.tally, name))
