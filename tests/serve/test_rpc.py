"""The gRPC front as its clients see it: answers, errors by code, deadlines, cancellation, streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from seatrial.serve.limits import Limits
from seatrial.serve.rpc.schema import schema
from support.fake_session import POISON
from support.rpc_served import Rpc, column, rpc
from support.served import loaded

MESSAGES = schema("inference").messages
INFER = "/inference.GRPCInferenceService/ModelInfer"


def request(*values: float, **more: Any) -> Any:
    """A `ModelInferRequest` with typed contents."""
    message = MESSAGES["ModelInferRequest"](model_name=more.pop("name", "double"), **more)
    tensor = message.inputs.add(name="x", datatype="FP64", shape=[len(values), 1])
    tensor.contents.fp64_contents.extend(values)
    return message


async def call(server: Rpc, path: str, body: bytes, **more: Any) -> bytes:
    """One call without any client's library."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        return bytes(await channel.unary_unary(path)(body, **more))


async def refused(server: Rpc, body: bytes, path: str = INFER) -> tuple[str, str]:
    """The code and the words that a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(server, path, body)
    return caught.value.code().name, str(caught.value.details())


async def test_what_is_asked_is_answered() -> None:
    model, _ = await loaded(max_batch_size=8, max_queue_delay=0.002)
    async with rpc(model) as server:
        client = server.client
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("double")
        assert await client.is_model_ready("double", "1")
        assert not await client.is_model_ready("double", "2")
        assert not await client.is_model_ready("other")
        assert (await client.get_server_metadata()).name == "seatrial"
        told = await client.get_model_metadata("double", as_json=True)
        assert told["inputs"] == [{"name": "x", "datatype": "FP64", "shape": ["-1", "1"]}]
        assert told["versions"] == ["1"]
        config = (await client.get_model_config("double")).config
        assert (config.max_batch_size, list(config.input[0].dims)) == (8, [1])
        assert config.dynamic_batching.max_queue_delay_microseconds == 2000
        assert config.parameters["artifact_digest"].string_value == "sha256:0"


async def test_a_model_without_batches_has_all_its_dimensions_in_its_configuration() -> None:
    model, _ = await loaded(max_batch_size=1)
    async with rpc(model) as server:
        config = (await server.client.get_model_config("double")).config
        assert (config.max_batch_size, list(config.input[0].dims)) == (0, [-1, 1])
        assert not config.HasField("dynamic_batching")


async def test_infer_with_raw_and_typed_contents() -> None:
    model, _ = await loaded()
    async with rpc(model) as server:
        answer = await server.client.infer("double", [column(1, 2.5)], request_id="seven")
        assert answer.get_response().id == "seven"
        assert answer.get_response().model_version == "1"
        np.testing.assert_array_equal(answer.as_numpy("y"), [[2.0], [5.0]])
        raw = await call(server, INFER, request(3, 4).SerializeToString())
        typed = MESSAGES["ModelInferResponse"].FromString(raw)
        assert np.frombuffer(typed.raw_output_contents[0]).tolist() == [6.0, 8.0]


async def test_the_log_id_comes_back_and_the_answer_is_counted() -> None:
    model, _ = await loaded()
    async with rpc(model) as server, grpc.aio.insecure_channel(server.address) as channel:
        asked = channel.unary_unary(INFER)(
            request(1).SerializeToString(), metadata=(("x-log-id", "abc-1"), ("traceparent", "nonsense"))
        )
        await asked
        assert dict(await asked.trailing_metadata())["x-log-id"] == "abc-1"
        with pytest.raises(InferenceServerException):
            await server.client.infer("other", [column(1)])
        told = server.instruments.text()
        assert 'seatrial_requests_total{model="double",version="1",route="infer",code="OK"} 1' in told
        assert 'code="NOT_FOUND"} 1' in told


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda it: it.ClearField("inputs"), "INVALID_ARGUMENT", "inputs: expected"),
        (lambda it: setattr(it, "model_name", "other"), "NOT_FOUND", "no model 'other'"),
        (lambda it: setattr(it, "model_version", "9"), "NOT_FOUND", "no version '9'"),
        (lambda it: setattr(it.inputs[0], "datatype", "FP61"), "INVALID_ARGUMENT", "inputs[0].datatype"),
        (lambda it: setattr(it.inputs[0], "datatype", "FP16"), "INVALID_ARGUMENT", "no typed contents"),
        (lambda it: setattr(it.inputs[0], "datatype", "INT8"), "INVALID_ARGUMENT", "INT8 goes into int_con"),
        (lambda it: setattr(it.inputs[0], "name", "z"), "INVALID_ARGUMENT", "unknown: z"),
        (lambda it: it.inputs[0].shape.append(3), "INVALID_ARGUMENT", "1 values for shape [1, 1, 3]"),
        (lambda it: it.inputs[0].shape.append(-1), "INVALID_ARGUMENT", "inputs[0].shape"),
        (lambda it: it.inputs[0].shape.extend([1] * 40), "INVALID_ARGUMENT", "42 axes"),
        (lambda it: it.inputs.append(it.inputs[0]), "INVALID_ARGUMENT", "'x' is there twice"),
        (lambda it: it.raw_input_contents.append(b"12345678"), "INVALID_ARGUMENT", "both contents and raw"),
        (lambda it: it.raw_input_contents.extend([b"", b""]), "INVALID_ARGUMENT", "2 for 1 inputs"),
        (lambda it: it.outputs.add(name="q"), "INVALID_ARGUMENT", "no 'q'"),
        (
            lambda it: it.outputs.add(name="y").parameters["classification"].MergeFrom(number(1)),
            "UNIMPLEMENTED",
            "classification is not offered",
        ),
        (
            lambda it: it.inputs[0].parameters["shared_memory_region"].MergeFrom(number(1)),
            "UNIMPLEMENTED",
            "shared memory is not offered",
        ),
        (lambda it: it.parameters["timeout"].MergeFrom(number(-1)), "INVALID_ARGUMENT", "timeout"),
        (lambda it: it.parameters["priority"].MergeFrom(number(-1)), "INVALID_ARGUMENT", "priority"),
    ],
    ids=[
        "no-inputs", "model", "version", "datatype", "typed-fp16", "field", "name", "count", "negative",
        "axes", "twice", "both", "raws", "output", "classification", "shared-memory", "timeout", "priority",
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(change: Any, code: str, words: str) -> None:
    model, _ = await loaded()
    async with rpc(model) as server:
        message = request(1)
        change(message)
        found, told = await refused(server, message.SerializeToString())
        assert (found, words in told) == (code, True), told
        assert await server.double(2) == [4]


def number(value: int) -> Any:
    return MESSAGES["InferParameter"](int64_param=value)


async def test_bytes_that_are_no_message_and_methods_that_are_not_there() -> None:
    model, _ = await loaded()
    async with rpc(model) as server:
        assert await refused(server, b"\xff\xff") == (
            "INVALID_ARGUMENT",
            "the bytes are no ModelInferRequest",
        )
        assert (await refused(server, b"", "/inference.GRPCInferenceService/Nothing"))[0] == "UNIMPLEMENTED"
        assert (await refused(server, b"", "/other.Service/ModelInfer"))[0] == "UNIMPLEMENTED"


async def test_what_the_engine_does_has_a_code() -> None:
    model, _ = await loaded(max_batch_size=4)
    async with rpc(model) as server:
        for value, code in ((float("nan"), "INVALID_ARGUMENT"), (POISON, "INTERNAL")):
            with pytest.raises(InferenceServerException) as caught:
                await server.double(value)
            assert caught.value.status() == f"StatusCode.{code}"


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_again() -> None:
    model, _ = await loaded(seconds=0.2, max_batch_size=1, max_queue_size=1)
    async with rpc(model) as server, grpc.aio.insecure_channel(server.address) as channel:
        running = asyncio.ensure_future(server.double(1))
        await until(lambda: model.batcher.queue.rows == 0 and bool(model.batcher._running))
        waiting = asyncio.ensure_future(server.double(2))
        await until(lambda: model.batcher.queue.rows == 1)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(INFER)(request(3).SerializeToString())
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
        assert (await running, await waiting) == ([2], [4])


async def until(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_client_that_goes_away_takes_its_waiting_request_along() -> None:
    model, (session,) = await loaded(seconds=0.15, max_batch_size=1)
    async with rpc(model) as server:
        running = asyncio.ensure_future(server.double(1))
        await until(lambda: bool(session.batches))
        waiting = [asyncio.ensure_future(server.double(value)) for value in range(10)]
        await until(lambda: model.batcher.queue.rows == 10)
        for each in waiting:
            each.cancel()
        await until(lambda: model.batcher.queue.rows == 0)
        assert await running == [2]
        assert session.batches == [1]
        assert model.batcher.tally.cancelled == 10


async def test_the_deadline_of_the_call_is_that_of_the_request() -> None:
    model, (session,) = await loaded(seconds=0.3, max_batch_size=1)
    async with rpc(model) as server:
        running = asyncio.ensure_future(server.double(1))
        await until(lambda: bool(session.batches))
        with pytest.raises(InferenceServerException) as caught:
            await server.double(2, client_timeout=0.05)
        assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
        with pytest.raises(InferenceServerException) as caught:
            await server.double(3, timeout=50_000)
        assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
        assert "deadline" in caught.value.message()
        assert await running == [2]
        assert session.batches == [1]


async def test_a_message_that_is_too_large_is_refused_compressed_or_not() -> None:
    model, _ = await loaded()
    async with rpc(model, limits=Limits(body=100_000)) as server:
        for algorithm in (None, "gzip"):
            with pytest.raises(InferenceServerException) as caught:
                await server.double(*[0.0] * 50_000, compression_algorithm=algorithm)
            assert caught.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
        assert await server.double(1, compression_algorithm="gzip") == [2]


async def test_a_stream_answers_in_order_and_survives_a_bad_request() -> None:
    model, _ = await loaded()
    async with rpc(model) as server:

        async def asked() -> AsyncIterator[dict[str, Any]]:
            for value in range(50):
                name = "other" if value == 7 else "double"
                yield {"model_name": name, "inputs": [column(value)], "request_id": str(value)}

        answers = [each async for each in server.client.stream_infer(asked())]
        told = [None if error else answer.as_numpy("y").item() for answer, error in answers]
        assert told == [None if value == 7 else 2 * value for value in range(50)]
        assert "no model 'other'" in answers[7][1].message()
        assert answers[8][0].get_response().id == "8"


async def test_a_stream_whose_client_goes_away_is_cancelled() -> None:
    model, (session,) = await loaded(seconds=0.2, max_batch_size=1)
    async with rpc(model, limits=Limits(pipelined=4)) as server:

        async def asked() -> AsyncIterator[dict[str, Any]]:
            for value in range(100):
                yield {"model_name": "double", "inputs": [column(value)]}

        stream = server.client.stream_infer(asked())
        await anext(aiter(stream))
        stream.cancel()
        await until(lambda: model.batcher.queue.rows == 0)
        assert sum(session.batches) <= 3
        assert await server.double(5) == [10]


async def test_health_as_orchestrators_ask_for_it() -> None:
    model, _ = await loaded()
    health = schema("health").messages
    async with rpc(model) as server:
        path = "/grpc.health.v1.Health/Check"
        assert health["HealthCheckResponse"].FromString(await call(server, path, b"")).status == 1
        named = health["HealthCheckRequest"](service="other").SerializeToString()
        assert (await refused(server, named, path))[0] == "NOT_FOUND"
        server.service.stop_being_ready()
        assert health["HealthCheckResponse"].FromString(await call(server, path, b"")).status == 2
        assert not await server.client.is_server_ready()


async def test_stopping_answers_what_is_under_way() -> None:
    model, (session,) = await loaded(seconds=0.2)
    async with rpc(model) as server:
        running = asyncio.ensure_future(server.double(4))
        await until(lambda: bool(session.batches))
        await server.front.stop(5)
        assert await running == [8]
        with pytest.raises(InferenceServerException):
            await server.double(1)


async def test_a_port_is_taken_once() -> None:
    from seatrial.errors import Unavailable

    model, _ = await loaded()
    async with rpc(model) as server:
        port = int(server.address.rpartition(":")[2])
        with pytest.raises(Unavailable, match="cannot listen"):
            await type(server.front)(server.service, server.instruments).start(port=port)
    assert triton.__name__ == "tritonclient.grpc"


async def test_a_server_that_stops_says_so_to_those_who_come() -> None:
    model, (session,) = await loaded(seconds=0.3, max_batch_size=1)
    async with rpc(model) as server:
        running = asyncio.ensure_future(server.double(4))
        await until(lambda: bool(session.batches))
        stopping = asyncio.ensure_future(server.front.stop(5))
        await asyncio.sleep(0)
        with pytest.raises(InferenceServerException, match="shutting down") as caught:
            await server.double(5)
        assert caught.value.status() == "StatusCode.UNAVAILABLE"
        assert await server.client.is_server_live()
        assert await running == [8]
        await stopping


async def test_a_server_in_a_hurry_waits_for_nobody() -> None:
    model, (session,) = await loaded(seconds=5, max_batch_size=1)
    async with rpc(model) as server:
        running = asyncio.ensure_future(server.double(4))
        await until(lambda: bool(session.batches))
        began = asyncio.get_running_loop().time()
        stopping = asyncio.ensure_future(server.front.stop(30))
        await asyncio.sleep(0.05)
        await server.front.stop(0)
        await stopping
        assert asyncio.get_running_loop().time() - began < 3
        with pytest.raises(InferenceServerException):
            await running


async def test_messages_that_do_not_fit_together_are_refused() -> None:
    model, (session,) = await loaded(seconds=0.2, max_batch_size=1)
    async with rpc(model, limits=Limits(memory=150)) as server:
        running = asyncio.ensure_future(server.double(1))
        await until(lambda: bool(session.batches))
        with pytest.raises(InferenceServerException, match="no memory left") as caught:
            await server.double(*[2.0] * 20)
        assert caught.value.status() == "StatusCode.UNAVAILABLE"
        assert await running == [2]
        assert await server.double(3) == [6]
