"""What a server counts, and where the numbers come from."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from seatrial import __version__
from seatrial.serve.batching.queueing import Request, Run
from seatrial.serve.call import Call
from seatrial.serve.metrics import ROWS, WAITS, Count, Counter, Distribution, Family, Histogram, Metrics, Read
from seatrial.serve.model import ServedModel
from seatrial.serve.service import InferenceService
from seatrial.serve.status import Code
from seatrial.serve.traffic.metrics import traffic_families
from seatrial.serve.watching.processes import process_families

MODEL = ("model", "version")
PREFIX = "seatrial"
MOST_CLASSES = 200  # of one version that are counted by name
OTHER = "(other)"

_log = logging.getLogger("seatrial.serve")

Listener = Callable[[Call, Code, float], None]
Key = tuple[str, str, str]

_TALLIED = {
    "batches": "Batches that were run.",
    "rows": "Rows that were run.",
    "rejected": "Requests refused because the queue was full.",
    "expired": "Requests dropped because their deadline could not be met.",
    "cancelled": "Requests whose client went away while they waited.",
    "deaths": "Engines that died.",
    "poisoned": "Requests refused because they killed an engine before.",
}


class Instruments:
    """The metrics of one server, and who else wants to know of each answer.

    Args:
        service: Whose models are watched.
        clock: Seconds; that of `Call.began`.
    """

    def __init__(self, service: InferenceService, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.service, self._clock = service, clock
        self._metrics = Metrics()
        self._listeners: tuple[Listener, ...] = ()
        self._asleep: tuple[Callable[[], bool], ...] = ()
        self._closes: list[Callable[[], None]] = []
        self._series: dict[Key, _Series] = {}
        self._known: set[tuple[str, ...]] = set()
        self._gone: set[tuple[str, ...]] = set()
        self._requests = Counter(f"{PREFIX}_requests_total", "Requests answered.", (*MODEL, "route", "code"))
        self._seconds = Histogram(
            f"{PREFIX}_request_seconds", "From a request's first byte to its answer.", (*MODEL, "route")
        )
        self._queue = Histogram(
            f"{PREFIX}_queue_seconds", "Time a request waited for a device.", MODEL, bounds=WAITS
        )
        self._device = Histogram(
            f"{PREFIX}_device_seconds", "Time a batch was on its device.", MODEL, bounds=WAITS
        )
        self._rows = Histogram(f"{PREFIX}_batch_rows", "Rows of a batch.", MODEL, bounds=ROWS)
        self._degraded = Counter(
            f"{PREFIX}_degraded_total", "Answers from a rung of the ladder.", (*MODEL, "rung", "why")
        )
        self._predicted = Counter(
            f"{PREFIX}_predicted_total", "Predictions by the class that was answered.", (*MODEL, "class")
        )
        self._classes: dict[tuple[str, ...], set[str]] = {}
        self._counted = (
            self._requests, self._seconds, self._queue, self._device, self._rows, self._degraded,
            self._predicted,
        )  # fmt: skip
        read = (
            *self._tallies(),
            *self._state(),
            *process_families(service),
            *traffic_families(service.traffic),
        )
        families: tuple[Family, ...] = (*self._counted, *read)
        for each in families:
            self._metrics.add(each)

    @property
    def families(self) -> Sequence[Family]:
        """Every metric, in the order of the text."""
        return self._metrics.families

    def add(self, family: Family) -> None:
        """Takes in a metric of another part of the server.

        Raises:
            ValueError: There is one of that name.
        """
        self._metrics.add(family)

    def listen(
        self,
        listener: Listener,
        close: Callable[[], None] = lambda: None,
        *,
        asleep: Callable[[], bool] = lambda: False,
    ) -> None:
        """Tells the call, its status and the time of each answer, as soon as it is given.

        Args:
            listener: Called in the event loop, before the call lets go of its tensors: it must be quick.
            close: Called once when the server ends; may wait for what is still to be written.
            asleep: Whether it has nothing to do with any call now.
        """
        self._listeners = (*self._listeners, listener)
        self._asleep = (*self._asleep, asleep)
        self._closes.append(close)

    def at_end(self, close: Callable[[], None]) -> None:
        """Has something done when the server has ended; may take a while."""
        self._closes.append(close)

    def watch(self, model: ServedModel) -> None:
        """Counts a model's batches from now on."""
        labels = (model.name, model.version)
        self._known.add(labels)
        queue, device, rows = (each.labelled(*labels) for each in (self._queue, self._device, self._rows))

        def batched(run: Run, requests: Sequence[Request]) -> None:
            rows.observe(run.rows)
            device.observe(run.ended - run.began)
            for each in requests:
                for arrived in each.arrivals or (each.arrived,):
                    queue.observe(run.began - arrived)

        model.batcher.tally.batched = batched

    def answered(self, call: Call, code: Code) -> None:
        """One request is answered, or its client is gone; every front says so once a request.

        Args:
            call: With all that became of it; lets go of its tensors here.
            code: An HTTP status, or the name of gRPC's.
        """
        now = self._clock()
        key = (call.model, call.version, call.route)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(key, self._requests, self._seconds)
        series.observe(code, now - call.began)
        if call.answer is not None:
            self._count_class(call)
        if call.degraded:
            self._degraded.labelled(call.model, call.version, call.degraded, call.why).add()
        try:
            for each in self._listeners:
                each(call, code, now)
        except Exception:  # noqa: BLE001 - what is told about an answer must not cost it
            _log.exception("an answer could not be logged")
        call.release()

    @property
    def quiet(self) -> bool:
        """Whether nobody wants to know of single calls: then `answered_alike` may count answers."""
        return all(asleep() for asleep in self._asleep)

    def answered_alike(self, key: Key, code: Code, began: Sequence[float]) -> None:
        """Some requests are answered, and nobody wants to know more of them than numbers; see `quiet`.

        Args:
            key: Model, version and route.
            code: An HTTP status, or the name of gRPC's.
            began: When the first byte of each came.
        """
        now = self._clock()
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(key, self._requests, self._seconds)
        for each in began:
            series.observe(code, now - each)

    def _count_class(self, call: Call) -> None:
        """Counts the class that a prediction answered; a model of very many has most of them as one."""
        name = call.answer.get("class") if isinstance(call.answer, dict) else None
        if not isinstance(name, str):
            return
        classes = self._classes.setdefault((call.model, call.version), set())
        if name not in classes:
            if len(classes) < MOST_CLASSES:
                classes.add(name)
            else:
                name = OTHER
        self._predicted.labelled(call.model, call.version, name).add()

    def text(self) -> str:
        """What `GET /metrics` answers."""
        self._forget()
        return self._metrics.text()

    def close(self) -> None:
        """Writes what is still to be written; waits for it."""
        for each in self._closes:
            each()

    def _forget(self) -> None:
        """Drops the series of versions that left, once they were told a last time after it."""
        now: set[tuple[str, ...]] = {(each.name, each.version) for each in self.service.models}
        for labels in self._gone - now:
            for family in self._counted:
                family.forget(labels)
            self._classes.pop(labels, None)
            for key in [each for each in self._series if each[:2] == labels]:
                del self._series[key]
        self._known, self._gone = now, self._known - now

    def _tallies(self) -> list[Read]:
        return [
            Read(
                f"{PREFIX}_{name}_total", line, "counter", MODEL,
                read=partial(self._of_models, partial(_tallied, name)),
            )
            for name, line in _TALLIED.items()
        ]  # fmt: skip

    def _state(self) -> list[Read]:
        queued = partial(self._of_models, lambda model: model.batcher.queue.rows)
        ready = partial(self._of_models, lambda model: float(model.ready))
        return [
            Read(f"{PREFIX}_queue_rows", "Rows that wait now.", "gauge", MODEL, read=queued),
            Read(f"{PREFIX}_ready", "Whether the model answers.", "gauge", MODEL, read=ready),
            Read(
                f"{PREFIX}_preparing", "Payloads that are being prepared or answered.", "gauge", (),
                read=lambda: {(): self.service.preparing},
            ),
            Read(
                f"{PREFIX}_updates_total", "Versions that were loaded, unloaded, or could not be loaded.",
                "counter", ("model", "outcome"), read=self._updates,
            ),
            Read(
                f"{PREFIX}_build_info", "Always 1; the version that serves.", "gauge", ("version",),
                read=lambda: {(__version__,): 1},
            ),
        ]  # fmt: skip

    def _updates(self) -> Mapping[tuple[str, ...], float]:
        return {labels: float(count) for labels, count in self.service.keeper.outcomes.items()}

    def _of_models(self, read: Callable[[ServedModel], float]) -> Mapping[tuple[str, ...], float]:
        return {(each.name, each.version): read(each) for each in self.service.models}


class _Series:
    """What is counted of one route of one version, found once and kept."""

    __slots__ = ("_codes", "_key", "_requests", "_seconds")

    def __init__(self, key: Key, requests: Counter, seconds: Histogram) -> None:
        self._key, self._requests = key, requests
        self._seconds: Distribution = seconds.labelled(*key)
        self._codes: dict[Code, Count] = {}

    def observe(self, code: Code, seconds: float) -> None:
        """Counts one answer."""
        count = self._codes.get(code)
        if count is None:
            count = self._codes[code] = self._requests.labelled(*self._key, str(code))
        count.value += 1.0
        self._seconds.observe(seconds)


def _tallied(name: str, model: ServedModel) -> float:
    return float(getattr(model.batcher.tally, name))
