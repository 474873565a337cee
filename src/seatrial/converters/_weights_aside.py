"""Lets large weights travel around paddle2onnx, which holds each five times and writes 2 GB at most.

The tool is given a graph in which they are inputs, and they are put into what it wrote afterwards: copied
from file to file, never all in memory. Used by the child `_paddle2onnx`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from seatrial import lazy

# A protobuf message holds 2 GiB; beyond it the weights lie in a file beside the graph.
_LARGEST = (1 << 31) - (64 << 20)
_PAGE = 4096  # engines map external data where it is aligned to pages
_GRAPH, _INITIALIZER, _RAW = b"\x3a", b"\x2a", b"\x4a"  # fields 7, 5 and 9, each with a length


def without(request: Mapping[str, Any], folder: Path) -> tuple[str, str]:
    """Writes graph and parameters as the tool is to see them; returns both files.

    Args:
        request: Has `graph`, `weights`, `tensors` (all of the file, as name, dtype, shape, offset and
            nbytes) and `aside`, the names of those that go around it.
        folder: An empty folder.
    """
    aside = set(request["aside"])
    tensors = {each["name"]: each for each in request["tensors"]}
    document = json.loads(Path(request["graph"]).read_text("utf-8"))
    operators = document["program"]["regions"][0]["blocks"][0]["ops"]
    for place, each in enumerate(operators):
        if each["#"] == "p" and each["A"][3] in aside:
            operators[place] = _as_input(each, tensors[each["A"][3]])
    graph, weights = folder / "model.json", folder / "model.pdiparams"
    graph.write_text(json.dumps(document), "utf-8")
    with Path(request["weights"]).open("rb") as source, weights.open("wb") as kept:
        begin = 0
        for each in sorted(request["tensors"], key=lambda tensor: int(tensor["offset"])):
            end = each["offset"] + each["nbytes"]
            if each["name"] not in aside:
                _copy(source, kept, begin, end - begin)
            begin = end
    return str(graph), str(weights)


def _as_input(operator: Mapping[str, Any], tensor: Mapping[str, Any]) -> dict[str, Any]:
    """What Paddle writes for an input, in the place of a parameter."""
    attributes = {
        "name": {"#": "0.a_str", "D": tensor["name"]},
        "shape": {"#": "1.a_intarray", "D": tensor["shape"]},
        "dtype": {"#": "1.a_dtype", "D": tensor["dtype"]},
        "place": {"#": "1.a_place", "D": [0, 0, ""]},
    }
    stop = {"AT": {"#": "0.a_array", "D": [{"#": "0.a_bool", "D": False}]}, "N": "stop_gradient"}
    return {
        "#": "1.data",
        "A": [{"AT": value, "N": name} for name, value in attributes.items()],
        "I": [],
        "O": [operator["O"]],
        "OA": [stop],
    }


def put_back(model: Any, request: Mapping[str, Any]) -> None:
    """Writes the converted model with the weights that went around the tool."""
    tensors = [each for each in request["tensors"] if each["name"] in set(request["aside"])]
    codes = {each.name: each.type.tensor_type.elem_type for each in model.graph.input}
    names = {each["name"] for each in tensors}
    inputs = [each for each in model.graph.input if each.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    # The tool leaves out an input that nothing reads.
    tensors = [each for each in tensors if each["name"] in codes]
    beside = model.ByteSize() + sum(each["nbytes"] for each in tensors) > _LARGEST
    (_with_data_beside if beside else _in_one_file)(model, tensors, codes, request)


def _tensor(each: Mapping[str, Any], codes: Mapping[str, int]) -> Any:
    onnx: Any = lazy.load("onnx", extra="convert")
    return onnx.TensorProto(name=each["name"], dims=each["shape"], data_type=codes[each["name"]])


def _with_data_beside(
    model: Any, tensors: Sequence[Mapping[str, Any]], codes: Mapping[str, int], request: Mapping[str, Any]
) -> None:
    """The graph in one file, the weights in another, page by page."""
    onnx: Any = lazy.load("onnx", extra="convert")
    target = Path(request["target"])
    data = target.with_name(target.name + ".data")
    with Path(request["weights"]).open("rb") as source, data.open("wb") as sink:
        for each in tensors:
            sink.seek(-(-sink.tell() // _PAGE) * _PAGE)
            tensor = _tensor(each, codes)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", data.name), ("offset", sink.tell()), ("length", each["nbytes"])):
                tensor.external_data.add(key=key, value=str(value))
            _copy(source, sink, each["offset"], each["nbytes"])
            model.graph.initializer.append(tensor)
    onnx.save(model, str(target))


def _in_one_file(
    model: Any, tensors: Sequence[Mapping[str, Any]], codes: Mapping[str, int], request: Mapping[str, Any]
) -> None:
    """One message, written in portions: what the library would do, without all of it in memory."""
    graph = model.graph.SerializeToString()
    heads = []
    for each in tensors:
        head = _tensor(each, codes).SerializeToString() + _RAW + _varint(each["nbytes"])
        heads.append(_INITIALIZER + _varint(len(head) + each["nbytes"]) + head)
    size = len(graph) + sum(map(len, heads)) + sum(each["nbytes"] for each in tensors)
    model.ClearField("graph")
    with Path(request["weights"]).open("rb") as source, Path(request["target"]).open("wb") as sink:
        sink.write(model.SerializeToString() + _GRAPH + _varint(size) + graph)
        for head, each in zip(heads, tensors, strict=True):
            sink.write(head)
            _copy(source, sink, each["offset"], each["nbytes"])


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _copy(source: IO[bytes], sink: IO[bytes], begin: int, count: int) -> None:
    """Copies a part of a file in portions."""
    source.seek(begin)
    while count:
        data = source.read(min(count, 1 << 24))
        if not data:
            raise ValueError("the parameters file ends before its last tensor")
        sink.write(data)
        count -= len(data)
