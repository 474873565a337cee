"""Tensors of the Open Inference Protocol v2, as JSON and in its binary extension."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.contract import TensorSpec
from seatrial.contract.sample import Array
from seatrial.errors import Unavailable

DATATYPES = {
    "BOOL": "bool", "UINT8": "uint8", "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64",
    "FP16": "float16", "FP32": "float32", "FP64": "float64", "BYTES": "string",
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in DATATYPES.items()}
_LARGEST = 1 << 28  # elements; a shape is only a claim until its data is there


def spec_of(described: Mapping[str, Any]) -> TensorSpec:
    """The spec of one tensor in the model's metadata; -1 is a free dimension.

    Raises:
        Unavailable: The description is incomplete or of a datatype nobody here knows.
    """
    try:
        name, datatype, shape = str(described["name"]), str(described["datatype"]), list(described["shape"])
        dims: list[int | str | None] = [int(each) if int(each) >= 0 else None for each in shape]
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            f"the service describes a tensor as {str(described)[:120]}, which is no v2"
        ) from error
    if datatype not in DATATYPES:
        raise Unavailable(
            f"the service's tensor '{name}' is {datatype}", hint="known: " + ", ".join(DATATYPES)
        )
    if dims and dims[0] is None:
        dims[0] = "batch"
    return TensorSpec(name=name, dtype=DATATYPES[datatype], shape=tuple(dims))


def encode(
    feeds: Mapping[str, Array], outputs: Sequence[str], *, binary: bool
) -> tuple[bytes, dict[str, str]]:
    """The body of an inference request and its headers."""
    inputs, blobs = [], []
    for name, array in feeds.items():
        entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": _datatype(array)}
        if binary:
            blob = _blob(array)
            entry["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            entry["data"] = [_word(each) for each in array.reshape(-1).tolist()]
        inputs.append(entry)
    wanted = [
        {"name": name, "parameters": {"binary_data": binary}} if binary else {"name": name}
        for name in outputs
    ]
    head = json.dumps({"inputs": inputs, "outputs": wanted}).encode()
    if not binary:
        return head, {"Content-Type": "application/json"}
    return b"".join([head, *blobs]), {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }


def decode(body: bytes, headers: Mapping[str, str], outputs: Sequence[str]) -> list[Array]:
    """The outputs of an inference response, in the order of the names.

    Raises:
        Unavailable: It is none, an output is missing, or its data does not fit its shape.
    """
    try:
        length = int(headers.get("inference-header-content-length", len(body)))
        answer = json.loads(body[:length])
        described = {str(each["name"]): each for each in answer["outputs"]}
        position, found = length, {}
        for name, each in described.items():
            size = (each.get("parameters") or {}).get("binary_data_size")
            if size is None:
                found[name] = _from_list(each)
            else:
                found[name] = _from_blob(each, body[position : position + int(size)])
                position += int(size)
        return [found[name] for name in outputs]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, struct.error) as error:
        raise Unavailable(
            f"the service's answer is no inference response of v2: {type(error).__name__}: {error}",
            hint="is this the address of a v2 model?",
        ) from error


def _datatype(array: Array) -> str:
    return _NAMES.get("string" if array.dtype.kind in "USO" else array.dtype.name, "FP32")


def _word(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _blob(array: Array) -> bytes:
    if array.dtype.kind not in "USO":
        return np.ascontiguousarray(array).tobytes()
    words = [each if isinstance(each, bytes) else str(each).encode() for each in array.reshape(-1).tolist()]
    return b"".join(struct.pack("<I", len(each)) + each for each in words)


def _shape(each: Mapping[str, Any]) -> tuple[int, ...]:
    shape = tuple(int(size) for size in each["shape"])
    if any(size < 0 for size in shape) or int(np.prod(shape, dtype="float64")) > _LARGEST:
        raise ValueError(f"output '{each['name']}' claims the shape {list(shape)}")
    return shape


def _from_list(each: Mapping[str, Any]) -> Array:
    dtype = DATATYPES[str(each["datatype"])]
    array = np.asarray(each["data"], dtype="str" if dtype == "string" else dtype)
    return array.reshape(_shape(each))


def _from_blob(each: Mapping[str, Any], blob: bytes) -> Array:
    dtype = DATATYPES[str(each["datatype"])]
    if dtype != "string":
        return np.frombuffer(blob, dtype=dtype).reshape(_shape(each)).copy()
    words, place = [], 0
    while place < len(blob):
        (size,) = struct.unpack_from("<I", blob, place)
        words.append(blob[place + 4 : place + 4 + size].decode("utf-8", "replace"))
        place += 4 + size
    return np.array(words, dtype="str").reshape(_shape(each))
