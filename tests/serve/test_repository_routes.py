"""Triton's repository extension over REST, and versions as clients name them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from seatrial.serve.repository import Repository
from seatrial.serve.service import InferenceService
from support.served import Rest, infer_body, loaded, rest
from support.shelf import Shelf


@asynccontextmanager
async def serving(shelf: Shelf) -> AsyncIterator[Rest]:
    repository = Repository()
    service = InferenceService(repository, keeper=shelf.keeper(repository), threads=2)
    await service.keeper.start()
    async with rest(service=service) as server:
        yield server


async def test_index_load_and_unload(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("1", 1)
    async with serving(shelf) as server:

        async def index(body: Any = b"") -> Any:
            return (await server.ask("POST", "/v2/repository/index", body)).json

        ready = [{"name": "m", "version": "1", "state": "READY", "reason": ""}]
        assert await index() == await index({"ready": True}) == ready
        assert (await server.ask("POST", "/v2/repository/models/m/unload")).json == {}
        assert (await server.ask("GET", "/v2/models/m/ready")).status == 404
        assert await index({"ready": True}) == []
        while (await index())[0]["state"] == "UNLOADING":
            await asyncio.sleep(0)
        assert await index() == [{"name": "m", "version": "", "state": "UNAVAILABLE", "reason": "unloaded"}]
        shelf.put("2", 2)
        assert (await server.ask("POST", "/v2/repository/models/m/load", {})).status == 200
        answer = await server.ask("POST", "/v2/models/m/infer", infer_body(1))
        assert (answer.json["model_version"], answer.json["outputs"][0]["data"]) == ("2", [2.0])
        shelf.put("3", 0)
        refused = await server.ask("POST", "/v2/repository/models/m/load")
        assert refused.status == 422
        assert "version 3 is broken" in refused.json["error"]
        assert (await index())[1] == {
            "name": "m", "version": "3", "state": "UNAVAILABLE", "reason": "version 3 is broken"
        }  # fmt: skip
        assert (await server.ask("POST", "/v2/models/m/infer", infer_body(1))).json["model_version"] == "2"


async def test_nothing_in_a_request_is_a_path_or_a_configuration(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("1", 1)
    async with serving(shelf) as server:

        async def status(method: str, path: str, body: Any = b"") -> tuple[int, str]:
            answer = await server.ask(method, f"/v2/repository/{path}", body)
            return answer.status, answer.json["error"]

        for parameters in ({"config": "{}"}, {"file:1/model.onnx": "AAAA"}):
            code, error = await status("POST", "models/m/load", {"parameters": parameters})
            assert code == 400
            assert next(iter(parameters)) in error
        for name in ("n", "%2e%2e%2fm", "%2fetc%2fpasswd"):
            code, error = await status("POST", f"models/{name}/load")
            assert (code, "they name: m" in error) == (404, True)
            assert (await status("POST", f"models/{name}/unload"))[0] == 404
        assert (await status("POST", "models/m/load", b"{"))[0] == 400
        assert (await status("POST", "models/m/load", [1]))[0] == 400
        assert (await status("POST", "models/m/unload", {"parameters": 3}))[0] == 400
        assert (await status("POST", "index", {"ready": "yes"}))[0] == 400
        assert (await status("GET", "index"))[0] == 405
        assert (await status("POST", "models/m"))[0] == 404
        unload = {"parameters": {"unload_dependents": True}}
        assert (await server.ask("POST", "/v2/repository/models/m/unload", unload)).status == 200


async def test_a_version_that_was_drained_is_not_found_and_what_is_there_is_told(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, aliases={"stable": 2})
    for each in ("1", "2"):
        shelf.put(each, float(each))
    async with serving(shelf) as server:
        shelf.put("3", 3)
        await server.ask("POST", "/v2/repository/models/m/load")
        for path in ("/v2/models/m/versions/1/infer", "/v1/models/m/predict?version=1"):
            gone = await server.ask("POST", path, infer_body(1), {"Content-Type": "application/json"})
            assert (gone.status, "it has: 2, 3, stable" in gone.json["error"]) == (404, True)
        for version, factor in (("2", 2.0), ("3", 3.0), ("stable", 2.0)):
            answer = await server.ask("POST", f"/v2/models/m/versions/{version}/infer", infer_body(1))
            assert answer.json["outputs"][0]["data"] == [factor]
            assert answer.json["model_version"] == str(int(factor))
        body = {"inputs": {"x": [4]}}
        answer = await server.ask(
            "POST", "/v1/models/m/predict?version=stable", body, {"Content-Type": "application/json"}
        )
        assert answer.json == [8.0]
        assert (await server.ask("GET", "/v2/models/m")).json["versions"] == ["2", "3"]


async def test_a_server_without_settings_can_unload_only() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        assert (await server.ask("POST", "/v2/repository/models/double/load")).status == 404
        assert (await server.ask("POST", "/v2/repository/index")).json[0]["state"] == "READY"
        assert (await server.ask("POST", "/v2/repository/models/double/unload")).status == 200
        assert (await server.ask("POST", "/v2/repository/index")).json == []


@pytest.mark.parametrize("verb", ["load", "unload"])
async def test_a_client_that_leaves_does_not_stop_what_it_began(tmp_path: Path, verb: str) -> None:
    shelf = Shelf(tmp_path)
    shelf.put("1", 1)
    async with serving(shelf) as server:
        shelf.put("2", 2)
        shelf.gate.clear()
        async with await server.line() as line:
            line.ask("POST", f"/v2/repository/models/m/{verb}")
            while not server.service.keeper._tasks and server.service.repository.names:
                await asyncio.sleep(0)
        shelf.gate.set()
        while server.service.keeper._tasks:
            await asyncio.sleep(0)
        versions = [each.version for each in server.service.models]
        assert versions == (["2"] if verb == "load" else [])
