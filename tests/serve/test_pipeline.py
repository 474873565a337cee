"""Pipelines as they run: batches are shared, order is kept, failures and cancels reach every stage."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from seatrial.errors import ContractViolation, ModelError, Unavailable, UsageError
from seatrial.serve import v2
from seatrial.serve.call import Call
from seatrial.serve.flow.declaration import Flow, parse_flow
from seatrial.serve.flow.pipeline import ServedPipeline
from seatrial.serve.service import InferenceService
from support.fake_session import POISON
from support.flows import doubles, split
from support.served import loaded, rest

__all__ = ["split"]  # the fixture
pytestmark = pytest.mark.usefixtures("split")
TEXT = {"Content-Type": "text/plain"}


async def served(flow: Flow, **options: Any) -> tuple[InferenceService, list[Any]]:
    model, sessions = await loaded(**{"max_batch_size": 8, "max_queue_delay": 0.0, **options})
    service = InferenceService(threads=2)
    service.repository.add(model)
    service.pipelines["doubles"] = ServedPipeline("doubles", flow, service.repository)
    return service, sessions


async def asked(service: InferenceService, text: str, **parameters: Any) -> tuple[Any, Call]:
    call = Call(parameters=parameters)
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    service.predict(service.model("doubles", "", call), text, answer.set_result, call)
    return await asyncio.wait_for(answer, 30), call


async def test_items_come_back_in_their_order() -> None:
    service, _ = await served(doubles())
    answer, call = await asked(service, "3 1 2 7 5 9 11 4 6 8")
    assert answer == {"doubled": [[6], [2], [4], [14], [10], [18], [22], [8], [12], [16]]}
    assert (call.model, call.version) == ("doubles", "1")
    assert set(call.seconds) == {"numbers", "doubled"}
    assert [model.name for model, _ in call.stages] == ["double"] * 10
    await service.drain()


async def test_an_empty_list_is_answered_without_the_model() -> None:
    service, sessions = await served(doubles())
    answer, _ = await asked(service, "")
    assert answer == {"doubled": []}
    assert not sessions[0].batches
    await service.drain()


async def test_requests_share_batches() -> None:
    service, sessions = await served(doubles(), seconds=0.02)
    answers = await asyncio.gather(*(asked(service, f"{each} {each + 1}") for each in range(12)))
    assert [answer["doubled"] for answer, _ in answers] == [[[2 * n], [2 * n + 2]] for n in range(12)]
    assert sum(sessions[0].batches) == 24
    assert max(sessions[0].batches) > 2
    await service.drain()


async def test_a_long_list_does_not_fill_the_queue_nor_hold_up_a_short_one() -> None:
    service, _ = await served(doubles(), seconds=0.002, max_queue_size=16)
    long = asyncio.ensure_future(asked(service, " ".join(map(str, range(900)))))
    await asyncio.sleep(0.05)
    answer, _ = await asked(service, "1 2")
    assert answer == {"doubled": [[2], [4]]}
    assert not long.done()
    answer, _ = await long
    assert answer == {"doubled": [[2 * each] for each in range(900)]}
    await service.drain()


async def test_an_item_that_fails_names_its_stage() -> None:
    service, _ = await served(doubles())
    answer, _ = await asked(service, "1 nan 3")
    assert isinstance(answer, ModelError)
    assert "stage 'doubled', item 1: " in answer.message
    answer, _ = await asked(service, "1 ! 3")
    assert isinstance(answer, ContractViolation)
    assert answer.message.startswith("stage 'numbers': ")
    assert (await asked(service, "4"))[0] == {"doubled": [[8]]}
    assert service.pipelines["doubles"].under_way == 0
    await service.drain()


DROPS = """
schema: seatrial/pipeline/1
takes: text
stages:
  numbers: {joint: split, take: {text: request}}
  doubled: {model: double, each: numbers, on_error: drop}
  pairs: {joint: rows, take: {one: numbers, two: doubled}}
