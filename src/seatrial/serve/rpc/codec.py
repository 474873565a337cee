"""Tensors of the protocol's gRPC messages: requests read, answers written.

Source: Open Inference Protocol v2, gRPC. Tensors come raw, all of them in `raw_input_contents` in the order
of the inputs, or typed, each in its own `contents`; answers always go out raw, as Triton's do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.contract import TensorSpec
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation
from seatrial.serve import v2
from seatrial.serve.json_body import MOST_VALUES
from seatrial.serve.rpc.schema import schema
from seatrial.serve.status import Refusal

_MESSAGES = schema("inference").messages
_RESPONSE = _MESSAGES["ModelInferResponse"]
_CONTENTS = {
    "BOOL": "bool_contents", "BYTES": "bytes_contents", "FP32": "fp32_contents", "FP64": "fp64_contents",
    "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents", "INT64": "int64_contents",
    "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
}  # fmt: skip
_SHARED = "shared_memory_region"


def read_request(message: Any, *, decode: bool = True) -> v2.InferRequest:
    """A request from a `ModelInferRequest`; `decode` as in `v2.read_request`.

    Raises:
        ContractViolation: It breaks the protocol; the message names the field.
        Refusal: It asks for something that is not offered.
    """
    raws = message.raw_input_contents
    inputs = message.inputs
    if not inputs:
        raise ContractViolation("inputs: expected a list of tensors")
    if raws and len(raws) != len(inputs):
        raise ContractViolation(
            f"raw_input_contents: {len(raws)} for {len(inputs)} inputs",
            hint="raw contents are sent for all inputs or for none",
        )
    feeds: dict[str, Array] = {}
    for place, entry in enumerate(inputs):
        if entry.name in feeds:
            raise ContractViolation(f"inputs[{place}]: '{entry.name}' is there twice")
        feeds[entry.name] = _tensor(entry, raws[place] if raws else None, f"inputs[{place}]", decode=decode)
    outputs = {each.name: _wanted(each, f"outputs[{place}]") for place, each in enumerate(message.outputs)}
    return v2.InferRequest(feeds, message.id, outputs, binary=True, parameters=values(message.parameters))


def _wanted(output: Any, where: str) -> bool:
    if "classification" in output.parameters:
        raise Refusal(
            "not-offered",
            f"{where}.parameters.classification is not offered",
            hint="over REST, POST /v1/models/NAME/predict answers with classes",
        )
    _no_shared_memory(output.parameters, where)
    return True


def _tensor(entry: Any, raw: bytes | None, where: str, *, decode: bool) -> Array:
    kind, shape = entry.datatype, list(entry.shape)
    v2.check_tensor(kind, shape, where)
    if entry.parameters:
        _no_shared_memory(entry.parameters, where)
    if raw is None:
        return _typed(entry, kind, shape, where, decode=decode)
    if entry.HasField("contents"):
        raise ContractViolation(f"{where}: has both contents and raw_input_contents")
    return v2.from_bytes(raw, kind, shape, where, decode=decode)


def _no_shared_memory(parameters: Any, where: str) -> None:
    if _SHARED in parameters:
        raise Refusal(
            "not-offered",
            f"{where}.parameters.{_SHARED}: shared memory is not offered",
            hint="send the tensor",
        )


def _typed(entry: Any, kind: str, shape: Sequence[int], where: str, *, decode: bool) -> Array:
    if kind not in _CONTENTS:
        raise ContractViolation(f"{where}: {kind} has no typed contents", hint="use raw_input_contents")
    field = _CONTENTS[kind]
    filled = [each.name for each, _ in entry.contents.ListFields()]
    if filled not in ([field], []):
        raise ContractViolation(f"{where}.contents: {kind} goes into {field}, not into {', '.join(filled)}")
    values = getattr(entry.contents, field)
    if len(values) > MOST_VALUES:  # they are taken out one by one, and nobody else is served meanwhile
        raise ContractViolation(
            f"{where}.contents.{field}: {len(values)} values, at most {MOST_VALUES} are taken typed",
            hint="use raw_input_contents",
        )
    if len(values) != math.prod(shape):
        raise ContractViolation(
            f"{where}.contents.{field}: {len(values)} values for shape {list(shape)}, "
            f"which takes {math.prod(shape)}"
        )
    if kind == "BYTES":
        return _texts(values, shape, where, decode=decode)
    try:
        # NumPy 2 raises where a whole number does not fit; older ones wrap, hence int64 first.
        array = np.array(values, dtype=None if len(values) == 0 else _WIDE.get(field))
        return _fitting(array, v2.DATATYPES[kind]).reshape(shape)
    except (ValueError, OverflowError) as error:
        raise ContractViolation(f"{where}.contents.{field}: no {kind} of shape {shape}: {error}") from error


_WIDE = {
    "bool_contents": np.bool_, "int_contents": np.int64, "int64_contents": np.int64,
    "uint_contents": np.uint64, "uint64_contents": np.uint64,
    "fp32_contents": np.float32, "fp64_contents": np.float64,
}  # fmt: skip


def _fitting(array: Array, dtype: str) -> Array:
    """INT8 to INT32 come in one field of 32 bits: what lies outside the type is refused, not wrapped."""
    wanted = np.dtype(dtype)
    if wanted.kind in "iu" and array.size:
        info = np.iinfo(wanted)
        if int(array.min()) < info.min or int(array.max()) > info.max:
            raise ValueError(f"a value lies outside {info.min} to {info.max}")
    return array.astype(wanted)


def _texts(values: Sequence[bytes], shape: Sequence[int], where: str, *, decode: bool) -> Array:
    try:
        texts = np.array([each.decode("utf-8") if decode else each for each in values], dtype=object)
        return texts.reshape(shape)
    except UnicodeDecodeError as error:
        raise ContractViolation(f"{where}.contents.bytes_contents: a text is no UTF-8") from error
    except ValueError as error:
        raise ContractViolation(f"{where}.shape: {error}") from error


def values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What `InferParameter`s say, by name."""
    told: dict[str, Any] = {}
    for name in parameters:
        choice = parameters[name].WhichOneof("parameter_choice")
        told[name] = None if choice is None else getattr(parameters[name], choice)
    return told


def write_answer(
    model: str, version: str, request: v2.InferRequest, specs: Sequence[TensorSpec], outputs: Sequence[Array]
) -> Any:
    """A `ModelInferResponse` with the outputs that the request wants, raw.

    Args:
        model: Its name.
        version: Its version.
        request: Says which outputs are wanted.
        specs: Of the outputs, in the graph's order.
        outputs: The arrays, in the same order.

    Raises:
        ContractViolation: An output was asked for that the model does not have, or has no type here.
    """
    answer = _RESPONSE(model_name=model, model_version=version, id=request.id)
    for place, _ in v2.chosen(request, specs):
        array = outputs[place]
        answer.outputs.add(name=specs[place].name, datatype=v2.datatype_of(array), shape=array.shape)
        answer.raw_output_contents.append(v2.to_bytes(array))
    return answer
