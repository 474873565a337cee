"""Spans of requests: their times, their parents, and a collector that is not there."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from seatrial.errors import MissingDependency
from seatrial.serve.call import Call
from seatrial.serve.watching.tracing import Traces, otlp
from support.served import infer_body, loaded, rest

INFER = "/v2/models/double/infer"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def spans_of(exporter: InMemorySpanExporter) -> dict[str, Any]:
    return {each.name: each for each in exporter.get_finished_spans()}


async def test_a_request_is_a_span_with_its_phases_inside() -> None:
    model, _ = await loaded(seconds=0.01, max_batch_size=8)
    exporter = InMemorySpanExporter()
    async with rest(model) as server:
        traces = Traces(exporter)
        server.front.instruments.listen(traces, traces.close)
        headers = {"X-Log-Id": "seven", "traceparent": f"00-{TRACE}-{PARENT}-01"}
        await server.ask("POST", INFER, infer_body(1), headers)
    spans = spans_of(exporter)
    assert list(spans) == ["read", "prepare", "queue", "device", "answer", "request"]
    root = spans.pop("request")
    assert f"{root.context.trace_id:032x}" == TRACE
    assert f"{root.parent.span_id:016x}" == PARENT
    assert root.attributes == {
        "seatrial.log_id": "seven",
        "seatrial.route": "infer",
        "http.response.status_code": 200,
        "seatrial.model": "double",
        "seatrial.version": "1",
    }
    at = root.start_time
    for each in spans.values():
        assert each.parent.span_id == root.context.span_id
        assert each.context.trace_id == root.context.trace_id
        assert abs(each.start_time - at) < 10_000  # each begins where the one before it ended
        at = each.end_time
    assert abs(at - root.end_time) < 10_000
    assert spans["device"].attributes["seatrial.batch_rows"] == 1
    assert spans["device"].end_time - spans["device"].start_time >= 9_000_000


async def test_without_a_parent_the_log_id_is_the_trace() -> None:
    model, _ = await loaded()
    exporter = InMemorySpanExporter()
    async with rest(model) as server:
        traces = Traces(exporter)
        server.front.instruments.listen(traces, traces.close)
        answer = await server.ask("POST", INFER, infer_body(float("nan")))
    spans = spans_of(exporter)
    assert answer.status == 400
    assert spans["request"].parent is None
    assert f"{spans['request'].context.trace_id:032x}" == answer.headers["x-log-id"]


def told(traces: Traces, **more: Any) -> None:
    traces(Call(log_id=TRACE, began=1.0, complete=1.5, **more), 200, 2.0)


def test_a_parent_that_is_not_traced_is_not_traced_here() -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    told(traces, traceparent=f"00-{TRACE}-{PARENT}-00")
    traces.close()
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize(("share", "spans"), [(0.0, 0), (1.0, 3)])
def test_a_share_of_the_requests_is_traced(share: float, spans: int) -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter, share=share)
    told(traces)
    traces.close()
    assert len(exporter.get_finished_spans()) == spans


def test_an_error_says_so() -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    traces(Call(log_id=TRACE, began=1.0, complete=1.5, error="the engine died"), 500, 2.0)
    traces.close()
    status = spans_of(exporter)["request"].status
    assert (status.status_code.name, status.description) == ("ERROR", "the engine died")


class Broken(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        raise ConnectionError("no collector")


class Refusing(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.FAILURE


@pytest.mark.parametrize("exporter", [Broken, Refusing], ids=["broken", "refusing"])
async def test_a_broken_collector_costs_no_answer_and_is_counted(
    exporter: type[SpanExporter], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    model, _ = await loaded()
    async with rest(model) as server:
        traces = Traces(exporter())
        server.front.instruments.listen(traces, traces.close)
        for _ in range(3):
            assert (await server.ask("POST", INFER, infer_body(1))).status == 200
    assert traces.metric()._read() == {("exported",): 0, ("failed",): 18}


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://collector/custom/path", "https://collector/custom/path"),
    ],
)
def test_a_collector_is_named_with_or_without_its_path(url: str, endpoint: str) -> None:
    assert otlp(url)._endpoint == endpoint


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingDependency) as caught:
        Traces(InMemorySpanExporter())
    assert caught.value.hint == "pip install 'seatrial[trace]'"
