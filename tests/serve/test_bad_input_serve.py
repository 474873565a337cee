"""Bad input beside good: each bad request gets its own words, and its neighbors their answers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

import numpy as np
import pytest

from seatrial.contract import Contract, TensorSpec
from seatrial.runtimes import FeedCheck
from seatrial.serve.limits import Limits
from seatrial.serve.server import until_signalled
from support.fake_session import POISON
from support.served import Answer, Rest, Y, infer_body, loaded, rest

INFER = "/v2/models/double/infer"
PREDICT = "/v1/models/double/predict"
AS_JSON = {"Content-Type": "application/json"}
GOOD = infer_body(1)["inputs"][0]


def raw_body(array: np.ndarray, *, shape: list[int] | None = None, kind: str = "FP64") -> dict[str, Any]:
    """A binary request, as keywords of `ask`."""
    raw = array.tobytes()
    entry = {"name": "x", "datatype": kind, "shape": shape or list(array.shape)}
    entry["parameters"] = {"binary_data_size": len(raw)}
    head = json.dumps({"inputs": [entry]}).encode()
    return {"body": head + raw, "headers": {"Inference-Header-Content-Length": str(len(head))}}


def as_json(body: Any, **more: Any) -> dict[str, Any]:
    return {"body": body, **more}


# What is asked, where, the status, and words that the answer has.
BAD: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "wrong name": ("POST", INFER, as_json({"inputs": [{**GOOD, "name": "z"}]}), 400, "missing: x"),
    "missing input": ("POST", INFER, as_json({"inputs": []}), 400, "inputs"),
    "extra input": ("POST", INFER, as_json({"inputs": [GOOD, {**GOOD, "name": "z"}]}), 400, "z"),
    "wrong shape": ("POST", INFER, raw_body(np.zeros((1, 2))), 400, "'x'"),
    "wrong rank": ("POST", INFER, raw_body(np.zeros(1)), 400, "'x'"),
    "wrong dtype": ("POST", INFER, raw_body(np.zeros((1, 1), "f4"), kind="FP32"), 400, "'x'"),
    "empty batch": ("POST", INFER, raw_body(np.zeros((0, 1)), shape=[0, 1]), 400, "empty"),
    "too few bytes": ("POST", INFER, raw_body(np.zeros((1, 1)), shape=[2, 1]), 400, "inputs[0]"),
    "huge shape": ("POST", INFER, raw_body(np.zeros((1, 1)), shape=[1 << 39, 1]), 400, "inputs[0]"),
    "ragged": ("POST", INFER, as_json({"inputs": [{**GOOD, "data": [[1], [1, 2]]}]}), 400, "inputs[0].data"),
    "deep": ("POST", INFER, as_json(b"[" * 5000), 400, "JSON"),
    "NaN": ("POST", INFER, raw_body(np.array([[np.nan]])), 400, "NaN"),
    "infinity": ("POST", INFER, raw_body(np.array([[np.inf]])), 400, "'x'"),
    "what kills engines": ("POST", INFER, as_json(infer_body(POISON)), 500, "SIGSEGV"),
    "no such model": ("POST", "/v2/models/nix/infer", as_json(infer_body(1)), 404, "nix"),
    "no such version": ("POST", "/v2/models/double/versions/9/infer", as_json(infer_body(1)), 404, "'9'"),
    "no such verb": ("POST", "/v2/models/double/explain", as_json(infer_body(1)), 404, "explain"),
    "another method": ("DELETE", INFER, {}, 405, "DELETE"),
    "no JSON": ("POST", PREDICT, as_json(b"{", headers=AS_JSON), 400, "JSON"),
    "neither field": ("POST", PREDICT, as_json({"a": 1}, headers=AS_JSON), 400, "'text' nor 'inputs'"),
    "uneven": ("POST", PREDICT, as_json({"inputs": {"x": [[1], [1, 2]]}}, headers=AS_JSON), 400, "inputs.x"),
    "objects": ("POST", PREDICT, as_json({"inputs": {"x": [{}]}}, headers=AS_JSON), 400, "inputs.x"),
    "a file": ("POST", PREDICT, {"body": b"\x89PNG", "headers": {"Content-Type": "image/png"}}, 400, ""),
    "no boundary": ("POST", PREDICT, {"headers": {"Content-Type": "multipart/form-data"}}, 400, "boundary"),
    "another form": (
        "POST",
        PREDICT,
        as_json(b"<a/>", headers={"Content-Type": "text/xml"}),
        415,
        "text/xml",
    ),
    "broken gzip": ("POST", INFER, {"body": b"no", "headers": {"Content-Encoding": "gzip"}}, 400, "gzip"),
    "priority": ("POST", INFER, as_json(infer_body(1, parameters={"priority": "no"})), 400, "priority"),
    "route": ("PUT", "/v1/models/double/route", {"body": b""}, 400, ""),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_costs_only_itself(name: str) -> None:
    method, path, request, status, words = BAD[name]
    model, _ = await loaded(seconds=0.002, max_batch_size=8, max_queue_delay=0.01)
    async with rest(model) as server:
        bad, *good = await asyncio.gather(
            server.ask(method, path, **request),
            *(server.ask("POST", INFER, infer_body(each)) for each in range(4)),
        )
        assert bad.status == status, bad.body
        assert words in bad.json["error"]
        assert [each.json["outputs"][0]["data"] for each in good] == [[0], [2], [4], [6]]
        assert (await server.ask("POST", INFER, infer_body(9))).json["outputs"][0]["data"] == [18]
        assert server.front.room.taken == 0


async def test_what_the_engine_refuses_costs_only_itself() -> None:
    """The feeds obey the specs (no float that could be NaN is checked in them), and the engine says no."""
    model, sessions = await loaded(seconds=0.05, max_batch_size=8, max_queue_delay=0.02)
    async with rest(model) as server:
        model.check = _Passing(model.inputs, model.artifact)
        asked = [server.ask("POST", INFER, **raw_body(np.array([[v]]))) for v in (1.0, np.nan, 3.0)]
        good, bad, other = await asyncio.gather(*asked)
        assert (good.status, bad.status, other.status) == (200, 422, 200)
        assert 3 in sessions[0].batches  # they were in one batch


class _Passing(FeedCheck):
    """The check of feeds, without a look at the numbers."""

    def __call__(self, feeds: Any) -> Any:
        return self.vouched(dict(feeds))


async def test_an_engine_that_hangs_is_ended_and_replaced() -> None:
    model, sessions = await loaded(seconds=0.0, max_batch_size=1, timeout=0.2)
    async with rest(model) as server:
        sessions[0].seconds = 60
        began = asyncio.get_running_loop().time()
        hung = asyncio.create_task(server.ask("POST", INFER, infer_body(1)))
        await asyncio.sleep(0.05)
        other = asyncio.create_task(server.ask("POST", INFER, infer_body(2)))
        assert (await other).json["outputs"][0]["data"] == [4]
        answer = await hung
        assert answer.status == 200  # asked again on the engine that took its place
        assert len(sessions) == 2
        assert asyncio.get_running_loop().time() - began < 10
        assert model.batcher.tally.deaths == 1


# -- sockets -------------------------------------------------------------------------------------------------
HEAD = b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n"


async def _still_good(server: Rest) -> None:
    answer: Answer = await server.ask("POST", INFER, infer_body(4))
    assert answer.json["outputs"][0]["data"] == [8]


async def test_a_body_that_is_cut_short() -> None:
    model, sessions = await loaded()
    body = json.dumps(infer_body(1)).encode()
    async with rest(model) as server:
        for cut in (0, 1, len(body) // 2, len(body) - 1):
            async with await server.line() as line:
                line.send(HEAD % (INFER.encode(), len(body)) + body[:cut])
                line.writer.write_eof()
                assert await line.reader.read() == b""
        await _still_good(server)
        assert sum(sessions[0].batches) == 1
        assert server.front.room.taken == 0


async def test_half_open_sockets_are_closed_in_the_end() -> None:
    model, _ = await loaded()
    async with rest(model, limits=Limits(idle=0.3, slow=0.3)) as server:
        lines = [await server.line() for _ in range(20)]
        for place, line in enumerate(lines):
            line.send(
                (b"", b"POST", HEAD % (INFER.encode(), 99), HEAD % (INFER.encode(), 99) + b"{")[place % 4]
            )
        await asyncio.sleep(0.05)
        assert len(server.front.connections) == 20
        await _still_good(server)
        told = await asyncio.gather(*(asyncio.wait_for(line.reader.read(), 30) for line in lines))
        assert [each[:12] for each in told[:4]] == [b"", *[b"HTTP/1.1 408"] * 3]
        for line in lines:
            line.writer.close()
        await asyncio.sleep(0.2)
        assert not server.front.connections


async def test_answers_that_nobody_reads() -> None:
    spec = TensorSpec("x", "float64", ("batch", 1), "NC")
    model, _ = await loaded(
        contract=Contract(name="double", task="tensor", inputs=(spec,), outputs=(Y,)), max_batch_size=5000
    )
    body = json.dumps(infer_body(*range(5000))).encode()
    async with rest(model, limits=Limits(idle=0.3)) as server:
        line = await server.line()
        for _ in range(60):
            line.send(HEAD % (INFER.encode(), len(body)) + body)
        await _still_good(server)
        await asyncio.sleep(1.5)
        await _still_good(server)
        line.writer.transport.abort()
        await asyncio.sleep(0.1)
        assert server.front.room.taken == 0


async def test_a_signal_under_load_finishes_what_was_begun() -> None:
    model, _ = await loaded(seconds=0.02, max_batch_size=4, max_queue_size=1000)
    async with rest(model) as server:
        waiting = asyncio.create_task(until_signalled(server.server))
        told_first: set[int] = set()

        async def client(value: int) -> list[int]:
            told = []
            for _ in range(200):
                try:
                    answer = await server.ask("POST", INFER, infer_body(value))
                except (OSError, asyncio.IncompleteReadError):
                    break  # the door is closed
                assert answer.status in (200, 503), answer.body
                if answer.status == 200:
                    assert answer.json["outputs"][0]["data"] == [2.0 * value]
                told.append(answer.status)
                told_first.add(value)
            return told

        clients = [asyncio.create_task(client(each)) for each in range(16)]
        while len(told_first) < 16:
            await asyncio.sleep(0.01)
        under_way = [await server.line() for _ in range(10)]
        for place, line in enumerate(under_way):
            line.ask("POST", INFER, infer_body(100 + place))
        await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
        answers = [await line.answer() for line in under_way]
        assert [each.json["outputs"][0]["data"][0] for each in answers] == [200.0 + 2 * n for n in range(10)]
        await asyncio.wait_for(waiting, 30)
        assert all(200 in each for each in await asyncio.gather(*clients))
        for line in under_way:
            line.writer.close()
