"""The client: arrays through a real server, tries, deadlines, and errors in the house's families."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import ContractViolation, NotFound, TrustError, Unavailable, UsageError
from seatrial.serve import v2
from seatrial.serve.client import Answer, AsyncClient, Client, Options, _Asker, _Reply, _Request
from support.served import loaded, rest

X = np.array([[3.0], [4.0]])
BUSY = {"error": "the queue is full"}


def _answers(*replies: Any) -> tuple[Callable[[httpx.Request], httpx.Response], list[httpx.Request]]:
    seen: list[httpx.Request] = []
    left: Iterator[Any] = iter(replies)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        reply = next(left)
        if isinstance(reply, Exception):
            raise reply
        assert isinstance(reply, httpx.Response)
        return reply

    return handle, seen


def _client(*replies: Any, **options: Any) -> tuple[Client, list[httpx.Request]]:
    handle, seen = _answers(*replies)
    return Client("http://test", Options(**options), transport=httpx.MockTransport(handle)), seen


def _good() -> httpx.Response:
    outputs = [{"name": "y", "datatype": "FP64", "shape": [2, 1], "data": [6, 8]}]
    return httpx.Response(200, json={"model_name": "double", "model_version": "1", "outputs": outputs})


async def test_arrays_go_to_a_server_and_come_back() -> None:
    model, _ = await loaded()
    async with rest(model) as server, AsyncClient(f"http://127.0.0.1:{server.port}") as client:
        answer = await client.infer("double", {"x": X}, outputs=["y"], priority=1)
        assert answer.outputs["y"].tolist() == [[6.0], [8.0]]
        assert (answer.model, answer.version) == ("double", "1")
        assert await client.ready()
        assert await client.ready("double")
        assert (await client.metadata("double"))["name"] == "double"
        assert "binary_tensor_data" in (await client.metadata())["extensions"]
        assert await client.predict("double", {"inputs": {"x": [1.0]}})
        with pytest.raises(ContractViolation, match="unknown: z"):
            await client.infer("double", {"z": X})
        with pytest.raises(NotFound, match="nobody"):
            await client.infer("nobody", {"x": X})


async def test_the_client_that_waits_does_the_same() -> None:
    model, _ = await loaded()
    async with rest(model) as server:

        def ask() -> Answer:
            with Client(f"http://127.0.0.1:{server.port}") as client:
                assert client.ready("double")
                assert client.metadata()["name"] == "seatrial"
                assert client.predict("double", {"inputs": {"x": [1.0]}})
                return client.infer("double", {"x": X})

        answer = await asyncio.get_running_loop().run_in_executor(None, ask)
        assert answer.outputs["y"].tolist() == [[6.0], [8.0]]


def test_a_busy_server_is_asked_again() -> None:
    client, seen = _client(httpx.Response(503, json=BUSY), httpx.ReadError("gone"), _good())
    assert client.infer("double", {"x": X}).outputs["y"].tolist() == [[6.0], [8.0]]
    assert len(seen) == 3


def test_what_is_wrong_is_not_asked_again() -> None:
    client, seen = _client(httpx.Response(400, json={"error": "inputs: no 'x'"}))
    with pytest.raises(ContractViolation, match="no 'x'"):
        client.infer("double", {"x": X})
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "family"),
    [(401, TrustError), (403, TrustError), (404, NotFound), (422, ContractViolation), (500, Unavailable),
     (503, Unavailable), (504, TimeoutError), (408, TimeoutError)],
)  # fmt: skip
def test_each_status_has_its_family(status: int, family: type[Exception]) -> None:
    client, _ = _client(httpx.Response(status, text="why"), retries=0)
    with pytest.raises(family, match="why"):
        client.predict("double", "text")


def test_a_server_that_is_not_there_is_not_ready() -> None:
    client, seen = _client(httpx.ConnectError("refused"))
    assert not client.ready()
    assert len(seen) == 1


def test_the_server_is_told_what_is_left() -> None:
    client, seen = _client(_good(), key="secret", headers={"X-Log-Id": "7"})
    client.infer("double", {"x": X}, deadline=2.0)
    length = int(seen[0].headers[v2.HEADER_LENGTH_NAME])
    told = json.loads(seen[0].content[:length])
    assert 0 < told["parameters"]["timeout"] <= 2_000_000
    assert seen[0].headers["authorization"] == "Bearer secret"
    assert seen[0].headers["x-log-id"] == "7"
    assert "secret" not in repr(client._asker.options)


def test_a_file_goes_as_what_it_is(tmp_path: Path) -> None:
    picture = tmp_path / "x.png"
    picture.write_bytes(b"png")
    client, seen = _client(httpx.Response(200, json={"top1_class": "3"}))
    assert client.predict("cls", picture, version="2/3") == {"top1_class": "3"}
    assert seen[0].headers["content-type"] == "image/png"
    assert str(seen[0].url).endswith("/v1/models/cls/predict?version=2%2F3")
    with pytest.raises(UsageError, match="missing"):
        client.predict("cls", tmp_path / "missing.png")


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"outputs": [{"name": "y"}]}'])
def test_an_answer_that_is_none_is_named(body: bytes) -> None:
    client, _ = _client(httpx.Response(200, content=body))
    with pytest.raises(Unavailable, match="protocol"):
        client.infer("double", {"x": X})


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no address"):
        Client("127.0.0.1:8000")


@given(
    pauses=st.lists(st.floats(0, 1), min_size=10, max_size=10),
    after=st.floats(0, 5),
    deadline=st.floats(0.01, 20),
    retries=st.integers(0, 8),
)
def test_tries_keep_to_the_deadline(pauses: list[float], after: float, deadline: float, retries: int) -> None:
    """However busy the server is, no more tries than allowed, never past the deadline."""
    now, tries, draws = 0.0, 0, iter(pauses)
    asker = _Asker(Options(retries=retries), clock=lambda: now, draw=lambda: next(draws))
    question = asker.ask(lambda left: _Request("GET", "/", left=left), deadline=deadline, retries=None)
    got = None
    while True:
        try:
            todo = question.send(got)
        except (Unavailable, TimeoutError):
            break
        if isinstance(todo, _Request):
            tries += 1
            assert now + todo.left <= deadline + 1e-9
            got = _Reply(503, {"retry-after": str(after)}, b"busy")
        else:
            assert todo >= after
            now, got = now + todo, None
    assert 1 <= tries <= retries + 1
    assert now < deadline
