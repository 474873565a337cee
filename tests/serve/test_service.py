"""The service without a protocol: models by name, tensors, payloads, and what a client may not name."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatrial.contract import Pipeline, StepCall, TensorSpec
from seatrial.errors import ContractViolation, ModelError, NotFound, Unavailable, UsageError
from seatrial.model import Problem
from seatrial.serve import service as service_module
from seatrial.serve.call import Call
from seatrial.serve.model import ServedModel, narrowed
from seatrial.serve.service import InferenceService
from support.served import X, artifact, contract_for, loaded, rest


async def outcome_of(service: InferenceService, model: ServedModel, payload: Any) -> Any:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    service.predict(model, payload, answer.set_result, Call())
    return await asyncio.wait_for(answer, 30)


def picture(tmp_path: Path) -> Path:
    path = tmp_path / "one.png"
    Image.new("L", (1, 1), 21).save(path)
    return path


def picture_contract() -> Any:
    steps = (
        StepCall("decode_image", {"color": "GRAY"}),
        StepCall("cast", {"dtype": "float64"}),
        StepCall("reshape", {"shape": (1,)}),
    )
    return contract_for(preprocess=Pipeline(steps))


async def test_models_are_found_by_name_and_version() -> None:
    service = InferenceService(threads=1)
    one, two = (await loaded("m", "1"))[0], (await loaded("m", "2"))[0]
    service.repository.add(one)
    service.repository.add(two)
    assert service.ready
    assert service.repository.model("m") is two
    assert service.repository.model("m", "1") is one
    assert service.repository.versions("m") == ["1", "2"]
    for name, version in (("x", ""), ("m", "3")):
        with pytest.raises(NotFound):
            service.repository.model(name, version)
    with pytest.raises(UsageError, match="twice"):
        service.repository.add(one)
    await service.drain()
    assert not service.ready
    with pytest.raises(Unavailable):
        one.submit({"x": np.ones((1, 1))}, lambda _: None)


async def test_a_payload_becomes_an_answer(tmp_path: Path) -> None:
    model, _ = await loaded(contract=picture_contract())
    service = InferenceService(threads=1)
    service.repository.add(model)
    assert await outcome_of(service, model, picture(tmp_path).read_bytes()) == [42.0]
    assert isinstance(await outcome_of(service, model, b"no picture"), ContractViolation)
    await service.close()


@pytest.mark.parametrize("kind", [str, Path, lambda path: {"image": str(path)}, lambda path: path.name])
async def test_a_client_cannot_name_a_file_of_the_server(kind: Any, tmp_path: Path) -> None:
    path = picture(tmp_path)
    contract = replace(picture_contract(), root=tmp_path)
    assert contract.prepare(path)[0]["x"].tolist() == [[21]]  # our own side may
    model, sessions = await loaded(contract=contract)
    service = InferenceService(threads=1)
    service.repository.add(model)
    told = await outcome_of(service, model, kind(path))
    assert isinstance(told, ContractViolation)
    assert "bytes or pixels" in told.message
    assert sessions[0].batches == []
    await service.close()


async def test_a_text_posted_to_a_picture_model_is_refused(tmp_path: Path) -> None:
    model, _ = await loaded(contract=replace(picture_contract(), root=tmp_path))
    path = picture(tmp_path)
    async with rest(model) as server:
        for body, kind in (
            (str(path).encode(), "text/plain"),
            (path.name.encode(), "text/plain"),
            ({"text": str(path)}, "application/json"),
            ({"inputs": {"x": str(path)}}, "application/json"),
            ({"inputs": {"x": [str(path)]}}, "application/json"),
        ):
            answer = await server.ask("POST", "/v1/models/double/predict", body, {"Content-Type": kind})
            assert answer.status == 400, body
            assert "image" in answer.json["error"] or "pixels" in answer.json["error"]
        raw = path.read_bytes()
        answer = await server.ask("POST", "/v1/models/double/predict", raw, {"Content-Type": "image/png"})
        assert (answer.status, answer.json) == (200, [42.0])


async def test_arrays_and_versions_through_predict() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        json_type = {"Content-Type": "application/json"}
        body = {"inputs": {"x": [4]}}
        for path in ("/v1/models/double/predict?version=1", "/v1/models/double:predict"):
            assert (await server.ask("POST", path, body, json_type)).json == [8.0]
        wrong = await server.ask("POST", "/v1/models/double/predict", {"inputs": {"x": [1, 2]}}, json_type)
        assert wrong.status == 400
        assert "'x'" in wrong.json["error"]


async def test_an_answer_that_breaks_its_schema_is_not_given() -> None:
    contract = contract_for(output_schema={"type": "object"})
    model, _ = await loaded(contract=contract)
    async with rest(model) as server:
        answer = await server.ask(
            "POST", "/v1/models/double/predict", {"inputs": {"x": [1]}}, {"Content-Type": "application/json"}
        )
        assert answer.status == 400
        assert "answer" in answer.json["error"]


async def test_too_many_payloads_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "MOST_PREPARING", 2)
    model, _ = await loaded()
    service = InferenceService(threads=1)
    service.repository.add(model)
    hold, told = threading.Event(), []
    service.pool.submit(hold.wait, 10)
    cancels = [service.predict(model, np.ones(1), told.append, Call()) for _ in range(2)]
    with pytest.raises(Unavailable):
        service.predict(model, np.ones(1), told.append, Call())
    cancels[0]()
    hold.set()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if told and not service.preparing:
            break
    assert told == [[2.0]]
    assert service.preparing == 0
    await service.close()


async def test_a_client_that_leaves_is_not_inferred_for() -> None:
    model, sessions = await loaded()
    service = InferenceService(threads=1)
    service.repository.add(model)
    hold = threading.Event()
    service.pool.submit(hold.wait, 10)
    told: list[Any] = []
    service.predict(model, np.ones(1), told.append, Call())()
    hold.set()
    await asyncio.sleep(0.1)
    assert told == []
    assert sessions[0].batches == []
    assert service.preparing == 0
    await service.close()


async def test_a_model_with_problems_is_not_served() -> None:
    problem = Problem("parameters-truncated", "bytes are missing", "x.pdiparams", "copy it again")
    with pytest.raises(ModelError, match="bytes are missing"):
        ServedModel("m", "1", artifact(problems=(problem,)), contract_for())


def test_the_contract_narrows_the_graph() -> None:
    graph = TensorSpec("x", "float32", ("batch", None, "T"))
    said = TensorSpec("x", "float32", ("n", 3, None), "NCT", low=0.0, high=1.0)
    (spec,) = narrowed(artifact(graph), contract_for(said))
    assert spec == TensorSpec("x", "float32", ("n", 3, "T"), "NCT", 0.0, 1.0)
    with pytest.raises(ModelError, match="not the graph's"):
        narrowed(artifact(graph), contract_for(replace(said, name="y")))


async def test_the_contract_s_range_is_enforced_on_requests() -> None:
    model, _ = await loaded(contract=contract_for(replace(X, low=0.0, high=10.0)))
    with pytest.raises(ContractViolation, match="largest allowed is 10"):
        await model.run({"x": np.array([[11.0]])})
    assert (await model.run({"x": np.array([[10.0]])}))[0].tolist() == [[20.0]]
    await model.drain()


async def test_priorities_and_deadlines_as_clients_write_them() -> None:
    assert service_module._deadline({"timeout": 500_000}, 100.0) == 100.5
    assert service_module._deadline({"timeout": 0}, 100.0) is None
    assert service_module._deadline({}, 100.0) is None
    for given, index in ((0, 1), (1, 0), (2, 1), (3, 2), (99, 2), ("high", 0), ("low", 2)):
        assert service_module._priority({"priority": given}) == index
    for wrong in ("urgent", -1, 1.5, None, True):
        with pytest.raises(UsageError, match=r"parameters\.priority"):
            service_module._priority({"priority": wrong})


async def test_an_answer_that_its_caller_cannot_take_costs_the_others_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, _ = await loaded(max_batch_size=8)

    def broken(_: Any) -> None:
        raise ZeroDivisionError

    model.submit({"x": np.ones((1, 1))}, broken)
    assert (await model.run({"x": np.full((1, 1), 2.0)}))[0].tolist() == [[4.0]]
    assert "could not take its answer" in caplog.text
    await model.drain()
