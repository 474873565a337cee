"""The official clients, unchanged, against our server and against Triton: the same suite, the same answers.

Where the two differ on purpose, the test says what each of them does; docs/explanation/triton.md says why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.v2_clients import KINDS, Client, facts, x
from support.v2_functions import SECONDS
from support.v2_models import BATCH
from support.v2_servers import Addresses, ours, triton

SERVERS = {"ours": ours, "triton": triton}


@pytest.fixture(scope="module", params=["ours", pytest.param("triton", marks=pytest.mark.slow)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as addresses:
        yield addresses


@pytest.fixture(params=KINDS)
async def client(request: pytest.FixtureRequest, server: Addresses) -> AsyncIterator[Client]:
    async with Client(request.param, server) as client:
        yield client


# -- health and metadata -------------------------------------------------------------------------------------
async def test_health(client: Client) -> None:
    assert await client("is_server_live")
    assert await client("is_server_ready")
    assert await client("is_model_ready", "double")
    assert await client("is_model_ready", "times", "2")
    assert not await client("is_model_ready", "times", "4")
    assert not await client("is_model_ready", "nothing")


async def test_metadata_of_the_server(client: Client) -> None:
    told = await client.told("get_server_metadata")
    assert told["name"]
    assert told["version"]
    assert {"binary_tensor_data", "model_repository", "model_configuration"} <= set(told["extensions"])


async def test_metadata_of_a_model(client: Client) -> None:
    told = await client.told("get_model_metadata", "times")
    assert (told["name"], sorted(told["versions"])) == ("times", ["2", "3"])
    assert told["platform"]
    (given,), (made,) = told["inputs"], told["outputs"]
    assert (given["name"], given["datatype"], [int(each) for each in given["shape"]]) == (
        "x", "FP32", [-1, 2],
    )  # fmt: skip
    assert (made["name"], made["datatype"], [int(each) for each in made["shape"]]) == ("y", "FP32", [-1, 2])
    echo = await client.told("get_model_metadata", "echo", "1")
    assert echo["inputs"][0]["datatype"] == "BYTES"
    with pytest.raises(InferenceServerException):
        await client("get_model_metadata", "nothing")


async def test_configuration_of_a_model(client: Client) -> None:
    told = await client.told("get_model_config", "times")
    config = told if client.http else told["config"]
    assert (config["name"], config["max_batch_size"]) == ("times", BATCH)
    (given,) = config["input"]
    assert (given["name"], given["data_type"], [int(each) for each in given["dims"]]) == (
        "x", "TYPE_FP32", [2],
    )  # fmt: skip
    assert "dynamic_batching" in config


# -- inference -----------------------------------------------------------------------------------------------
async def test_rows_in_rows_out(client: Client) -> None:
    answer = await client.infer("double", x(1, 2.5, -3), request_id="seven")
    np.testing.assert_array_equal(answer.as_numpy("y"), [[2], [5], [-6]])
    assert facts(answer) == {"id": "seven", "model": "double", "version": "1", "outputs": ["y"]}


async def test_several_inputs_and_outputs(client: Client) -> None:
    arrays = {"a": np.array([[1, 2]], np.int32), "b": np.array([[10, 20]], np.int32)}
    every = await client.infer("both", arrays)
    np.testing.assert_array_equal(every.as_numpy("sum"), [[11, 22]])
    np.testing.assert_array_equal(every.as_numpy("difference"), [[-9, -18]])
    turned = await client.infer("both", dict(reversed(arrays.items())))
    np.testing.assert_array_equal(turned.as_numpy("difference"), [[-9, -18]])
    one = await client.infer("both", arrays, outputs=client.wanted("difference"))
    assert facts(one)["outputs"] == ["difference"]
    assert one.as_numpy("sum") is None


@pytest.mark.parametrize("kind", ["http", "http-aio"])
@pytest.mark.parametrize("binary_in", [True, False], ids=["raw-in", "json-in"])
@pytest.mark.parametrize("binary_out", [True, False], ids=["raw-out", "json-out"])
async def test_json_and_raw_tensors(
    server: Addresses, kind: str, *, binary_in: bool, binary_out: bool
) -> None:
    async with Client(kind, server) as client:
        for model, given, wanted, array, expected in (
            ("times", "x", "y", np.array([[0.5, 1.5]], np.float32), np.array([[1.5, 4.5]], np.float32)),
            ("echo", "s", "t", np.array([["ä", ""]], object), np.array([[b"\xc3\xa4", b""]], object)),
        ):
            tensor = client.tensors(**{given: array})[0]
            tensor.set_data_from_numpy(array, binary_data=binary_in)
            output = client.module.InferRequestedOutput(wanted, binary_data=binary_out)
            answer = await client("infer", model, [tensor], outputs=[output])
            made = answer.as_numpy(wanted)
            if made.dtype == object and not binary_out:
                made = np.array([[each.encode() for each in row] for row in made], object)
            np.testing.assert_array_equal(made, expected)


async def test_texts(client: Client) -> None:
    texts = np.array([["a", "", "漢字"], ["\n", "ä" * 1000, '"\\']], object)
    answer = await client.infer("echo", {"s": texts})
    made = answer.as_numpy("t")
    assert [[each.decode() for each in row] for row in made] == texts.tolist()


async def test_bytes_that_are_no_text(client: Client) -> None:
    raw = {"s": np.array([[b"\xff\xfe"]], object)}
    if client.server.name == "triton":
        assert (await client.infer("echo", raw)).as_numpy("t").tolist() == [[b"\xff\xfe"]]
    else:
        with pytest.raises(InferenceServerException, match="no UTF-8"):
            await client.infer("echo", raw)


async def test_versions(client: Client) -> None:
    array = {"x": np.array([[1, 2]], np.float32)}
    for version, expected in (("2", [2, 4]), ("3", [3, 6]), ("", [3, 6])):
        answer = await client.infer("times", array, model_version=version)
        assert answer.as_numpy("y").tolist() == [expected]
        assert facts(answer)["version"] == (version or "3")


async def test_parameters_of_the_request(client: Client) -> None:
    more = {} if client.kind.startswith("http-") else {"parameters": {"mine": "text", "number": 3}}
    answer = await client.infer("double", x(4), priority=0, timeout=60_000_000, **more)
    assert answer.as_numpy("y").tolist() == [[8]]


async def test_many_at_once_each_get_their_own(client: Client) -> None:
    asked = [client.infer("double", x(value)) for value in range(60)]
    answers = await asyncio.gather(*asked)
    assert [each.as_numpy("y").item() for each in answers] == [2 * value for value in range(60)]


# -- errors --------------------------------------------------------------------------------------------------
ROW = np.ones((1, 1))
BAD: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "model": ("nothing", {"x": ROW}, {}),
    "version": ("double", {"x": ROW}, {"model_version": "9"}),
    "input-name": ("double", {"z": ROW}, {}),
    "input-missing": ("both", {"a": np.ones((1, 2), np.int32)}, {}),
    "input-extra": ("double", {"x": ROW, "z": ROW}, {}),
    "datatype": ("double", {"x": ROW.astype(np.float32)}, {}),
    "shape": ("double", {"x": np.ones((1, 2))}, {}),
    "rank": ("double", {"x": np.ones(1)}, {}),
    "too-many-rows": ("double", {"x": np.ones((BATCH + 1, 1))}, {}),
    "no-rows": ("double", {"x": np.ones((0, 1))}, {}),
    "output": ("double", {"x": ROW}, {"outputs": "q"}),
}
# HTTP status and gRPC code, the same of both servers.
CODES = dict.fromkeys(BAD, ("400", "INVALID_ARGUMENT")) | {
    "model": ("404", "NOT_FOUND"),
    "version": ("404", "NOT_FOUND"),
}
NAMED = {
    "model": "nothing", "version": "9", "input-name": "z", "input-missing": "b", "input-extra": "z",
    "datatype": "x", "shape": "x", "rank": "x", "too-many-rows": "9 rows", "no-rows": "x", "output": "q",
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_what_is_wrong_is_refused(client: Client, what: str) -> None:
    model, arrays, more = BAD[what]
    if "outputs" in more:
        more = {"outputs": client.wanted(more["outputs"])}
    with pytest.raises(InferenceServerException) as caught:
        await client.infer(model, arrays, **more)
    status = caught.value.status() or ""
    assert status.removeprefix("StatusCode.") == CODES[what][not client.http], caught.value.message()
    if client.server.name == "ours":
        assert NAMED[what] in caught.value.message()
    assert (await client.infer("double", x(1))).as_numpy("y").item() == 2


async def test_memory_that_is_not_shared(client: Client) -> None:
    given = client.module.InferInput("x", [1, 1], "FP64")
    given.set_shared_memory("region", 8)
    wanted = client.module.InferRequestedOutput("y")
    wanted.set_shared_memory("region", 8)
    for inputs, outputs in (([given], None), (client.tensors(**x(1)), [wanted])):
        with pytest.raises(InferenceServerException, match="shared memory"):
            await client("infer", "double", inputs, outputs=outputs)


# -- deadlines and clients that go away ----------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["grpc", "grpc-aio"])
async def test_the_deadline_of_a_call(server: Addresses, kind: str) -> None:
    async with Client(kind, server) as client:
        with pytest.raises(InferenceServerException) as caught:
            await client.infer("slow", x(1, 1), client_timeout=SECONDS / 4)
        assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
        assert (await client.infer("slow", x(2, 2), client_timeout=30)).as_numpy("y")[0].item() == 2


async def test_the_deadline_of_a_request_that_waits(server: Addresses) -> None:
    async with Client("grpc-aio", server) as client:
        # Triton hands the next request to the backend already, and its deadline counts only in the queue.
        first = [asyncio.ensure_future(client.infer("slow", x(1, 1))) for _ in range(3)]
        await asyncio.sleep(SECONDS / 3)
        with pytest.raises(InferenceServerException) as caught:
            await client.infer("slow", x(2, 2), timeout=10_000)
        # Triton says UNAVAILABLE, which asks clients to try again; this deadline will not come back.
        expected = {"ours": "DEADLINE_EXCEEDED", "triton": "UNAVAILABLE"}[server.name]
        assert caught.value.status() == f"StatusCode.{expected}", caught.value.message()
        assert [each.as_numpy("y")[0].item() for each in await asyncio.gather(*first)] == [1, 1, 1]


@pytest.mark.parametrize("kind", ["grpc-aio", "http-aio"])
async def test_what_waits_for_clients_that_went_away_is_not_run(server: Addresses, kind: str) -> None:
    if (server.name, kind) == ("triton", "http-aio"):
        pytest.skip("Triton's HTTP front does not see that a client went away: it runs them all")
    async with Client(kind, server) as client:
        asked = [asyncio.ensure_future(client.infer("slow", x(value, value))) for value in range(12)]
        await asyncio.sleep(SECONDS / 2)
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        began = time.monotonic()
        assert (await client.infer("slow", x(5, 5))).as_numpy("y")[0].item() == 5
        assert time.monotonic() - began < 6 * SECONDS


async def test_a_call_that_is_cancelled(server: Addresses) -> None:
    async with Client("grpc", server) as client:
        told: asyncio.Queue[Any] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def ended(result: Any, error: Any) -> None:
            loop.call_soon_threadsafe(told.put_nowait, (result, error))

        call = await client("async_infer", "slow", client.tensors(**x(1)), ended)
        call.cancel()
        result, error = await asyncio.wait_for(told.get(), 30)
        assert result is None
        assert error.status() == "StatusCode.CANCELLED"


# -- the client's other ways to ask --------------------------------------------------------------------------
async def test_asked_without_waiting_over_http(server: Addresses) -> None:
    async with Client("http", server) as client:

        def ask() -> list[float]:
            calls = [client.raw.async_infer("double", client.tensors(**x(value))) for value in range(20)]
            return [each.get_result().as_numpy("y").item() for each in calls]

        assert await client.away(ask) == [2 * value for value in range(20)]


async def test_asked_without_waiting_over_grpc(server: Addresses) -> None:
    async with Client("grpc", server) as client:
        loop, told = asyncio.get_running_loop(), asyncio.Queue[Any]()
        for value in range(20):
            await client(
                "async_infer",
                "double",
                client.tensors(**x(value)),
                lambda result, error: loop.call_soon_threadsafe(told.put_nowait, (result, error)),
            )
        answers = [await asyncio.wait_for(told.get(), 30) for _ in range(20)]
        assert sorted(answer.as_numpy("y").item() for answer, _ in answers) == [2 * v for v in range(20)]


async def test_a_stream_with_callbacks(server: Addresses) -> None:
    async with Client("grpc", server) as client:
        loop, told = asyncio.get_running_loop(), asyncio.Queue[Any]()
        await client(
            "start_stream",
            lambda result, error: loop.call_soon_threadsafe(told.put_nowait, (result, error)),
        )
        for value in range(20):
            model = "nothing" if value == 3 else "double"
            await client("async_stream_infer", model, client.tensors(**x(value)), request_id=str(value))
        answers = [await asyncio.wait_for(told.get(), 30) for _ in range(20)]
        await client("stop_stream")
        errors = [error for _, error in answers if error is not None]
        assert len(errors) == 1
        assert "nothing" in errors[0].message()
        made = sorted(answer.as_numpy("y").item() for answer, error in answers if error is None)
        assert made == [2 * value for value in range(20) if value != 3]


async def test_a_stream_that_is_awaited(server: Addresses) -> None:
    async with Client("grpc-aio", server) as client:

        async def asked() -> AsyncIterator[dict[str, Any]]:
            for value in range(20):
                yield {
                    "model_name": "double",
                    "inputs": client.tensors(**x(value)),
                    "request_id": str(value),
                }

        answers = [each async for each in client.raw.stream_infer(asked())]
        made = {facts(answer)["id"]: answer.as_numpy("y").item() for answer, _ in answers}
        assert made == {str(value): 2 * value for value in range(20)}
        final = answers[0][0].get_response().parameters["triton_final_response"]
        assert final.bool_param


# -- compression ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
async def test_compressed(client: Client, algorithm: str) -> None:
    more = (
        {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
        if client.http
        else {"compression_algorithm": algorithm}
    )
    texts = np.array([["abc" * 2000]], object)
    answer = await client.infer("echo", {"s": texts}, **more)
    assert answer.as_numpy("t").item() == b"abc" * 2000


# -- the repository extension --------------------------------------------------------------------------------
async def test_the_repository(client: Client) -> None:
    told = await client.told("get_model_repository_index")
    listed = told if client.http else told["models"]
    states = {(each["name"], each["version"]): each["state"] for each in listed}
    assert states[("times", "2")] == states[("times", "3")] == states[("echo", "1")] == "READY"
    with pytest.raises(InferenceServerException):
        await client("load_model", "nothing")


async def test_a_model_goes_and_comes(client: Client) -> None:
    arrays = {"a": np.ones((1, 2), np.int32), "b": np.ones((1, 2), np.int32)}
    await client("unload_model", "both")
    async with asyncio.timeout(30):
        while await client("is_model_ready", "both"):
            await asyncio.sleep(0.02)
    with pytest.raises(InferenceServerException):
        await client.infer("both", arrays)
    await client("load_model", "both")
    assert await client("is_model_ready", "both")
    assert (await client.infer("both", arrays)).as_numpy("sum").tolist() == [[2, 2]]
