"""OpenTelemetry spans of answered requests, made after the answer: no request waits for one.

The clock readings that a call carries anyway become spans with the times they had. They go out from a thread
of the SDK's own; a collector that is not there costs spans, never answers.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from seatrial import __version__, lazy
from seatrial.serve.call import Call
from seatrial.serve.metrics import Read
from seatrial.serve.status import Code
from seatrial.serve.watching.record import LONGEST_ERROR, Interval, intervals, verdict

EXTRA = "trace"
MOST_PHASES = 128  # spans in one request: a page of a thousand crops is told by its first ones
_TIMEOUT = 5.0  # seconds that a collector has for one batch of spans
_CLOSING = 3.0  # seconds that the last spans have


class Traces:
    """Takes each answered call and tells a collector of it.

    Args:
        exporter: Of `opentelemetry.sdk`.
        share: Of the requests without a traced parent, how many are traced; with one, its own flag decides.
        wall: Nanoseconds since 1970.

    Raises:
        MissingDependency: OpenTelemetry is not installed.
    """

    def __init__(self, exporter: Any, *, share: float = 1.0, wall: Callable[[], int] = time.time_ns) -> None:
        sdk = lazy.load("opentelemetry.sdk.trace", extra=EXTRA)
        export = lazy.load("opentelemetry.sdk.trace.export", extra=EXTRA)
        sampling = lazy.load("opentelemetry.sdk.trace.sampling", extra=EXTRA)
        resources = lazy.load("opentelemetry.sdk.resources", extra=EXTRA)
        self._api = lazy.load("opentelemetry.trace", extra=EXTRA)
        # An empty context, not the current one: whatever else in this process is traced is no parent.
        self._nothing: Any = lazy.load("opentelemetry.context", extra=EXTRA).Context()
        self._wall = wall
        self._ids = _Ids()
        self._exporter = _Counted(exporter, export.SpanExportResult.SUCCESS)
        self._provider = sdk.TracerProvider(
            sampler=sampling.ParentBased(sampling.TraceIdRatioBased(share)),
            resource=resources.Resource.create({"service.name": "seatrial", "service.version": __version__}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(export.BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("seatrial.serve", __version__)

    def __call__(self, call: Call, code: Code, now: float) -> None:
        """Takes one call; see `Instruments.listen`."""
        base = self._wall() - int(now * 1e9)
        self._ids.trace = int(call.trace_id, 16)
        root = self._tracer.start_span(
            "request",
            context=self._parent(call),
            kind=self._api.SpanKind.SERVER,
            start_time=base + int(call.began * 1e9),
        )
        if root.is_recording():
            root.set_attributes(_attributes(call, code))
            inside = self._api.set_span_in_context(root)
            for each in islice(intervals(call, now), MOST_PHASES):
                self._phase(each, inside, base)
            if verdict(call, code) == "error":
                root.set_status(self._api.StatusCode.ERROR, call.error[:LONGEST_ERROR])
        root.end(end_time=base + int(now * 1e9))

    def close(self) -> None:
        """Sends what waits, for a few seconds at most."""
        ending = threading.Thread(target=self._provider.shutdown, name="seatrial-last-spans", daemon=True)
        ending.start()
        ending.join(_CLOSING)

    def metric(self) -> Read:
        """How many spans went out, and how many did not."""
        return Read(
            "seatrial_spans_total",
            "Spans by what became of them: exported, or failed because the collector did not take them.",
            "counter",
            ("outcome",),
            read=lambda: {("exported",): self._exporter.exported, ("failed",): self._exporter.failed},
        )

    def _parent(self, call: Call) -> Any:
        if not call.traceparent:
            return self._nothing
        _, trace, span, flags = call.traceparent.split("-")[:4]
        parent = self._api.SpanContext(
            int(trace, 16), int(span, 16), is_remote=True, trace_flags=self._api.TraceFlags(int(flags, 16))
        )
        return self._api.set_span_in_context(self._api.NonRecordingSpan(parent), self._nothing)

    def _phase(self, each: Interval, inside: Any, base: int) -> None:
        told: dict[str, Any] = {}
        if each.model is not None and each.request is not None:
            told = {"seatrial.model": each.model.name, "seatrial.version": each.model.version}
            told["seatrial.rows"] = each.request.rows
            if each.request.run is not None and each.name == "device":
                told["seatrial.batch_rows"] = each.request.run.rows
                told["seatrial.device"] = each.request.run.device
        span = self._tracer.start_span(
            each.name, context=inside, attributes=told, start_time=base + int(each.began * 1e9)
        )
        span.end(end_time=base + int(max(each.ended, each.began) * 1e9))


def otlp(url: str) -> Any:
    """The exporter for a collector.

    Args:
        url: Of its OTLP endpoint over HTTP, such as `http://collector:4318`; without a path, `/v1/traces`.

    Raises:
        MissingDependency: The exporter is not installed.
    """
    module = lazy.load("opentelemetry.exporter.otlp.proto.http.trace_exporter", extra=EXTRA)
    beyond = url.partition("://")[2]
    endpoint = url if "/" in beyond.rstrip("/") else url.rstrip("/") + "/v1/traces"
    return module.OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT)


def _attributes(call: Call, code: Code) -> dict[str, str | int]:
    told: dict[str, str | int] = {"seatrial.log_id": call.log_id, "seatrial.route": call.route}
    name = "http.response.status_code" if isinstance(code, int) else "rpc.response.status_code"
    told[name] = code
    if call.model:
        told |= {"seatrial.model": call.model, "seatrial.version": call.version}
    if call.degraded:
        told["seatrial.degraded"] = call.degraded
    return told


class _Ids:
    """Ids of spans; the trace id is the one that the log line has."""

    trace = 0

    def generate_trace_id(self) -> int:
        """Of the call at hand."""
        return self.trace

    def generate_span_id(self) -> int:
        """A new one; zero would say that there is none (W3C Trace Context, 3.2.2.4)."""
        return random.getrandbits(64) or 1

    def is_trace_id_random(self) -> bool:
        """A client's log id may be the trace id, and is what the client likes."""
        return False


class _Counted:
    """An exporter whose outcomes are counted, and whose exceptions end here."""

    def __init__(self, exporter: Any, success: Any) -> None:
        self._exporter, self._success = exporter, success
        self.exported = self.failed = 0

    def export(self, spans: Sequence[Any]) -> Any:
        """Hands spans on."""
        try:
            result = self._exporter.export(spans)
        except BaseException:
            self.failed += len(spans)
            raise
        if result is self._success:
            self.exported += len(spans)
        else:
            self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """Ends the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Sends what the exporter keeps back."""
        return bool(self._exporter.force_flush(timeout_millis))
