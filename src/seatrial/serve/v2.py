"""Open Inference Protocol v2 over REST: requests from bytes, answers to bytes, JSON or binary tensors.

Source: the published protocol (KServe "Open Inference Protocol", REST) and Triton's binary tensor extension:
the JSON comes first, `Inference-Header-Content-Length` says how long it is, tensors follow as raw bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from seatrial.contract import TensorSpec
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation
from seatrial.serve.json_body import read_json
from seatrial.serve.v2_values import from_json, reshaped, shaped, short

DATATYPES = {
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64",
    "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64",
    "FP16": "float16", "FP32": "float32", "FP64": "float64", "BYTES": "string",
}  # fmt: skip
NUMPY = {name: np.dtype(dtype) for name, dtype in DATATYPES.items() if dtype != "string"}
_NAMES = {dtype: name for name, dtype in DATATYPES.items()}
# By the dtype itself: its name is put together anew each time one asks for it.
_TYPES = {dtype: name for name, dtype in NUMPY.items()}
HEADER_LENGTH_NAME = "Inference-Header-Content-Length"
HEADER_LENGTH = HEADER_LENGTH_NAME.lower().encode()
_LARGEST = 1 << 40  # of one axis: more elements than any body holds
_MOST_AXES = 32  # NumPy's own limit before 2.0
MOST_TEXTS = 1 << 16  # of one tensor: they are unpacked one by one, and nobody else is served meanwhile


@dataclass(slots=True)
class InferRequest:
    """One request as the protocol has it.

    Attributes:
        feeds: Arrays by input name.
        id: Given by the client, given back.
        outputs: Names of the outputs that are wanted, with whether each goes out binary; empty: all of them.
        binary: Whether outputs that are not named one by one go out binary.
        parameters: The request's own: `priority`, `timeout` (microseconds)...
    """

    feeds: dict[str, Array]
    id: str = ""
    outputs: dict[str, bool] = field(default_factory=dict)
    binary: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


def datatype(dtype: str) -> str:
    """The protocol's name of a NumPy dtype.

    Raises:
        ContractViolation: It has none (complex numbers).
    """
    if dtype not in _NAMES:
        raise ContractViolation(f"the protocol has no type for {dtype}")
    return _NAMES[dtype]


def read_request(
    body: bytes | bytearray | memoryview, header_length: int | None, *, decode: bool = True
) -> InferRequest:
    """A request from its bytes.

    Args:
        body: The whole body.
        header_length: Bytes of JSON before the tensors; None when all of it is JSON.
        decode: Whether binary BYTES are text; else they are taken as they are, such as files.

    Raises:
        ContractViolation: It is no request; the message names the field.
    """
    view = memoryview(body)
    if header_length is not None and not 0 <= header_length <= len(view):
        raise ContractViolation(
            f"Inference-Header-Content-Length is {header_length}, the body has {len(view)} bytes"
        )
    head = view if header_length is None else view[:header_length]
    data = _json(head)
    inputs = data.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise ContractViolation("inputs: expected a list of tensors", hint=_EXAMPLE)
    offset = len(head)
    feeds: dict[str, Array] = {}
    for place, entry in enumerate(inputs):
        name, array, offset = _tensor(entry, f"inputs[{place}]", view, offset, decode=decode)
        if name in feeds:
            raise ContractViolation(f"inputs[{place}]: '{name}' is there twice")
        feeds[name] = array
    if offset != len(view):
        raise ContractViolation(f"{len(view) - offset} bytes follow the last tensor")
    return _request(data, feeds)


_EXAMPLE = '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}'


def _json(head: memoryview) -> dict[str, Any]:
    """The JSON of a request."""
    try:
        data = read_json(head)
    except orjson.JSONDecodeError as error:
        raise ContractViolation(f"the body is no JSON: {error}", hint=_EXAMPLE) from error
    if not isinstance(data, dict):
        raise ContractViolation("the body is no JSON object", hint=_EXAMPLE)
    return data


def _request(data: Mapping[str, Any], feeds: dict[str, Array]) -> InferRequest:
    parameters = data.get("parameters") or {}
    if not parameters and "outputs" not in data:
        return InferRequest(feeds, str(data.get("id") or ""))
    if not isinstance(parameters, dict):
        raise ContractViolation("parameters: expected an object")
    binary = bool(parameters.get("binary_data_output", False))
    outputs: dict[str, bool] = {}
    wanted = data.get("outputs") or []
    if not isinstance(wanted, list):
        raise ContractViolation("outputs: expected a list")
    for place, entry in enumerate(wanted):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ContractViolation(f"outputs[{place}].name: expected a name")
        own = entry.get("parameters") or {}
        if not isinstance(own, dict):
            raise ContractViolation(f"outputs[{place}].parameters: expected an object")
        if "classification" in own:
            raise ContractViolation(
                f"outputs[{place}].parameters.classification is not offered",
                hint="POST /v1/models/NAME/predict answers with classes",
            )
        refuse_shared_memory(own, f"outputs[{place}]")
        outputs[entry["name"]] = bool(own.get("binary_data", binary))
    return InferRequest(feeds, str(data.get("id") or ""), outputs, binary, parameters)


def _tensor(
    entry: Any, where: str, view: memoryview, offset: int, *, decode: bool = True
) -> tuple[str, Array, int]:
    if not isinstance(entry, dict):
        raise ContractViolation(f"{where}: expected an object with name, datatype, shape and data")
    name: Any = entry.get("name")
    kind: Any = entry.get("datatype")
    shape: Any = entry.get("shape")
    if not isinstance(name, str):
        raise ContractViolation(f"{where}.name: expected a name")
    check_tensor(kind, shape, where)
    own = entry.get("parameters")
    size = own.get("binary_data_size") if isinstance(own, dict) else None
    if size is None:
        refuse_shared_memory(own or (), where)
        return name, from_json(entry.get("data"), kind, NUMPY.get(kind), shape, where), offset
    if type(size) is not int or size < 0 or offset + size > len(view):
        left = len(view) - offset
        raise ContractViolation(
            f"{where}.parameters.binary_data_size: {short(size)}, and the body has {left} bytes left"
        )
    array = from_bytes(view[offset : offset + size], kind, shape, where, decode=decode)
    return name, array, offset + size


def refuse_shared_memory(parameters: Any, where: str) -> None:
    """Refuses a tensor that lies, or is to be put, in memory that the client shares.

    Raises:
        ContractViolation: It does.
    """
    if "shared_memory_region" in parameters:
        raise ContractViolation(
            f"{where}.parameters.shared_memory_region: shared memory is not offered", hint="send the tensor"
        )


def check_tensor(kind: Any, shape: Any, where: str) -> None:
    """Insists on a datatype and a shape as the protocol has them.

    Raises:
        ContractViolation: They are something else.
    """
    if not isinstance(kind, str) or kind not in DATATYPES:
        raise ContractViolation(
            f"{where}.datatype: {short(kind)} is no datatype", hint="there are: " + ", ".join(DATATYPES)
        )
    if not isinstance(shape, list) or [
        each for each in shape if type(each) is not int or not 0 <= each <= _LARGEST
    ]:
        raise ContractViolation(f"{where}.shape: expected a list of whole numbers, not {short(shape)}")
    if kind == "BYTES" and math.prod(shape) > MOST_TEXTS:
        raise ContractViolation(f"{where}.shape: {math.prod(shape)} texts, at most {MOST_TEXTS} are taken")
    if len(shape) > _MOST_AXES:
        raise ContractViolation(f"{where}.shape: {len(shape)} axes, at most {_MOST_AXES} can be")


def from_bytes(
    raw: memoryview | bytes, kind: str, shape: Sequence[int], where: str, *, decode: bool = True
) -> Array:
    """A tensor from raw little-endian bytes; a view, where the type allows. For `decode` see `read_request`.

    Raises:
        ContractViolation: The bytes are not as many as the shape asks for.
    """
    if kind == "BYTES":
        return _texts_from_bytes(memoryview(raw), shape, where, decode=decode)
    dtype = NUMPY[kind]
    needed = math.prod(shape) * dtype.itemsize
    if len(raw) != needed:
        raise ContractViolation(
            f"{where}: {len(raw)} bytes for shape {list(shape)} of {kind}, which takes {needed}"
        )
    return reshaped(np.frombuffer(raw, dtype), shape, where)


def _texts_from_bytes(raw: memoryview, shape: Sequence[int], where: str, *, decode: bool) -> Array:
    """Each text has its length before it: 4 bytes, little-endian."""
    texts: list[Any] = []
    offset, most = 0, math.prod(shape)
    while offset < len(raw) and len(texts) <= most:
        if offset + 4 > len(raw):
            raise ContractViolation(f"{where}: a length is cut short")
        (length,) = struct.unpack_from("<I", raw, offset)
        offset += 4
        if offset + length > len(raw):
            raise ContractViolation(f"{where}: a text of {length} bytes is cut short")
        try:
            text = raw[offset : offset + length]
            texts.append(str(text, "utf-8") if decode else bytes(text))
        except UnicodeDecodeError as error:
            raise ContractViolation(f"{where}: a text is no UTF-8") from error
        offset += length
    return shaped(texts, shape, where)


def write_answer(
    model: str, version: str, request: InferRequest, specs: Sequence[TensorSpec], outputs: Sequence[Array]
) -> tuple[list[bytes], int | None]:
    """The answer as parts to send one after the other, and the length of its JSON when tensors follow.

    JSON has no NaN and no infinity: an output's are null there, and what they are in binary.

    Args:
        model: Its name.
        version: Its version.
        request: Says which outputs are wanted and in what form.
        specs: Of the outputs, in the graph's order.
        outputs: The arrays, in the same order.

    Raises:
        ContractViolation: An output was asked for that the model does not have.
    """
    if not request.outputs and not request.binary:
        return [_all_in_json(model, version, request.id, specs, outputs)], None
    wanted = chosen(request, specs)
    told: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for place, binary in wanted:
        array = outputs[place]
        entry: dict[str, Any] = {
            "name": specs[place].name,
            "datatype": datatype_of(array),
            "shape": array.shape,
        }
        if binary:
            raw = to_bytes(array)
            entry["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
        else:
            entry["data"] = _values(array)
        told.append(entry)
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": told}
    if request.id:
        answer["id"] = request.id
    head = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return [head, *tail], len(head) if tail else None


def _all_in_json(
    model: str, version: str, given: str, specs: Sequence[TensorSpec], outputs: Sequence[Array]
) -> bytes:
    """The usual answer: what is the same in each is written once and kept."""
    parts = [_opening(model, version)]
    for place, spec in enumerate(specs):
        array = outputs[place]
        parts += (
            b"," if place else b"",
            _entry(spec.name, datatype_of(array), array.shape),
            orjson.dumps(_values(array), option=orjson.OPT_SERIALIZE_NUMPY),
            b"}",
        )
    parts.append(b'],"id":%b}' % orjson.dumps(given) if given else b"]}")
    return b"".join(parts)


@lru_cache(maxsize=256)
def _opening(model: str, version: str) -> bytes:
    return orjson.dumps({"model_name": model, "model_version": version})[:-1] + b',"outputs":['


@lru_cache(maxsize=1024)
def _entry(name: str, kind: str, shape: tuple[int, ...]) -> bytes:
    return orjson.dumps({"name": name, "datatype": kind, "shape": shape})[:-1] + b',"data":'


def chosen(request: InferRequest, specs: Sequence[TensorSpec]) -> list[tuple[int, bool]]:
    """The outputs that a request wants: place in the graph's order, and whether it goes out binary.

    Raises:
        ContractViolation: The model does not have one of them.
    """
    if not request.outputs:
        return [(place, request.binary) for place in range(len(specs))]
    places = {spec.name: place for place, spec in enumerate(specs)}
    for name in request.outputs:
        if name not in places:
            raise ContractViolation(
                f"outputs: the model has no '{name}'", hint="it has: " + ", ".join(places)
            )
    return [(places[name], binary) for name, binary in request.outputs.items()]


def _values(array: Array) -> Array | list[str]:
    """The values one after the other, as the JSON writer takes them."""
    if array.dtype.kind in "OUS":
        return [_text(each) for each in array.ravel()]
    if array.dtype.isnative and array.flags.c_contiguous:
        return array.reshape(-1)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).ravel()


def datatype_of(array: Array) -> str:
    """The protocol's name of an array's type.

    Raises:
        ContractViolation: It has none.
    """
    return _TYPES.get(array.dtype) or datatype("string" if array.dtype.kind in "OUS" else array.dtype.name)


def to_bytes(array: Array) -> bytes:
    """Raw little-endian bytes of a tensor; texts each with their length before them."""
    if array.dtype.kind in "OUS":
        parts = []
        for each in array.ravel():
            text = each if isinstance(each, bytes) else str(each).encode("utf-8", "replace")
            parts += [struct.pack("<I", len(text)), text]
        return b"".join(parts)
    if array.dtype not in _TYPES:  # big-endian
        array = array.astype(array.dtype.newbyteorder("<"))
    return array.tobytes()  # in C order, whatever the array's own is


def _text(value: Any) -> str:
    """One element of a text tensor as JSON can carry it."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode()


