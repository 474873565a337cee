"""What the server offers, as an OpenAPI 3.1 document made from the models that it has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seatrial import __version__
from seatrial.contract import Contract, TensorSpec
from seatrial.serve.flow.pipeline import ServedPipeline
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Route
from seatrial.serve.v2 import DATATYPES, datatype

_ZERO: dict[str, Any] = {"string": "", "bool": False}
_LONGEST_EXAMPLE = 1024  # values: an example of a picture would be a megabyte
_DESCRIPTION = (
    "`predict` takes what people have (a picture, a text) and answers as the model's contract says. "
    "`infer` speaks the Open Inference Protocol v2; it also takes tensors as raw bytes, which this page does "
    "not show: the JSON comes first, `Inference-Header-Content-Length` says how long it is."
)
_WRONG = {
    "400": "The request breaks the protocol, the contract or the model's specs; the message names the field.",
    "401": "A key is needed.",
    "403": "The key does not allow this.",
    "404": "There is no such model or version.",
    "405": "Another method is meant.",
    "408": "The request did not arrive in time.",
    "411": "The body has no length.",
    "413": "The body is too large.",
    "415": "This form of body is not taken.",
    "422": "The engine refused the numbers.",
    "500": "The engine died on this request, or the server has a bug.",
    "503": "Too much is waiting: come again after `Retry-After`.",
    "504": "The deadline passed.",
    "507": "The engine ran out of memory on this request.",
}


def openapi(service: InferenceService) -> dict[str, Any]:
    """The document, with a path of its own for each model's `predict` and `infer`."""
    paths: dict[str, Any] = {
        "/v2": _get("What the server is", "server", "Server"),
        "/v2/health/live": _get("Whether the server lives", "server", "Live"),
        "/v2/health/ready": _get("Whether every model answers", "server", "Ready", busy=True),
        "/metrics": {
            "get": {
                "tags": ["server"],
                "summary": "Counters and histograms for Prometheus",
                "responses": _responses({"text/plain": {"schema": {"type": "string"}}}),
            }
        },
        "/v2/repository/index": _post(
            "The models and their states", "server", _ref("IndexRequest"), _ref("Index"), required=False
        ),
    }
    names = list(dict.fromkeys([*(each.name for each in service.models), *service.pipelines]))
    for name in names:
        paths |= _paths_of(service, name)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Seatrial", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": _SCHEMAS},
    }


def _paths_of(service: InferenceService, name: str) -> dict[str, Any]:
    model = service.find(name)
    pipeline = isinstance(model, ServedPipeline)
    paths = {
        f"/v1/models/{name}/predict": {"post": _predict(name, model.contract, pipeline=pipeline)},
        f"/v2/models/{name}": _get("What the model takes and gives", name, "Model"),
        f"/v2/models/{name}/ready": _get("Whether the model answers", name, "ModelReady", busy=True),
        f"/v2/models/{name}/infer": {"post": _infer(name, model.inputs, model.outputs)},
        f"/{name}/prediction": _post("As Paddle Serving's pipelines", name, _ref("Keys"), _ref("Values")),
    }
    if not pipeline:
        get = _get("Who answers when no version is named", name, "Route")["get"]
        put = _post("Set who answers", name, _ref("Route"), _ref("Route"))["post"]
        paths[f"/v1/models/{name}/route"] = {"get": get, "put": put}
    return paths


def _predict(name: str, contract: Contract, *, pipeline: bool) -> dict[str, Any]:
    return {
        "tags": [name],
        "summary": f"Ask {name}",
        "parameters": [
            {
                "name": "version",
                "in": "query",
                "description": "A version or an alias; without it the server chooses.",
                "schema": {"type": "string"},
            }
        ],
        "requestBody": {"required": True, "content": _forms(contract, pipeline=pipeline)},
        "responses": _responses({"application/json": {"schema": dict(contract.answer_schema)}}),
    }


def _forms(contract: Contract, *, pipeline: bool) -> dict[str, Any]:
    """The bodies that make sense for a model: a picture for what decodes one, a text for what reads one."""
    first = contract.preprocess.calls[0].name if contract.preprocess.calls else ""
    inputs = {each.name: {"type": "array", "items": {}} for each in contract.inputs}
    arrays = {
        "type": "object",
        "properties": {"inputs": {"type": "object", "properties": inputs, "required": list(inputs)}},
        "required": ["inputs"],
    }
    text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    picture = {"type": "string", "contentMediaType": "application/octet-stream"}
    form = {"type": "object", "properties": {"file": picture}, "required": ["file"]}
    if first == "decode_image" or pipeline:
        return {"multipart/form-data": {"schema": form}, "image/png": {"schema": picture}}
    return {"application/json": {"schema": arrays if not first else {"anyOf": [text, arrays]}}}


