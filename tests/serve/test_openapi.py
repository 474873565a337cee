"""The OpenAPI document: valid, true of every model, and its page asks nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from seatrial.contract import Pipeline, StepCall, TensorSpec
from seatrial.serve.rest import docs
from seatrial.serve.rest.docs import POLICY
from support.served import contract_for, infer_body, loaded, rest


async def test_the_document_tells_of_every_model() -> None:
    spec = TensorSpec("x", "uint8", ("batch", 1, 1, 3), "NHWC")
    contract = contract_for(spec, preprocess=Pipeline((StepCall("decode_image", {}),)))
    one, _ = await loaded("double")
    two, _ = await loaded("picture", contract=contract)
    async with rest(one, two) as server:
        document = (await server.ask("GET", "/openapi.json")).json
        for name in ("double", "picture"):
            for path in (f"/v1/models/{name}/predict", f"/v2/models/{name}/infer", f"/{name}/prediction"):
                assert "post" in document["paths"][path]
        forms = document["paths"]["/v1/models/picture/predict"]["post"]["requestBody"]["content"]
        assert "multipart/form-data" in forms
        assert [*document["paths"]["/v1/models/double/predict"]["post"]["requestBody"]["content"]] == [
            "application/json"
        ]


async def test_every_reference_leads_somewhere() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        document = (await server.ask("GET", "/openapi.json")).json
    found = 0
    for pointer in _references(document):
        place = document
        for word in pointer.removeprefix("#/").split("/"):
            place = place[word]
        found += 1
    assert found > 20
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for part in value.values() for each in _references(part)]
    if isinstance(value, list):
        return [each for part in value for each in _references(part)]
    return []


async def test_what_is_answered_is_what_is_described() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        document = (await server.ask("GET", "/openapi.json")).json
        schemas = document["components"]["schemas"]
        for path, name in [
            ("/v2", "Server"),
            ("/v2/health/ready", "Ready"),
            ("/v2/models/double", "Model"),
            ("/v2/models/double/ready", "ModelReady"),
            ("/v1/models/double/route", "Route"),
        ]:
            answer = (await server.ask("GET", path)).json
            assert not [*Draft202012Validator(_alone(schemas, name)).iter_errors(answer)], path
        asked = infer_body(1, 2, id="7", parameters={"priority": 1})
        assert Draft202012Validator(_alone(schemas, "InferRequest")).is_valid(asked)
        answer = (await server.ask("POST", "/v2/models/double/infer", asked)).json
        assert Draft202012Validator(_alone(schemas, "InferResponse")).is_valid(answer)


def _alone(schemas: Any, name: str) -> Any:
    return {"components": {"schemas": schemas}, "$ref": f"#/components/schemas/{name}"}


async def test_the_page_loads_from_here_alone() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        page = await server.ask("GET", "/docs")
        assert page.headers["content-security-policy"] == POLICY
        text = page.body.decode()
        assert "//" not in re.sub(r"<!doctype html>", "", text)
        for path in re.findall(r'(?:src|href)="(/[^"]+)"', text):
            answer = await server.ask("GET", path)
            assert (path, answer.status) == (path, 200)
        script = await server.ask("GET", "/docs/swagger-ui-bundle.js")
        assert script.headers["content-type"] == "text/javascript"
        assert len(script.body) > 500_000
        for path in ("/docs/other.js", "/docs/../pyproject.toml", "/openapi.json/x"):
            assert (await server.ask("GET", path)).status == 404
        assert (await server.ask("POST", "/docs", b"")).status == 405


async def test_without_its_assets_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = await loaded()
    docs._asset.cache_clear()
    monkeypatch.setattr(docs.resources, "files", _gone)
    async with rest(model) as server:
        answer = await server.ask("GET", "/docs/swagger-ui.css")
        assert answer.status == 400
        assert "seatrial[serve]" in answer.json["error"]
    docs._asset.cache_clear()


def _gone(name: str) -> Any:
    raise ModuleNotFoundError(name)
