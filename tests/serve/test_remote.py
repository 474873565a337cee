"""A model on another server: what it is asked, what its answers may be, and when it is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import orjson
import pytest

from seatrial.contract import TensorSpec
from seatrial.errors import ContractViolation, Unavailable
from seatrial.serve.call import Call
from seatrial.serve.settings import Rung
from seatrial.serve.traffic import remote as remote_module
from seatrial.serve.traffic.remote import RemoteModel, read_answer
from support.served import Y, infer_body, loaded, rest
from support.sick import sickly

FEEDS = {"x": np.array([[4.0]])}


@asynccontextmanager
async def elsewhere(answer: Callable[[bytes, int], bytes]) -> AsyncIterator[int]:
    """A server that says whatever it is told to; gets the request's head and how many it was asked on this
    connection, and hangs up when it has nothing to say."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        for count in range(100):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"\nContent-Length: ")[2].split(b"\r")[0])
                await reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            said = answer(head, count)
            if not said:
                break
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in open_ones:
            each.close()
        await server.wait_closed()
        await asyncio.sleep(0)


def spoken(value: Any, *, status: str = "200 OK", more: str = "") -> bytes:
    body = orjson.dumps(value)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


DOUBLED = {"outputs": [{"name": "y", "datatype": "FP64", "shape": [1, 1], "data": [8.0]}]}


async def asked(port: int, **more: Any) -> float:
    remote = RemoteModel(f"http://127.0.0.1:{port}", seconds=more.pop("limit", 2.0))
    try:
        (found,) = await remote.infer("double", (Y,), FEEDS, Call(), **more)
        return float(found.item())
    finally:
        remote.close()


async def test_a_server_of_ours_is_asked_in_raw_tensors() -> None:
    model, sessions = await loaded()
    async with rest(model) as server:
        for url in ("", "/", "/v2/models/double", "/v2/models/double/versions/1/"):
            remote = RemoteModel(f"http://127.0.0.1:{server.port}{url}", seconds=5)
            call = Call(log_id="abc", traceparent=f"00-{'1' * 32}-{'2' * 16}-01")
            for _ in range(3):
                (found,) = await remote.infer("double", (Y,), FEEDS, call)
                assert found.tolist() == [[8.0]]
            assert len(remote._idle) == 1  # one connection serves one after the other
            remote.close()
    assert len(sessions[0].batches) == 12


async def test_the_request_says_whose_it_is_and_that_it_was_handed_on() -> None:
    heads: list[bytes] = []

    def answer(head: bytes, _: int) -> bytes:
        heads.append(head)
        return spoken(DOUBLED)

    async with elsewhere(answer) as port:
        remote = RemoteModel(f"http://127.0.0.1:{port}/behind/", seconds=1)
        await remote.infer("a b", (Y,), FEEDS, Call(log_id="abc"))
        remote.close()
    assert heads[0].startswith(b"POST /behind/v2/models/a%20b/infer HTTP/1.1\r\n")
    assert b"\r\nX-Log-Id: abc\r\n" in heads[0]
    assert b"\r\nX-Seatrial-Hop: 1\r\n" in heads[0]


async def test_answers_in_json_and_in_chunks_are_read() -> None:
    body = orjson.dumps(DOUBLED)
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n" % (len(body), body)
        + b"0\r\n\r\n"
    )
    for said in (spoken(DOUBLED), chunked):
        async with elsewhere(lambda *_, said=said: said) as port:
            assert await asked(port) == 8.0


async def test_a_connection_that_lay_idle_too_long_is_made_anew() -> None:
    async with elsewhere(lambda _, count: b"" if count else spoken(DOUBLED)) as port:
        remote = RemoteModel(f"http://127.0.0.1:{port}", seconds=2)
        for _ in range(3):  # the other side ends each connection after one answer, and does not say so
            assert (await remote.infer("double", (Y,), FEEDS, Call()))[0].item() == 8.0
        remote.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-no\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort",
        spoken({"error": "x"}, status="503 Service Unavailable"),
        spoken({"error": "x"}, status="500 Internal Server Error"),
    ],
    ids=["hangs-up", "no-http", "cut", "busy", "bug"],
)
async def test_a_server_at_fault_is_unavailable_and_left_alone(said: bytes) -> None:
    asked_for: list[int] = []

    def answer(_: bytes, count: int) -> bytes:
        asked_for.append(count)
        return said if count == 0 else b""

    async with elsewhere(answer) as port:
        remote = RemoteModel(f"http://127.0.0.1:{port}", seconds=0.3)
        assert remote.open
        with pytest.raises(Unavailable):
            await remote.infer("double", (Y,), FEEDS, Call())
        assert not remote.open
        remote.close()
    assert asked_for


async def test_who_is_not_there_is_left_alone_for_longer_and_longer() -> None:
    async with elsewhere(lambda *_: b"") as port:
        pass
    remote = RemoteModel(f"http://127.0.0.1:{port}", seconds=1)
    pauses = []
    for _ in range(8):
        with pytest.raises(Unavailable, match="did not answer"):
            await remote.infer("double", (Y,), FEEDS, Call())
        pauses.append(remote._until - asyncio.get_running_loop().time())
    assert pauses[0] == pytest.approx(0.5, abs=0.1)
    assert pauses[-1] == pytest.approx(remote_module.LONGEST_REST, abs=0.1)


