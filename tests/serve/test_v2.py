"""The protocol's codec: what goes in comes out, in JSON and in binary, and what is wrong is named."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from seatrial.contract import TensorSpec
from seatrial.errors import ContractViolation
from seatrial.serve import v2

NUMBERS = [kind for kind in v2.DATATYPES if kind != "BYTES"]
SHAPES = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def tensors(draw: st.DrawFn) -> np.ndarray:
    """A finite tensor of any datatype."""
    kind = draw(st.sampled_from([*NUMBERS, "BYTES"]))
    shape = draw(SHAPES)
    if kind == "BYTES":
        texts = draw(st.lists(TEXTS, min_size=math.prod(shape), max_size=math.prod(shape)))
        array = np.empty(len(texts), object)
        array[:] = texts
        return array.reshape(shape)
    dtype = np.dtype(v2.DATATYPES[kind])
    elements: dict[str, Any] = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    return draw(npst.arrays(dtype, shape, elements=npst.from_dtype(dtype, **elements)))


def described(name: str, array: np.ndarray) -> dict[str, Any]:
    dtype = "string" if array.dtype == object else array.dtype.name
    return {"name": name, "datatype": v2.datatype(dtype), "shape": list(array.shape)}


def body_of(
    arrays: list[np.ndarray], *, binary: list[bool], nested: bool = False
) -> tuple[bytes, int | None]:
    """A request as a client writes it."""
    inputs, tail = [], b""
    for place, (array, raw) in enumerate(zip(arrays, binary, strict=True)):
        entry = described(f"x{place}", array)
        if raw:
            blob = v2.to_bytes(array)
            entry["parameters"] = {"binary_data_size": len(blob)}
            tail += blob
        else:
            entry["data"] = array.tolist() if nested and array.ndim else array.ravel().tolist()
        inputs.append(entry)
    head = json.dumps({"inputs": inputs}).encode()
    return head + tail, len(head) if any(binary) else None


def same(a: np.ndarray, b: np.ndarray) -> None:
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert a.tolist() == b.tolist()


@given(st.lists(st.tuples(tensors(), st.booleans()), min_size=1, max_size=3), st.booleans())
def test_a_request_is_read_as_it_was_written(
    given_arrays: list[tuple[np.ndarray, bool]], nested: bool
) -> None:
    arrays, binary = [each[0] for each in given_arrays], [each[1] for each in given_arrays]
    request = v2.read_request(*body_of(arrays, binary=binary, nested=nested))
    for place, array in enumerate(arrays):
        same(request.feeds[f"x{place}"], array)


@given(st.lists(tensors(), min_size=1, max_size=3), st.booleans())
def test_an_answer_is_a_request_to_the_next(arrays: list[np.ndarray], binary: bool) -> None:
    specs = [TensorSpec(f"x{place}", "float32", ()) for place in range(len(arrays))]
    request = v2.InferRequest({}, id="7", binary=binary)
    parts, length = v2.write_answer("m", "1", request, specs, arrays)
    body = b"".join(parts)
    answer = json.loads(body[:length])
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("m", "1", "7")
    again = json.dumps({"inputs": answer["outputs"]}).encode()
    read = v2.read_request(again + b"".join(parts[1:]), len(again) if binary else None)
    for place, array in enumerate(arrays):
        same(read.feeds[f"x{place}"], array)


@given(tensors(), st.booleans(), st.data())
def test_damaged_requests_are_refused_and_nothing_else(
    array: np.ndarray, binary: bool, data: st.DataObject
) -> None:
    body, length = body_of([array], binary=[binary])
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        change = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if change == "flip" and damaged:
            damaged[place] ^= data.draw(st.integers(1, 255))
        elif change == "cut":
            del damaged[place:]
        else:
            damaged[place:place] = data.draw(st.binary(max_size=4))
    try:
        request = v2.read_request(bytes(damaged), length)
    except ContractViolation:
        return
    assert all(isinstance(each, np.ndarray) for each in request.feeds.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"inputs": st.lists(st.fixed_dictionaries({}, optional={
            "name": st.just("x") | JSON, "datatype": st.sampled_from([*v2.DATATYPES]) | JSON,
            "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON, "data": JSON, "parameters": JSON,
        }), max_size=3) | JSON},
        optional={"outputs": JSON, "parameters": JSON, "id": JSON},
    )
)  # fmt: skip
def test_whatever_json_comes_the_answer_is_an_error_of_ours(request: Any) -> None:
    try:
        body = json.dumps(request).encode()
        got = v2.read_request(body, None)
    except ContractViolation:
        return
    assert got.feeds


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("INT8", [128]), ("INT8", [-129]), ("UINT8", [-1]), ("UINT64", [-1]), ("INT64", [2**63]),
        ("INT32", [1.5]), ("INT32", ["1"]), ("INT32", [None]), ("BOOL", [1]), ("BOOL", ["true"]),
        ("FP32", ["1.5"]), ("FP32", [None]), ("FP32", [{}]), ("FP32", 1.0), ("BYTES", [1]), ("BYTES", [None]),
        ("BYTES", "a"),
    ],
)  # fmt: skip
def test_values_are_not_bent_to_fit(kind: str, data: Any) -> None:
    entry = {"name": "x", "datatype": kind, "shape": [1], "data": data}
    with pytest.raises(ContractViolation, match=r"inputs\[0\]\.data"):
        v2.read_request(json.dumps({"inputs": [entry]}).encode(), None)


def test_whole_numbers_are_real_numbers_too() -> None:
    entry = {"name": "x", "datatype": "FP32", "shape": [3], "data": [1, 2.5, -3]}
    assert v2.read_request(json.dumps({"inputs": [entry]}).encode(), None).feeds["x"].tolist() == [1, 2.5, -3]


def test_what_overflows_is_infinite_and_not_an_exception() -> None:
    entry = {"name": "x", "datatype": "FP16", "shape": [1], "data": [1e9]}
    assert np.isinf(v2.read_request(json.dumps({"inputs": [entry]}).encode(), None).feeds["x"]).all()


@pytest.mark.parametrize(
    "raw", [b"\1", b"\1\0\0\0", b"\xff\xff\xff\xffab", b"\1\0\0\0\xff", b"\1\0\0\0a\1\0\0\0b"]
)
def test_binary_texts_that_are_none(raw: bytes) -> None:
    with pytest.raises(ContractViolation, match="x: "):
        v2.from_bytes(raw, "BYTES", [1], "x")


def test_outputs_are_chosen_one_by_one() -> None:
    specs = [TensorSpec("a", "float32", (None,)), TensorSpec("b", "float32", (None,))]
    request = v2.InferRequest({}, outputs={"b": True, "a": False})
    parts, length = v2.write_answer("m", "1", request, specs, [np.ones(1, "f4"), np.zeros(2, "f4")])
    told = json.loads(parts[0])
    assert [each["name"] for each in told["outputs"]] == ["b", "a"]
    assert told["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert told["outputs"][1]["data"] == [1.0]
    assert (len(parts[0]), len(parts[1])) == (length, 8)
    with pytest.raises(ContractViolation, match="'c'"):
        v2.chosen(v2.InferRequest({}, outputs={"c": True}), specs)


def test_what_a_request_says_about_its_outputs() -> None:
    body = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}],
        "outputs": [{"name": "a"}, {"name": "b", "parameters": {"binary_data": False}}],
        "parameters": {"binary_data_output": True, "priority": 1},
        "id": "7",
    }
    request = v2.read_request(json.dumps(body).encode(), None)
    assert request.outputs == {"a": True, "b": False}
    assert (request.id, request.parameters["priority"], request.binary) == ("7", 1, True)
    body["outputs"] = [{"name": "a", "parameters": {"classification": 3}}]
    with pytest.raises(ContractViolation, match="classification"):
        v2.read_request(json.dumps(body).encode(), None)


def test_numbers_json_does_not_have_are_null_and_binary_keeps_them() -> None:
    spec, nan = [TensorSpec("y", "float32", (2,))], np.array([np.nan, 1], "f4")
    parts, _ = v2.write_answer("m", "1", v2.InferRequest({}), spec, [nan])
    assert json.loads(parts[0])["outputs"][0]["data"] == [None, 1.0]
    parts, _ = v2.write_answer("m", "1", v2.InferRequest({}, binary=True), spec, [nan])
    assert np.isnan(np.frombuffer(parts[1], "f4")[0])


def test_arrays_of_any_memory_order_go_out_right() -> None:
    spec, array = [TensorSpec("y", "float32", (2, 3))], np.arange(6, dtype=">f4").reshape(3, 2).T
    parts, _ = v2.write_answer("m", "1", v2.InferRequest({}), spec, [array])
    assert json.loads(parts[0])["outputs"][0]["data"] == [0, 2, 4, 1, 3, 5]
    parts, _ = v2.write_answer("m", "1", v2.InferRequest({}, binary=True), spec, [array])
    assert np.frombuffer(parts[1], "<f4").tolist() == [0, 2, 4, 1, 3, 5]


def test_bytes_in_text_outputs() -> None:
    spec, words = [TensorSpec("y", "string", (2,))], np.array([b"\xffa", "b"], dtype=object)
    parts, _ = v2.write_answer("m", "1", v2.InferRequest({}), spec, [words])
    assert json.loads(parts[0])["outputs"][0]["data"] == ["�a", "b"]


def test_types_the_protocol_does_not_have() -> None:
    with pytest.raises(ContractViolation, match="complex64"):
        v2.datatype("complex64")
