"""Clients of Paddle Serving's pipelines: the fields they send, the fields and numbers they get."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatrial.contract import Pipeline, StepCall, TensorSpec
from support.served import contract_for, loaded, rest

PATH = "/double/prediction"
EMPTY = {"key": [], "value": [], "tensors": []}


def _picture(level: int) -> str:
    stream = io.BytesIO()
    Image.fromarray(np.full((1, 1), level, np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


async def _asked(body: Any, **more: Any) -> Any:
    model, _ = await loaded(**more)
    async with rest(model) as server:
        answer = await server.ask("POST", PATH, body)
        assert answer.status == 200
        return answer.json


async def test_an_array_is_written_as_a_text() -> None:
    got = await _asked({"key": ["x"], "value": ["[3.5]"], "logid": 10000, "clientip": ""})
    assert (got["err_no"], got["err_msg"], got["tensors"]) == (0, "", [])
    assert (got["key"], got["value"]) == (["res"], ["[7.0]"])


@pytest.mark.parametrize("shape", [[1, 1], [1]])
async def test_an_array_may_come_as_a_tensor(shape: list[int]) -> None:
    tensor = {"name": "x", "elem_type": 3, "shape": shape, "float64_data": [2.0]}
    got = await _asked({"tensors": [tensor]})
    assert json.loads(got["value"][0]) == [4.0]


async def test_a_picture_comes_in_base64() -> None:
    spec = TensorSpec("x", "uint8", ("batch", 1, 1, 3), "NHWC")
    contract = contract_for(spec, preprocess=Pipeline((StepCall("decode_image", {}),)))
    got = await _asked({"key": ["image"], "value": [_picture(21)]}, contract=contract)
    assert got["err_no"] == 0, got
    assert np.ravel(json.loads(got["value"][0])).tolist() == [42, 42, 42]
    wrong = await _asked({"key": ["image"], "value": ["no base64!"]}, contract=contract)
    assert wrong["err_no"] == 5000
    assert "base64" in wrong["err_msg"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"{", "JSON"),
        ([], "object"),
        ({}, "key"),
        ({"key": ["x"], "value": []}, "key has 1"),
        ({"key": "x", "value": "y"}, "two lists"),
        ({"key": ["x"], "value": [1]}, "two lists"),
        ({"key": ["x"], "value": ["[1, 2, 3]"]}, "x"),
        ({"key": ["x"], "value": ["[[1], 2]"]}, "uneven"),
        ({"key": ["a", "b"], "value": ["1", "2"]}, "a, b"),
        ({"tensors": {}, "key": [], "value": []}, "nothing"),
        ({"tensors": [{"name": "x", "elem_type": 12}]}, "elem_type"),
        ({"tensors": [{"elem_type": 1}]}, "tensors[0].name"),
        ({"tensors": [{"name": "x", "elem_type": 3, "shape": [2, 2], "float64_data": [1]}]}, "float64_data"),
    ],
)
async def test_what_is_wrong_has_the_number_of_wrong_input(body: Any, names: str) -> None:
    got = await _asked(body)
    assert got["err_no"] == 5000
    assert names in got["err_msg"]
    assert {key: got[key] for key in EMPTY} == EMPTY


async def test_an_engine_that_fails_has_a_number_of_its_own() -> None:
    got = await _asked({"key": ["x"], "value": ["[-666]"]})
    assert got["err_no"] == 9000, got


async def test_only_models_have_it_and_only_by_post() -> None:
    model, _ = await loaded()
    async with rest(model) as server:
        assert (await server.ask("POST", "/nobody/prediction", {})).status == 404
        assert (await server.ask("GET", PATH)).status == 405
        answer = await server.ask("POST", PATH, {"key": ["x"], "value": ["[1]"], "logid": 77})
        assert answer.headers["x-log-id"] == "77"
        own = await server.ask("POST", PATH, {"key": ["x"], "value": ["[1]"], "logid": 77}, {"X-Log-Id": "a"})
        assert own.headers["x-log-id"] == "a"