async def test_a_refusal_is_no_reason_to_leave_it_alone() -> None:
    async with elsewhere(lambda *_: spoken({"error": "no 'x'"}, status="400 Bad Request")) as port:
        remote = RemoteModel(f"http://127.0.0.1:{port}", seconds=1)
        with pytest.raises(Unavailable, match=r"answered 400: .*no 'x'"):
            await remote.infer("double", (Y,), FEEDS, Call())
        assert remote.open
        remote.close()


async def test_it_has_so_much_time_and_no_more_than_the_deadline_leaves() -> None:
    gate = asyncio.Event()

    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    for limit, seconds in ((0.05, None), (5.0, 0.05)):
        began = loop.time()
        with pytest.raises(Unavailable, match=r"within 0\.05 s"):
            await asked(port, limit=limit, seconds=seconds)
        assert loop.time() - began < 4
    remote = RemoteModel(f"http://127.0.0.1:{port}", seconds=5)
    with pytest.raises(Unavailable):
        await remote.infer("double", (Y,), FEEDS, Call(), seconds=0.02)
    assert remote.open  # a client without time says nothing about the server
    gate.set()
    server.close()
    await asyncio.sleep(0.01)


async def test_too_many_under_way_close_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "MOST", 1)
    async with elsewhere(lambda *_: spoken(DOUBLED)) as port:
        remote = RemoteModel(f"http://127.0.0.1:{port}", seconds=1)
        running = asyncio.create_task(remote.infer("double", (Y,), FEEDS, Call()))
        await asyncio.sleep(0)
        assert not remote.open
        await running
        assert remote.open
        remote.close()


async def test_too_large_an_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "LARGEST", 10)
    async with elsewhere(lambda *_: spoken(DOUBLED)) as port:
        with pytest.raises(Unavailable, match="more than 10 bytes"):
            await asked(port)


def raw(*outputs: dict[str, Any], tail: bytes = b"") -> tuple[bytes, bytes]:
    head = orjson.dumps({"outputs": outputs})
    return head + tail, str(len(head)).encode()


Z = TensorSpec("z", "string", ("batch",))


def test_outputs_are_bound_by_name_and_else_by_place() -> None:
    y = {"name": "y", "datatype": "FP64", "shape": [1, 1], "parameters": {"binary_data_size": 8}}
    z = {"name": "z", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}}
    tail = np.array([8.0]).tobytes() + b"\x01\0\0\0a"
    for specs in ((Y, Z), (Z, Y)):
        found = dict(
            zip([each.name for each in specs], read_answer(*raw(y, z, tail=tail), specs), strict=True)
        )
        assert found["y"].item() == 8.0
        assert found["z"].tolist() == ["a"]
    renamed = read_answer(*raw(y | {"name": "other"}, tail=tail[:8]), (Y,))
    assert renamed[0].item() == 8.0


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (b"no json", None),
        (b'{"outputs": 5}', None),
        (b'{"outputs": [{"name": "y"}]}', None),
        (b"{}", b"x"),
        raw({"name": "y", "datatype": "FP64", "shape": [1, 1], "parameters": {"binary_data_size": 8}}),
        raw({"name": "y", "datatype": "FP32", "shape": [1, 1], "data": [1]}),
        raw({"name": "y", "datatype": "FP64", "shape": [1], "data": [1]}),
        raw(),
    ],
    ids=["text", "number", "poor", "length", "cut", "dtype", "rank", "none"],
)
def test_other_outputs_than_expected_are_refused(body: bytes, length: bytes | None) -> None:
    with pytest.raises(ContractViolation):
        read_answer(body, length, (Y,))


def test_a_url_of_a_model_may_use_tls() -> None:
    remote = RemoteModel("https://models.example/v2/models/big", seconds=1)
    assert (remote._host, remote._port, remote._tls) == ("models.example", 443, True)


async def test_two_servers_that_step_down_to_each_other_do_not_play_ball() -> None:
    (one, engines), (two, others) = await sickly(), await sickly()
    async with rest(one) as first, rest(two) as second:
        for mine, its in ((first, second), (second, first)):
            rungs = [Rung(remote=f"http://127.0.0.1:{its.port}"), Rung(error="nobody can")]
            mine.service.traffic.set_ladder("double", rungs)
        await engines.take_away()
        answer = await first.ask("POST", "/v2/models/double/infer", infer_body(4))
        assert (answer.status, answer.json["outputs"][0]["data"]) == (200, [8.0])
        assert answer.headers["x-seatrial-degraded"] == "remote"
        await others.take_away()
        answer = await first.ask("POST", "/v2/models/double/infer", infer_body(4))
        assert (answer.status, answer.headers["x-seatrial-degraded"]) == (503, "error")
        assert answer.json["error"] == "nobody can"
