"""Bytes of all kinds against a server: only answers of ours, never a hang, and good requests go on."""

from __future__ import annotations

import asyncio
import json
import random
import re

import pytest

from seatrial.serve.limits import Limits
from seatrial.serve.status import PHRASES
from support.served import Rest, infer_body, loaded, rest

INFER = b"/v2/models/double/infer"
BODY = json.dumps(infer_body(1, 2)).encode()
RAW = b'{"inputs":[{"name":"x","datatype":"FP64","shape":[1,1],"parameters":{"binary_data_size":8}}]}'
FORM = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello\r\n--b--\r\n'


def post(path: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST %s HTTP/1.1" % path, b"Host: t", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


CHUNKED = b"POST %s HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nT: x\r\n\r\n"
SEEDS = (
    post(INFER, BODY),
    post(INFER, RAW + b"12345678", b"Inference-Header-Content-Length: %d" % len(RAW)),
    post(b"/v1/models/double/predict", FORM, b"Content-Type: multipart/form-data; boundary=b"),
    post(b"/v1/models/double/predict", b'{"inputs":{"x":[1.5]}}', b"Content-Type: application/json"),
    post(b"/double/prediction", b'{"key":["x"],"value":["[1]"]}'),
    post(b"/v2/repository/index", b'{"ready":true}'),
    CHUNKED % (INFER, len(BODY), BODY),
    b"GET /v2/models/double HTTP/1.1\r\nHost: t\r\n\r\nGET /metrics HTTP/1.1\r\nHost: t\r\n\r\n",
    b"PUT /v1/models/double/route HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}",
)
WORDS = (
    b"\r\n", b"\0", b"\xff\xfe", b"-1", b"9" * 20, b"1e999", b"NaN", b"[" * 50, b'"', b"{}", b"null",
    b"%2e%2e/", b"chunked", b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"Content-Encoding: gzip\r\n", b"HTTP/1.0", b"PRI * HTTP/2.0",
)  # fmt: skip


def mutated(rng: random.Random) -> bytes:
    """A request that was good once."""
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 6)):
        place, length = rng.randrange(len(data) + 1), rng.randint(1, 12)
        match rng.randrange(6):
            case 0:
                data[place : place + 1] = rng.randbytes(1)
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = rng.choice(WORDS)
            case 3:
                data[place:place] = data[place : place + length]
            case 4:
                del data[place:]
            case _:
                data[place : place + length] = rng.choice(WORDS)
    return bytes(data)


async def told(server: Rest, data: bytes, rng: random.Random) -> bytes:
    """All that comes back before the server ends the connection."""
    async with await server.line() as line:
        middle = rng.randrange(len(data) + 1)
        line.send(data[:middle])
        if rng.random() < 0.3:
            await asyncio.sleep(0)
        line.send(data[middle:])
        line.writer.write_eof()
        try:
            return await asyncio.wait_for(line.reader.read(), 30)
        except ConnectionError:
            return b""


def statuses(answer: bytes) -> list[int]:
    """Of the answers in a stream; a body is no answer."""
    found = []
    while answer:
        head, _, rest_ = answer.partition(b"\r\n\r\n")
        status = int(re.match(rb"HTTP/1\.1 (\d{3}) ", head)[1])
        found.append(status)
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        answer = rest_[int(length[1]) if length and status != 100 else 0 :]
    return found


async def fuzz(count: int, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    model, _ = await loaded(max_batch_size=8, max_queue_size=1000)
    bugs: list[str] = []
    async with rest(model, limits=Limits(idle=2, slow=2, body=100_000)) as server:
        server.front.instruments.listen(
            lambda call, code, _: bugs.append(call.error) if code == 500 else None
        )
        for start in range(0, count, 20):
            cases = [mutated(rng) for _ in range(min(20, count - start))]
            answers, good = await asyncio.gather(
                asyncio.gather(*(told(server, each, rng) for each in cases)),
                server.ask("POST", INFER.decode(), infer_body(start)),
            )
            assert good.json["outputs"][0]["data"] == [2.0 * start]
            for case, answer in zip(cases, answers, strict=True):
                assert set(statuses(answer)) <= {100, *PHRASES} - {500}, case
        assert not bugs
        for _ in range(100):
            if not server.front.connections:
                break
            await asyncio.sleep(0.05)
        assert not server.front.connections
        assert server.front.room.taken == 0


async def test_bytes_of_all_kinds() -> None:
    await fuzz(200, seed=20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
async def test_many_bytes_of_all_kinds(seed: int) -> None:
    await fuzz(1000, seed)
