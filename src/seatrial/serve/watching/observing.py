"""Wires what a server tells about itself: request log, traces, GPUs, drift."""

from __future__ import annotations

from seatrial.serve.settings import Log
from seatrial.serve.watching.drift import DriftWatch
from seatrial.serve.watching.gpu import gpu_families
from seatrial.serve.watching.instruments import Instruments
from seatrial.serve.watching.requestlog import RequestLog
from seatrial.serve.watching.tracing import Traces, otlp


def observe(instruments: Instruments, log: Log) -> None:
    """Adds to the metrics of a server what its settings ask for.

    Args:
        instruments: Of the server; `Instruments.close` ends what is begun here.
        log: What is written about requests.

    Raises:
        UsageError: The log cannot be opened, or an extra is not installed.
    """
    service = instruments.service
    drift = DriftWatch(lambda: service.models)
    service.repository.watch(drift.watch)
    instruments.listen(drift, drift.close, asleep=drift.asleep)
    for family in (*gpu_families(), *drift.metrics()):
        instruments.add(family)
    if log.requests is not None:
        lines = RequestLog(log.requests)
        instruments.listen(lines, lines.close)
        instruments.add(lines.metric())
    if log.traces:
        traces = Traces(otlp(log.traces), share=log.trace_share)
        instruments.listen(traces, traces.close)
        instruments.add(traces.metric())
