"""Large JSON is read in a thread: the loop goes on, and nothing else is different."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from seatrial.contract import TensorSpec
from seatrial.serve import v2
from seatrial.serve.rest.tensors import LARGE
from support.served import contract_for, infer_body, loaded, rest

INFER = "/v2/models/double/infer"
WIDE = TensorSpec("x", "float64", ("batch", 60_000), "NC")


def body(value: float, **more: Any) -> dict[str, Any]:
    data = [value, *[0.125] * 59_999]
    return {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 60_000], "data": data}], **more}


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads that read requests."""
    found: list[int] = []
    real = v2.read_request

    def read(*args: Any, **more: Any) -> v2.InferRequest:
        found.append(threading.get_ident())
        return real(*args, **more)

    monkeypatch.setattr(v2, "read_request", read)
    return found


async def test_a_large_request_is_read_apart_and_answered_alike(readers: list[int]) -> None:
    model, _ = await loaded(contract=contract_for(WIDE))
    async with rest(model) as server:
        answer = await server.ask("POST", INFER, body(3.0, id="big"))
        assert answer.json["id"] == "big"
        assert answer.json["outputs"][0]["data"][:2] == [6.0, 0.25]
        assert readers[0] != threading.get_ident()
        assert (await server.ask("POST", INFER, infer_body(1))).status == 400  # small: read here
        assert readers[1] == threading.get_ident()


async def test_what_is_wrong_with_a_large_request_is_told() -> None:
    model, _ = await loaded()
    async with rest(model) as server, await server.line() as line:
        for sent, words in (
            (b"[" * (LARGE + 1), "JSON"),
            (body(1.0), "'x'"),
            (body(1.0, outputs=[{"name": "q"}]), "'q'"),
        ):
            line.ask("POST", INFER, sent)
            answer = await line.answer()
            assert answer.status == 400
            assert words in answer.json["error"]
        line.ask("POST", INFER, infer_body(2))
        assert (await line.answer()).json["outputs"][0]["data"] == [4]


async def test_answers_keep_the_order_of_the_requests() -> None:
    model, _ = await loaded()
    async with rest(model) as server, await server.line() as line:
        line.ask("POST", INFER, b"[" * (LARGE + 1))
        line.ask("POST", INFER, infer_body(2))
        assert (await line.answer()).status == 400
        assert (await line.answer()).json["outputs"][0]["data"] == [4]


async def test_a_model_waits_for_what_is_being_read_and_not_for_who_is_gone() -> None:
    model, _ = await loaded(contract=contract_for(WIDE))
    async with rest(model) as server:
        begun = threading.Event()
        server.service.pool.submit(begun.wait, 5)
        server.service.pool.submit(begun.wait, 5)  # both threads are busy
        asked = asyncio.create_task(server.ask("POST", INFER, body(3.0)))
        gone = await server.line()
        gone.ask("POST", INFER, body(4.0))
        for _ in range(200):
            if model._holds == 2:
                break
            await asyncio.sleep(0.01)
        gone.writer.close()
        for _ in range(200):
            if model._holds == 1:
                break
            await asyncio.sleep(0.01)
        draining = asyncio.create_task(model.drain())
        await asyncio.sleep(0.05)
        assert not draining.done()
        begun.set()
        assert (await asked).json["outputs"][0]["data"][0] == 6.0
        await asyncio.wait_for(draining, 30)