def _infer(name: str, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> dict[str, Any]:
    given = [
        {
            "name": each.name,
            "datatype": datatype(each.dtype),
            "shape": (shape := [size if isinstance(size, int) else 1 for size in each.shape]),
            "data": [_ZERO.get(each.dtype, 0)] * min(math.prod(shape), _LONGEST_EXAMPLE),
        }
        for each in inputs
    ]
    told = ", ".join(f"{each.name} ({datatype(each.dtype)})" for each in outputs)
    return {
        "tags": [name],
        "summary": f"Tensors through {name}",
        "description": f"The model gives {told}.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _ref("InferRequest"),
                    "example": {"inputs": given},
                }
            },
        },
        "responses": _responses({"application/json": {"schema": _ref("InferResponse")}}),
    }


def _get(summary: str, tag: str, schema: str, *, busy: bool = False) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(schema)}}
    responses = _responses(content)
    if busy:
        responses["503"] = {"description": "Not ready.", "content": content}
    return {"get": {"tags": [tag], "summary": summary, "responses": responses}}


def _post(
    summary: str,
    tag: str,
    body: Mapping[str, Any],
    answer: Mapping[str, Any],
    *,
    required: bool = True,
) -> dict[str, Any]:
    return {
        "post": {
            "tags": [tag],
            "summary": summary,
            "requestBody": {"required": required, "content": {"application/json": {"schema": body}}},
            "responses": _responses({"application/json": {"schema": answer}}),
        }
    }


def _responses(content: Mapping[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": _ref("Error")}}
    return {
        "200": {"description": "The answer.", "content": content},
        **{status: {"description": why, "content": error} for status, why in _WRONG.items()},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_TEXT, _NUMBER, _YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_STRINGS = {"type": "array", "items": _TEXT}
_SHAPE = {"type": "array", "items": {"type": "integer", "minimum": -1}}
_KIND = {"type": "string", "enum": list(DATATYPES)}
_PARAMETERS = {
    "type": "object",
    "properties": {
        "timeout": {"type": "integer", "minimum": 0, "description": "Microseconds; 0: none."},
        "priority": {"type": "integer", "minimum": 0, "description": "1 is the highest; 0: the default."},
    },
}
_TENSOR_OUT = _object(
    ("name", "datatype", "shape"), name=_TEXT, datatype=_KIND, shape=_SHAPE, data={"type": "array"}
)
_SPEC = _object(("name", "datatype", "shape"), name=_TEXT, datatype=_KIND, shape=_SHAPE)
_SCHEMAS: dict[str, Any] = {
    "Error": _object(("error",), error=_TEXT),
    "Server": _object(("name", "version", "extensions"), name=_TEXT, version=_TEXT, extensions=_STRINGS),
    "Live": _object(("live",), live=_YES),
    "Ready": _object(("ready",), ready=_YES),
    "ModelReady": _object(("name", "ready"), name=_TEXT, ready=_YES),
    "Model": _object(
        ("name", "platform", "inputs", "outputs"),
        name=_TEXT,
        versions=_STRINGS,
        platform=_TEXT,
        inputs={"type": "array", "items": _SPEC},
        outputs={"type": "array", "items": _SPEC},
        parameters={"type": "object"},
    ),
    "IndexRequest": _object((), ready=_YES),
    "Index": {
        "type": "array",
        "items": _object(("name", "version", "state"), name=_TEXT, version=_TEXT, state=_TEXT),
    },
    "InferRequest": _object(
        ("inputs",),
        id=_TEXT,
        parameters=_PARAMETERS,
        inputs={
            "type": "array",
            "minItems": 1,
            "items": _object(
                ("name", "datatype", "shape", "data"),
                name=_TEXT,
                datatype=_KIND,
                shape={"type": "array", "items": {"type": "integer", "minimum": 0}},
                data={"type": "array"},
            ),
        },
        outputs={"type": "array", "items": _object(("name",), name=_TEXT)},
    ),
    "InferResponse": _object(
        ("model_name", "outputs"),
        model_name=_TEXT,
        model_version=_TEXT,
        id=_TEXT,
        outputs={"type": "array", "items": _TENSOR_OUT},
    ),
    "Keys": _object(("key", "value"), key=_STRINGS, value=_STRINGS, logid=_NUMBER, clientip=_TEXT),
    "Values": _object(
        ("err_no", "err_msg", "key", "value"), err_no=_NUMBER, err_msg=_TEXT, key=_STRINGS, value=_STRINGS
    ),
    "Route": Route.model_json_schema(ref_template="#/components/schemas/Route/$defs/{model}"),
}