def write_request(
    inputs: Mapping[str, Array], outputs: Sequence[str], parameters: Mapping[str, Any]
) -> tuple[bytes, int]:
    """A client's request with its tensors as raw bytes, and the length of the JSON before them.

    Args:
        inputs: Arrays by input name.
        outputs: Names of those wanted; empty: all.
        parameters: Of the request.

    Raises:
        ContractViolation: The protocol has no type for an array.
    """
    entries, tail = [], []
    for name, array in inputs.items():
        raw = to_bytes(array)
        tail.append(raw)
        entries.append(
            {
                "name": name,
                "datatype": datatype_of(array),
                "shape": array.shape,
                "parameters": {"binary_data_size": len(raw)},
            }
        )
    body: dict[str, Any] = {
        "inputs": entries,
        "parameters": {**parameters, "binary_data_output": True},
    }
    if outputs:
        body["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    head = orjson.dumps(body)
    return b"".join([head, *tail]), len(head)


def read_answer(
    body: bytes | memoryview, header_length: int | None
) -> tuple[Mapping[str, Any], dict[str, Array]]:
    """A server's answer: what it says besides, and its outputs by name.

    Raises:
        ContractViolation: It is no answer of the protocol.
    """
    view = memoryview(body)
    if header_length is not None and not 0 <= header_length <= len(view):
        raise ContractViolation(f"{HEADER_LENGTH_NAME} is {header_length}, the body has {len(view)} bytes")
    head = view if header_length is None else view[:header_length]
    data = _json(head)
    offset = len(head)
    outputs: dict[str, Array] = {}
    for place, entry in enumerate(data.get("outputs") or ()):
        name, array, offset = _tensor(entry, f"outputs[{place}]", view, offset)
        outputs[name] = array
    return data, outputs
