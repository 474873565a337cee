"""What log ids, metrics, request log, drift and traces cost a request, without a network and an engine.

Usage: python benchmarks/observability.py [--requests 20000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from seatrial.serve.batching.queueing import Request, Run
from seatrial.serve.call import Call, headers_of
from seatrial.serve.service import InferenceService
from seatrial.serve.watching.distribution import learn
from seatrial.serve.watching.drift import Drift, DriftWatch
from seatrial.serve.watching.instruments import Instruments
from seatrial.serve.watching.requestlog import RequestLog
from seatrial.serve.watching.tracing import Traces

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.served import loaded  # noqa: E402 - a server without an engine, from the tests

BAR = 5.0  # microseconds a request for all of it, with no log configured
ROUNDS = 5
HEADERS = {b"host": b"127.0.0.1:8000", b"content-type": b"application/json", b"content-length": b"1000"}


def main() -> None:
    """Prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    figures = asyncio.run(measured(parser.parse_args().requests))
    print(f"{'a request with':<34}{'us':>8}")
    for name, micros in figures.items():
        print(f"{name:<34}{micros:8.2f}")
    path = ROOT / "benchmarks" / "results" / "observability.json"
    path.write_text(json.dumps({"microseconds": figures, "bar": BAR}, indent=1) + "\n", "utf-8")
    if figures["log id, call and metrics"] > BAR:
        sys.exit(f"more than {BAR} us with no log configured")


async def measured(requests: int) -> dict[str, float]:
    """Microseconds a request takes of the event loop, the best of five rounds."""
    model, _ = await loaded()
    small, picture = np.zeros((1, 64), np.float32), np.zeros((1, 3, 224, 224), np.float32)

    def one(instruments: Instruments, feeds: dict[str, Any], body: bytes) -> Callable[[], None]:
        def ask() -> None:
            now = time.monotonic()
            call = Call(began=now, route="infer", model="double", version="1", body=body)
            call.complete = time.monotonic()
            call.identify(HEADERS)
            request = Request(feeds, 1, lambda _: None, now)
            request.run = Run(now, 0, 8, now)
            call.stages.append((model, request))
            for name, value in headers_of(call):
                f"{name}: {value}\r\n".encode("latin-1")
            instruments.answered(call, 200)

        return ask

    def instruments() -> Instruments:
        return Instruments(InferenceService(threads=1))

    figures = {"log id, call and metrics": timed(one(instruments(), {"x": small}, b"x" * 1000), requests)}
    with tempfile.TemporaryDirectory() as folder:
        for name, feeds, body in (
            ("... and a request log, 1 KB", small, b"x" * 1000),
            ("... and a request log, 600 KB", picture, picture.tobytes()),
        ):
            logging = instruments()
            log = RequestLog(str(Path(folder) / "requests.jsonl"))
            logging.listen(log, log.close)
            figures[name] = timed(one(logging, {"x": feeds}, body), min(requests, 5000), rest=0.3)
            logging.close()
    drifting = instruments()
    watch = DriftWatch(lambda: [model])
    rows = np.random.default_rng(1).normal(size=(100, 1, 3, 224, 224)).astype(np.float32)
    reference = learn(({"x": each} for each in rows), "")
    watch._drifts[model], watch._due[model] = Drift(reference), 0.0  # noqa: SLF001 - without a file
    drifting.listen(watch, watch.close)
    figures["... and drift, 600 KB"] = timed(one(drifting, {"x": picture}, b""), requests)
    drifting.close()
    drift = Drift(reference)
    figures["    one look at 600 KB, in a thread"] = timed(lambda: drift.take({"x": picture}), 500)
    for name, share in (("... and traces, 1 % of them", 0.01), ("... and traces, all", 1.0)):
        tracing = instruments()
        traces = Traces(InMemorySpanExporter(), share=share)
        tracing.listen(traces, traces.close)
        figures[name] = timed(one(tracing, {"x": small}, b"x" * 1000), min(requests, 2000), rest=0.3)
        tracing.close()
    await model.batcher.close()
    return figures


def timed(work: Callable[[], None], requests: int, *, rest: float = 0.0) -> float:
    """Microseconds of this thread for one, the best of some rounds; `rest` is for other threads to finish."""
    found = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(requests):
            work()
        found.append((time.thread_time() - began) / requests * 1e6)
        time.sleep(rest)
    return round(min(found), 2)


if __name__ == "__main__":
    main()