answer: {pairs: pairs, doubled: doubled}
"""


async def test_dropped_items_are_null_and_no_rows() -> None:
    service, _ = await served(parse_flow(DROPS))
    answer, _ = await asked(service, f"1 nan {POISON}")
    assert answer == {"pairs": [{"one": [1], "two": [2]}], "doubled": [[2], None, None]}
    await service.drain()


async def test_a_bug_is_told_as_it_is() -> None:
    flow = """
schema: seatrial/pipeline/1
takes: text
stages:
  worse: {joint: buggy, take: {value: request}}
answer: worse
"""
    service, _ = await served(parse_flow(flow))
    answer, _ = await asked(service, "1")
    assert isinstance(answer, ZeroDivisionError)
    await service.drain()


async def test_too_many_items_are_refused() -> None:
    service, sessions = await served(doubles(most_items=3))
    answer, _ = await asked(service, "1 2 3 4")
    assert isinstance(answer, ContractViolation)
    assert answer.message == "stage 'doubled': 4 items of 'numbers', at most 3 may be"
    assert not sessions[0].batches
    await service.drain()


async def test_too_many_requests_are_refused_and_counted_down() -> None:
    service, _ = await served(doubles(most_requests=2), seconds=0.05)
    call = Call()
    pipeline = service.model("doubles", "", call)
    cancels = [service.predict(pipeline, "1", lambda _: None, Call()) for _ in range(2)]
    with pytest.raises(Unavailable, match="2 requests are under way"):
        service.predict(pipeline, "1", lambda _: None, Call())
    cancels[0]()
    cancels[0]()
    assert (await asked(service, "1"))[0] == {"doubled": [[2]]}
    await asyncio.sleep(0.1)
    assert service.pipelines["doubles"].under_way == 0
    await service.drain()


async def test_a_cancelled_request_runs_no_more_items_and_nobody_is_told() -> None:
    service, sessions = await served(doubles(), seconds=0.05, max_batch_size=1)
    told: list[Any] = []
    call = Call()
    cancel = service.predict(service.model("doubles", "", call), "1 2 3 4 5 6 7 8", told.append, call)
    while not sessions[0].batches:
        await asyncio.sleep(0.005)
    cancel()
    await asyncio.sleep(0.2)
    assert sum(sessions[0].batches) == 1
    assert not told
    assert (await asked(service, "1 2 3 4 5 6"))[0] == {"doubled": [[2], [4], [6], [8], [10], [12]]}
    await service.drain()


async def test_the_deadline_is_one_for_all_stages() -> None:
    service, _ = await served(doubles(), seconds=0.05, max_batch_size=1)
    answer, _ = await asked(service, "1 2 3 4 5 6 7 8", timeout=120_000)
    assert isinstance(answer, TimeoutError)
    assert "stage 'doubled', item" in str(answer)
    assert (await asked(service, "1", timeout=5_000_000))[0] == {"doubled": [[2]]}
    await service.drain()


async def test_a_version_that_is_replaced_ends_what_it_began() -> None:
    service, _ = await served(doubles(), seconds=0.01, max_batch_size=1)
    old = service.models[0]
    slow = asyncio.ensure_future(asked(service, "1 2 3 4 5 6 7 8"))
    await asyncio.sleep(0.02)
    new, _ = await loaded("double", "2")
    (gone,) = service.repository.publish("double", [new])
    assert gone is old
    drained = asyncio.ensure_future(old.drain())
    answer, call = await slow
    assert answer == {"doubled": [[2 * each] for each in range(1, 9)]}
    assert {model.version for model, _ in call.stages} == {"1"}
    await asyncio.wait_for(drained, 30)
    _, call = await asked(service, "1")
    assert {model.version for model, _ in call.stages} == {"2"}
    await service.drain()


async def test_what_it_takes_is_said() -> None:
    service, _ = await served(doubles())
    with pytest.raises(ContractViolation, match="the pipeline 'doubles' takes a text"):
        service.predict(service.model("doubles", "", Call()), b"1", lambda _: None, Call())
    with pytest.raises(UsageError, match="has no version '7'"):
        service.model("doubles", "7", Call())
    await service.drain()


async def test_the_answer_obeys_its_schema() -> None:
    schema = "{properties: {doubled: {maxItems: 1}}}"
    service, _ = await served(doubles(output_schema=schema))
    assert (await asked(service, "1"))[0] == {"doubled": [[2]]}
    answer, _ = await asked(service, "1 2")
    assert isinstance(answer, ContractViolation)
    assert answer.message.startswith("answer.doubled: ")
    await service.drain()


async def test_over_rest_it_is_a_model_like_others() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        service = server.service
        service.pipelines["doubles"] = ServedPipeline("doubles", doubles(), service.repository)
        answer = await server.ask("POST", "/v1/models/doubles/predict", b"1 2", TEXT)
        assert (answer.status, answer.json) == (200, {"doubled": [[2], [4]]})
        told = (await server.ask("GET", "/v2/models/doubles")).json
        assert (told["platform"], told["versions"]) == ("seatrial_pipeline", ["1"])
        assert told["parameters"]["stages"] == [
            {"name": "numbers", "joint": "split"}, {"name": "doubled", "model": "double"},
        ]  # fmt: skip
        assert (await server.ask("GET", "/v2/models/doubles/ready")).json == {
            "name": "doubles",
            "ready": True,
        }
        index = (await server.ask("POST", "/v2/repository/index")).json
        assert {"name": "doubles", "version": "1", "state": "READY", "reason": ""} in index
        answer = await server.ask("POST", "/v1/models/doubles/predict", b"nan", TEXT)
        assert answer.status == 400
        assert "stage 'doubled', item 0" in answer.json["error"]
        metrics = (await server.ask("GET", "/metrics")).body.decode()
        assert 'model="doubles"' in metrics


async def test_v2_carries_the_bytes_of_a_request() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        service = server.service
        service.pipelines["doubles"] = ServedPipeline("doubles", doubles(), service.repository)
        tensor = {"name": "request", "datatype": "BYTES", "shape": [1]}
        body = {"inputs": [{**tensor, "data": ["1 2"]}]}
        answer = (await server.ask("POST", "/v2/models/doubles/infer", body)).json
        assert answer["outputs"][0]["datatype"] == "BYTES"
        assert json.loads(answer["outputs"][0]["data"][0]) == {"doubled": [[2], [4]]}

        async def binary(raw: bytes, length: int) -> Any:
            head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": length}}]}).encode()
            headers = {v2.HEADER_LENGTH_NAME: str(len(head))}
            return await server.ask("POST", "/v2/models/doubles/infer", head + raw, headers)

        raw = v2.to_bytes(np.array([b"3"], dtype=object))
        assert json.loads((await binary(raw, 5)).json["outputs"][0]["data"][0]) == {"doubled": [[6]]}
        raw = v2.to_bytes(np.array([b"\xff\xd8"], dtype=object))
        assert "is no UTF-8" in (await binary(raw, 6)).json["error"]  # it takes a text
        for wrong in ([], ["1", "2"]):
            entry = {**tensor, "shape": [len(wrong)], "data": wrong}
            refused = await server.ask("POST", "/v2/models/doubles/infer", {"inputs": [entry]})
            assert refused.status == 400
            assert "shape [1]" in refused.json["error"]


async def test_it_is_ready_when_all_its_models_are() -> None:
    service, sessions = await served(doubles())
    assert service.ready
    answer, _ = await asked(service, f"{POISON}")
    assert isinstance(answer, ModelError)
    assert not service.pipelines["doubles"].ready or service.models[0].ready
    await service.close()
    assert not service.pipelines["doubles"].ready
    assert sessions
