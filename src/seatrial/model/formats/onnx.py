"""ONNX: graph and weights in one protobuf file, or weights in files beside it."""

from __future__ import annotations

from pathlib import Path

from seatrial.model.artifact import Artifact, ModelFile, Operator
from seatrial.model.formats import _edit_onnx, _onnx_graph
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, mapped, size_of
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import Graph
from seatrial.model.formats._known import unknown
from seatrial.model.formats._onnx_parameters import place

# Wire types of ModelProto's fields.
_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}


# A graph begins with a node, its name, an initializer or an input; nothing when the file ends here.
_GRAPH_STARTS = (b"", b"\x0a", b"\x12", b"\x2a", b"\x5a")


def sniff(path: Path) -> bool:
    """Whether the file starts with the fields of a `ModelProto`, up to its graph."""
    data = memoryview(head(path, 1 << 16))
    position, seen = 0, set()
    try:
        while position < len(data):
            key, position = protobuf.varint(data, position)
            number, wire = key >> 3, key & 7
            if _FIELDS.get(number) != wire:
                return False
            seen.add(number)
            value, position = protobuf.varint(data, position)
            if number == 7:
                return bool(seen & {1, 8}) and bytes(data[position : position + 1]) in _GRAPH_STARTS
            position += value if wire == protobuf.BYTES else 0
    except Garbled:
        return False
    return {1, 7} <= seen


def read(path: Path) -> Artifact:
    """The artifact of an `.onnx` file."""
    graph_file = ModelFile(path, "graph", size_of(path))
    try:
        with mapped(path) as data:
            model = _onnx_graph.parse(data)
            placed = place(model.tensors, path, data)
            model.tensors.clear()
    except Garbled as error:
        return broken(path, error, format_name="onnx", files=[graph_file])
    weights = {each.name for each in placed.parameters} | set(placed.elsewhere)
    version, problems = _onnx_graph.versions(model)
    problems += _onnx_graph.undefined(model, weights)
    standard = (each.type for each in model.operators if _is_standard(each.type, model.functions))
    problems += unknown(standard, "onnx", version=_onnx_graph.opset(model))
    graph = Graph(
        version=version,
        # Before IR 4 every initializer is listed among the inputs too.
        inputs=tuple(each for each in model.inputs if each.name not in weights),
        outputs=tuple(model.outputs),
        operators=tuple(model.operators),
        metadata={**model.metadata, **_domains(model), **_elsewhere(placed.elsewhere)},
    )
    return assemble(
        path,
        graph,
        format_name="onnx",
        files=[graph_file, *placed.files.values()],
        parameters=placed.parameters,
        problems=[*problems, *placed.problems],
    )


def _is_standard(kind: str, functions: set[str]) -> bool:
    """Whether an operator must be in the registry: neither a model's own function nor of a foreign domain."""
    return kind not in functions and "." not in kind


def _domains(model: _onnx_graph.Model) -> dict[str, str]:
    foreign = {key: value for key, value in model.opsets.items() if key not in _onnx_graph.STANDARD_DOMAINS}
    if not foreign:
        return {}
    return {"custom domains": ", ".join(f"{key} {value}" for key, value in sorted(foreign.items()))}


def _elsewhere(names: list[str]) -> dict[str, str]:
    return {"tensors not stored as plain bytes": str(len(names))} if names else {}


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of an `.onnx` file."""
    with mapped(path) as data:
        model = _onnx_graph.parse(data)
        model.tensors.clear()
    return tuple(model.operators)


FORMAT = Format(
    name="onnx",
    summary="ONNX, with external data",
    suffixes=(".onnx",),
    sniff=sniff,
    read=read,
    operators=operators,
    edit=_edit_onnx.edit,
)
