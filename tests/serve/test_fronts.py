"""Fronts and hub: the answers of one server, whoever of them the client speaks to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatrial.contract import TensorSpec
from seatrial.serve.fronts.frames import Kind
from seatrial.serve.limits import Limits
from support.bad_requests import BAD
from support.fake_session import POISON
from support.fronted import Pair, fronted
from support.served import X, contract_for, infer_body, loaded, rest

INFER = "/v2/models/double/infer"


def binary(array: np.ndarray[Any, Any], **more: Any) -> tuple[bytes, dict[str, str]]:
    """A request with a raw tensor, and its headers."""
    raw = array.tobytes()
    entry = {"name": "x", "datatype": "FP64", "shape": list(array.shape)}
    head = {"inputs": [{**entry, "parameters": {"binary_data_size": len(raw)}}], **more}
    told = json.dumps(head).encode()
    return told + raw, {"Inference-Header-Content-Length": str(len(told))}


async def test_each_request_gets_its_own_rows_back() -> None:
    model, sessions = await loaded(max_batch_size=16, max_queue_delay=0.001, seconds=0.002)
    draw = np.random.default_rng(7)

    async def client(pair: Pair, name: int) -> int:
        answered = 0
        for turn in range(12):
            values = [name * 1000.0 + turn + row / 10 for row in range(draw.integers(1, 6))]
            async with await pair.rest.line() as line:
                line.ask("POST", INFER, infer_body(*values, id=f"{name}-{turn}"))
                if draw.random() < 0.2:
                    await asyncio.sleep(draw.random() / 500)
                    continue  # this one goes away
                answer = await line.answer()
            assert answer.json["id"] == f"{name}-{turn}"
            assert answer.json["outputs"][0]["data"] == [2 * each for each in values]
            answered += 1
        return answered

    async with fronted(model) as pairs:
        counts = await asyncio.gather(*(client(pairs[name % 2], name) for name in range(24)))
        assert sum(counts) > 150
        assert max(sessions[0].batches) > 5  # requests of both fronts met in one batch
        async with asyncio.timeout(30):  # those who went away at the end are noticed a little later
            while any(pair.hub.waiting for pair in pairs):
                await asyncio.sleep(0.005)


@pytest.mark.parametrize("body", [each[1] for each in BAD], ids=[each[0] for each in BAD])
async def test_bad_requests_are_answered_as_by_one_server(body: Any) -> None:
    model, _ = await loaded(max_batch_size=8)
    async with rest(model) as alone:
        wanted = await alone.ask("POST", INFER, body)
        model.batcher._draining = False
        async with fronted(model, count=1) as [pair], await pair.rest.line() as line:
            line.ask("POST", INFER, body)
            found = await line.answer()
            assert (found.status, found.json) == (wanted.status, wanted.json)
            line.ask("POST", INFER, infer_body(4))  # the same connection goes on
            assert (await line.answer()).json["outputs"][0]["data"] == [8]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2"),
        ("GET", "/v2/health/live"),
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/double"),
        ("GET", "/v2/models/double/versions/1/ready"),
        ("HEAD", "/v2/health/live"),
        ("GET", "/nix"),
        ("GET", INFER),
        ("POST", "/v2/models/nix/infer"),
        ("POST", "/v2/models/double/versions/9/infer"),
        ("POST", "/v1/models/double/predict?version=9"),
        ("GET", "/v2/models/..%2f..%2fetc%2fpasswd"),
    ],
)
async def test_other_routes_are_the_servers_own(method: str, path: str) -> None:
    model, _ = await loaded()
    async with rest(model) as alone, fronted(model, count=1) as [pair]:
        asked = "GET" if method == "HEAD" else method
        wanted, found = await alone.ask(asked, path), await pair.rest.ask(asked, path)
        assert (found.status, found.body) == (wanted.status, wanted.body)
        assert found.headers["content-type"] == wanted.headers["content-type"]
        if method == "HEAD":
            async with await pair.rest.line() as line:
                line.ask("HEAD", path)
                head = await line.reader.readuntil(b"\r\n\r\n")
                assert f"Content-Length: {len(wanted.body)}".encode() in head


async def test_what_plainly_fits_travels_as_tensors_and_the_rest_as_it_came() -> None:
    model, _ = await loaded(max_batch_size=8)
    async with fronted(model, count=1) as [pair]:
        assert (await pair.rest.ask("POST", INFER, infer_body(1))).status == 200
        assert pair.kinds == [Kind.ANSWER]
        assert (await pair.rest.ask("POST", INFER, infer_body(*range(9)))).status == 400  # too many rows
        assert (await pair.rest.ask("POST", INFER, {"inputs": []})).status == 400
        assert (await pair.rest.ask("GET", "/v2")).status == 200
        assert pair.kinds == [Kind.ANSWER, *[Kind.RESPONSE] * 3]


async def test_a_client_that_leaves_is_cancelled_in_the_queue() -> None:
    model, sessions = await loaded(max_batch_size=1, seconds=0.1)
    async with fronted(model) as pairs:
        lines = [await pairs[place % 2].rest.line() for place in range(20)]
        for place, line in enumerate(lines):
            line.ask("POST", INFER, infer_body(float(place)))
        await asyncio.sleep(0.05)
        for line in lines:
            line.writer.close()
        await asyncio.sleep(0.15)
        assert len(sessions[0].batches) <= 2
        assert model.batcher.tally.cancelled >= 18
        assert not pairs[0].hub.waiting
        assert (await pairs[0].rest.ask("POST", INFER, infer_body(1))).status == 200


async def test_a_large_tensor_goes_through_shared_memory_and_frees_it() -> None:
    wide = TensorSpec("x", "float64", ("batch", 20_000), "NC")
    model, _ = await loaded(contract=contract_for(wide), seconds=0.1)
    async with fronted(model, count=1) as [pair]:
        array = np.random.default_rng(3).standard_normal((1, 20_000))
        body, headers = binary(array, parameters={"binary_data_output": True})
        asked = asyncio.create_task(pair.rest.ask("POST", INFER, body, headers))
        await asyncio.sleep(0.05)
        assert pair.line.shared == 1  # it lies there while it is waited for
        answer = await asked
        length = int(answer.headers["inference-header-content-length"])
        assert np.array_equal(np.frombuffer(answer.body[length:]), 2 * array[0])
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert pair.line.shared == 0
        assert pair.hub.line.shared == 0


async def test_what_finds_no_room_in_shared_memory_goes_along() -> None:
    wide = TensorSpec("x", "float64", ("batch", 20_000), "NC")
    model, _ = await loaded(contract=contract_for(wide), max_batch_size=4)
    async with fronted(model, count=1, size=200 << 10) as [pair]:
        arrays = [np.full((1, 20_000), float(place)) for place in range(6)]
        answers = await asyncio.gather(
            *(
                pair.rest.ask("POST", INFER, *binary(each, parameters={"binary_data_output": True}))
                for each in arrays
            )
        )
        for place, answer in enumerate(answers):
            assert answer.status == 200
            length = int(answer.headers["inference-header-content-length"])
            assert set(np.frombuffer(answer.body[length:])) == {2.0 * place}


async def test_texts_cross_as_they_are() -> None:
    model, _ = await loaded()
    async with rest(model) as alone, fronted(model, count=1) as [pair]:
        body = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1, 1], "data": ["ä好"]}]}
        wanted, found = await alone.ask("POST", INFER, body), await pair.rest.ask("POST", INFER, body)
        assert (found.status, found.json) == (wanted.status, wanted.json)


async def test_errors_of_the_engine_keep_status_and_words() -> None:
    model, _ = await loaded(max_batch_size=4)
    async with fronted(model, count=1) as [pair]:
        died = await pair.rest.ask("POST", INFER, infer_body(POISON))
        assert (died.status, died.json["error"]) == (500, "died of SIGSEGV")
        for _ in range(100):
            if model.ready:
                break
            await asyncio.sleep(0.05)
        again = await pair.rest.ask("POST", INFER, infer_body(POISON))
        assert again.status == 400
        assert "killed the engine before" in again.json["error"]


async def test_a_full_queue_says_when_to_come_again() -> None:
    model, _ = await loaded(max_batch_size=1, max_queue_size=1, seconds=0.2)
    async with fronted(model, count=1) as [pair]:
        answers = await asyncio.gather(*(pair.rest.ask("POST", INFER, infer_body(n)) for n in range(6)))
        refused = [each for each in answers if each.status == 503]
        assert 4 <= len(refused) <= 5  # those that come in one turn of the loop find nobody served yet
        assert all(each.headers["retry-after"] == "1" for each in refused)


async def test_a_deadline_counts_from_the_front() -> None:
    model, _ = await loaded(max_batch_size=1, seconds=0.1)
    async with fronted(model, count=1) as [pair]:
        first = asyncio.create_task(pair.rest.ask("POST", INFER, infer_body(1)))
        await asyncio.sleep(0.02)
        late = await pair.rest.ask("POST", INFER, infer_body(2, parameters={"timeout": 20_000}))
        assert late.status == 504
        assert (await first).status == 200


async def test_the_log_id_of_the_client_comes_back_and_everything_is_counted_once() -> None:
    model, _ = await loaded()
    async with fronted(model) as pairs:
        for pair in pairs:
            answer = await pair.rest.ask("POST", INFER, infer_body(1), {"X-Log-Id": "mine"})
            assert answer.headers["x-log-id"] == "mine"
            assert answer.headers["x-seatrial-version"] == "1"
            async with await pair.rest.line() as line:
                line.send(b"this is no HTTP\r\n\r\n")
                assert (await line.answer()).status == 400
        text = (await pairs[0].rest.ask("GET", "/metrics")).body.decode()
        assert 'seatrial_requests_total{model="double",version="1",route="infer",code="200"} 2' in text
        assert 'route="other",code="400"} 2' in text


async def test_a_front_that_knows_an_old_model_refuses_nothing() -> None:
    model, _ = await loaded()
    newer, _ = await loaded(version="2", contract=contract_for(replace(X, dtype="float32")))
    async with fronted(model, count=1) as [pair]:
        assert (await pair.rest.ask("POST", INFER, infer_body(1))).json["model_version"] == "1"
        repository = pair.rest.service.repository
        for left in repository.publish("double", [newer]):  # the front is not told yet
            await left.drain()
        entry = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [3]}
        answer = await pair.rest.ask("POST", INFER, {"inputs": [entry]})
        assert (answer.status, answer.json["model_version"]) == (200, "2")
        old = await pair.rest.ask(
            "POST", INFER, infer_body(1)
        )  # what fits the old one does not fit the new one
        assert old.status == 400
        assert "the model takes float32" in old.json["error"]
        gone = await pair.rest.ask("POST", "/v2/models/double/versions/1/infer", infer_body(1))
        assert gone.status == 404


async def test_a_hub_that_loses_its_front_cancels_what_it_asked() -> None:
    model, _ = await loaded(max_batch_size=1, seconds=0.2)
    async with fronted(model, count=2) as [pair, other]:
        asked = [asyncio.create_task(pair.rest.ask("POST", INFER, infer_body(n))) for n in range(5)]
        await asyncio.sleep(0.05)
        pair.line._transport.abort()
        await asyncio.sleep(0.05)
        assert not pair.hub.waiting
        assert model.batcher.tally.cancelled == 4
        assert (await other.rest.ask("POST", INFER, infer_body(1))).status == 200
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_limits_are_the_fronts_own() -> None:
    model, _ = await loaded()
    async with fronted(model, count=1, limits=Limits(body=1000)) as [pair]:
        answer = await pair.rest.ask("POST", INFER, infer_body(*range(1000)))
        assert answer.status == 413


async def test_an_output_that_cannot_cross_is_this_requests_error(caplog: pytest.LogCaptureFixture) -> None:
    model, sessions = await loaded()
    async with fronted(model, count=1) as [pair]:
        real = sessions[0].finish
        sessions[0].finish = lambda: [*real(), np.ones(1)]  # one more than the graph has
        answer = await pair.rest.ask("POST", INFER, infer_body(1))
        assert answer.status == 500
        assert "infer failed" in caplog.text
        sessions[0].finish = real
        assert (await pair.rest.ask("POST", INFER, infer_body(1))).status == 200


async def test_a_frame_that_does_not_fit_is_answered() -> None:
    model, _ = await loaded()
    async with fronted(model, count=1) as [pair]:
        send, spoiled = pair.line.send, []

        def spoil(kind: Kind, *args: Any, **more: Any) -> None:
            if kind == Kind.INFER and not spoiled:
                spoiled.append(more.update(chunks=[b"123"]))
            send(kind, *args, **more)

        pair.line.send = spoil  # type: ignore[method-assign]
        assert (await pair.rest.ask("POST", INFER, infer_body(1))).status == 500
        assert (await pair.rest.ask("POST", INFER, infer_body(1))).status == 200
