"""What `/metrics` tells of a server, as Prometheus' own parser reads it."""

from __future__ import annotations

import asyncio
import gc
import math
import os
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from seatrial.serve.batching.queueing import Request
from seatrial.serve.call import Call
from seatrial.serve.metrics import SECONDS, WAITS, Histogram
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Log
from seatrial.serve.status import verdict_of
from seatrial.serve.watching.instruments import MOST_CLASSES, Instruments
from seatrial.serve.watching.observing import observe
from seatrial.serve.watching.processes import front_families
from seatrial.serve.watching.requestlog import PAUSE
from support.served import infer_body, loaded, rest

INFER = "/v2/models/double/infer"

Samples = dict[tuple[str, tuple[str, ...]], float]


def read(text: str) -> Samples:
    """Values by name and label values, as Prometheus sees them."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_prometheus_reads_all_of_it() -> None:
    model, _ = await loaded('do"u\\b\nle', "1.0", max_batch_size=4, max_queue_delay=0.001)
    async with rest(model) as server:
        observe(server.front.instruments, Log(requests="/dev/null"))
        path = "/v2/models/do%22u%5Cb%0Ale/infer"
        for body in (infer_body(1), infer_body(1, 2, 3), infer_body(*range(9)), {}):
            await server.ask("POST", path, body)
        await server.ask("GET", "/v2/health/ready")
        text = (await server.ask("GET", "/metrics")).body.decode()
        families = {each.name: each for each in server.front.instruments.families}
    parsed = {each.name: each for each in text_string_to_metric_families(text)}
    for name, family in families.items():
        assert parsed[name.removesuffix("_total")].type == family.kind
        assert parsed[name.removesuffix("_total")].documentation == family.help
    got = read(text)
    labels = ('do"u\\b\nle', "1.0")
    assert got["seatrial_requests_total", (*labels, "infer", "200")] == 2
    assert got["seatrial_requests_total", (*labels, "infer", "400")] == 2
    assert got["seatrial_request_seconds_count", (*labels, "infer")] == 4
    assert got["seatrial_request_seconds_bucket", (*labels, "infer", "+Inf")] == 4
    assert got["seatrial_batch_rows_sum", labels] == 4
    assert got["seatrial_rows_total", labels] == 4
    assert got["seatrial_queue_seconds_count", labels] == 2
    assert got["seatrial_ready", labels] == 1
    assert got["process_resident_memory_bytes", ()] > 1e7
    assert got["process_start_time_seconds", ()] == pytest.approx(psutil.Process().create_time())


async def test_who_left_is_counted_as_such() -> None:
    model, sessions = await loaded(seconds=0.05)
    async with rest(model) as server:
        for _ in range(2):
            async with await server.line() as line:
                line.ask("POST", INFER, infer_body(1))
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        text = server.front.instruments.text()
    got = read(text)
    assert got["seatrial_requests_total", ("double", "1", "infer", "499")] == 2
    assert got["seatrial_cancelled_total", ("double", "1")] == 1
    assert sessions[0].batches == [1]


async def test_memory_and_processor_time_of_engines_are_those_of_their_processes() -> None:
    model, sessions = await loaded(devices=2)
    sessions[0].pid = os.getppid()  # type: ignore[attr-defined] # any other process will do
    sessions[1].pid = 2**22 + 7  # type: ignore[attr-defined] # none has this number
    async with rest(model) as server:
        got = read(server.front.instruments.text())
        theirs = psutil.Process(os.getppid())
        name = "seatrial_engine_resident_memory_bytes"
        assert got[name, ("double", "1", "0")] == pytest.approx(theirs.memory_info().rss, rel=0.5)
        assert (name, ("double", "1", "1")) not in got
        assert ("seatrial_engine_cpu_seconds_total", ("double", "1", "0")) in got
        del sessions[0].pid  # type: ignore[attr-defined]
        assert (name, ("double", "1", "0")) not in read(server.front.instruments.text())


def test_fronts_of_their_own_are_told_while_they_run() -> None:
    memory, cpu = front_families(lambda: [os.getpid(), 2**22 + 7])
    assert memory._read()["0",] > 1e7
    assert list(cpu._read()) == [("0",)]


async def test_a_version_that_left_is_told_once_more_and_forgotten() -> None:
    old, _ = await loaded()
    new, _ = await loaded(version="2")
    async with rest(old) as server:
        await server.ask("POST", INFER, infer_body(1))
        server.service.repository.publish("double", [new])
        await old.drain()
        first, second = read(server.front.instruments.text()), read(server.front.instruments.text())
        assert first["seatrial_requests_total", ("double", "1", "infer", "200")] == 1
        assert not [labels for _, labels in second if labels[:2] == ("double", "1")]
        await server.ask("POST", INFER, infer_body(1))
        third = read(server.front.instruments.text())
        assert third["seatrial_requests_total", ("double", "2", "infer", "200")] == 1
        assert third["seatrial_queue_seconds_count", ("double", "2")] == 1


def test_degraded_answers_are_counted_by_rung_and_reason() -> None:
    instruments = Instruments(InferenceService(threads=1))
    instruments.answered(Call(model="a", version="1", degraded="model b", why="queue"), 200)
    assert read(instruments.text())["seatrial_degraded_total", ("a", "1", "model b", "queue")] == 1


def test_classes_are_counted_and_are_not_too_many() -> None:
    instruments = Instruments(InferenceService(threads=1))
    names = ["cat", "cat", "dog", *(f"class {each}" for each in range(MOST_CLASSES))]
    for answer in (*({"class": each, "index": 1} for each in names), {"text": "cat"}, ["cat"], {"class": 1}):
        instruments.answered(Call(model="a", version="1", route="predict", answer=answer), 200)
    got = read(instruments.text())
    assert got["seatrial_predicted_total", ("a", "1", "cat")] == 2
    assert got["seatrial_predicted_total", ("a", "1", "(other)")] == 2
    assert len([name for name, _ in got if name == "seatrial_predicted_total"]) == MOST_CLASSES + 1


def quantile(bounds: Sequence[float], values: Any, share: float) -> float:
    """As `histogram_quantile` does: the bucket it lies in, evenly filled."""
    family = Histogram("h", "", bounds=bounds)
    child = family.labelled()
    for each in values:
        child.observe(each)
    wanted, so_far = share * len(values), 0
    for place, count in enumerate(child.buckets):
        if so_far + count >= wanted:
            low = bounds[place - 1] if place else 0.0
            return float(low + (bounds[place] - low) * (wanted - so_far) / count)
        so_far += count
    return math.inf


@pytest.mark.parametrize("bounds", [SECONDS, WAITS], ids=["answers", "waits"])
@pytest.mark.parametrize("middle", [0.001, 0.004, 0.013, 0.06, 0.35, 1.2])
@pytest.mark.parametrize("spread", [0.1, 0.4, 0.8])
def test_quantiles_can_be_read_from_the_buckets(
    bounds: Sequence[float], middle: float, spread: float
) -> None:
    values = middle * np.exp(spread * np.random.default_rng(1).normal(size=5000))
    for share in (0.5, 0.9, 0.99):
        exact = float(np.quantile(values, share))
        assert quantile(bounds, values, share) == pytest.approx(exact, rel=0.25)


def test_buckets_are_in_even_steps_and_include_their_bound() -> None:
    for bounds in (SECONDS, WAITS):
        steps = [after / before for before, after in pairwise(bounds)]
        assert max(steps[:-1]) <= 2.5
        assert bisect_left(bounds, bounds[3]) == 3


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (200, "ok"), (400, "refused"), (404, "refused"), (422, "refused"), (499, "gone"), (500, "error"),
        (503, "refused"), (504, "error"), ("OK", "ok"), ("CANCELLED", "gone"), ("INTERNAL", "error"),
        ("INVALID_ARGUMENT", "refused"), ("UNAVAILABLE", "refused"), ("DEADLINE_EXCEEDED", "error"),
    ],
)  # fmt: skip
def test_an_answer_in_one_word(code: int | str, verdict: str) -> None:
    assert verdict_of(code) == verdict


def test_a_family_is_taken_once_and_closes_are_called() -> None:
    instruments = Instruments(InferenceService(threads=1))
    with pytest.raises(ValueError, match="seatrial_ready"):
        instruments.add(SimpleNamespace(name="seatrial_ready"))  # type: ignore[arg-type]
    closed: list[int] = []
    heard: list[tuple[str, Any]] = []
    instruments.listen(lambda call, code, _: heard.append((call.log_id, code)), lambda: closed.append(1))
    instruments.answered(Call(log_id="a"), 200)
    instruments.close()
    assert (heard, closed) == ([("a", 200)], [1])


async def test_an_answered_request_leaves_nothing_for_the_collector(tmp_path: Path) -> None:
    model, _ = await loaded(max_batch_size=4)
    async with rest(model) as server:
        observe(server.front.instruments, Log(requests=str(tmp_path / "log")))
        gc.collect()
        before = living()
        gc.disable()
        try:
            for _ in range(20):
                await server.ask("POST", INFER, infer_body(1))
                async with await server.line() as line:
                    line.ask("POST", INFER, infer_body(1))
            await asyncio.sleep(4 * PAUSE)
            after = living()
        finally:
            gc.enable()
        assert after - before < 5


def living() -> int:
    return len([each for each in gc.get_objects() if isinstance(each, Call | Request)])
