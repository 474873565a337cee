"""The REST front as clients see it: the protocol's routes, bad input, order, limits, clients that go away."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import numpy as np
import pytest

from seatrial.serve.limits import Limits
from seatrial.serve.rest import connection as connection_module
from support.bad_requests import BAD
from support.fake_session import POISON
from support.served import Answer, infer_body, loaded, rest

INFER = "/v2/models/double/infer"


async def test_health_and_metadata() -> None:
    model, _ = await loaded(max_batch_size=8, max_queue_delay=0.002)
    async with rest(model) as server:
        assert (await server.ask("GET", "/v2/health/live")).status == 200
        assert (await server.ask("GET", "/v2/health/ready")).json == {"ready": True}
        assert (await server.ask("GET", "/v2/models/double/ready")).status == 200
        assert (await server.ask("GET", "/v2")).json["extensions"][0] == "binary_tensor_data"
        told = (await server.ask("GET", "/v2/models/double/versions/1")).json
        assert told["inputs"] == [{"name": "x", "datatype": "FP64", "shape": [-1, 1]}]
        assert told["versions"] == ["1"]
        assert told["parameters"]["max_batch_size"] == 8
        assert told["parameters"]["max_queue_delay_microseconds"] == 2000


async def test_infer_in_json_and_binary() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        answer = await server.ask("POST", INFER, infer_body(1, 2.5, id="seven"))
        assert answer.json["id"] == "seven"
        assert answer.json["outputs"] == [
            {"name": "y", "datatype": "FP64", "shape": [2, 1], "data": [2.0, 5.0]}
        ]
        raw = np.array([[3.0], [4.0]]).tobytes()
        head = json.dumps(
            {
                "inputs": [
                    {
                        "name": "x",
                        "datatype": "FP64",
                        "shape": [2, 1],
                        "parameters": {"binary_data_size": len(raw)},
                    }
                ],
                "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
            }
        ).encode()
        binary = await server.ask(
            "POST", INFER, head + raw, {"Inference-Header-Content-Length": str(len(head))}
        )
        length = int(binary.headers["inference-header-content-length"])
        assert binary.headers["content-type"] == "application/octet-stream"
        assert np.frombuffer(binary.body[length:]).tolist() == [6, 8]


@pytest.mark.parametrize(
    ("body", "status", "words"), [each[1:] for each in BAD], ids=[each[0] for each in BAD]
)
async def test_bad_requests_name_the_field(body: Any, status: int, words: str) -> None:
    model, _ = await loaded(max_batch_size=8)
    async with rest(model) as server, await server.line() as line:
        line.ask("POST", INFER, body)
        answer = await line.answer()
        assert answer.status == status, answer.body
        if status != 200:
            assert any(each in answer.json["error"] for each in words.split("|")), answer.json
        line.ask("POST", INFER, infer_body(4))  # the same connection goes on
        assert (await line.answer()).json["outputs"][0]["data"] == [8]


async def test_binary_sizes_that_do_not_fit() -> None:
    model, _ = await loaded()

    def head(size: Any) -> bytes:
        entry = {"name": "x", "datatype": "FP64", "shape": [1, 1], "parameters": {"binary_data_size": size}}
        return json.dumps({"inputs": [entry]}).encode()

    async with rest(model) as server:
        for size, tail, length in (
            (8, b"1234", None),
            (4, b"1234", None),
            (8, b"12345678x", None),
            ("8", b"12345678", None),
            (-8, b"12345678", None),
            (8, b"12345678", "9999"),
            (8, b"12345678", "-1"),
            (8, b"12345678", "x"),
            (8, b"12345678", "9" * 40),
        ):
            told = length or str(len(head(size)))
            answer = await server.ask(
                "POST", INFER, head(size) + tail, {"Inference-Header-Content-Length": told}
            )
            assert answer.status == 400, (size, tail, length)
            assert "error" in answer.json


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nix", 404),
        ("GET", "/v2/models/nix", 404),
        ("GET", "/v2/models/double/versions/9", 404),
        ("GET", "/v2/models/double/nix", 404),
        ("GET", "/v2/models/double/versions/1/ready/more", 404),
        ("POST", "/v2/models/nix/infer", 404),
        ("GET", INFER, 405),
        ("POST", "/v2", 405),
        ("DELETE", "/v2/models/double", 405),
        ("GET", "/v2/models/..%2f..%2fetc%2fpasswd", 404),
        ("POST", "/v1/models/nix/predict", 404),
        ("POST", "/v1/models/double/predict?version=9", 404),
    ],
)
async def test_paths_and_methods(method: str, path: str, status: int) -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        answer = await server.ask(method, path)
        assert answer.status == status
        assert answer.json["error"]


async def test_a_body_is_refused_by_its_announced_length() -> None:
    model, _ = await loaded()
    async with rest(model, limits=Limits(body=1000)) as server, await server.line() as line:
        line.send(b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 2147483648\r\n\r\n" % INFER.encode())
        answer = await line.answer()  # not one byte of the body was sent
        assert answer.status == 413
        assert "2147483648" in answer.json["error"]
        assert answer.headers["connection"] == "close"
        assert await line.closed()


async def test_a_chunked_body_is_counted() -> None:
    model, _ = await loaded()
    async with rest(model, limits=Limits(body=1000)) as server:
        async with await server.line() as line:
            body = json.dumps(infer_body(1)).encode()
            head = b"POST %s HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" % INFER.encode()
            halves = body[:10], body[10:]
            line.send(head + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in halves) + b"0\r\n\r\n")
            assert (await line.answer()).status == 200
            line.send(head)
            for _ in range(3):
                line.send(b"1f4\r\n" + b"x" * 500 + b"\r\n")
            assert (await line.answer()).status == 413
        assert (await server.ask("GET", "/v2")).status == 200


async def test_a_body_in_crumbs_is_whole() -> None:
    model, _ = await loaded()
    async with rest(model) as server, await server.line() as line:
        body = json.dumps(infer_body(*range(20))).encode()
        line.send(b"POST %s HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" % INFER.encode())
        line.send(b"".join(b"1\r\n%c\r\n" % each for each in body) + b"0\r\n\r\n")
        assert (await line.answer()).json["outputs"][0]["shape"] == [20, 1]
        line.ask(
            "POST",
            "/v1/models/double/predict",
            b'{"inputs": {"x": [2]}}',
            {"Content-Type": "application/json"},
        )
        assert (await line.answer()).json == [4.0]


@pytest.mark.parametrize("header", [b"X: " + b"a" * 5000, b"X: 1\r\n" * 900, b"X" * 5000])
async def test_a_head_is_refused_when_it_is_too_large(header: bytes) -> None:
    model, _ = await loaded()
    async with rest(model, limits=Limits(head=4096)) as server, await server.line() as line:
        line.send(b"GET /v2 HTTP/1.1\r\n" + header)
        answer = await line.answer()
        assert answer.status == 431
        assert await line.closed()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v2 HTTP/9.9\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_told_so(garbage: bytes) -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        async with await server.line() as line:
            line.send(garbage)
            assert (await line.answer()).status == 400
            assert await line.closed()
        assert (await server.ask("GET", "/v2")).status == 200


async def test_slow_and_idle_clients_are_let_go() -> None:
    model, _ = await loaded()
    limits = Limits(slow=0.1, idle=0.3, slowest=1 << 20)
    async with rest(model, limits=limits) as server:
        async with await server.line() as slow_head, await server.line() as slow_body:
            slow_head.send(b"GET /v2 HT")
            slow_body.send(b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{" % INFER.encode())
            for each in (slow_head, slow_body):
                assert (await each.answer()).status == 408
                assert await each.closed()
        async with await server.line() as silent, await server.line() as idle:
            idle.ask("GET", "/v2")
            assert (await idle.answer()).status == 200
            assert await silent.closed()
            assert await idle.closed()
        await asyncio.sleep(0.05)
        assert not server.front.connections


async def test_a_slow_reader_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "LINGER", 0.05)
    model, _ = await loaded(max_batch_size=1)
    values = [0.123456789] * 400_000
    async with rest(model, limits=Limits(idle=0.4)) as server, await server.line() as line:
        line.ask("POST", INFER, infer_body(*values), {"Connection": "close"})
        seen = b""
        while part := await line.reader.read(1 << 16):
            seen += part
            await asyncio.sleep(0.01)
    answer = json.loads(seen.partition(b"\r\n\r\n")[2])
    assert len(answer["outputs"][0]["data"]) == len(values)


async def test_a_reader_that_stops_is_let_go() -> None:
    model, _ = await loaded(max_batch_size=1)
    async with rest(model, limits=Limits(idle=0.2)) as server, await server.line() as line:
        line.ask("POST", INFER, infer_body(*[0.123456789] * 1_000_000))
        await line.reader.read(1 << 16)
        for _ in range(500):
            await asyncio.sleep(0.01)
            if not server.front.connections:
                break
        assert not server.front.connections


async def test_work_that_takes_long_is_not_idleness() -> None:
    model, _ = await loaded(seconds=0.5)
    async with rest(model, limits=Limits(slow=0.05, idle=0.1)) as server:
        assert (await server.ask("POST", INFER, infer_body(1))).status == 200


async def test_a_truncated_body_costs_nobody_anything() -> None:
    model, sessions = await loaded()
    async with rest(model) as server:
        async with await server.line() as line:
            line.send(b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{" % INFER.encode())
            await asyncio.sleep(0.02)
        assert (await server.ask("POST", INFER, infer_body(1))).status == 200
        assert sum(sessions[0].batches) == 1


async def test_answers_come_in_the_order_of_the_requests() -> None:
    model, _ = await loaded(seconds=0.05, max_batch_size=1)
    async with rest(model, limits=Limits(pipelined=4)) as server, await server.line() as line:
        for value in range(10):
            line.ask("POST", INFER, infer_body(value))
            line.ask("GET", "/v2")
        for value in range(10):
            assert (await line.answer()).json["outputs"][0]["data"] == [2 * value]
            assert (await line.answer()).json["name"] == "seatrial"


async def test_connections_are_kept_or_closed_as_asked() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        async with await server.line() as line:
            line.ask("GET", "/v2", headers={"Connection": "close"})
            assert (await line.answer()).headers["connection"] == "close"
            assert await line.closed()
        async with await server.line() as line:
            line.send(b"GET /v2 HTTP/1.0\r\n\r\n")
            assert (await line.answer()).status == 200
            assert await line.closed()
        async with await server.line() as line:
            for _ in range(2):
                line.send(b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                assert (await line.answer()).headers["connection"] == "keep-alive"
        async with await server.line() as line:
            line.send(b"GET /v2 HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            assert (await line.answer()).status == 200
            assert await line.closed()


async def test_head_gets_no_body() -> None:
    model, _ = await loaded()
    async with rest(model) as server, await server.line() as line:
        for path, status in (("/v2", b"200"), ("/nix", b"404"), (INFER, b"405")):
            line.send(b"HEAD %s HTTP/1.1\r\nHost: t\r\n\r\n" % path.encode())
            head = await line.reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == status
        line.ask("GET", "/v2")
        assert (await line.answer()).json["name"] == "seatrial"


async def test_expect_100_continue() -> None:
    model, _ = await loaded()
    body = json.dumps(infer_body(1)).encode()
    head = "POST {} HTTP/1.1\r\nHost: t\r\nExpect: {}\r\nContent-Length: {}\r\n\r\n"
    async with rest(model, limits=Limits(body=1000)) as server:
        async with await server.line() as line:
            line.send(head.format(INFER, "100-continue", len(body)).encode())
            assert (await line.answer()).status == 100
            line.send(body)
            assert (await line.answer()).status == 200
        async with await server.line() as line:
            line.send(head.format(INFER, "100-continue", 5000).encode())
            assert (await line.answer()).status == 413
        async with await server.line() as line:
            line.send(head.format(INFER, "a miracle", len(body)).encode())
            assert (await line.answer()).status == 417


async def test_the_requests_of_clients_that_left_are_not_run() -> None:
    model, sessions = await loaded(seconds=0.1, max_batch_size=8, max_queue_delay=0, max_queue_size=1000)
    async with rest(model) as server:
        lines = [await server.line() for _ in range(100)]
        for value, line in enumerate(lines):
            line.ask("POST", INFER, infer_body(value))
        await asyncio.sleep(0.05)
        for line in lines:
            line.writer.close()
        await asyncio.sleep(0.2)
        assert (await server.ask("POST", INFER, infer_body(1))).status == 200
        assert sum(sessions[0].batches) <= 8 + 1
        assert model.batcher.tally.cancelled >= 92


async def test_a_full_queue_says_when_to_come_again() -> None:
    model, _ = await loaded(seconds=0.2, max_batch_size=1, max_queue_size=2)
    async with rest(model) as server:
        answers = await asyncio.gather(*(server.ask("POST", INFER, infer_body(each)) for each in range(10)))
        refused = [each for each in answers if each.status == 503]
        assert len(refused) >= 6
        assert all(each.headers["retry-after"] == "1" for each in refused)
        assert all(each.status in (200, 503) for each in answers)


async def test_a_deadline_that_cannot_be_met_is_told() -> None:
    model, _ = await loaded(seconds=0.1, max_batch_size=1)
    async with rest(model) as server:
        first = asyncio.create_task(server.ask("POST", INFER, infer_body(1)))
        await asyncio.sleep(0.02)
        late = await server.ask("POST", INFER, infer_body(2, parameters={"timeout": 1000}))
        assert late.status == 504
        assert (await first).status == 200


async def test_what_kills_the_engine_costs_only_itself() -> None:
    model, _ = await loaded(seconds=0.01, max_batch_size=8, max_queue_delay=0.005)
    async with rest(model) as server:
        asked = [server.ask("POST", INFER, infer_body(each)) for each in (1, POISON, 3)]
        good, bad, other = await asyncio.gather(*asked)
        assert (good.status, bad.status, other.status) == (200, 500, 200)
        assert "SIGSEGV" in bad.json["error"]
        again = await server.ask("POST", INFER, infer_body(POISON))
        assert again.status == 400
        assert "before" in again.json["error"]


async def test_every_request_gets_its_own_rows_under_load_and_cancels() -> None:
    rng = random.Random(5)  # noqa: S311 - no secret
    model, _ = await loaded(seconds=0.002, max_batch_size=16, max_queue_delay=0.001, max_queue_size=10_000)

    async def client(number: int) -> int:
        done = 0
        line = await rest_server.line()
        for turn in range(20):
            rows = rng.randint(1, 5)
            values = [number * 1000 + turn * 10 + row for row in range(rows)]
            line.ask("POST", INFER, infer_body(*values))
            if rng.random() < 0.2:
                await asyncio.sleep(rng.random() * 0.004)
                line.writer.close()
                line = await rest_server.line()
                continue
            answer = await line.answer()
            assert answer.json["outputs"][0]["data"] == [2.0 * each for each in values]
            done += 1
        line.writer.close()
        return done

    async with rest(model) as rest_server:
        assert sum(await asyncio.gather(*map(client, range(24)))) > 200


async def test_metrics() -> None:
    model, _ = await loaded(max_batch_size=8)
    async with rest(model) as server:
        await server.ask("POST", INFER, infer_body(1, 2))
        await server.ask("POST", INFER, b"no")
        await server.ask("GET", "/v2/models/a-name-that-a-stranger-chose")
        answer: Answer = await server.ask("GET", "/metrics")
        text = answer.body.decode()
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'seatrial_requests_total{model="double",version="1",route="infer",code="200"} 1' in text
        assert 'seatrial_requests_total{model="double",version="1",route="infer",code="400"} 1' in text
        assert 'seatrial_rows_total{model="double",version="1"} 2' in text
        assert 'seatrial_batch_rows_bucket{model="double",version="1",le="2"} 1' in text
        assert "stranger" not in text


async def test_what_is_under_way_is_finished_when_the_server_stops() -> None:
    model, _ = await loaded(seconds=0.2, max_batch_size=1)
    async with rest(model) as server:
        idle, busy = await server.line(), await server.line()
        idle.ask("GET", "/v2")
        await idle.answer()
        busy.ask("POST", INFER, infer_body(21))
        await asyncio.sleep(0.05)
        stopping = asyncio.create_task(server.server.stop())
        assert await idle.closed()
        answer = await busy.answer()
        assert answer.json["outputs"][0]["data"] == [42]
        assert answer.headers["connection"] == "close"
        await stopping
        with pytest.raises(OSError, match="Connect"):
            await server.line()
        idle.writer.close()
        busy.writer.close()
