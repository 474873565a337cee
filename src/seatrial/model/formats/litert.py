"""LiteRT, formerly TensorFlow Lite (.tflite): one FlatBuffer with graph and weights.

Fields by their numbers, from the schema: Model {0 version, 1 operator_codes, 2 subgraphs, 3 description,
4 buffers, 7 signature_defs}, OperatorCode {0 deprecated_builtin_code, 1 custom_code, 3 builtin_code},
SubGraph {0 tensors, 1 inputs, 2 outputs, 3 operators}, Tensor {0 shape, 1 type, 2 buffer, 3 name,
7 shape_signature}, Operator {0 opcode_index, 1 inputs, 2 outputs}, Buffer {0 data, 1 offset, 2 size},
SignatureDef {0 inputs, 1 outputs, 4 subgraph_index}, TensorMap {0 name, 1 tensor_index}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Parameter, Problem
from seatrial.model.formats import _known
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, mapped, size_of
from seatrial.model.formats._flatbuffer import Table
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import Graph, problem
from seatrial.model.formats._probe import printable
from seatrial.model.ordering import in_order

_CUSTOM = 32
_NEWEST = 3
_TYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool", 7: "int16",
    8: "complex64", 9: "int8", 10: "float64", 11: "complex128", 12: "uint64", 15: "uint32", 16: "uint16",
    18: "bfloat16", 21: "float8_e4m3fn", 22: "float8_e5m2",
}  # fmt: skip


def sniff(path: Path) -> bool:
    """Whether the file carries the identifier of the format."""
    return head(path, 8)[4:8] == b"TFL3"


def read(path: Path) -> Artifact:
    """The artifact of a `.tflite` file."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        with mapped(path) as data:
            model, main = _parts(data)
            tensors = list(main.tables(0))
            signature = _signature(model)
            graph = Graph(
                version=f"LiteRT schema {model.integer(0, 'I')}",
                inputs=_specs(tensors, main.integers(1), signature.get("inputs", {})),
                outputs=_outputs(tensors, main.integers(2), signature.get("outputs", {})),
                operators=tuple(_operators(model)),
                metadata={"description": model.text(3)[:200]},
            )
            parameters, problems = _parameters(model, tensors, path)
            problems += _too_new(model.integer(0, "I"))
    except Garbled as error:
        return broken(path, error, format_name="litert", files=files)
    return assemble(path, graph, format_name="litert", files=files, parameters=parameters, problems=problems)


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of a `.tflite` file, bodies of loops and branches included."""
    with mapped(path) as data:
        return tuple(_operators(Table.root(data)))


def _parts(data: memoryview) -> tuple[Table, Table]:
    model = Table.root(data)
    main = next(iter(model.tables(2)), None)
    if main is None:
        raise Garbled("the file has no graph", code="graph-truncated")
    return model, main


def _too_new(version: int) -> list[Problem]:
    if version <= _NEWEST:
        return []
    message = f"schema {version}; the newest one known is {_NEWEST}"
    return [problem("version-from-the-future", message, "model", "update seatrial and LiteRT")]


def _signature(model: Table) -> Mapping[str, Mapping[int, str]]:
    """Names that people gave to the tensors of the main graph, where the file has them."""
    for each in model.tables(7):
        if each.integer(4, "I") == 0:
            sides = {"inputs": 0, "outputs": 1}
            return {
                side: {pair.integer(1, "I"): pair.text(0) for pair in each.tables(field)}
                for side, field in sides.items()
            }
    return {}


def _specs(tensors: list[Table], places: tuple[int, ...], names: Mapping[int, str]) -> tuple[TensorSpec, ...]:
    return tuple(_spec(_tensor(tensors, place), names.get(place, "")) for place in places)


def _outputs(
    tensors: list[Table], places: tuple[int, ...], names: Mapping[int, str]
) -> tuple[TensorSpec, ...]:
    """By the names of a signature where there is one: the graph's own order is that of no source."""
    specs = {each.name: each for each in _specs(tensors, places, names)}
    if len(specs) < len(places):
        return _specs(tensors, places, {})
    return tuple(specs[name] for name in (in_order(specs) if names else specs))


def _tensor(tensors: list[Table], place: int) -> Table:
    if not 0 <= place < len(tensors):
        raise Garbled(f"tensor {place} of {len(tensors)} is asked for")
    return tensors[place]


def _spec(tensor: Table, name: str) -> TensorSpec:
    sizes = tensor.integers(7) or tensor.integers(0)
    shape: tuple[Dimension, ...] = tuple(
        each if each >= 0 else "batch" if axis == 0 else None for axis, each in enumerate(sizes)
    )
    return TensorSpec((name or tensor.text(3))[:200], _TYPES.get(tensor.integer(1, "b"), ""), shape)


def _operators(model: Table) -> Iterator[Operator]:
    kinds = [_kind(each) for each in model.tables(1)]
    for depth, graph in enumerate(model.tables(2)):
        names = [each.text(3)[:200] for each in graph.tables(0)]
        scope = "" if depth == 0 else f"graph {depth}"
        for index, each in enumerate(graph.tables(3)):
            place = each.integer(0, "I")
            if place >= len(kinds):
                raise Garbled(f"operator {index} is of kind {place}, there are {len(kinds)}")
            inputs, outputs = (tuple(_named(names, at) for at in each.integers(field)) for field in (1, 2))
            yield Operator(f"{kinds[place]}:{index}", kinds[place], {}, inputs, outputs, scope)


def _named(names: list[str], place: int) -> str:
    return names[place] if 0 <= place < len(names) else ""


def _kind(code: Table) -> str:
    # Codes over 127 came later and stand in a field of their own; the old one is then 127.
    number = max(code.integer(0, "b"), code.integer(3))
    if number == _CUSTOM:
        return printable(code.text(1) or "CUSTOM")[:200]
    named = {value: name for name, value in _known.registry("litert").items()}
    return named.get(number, f"operator {number}")


def _parameters(model: Table, tensors: list[Table], path: Path) -> tuple[list[Parameter], list[Problem]]:
    buffers = list(model.tables(4))
    found, problems = [], []
    for tensor in tensors:
        place = tensor.integer(2, "I")
        if not 0 < place < len(buffers):
            continue
        offset, length = buffers[place].bytes_of(0)
        # Over 2 GB the values lie behind the FlatBuffer.
        if not length and buffers[place].integer(2, "Q") > 1:
            offset, length = buffers[place].integer(1, "Q"), buffers[place].integer(2, "Q")
        if not length:
            continue
        spec = _spec(tensor, "")
        shape = tuple(each for each in tensor.integers(0) if each >= 0)
        if offset + length > size_of(path):
            message = f"'{spec.name}' lies beyond the end of the file"
            problems.append(
                problem(
                    "parameters-truncated",
                    message,
                    f"{path.name}, {spec.name}",
                    "copy it again",
                    room="weights",
                )
            )
            offset = length = 0
        found.append(Parameter(spec.name, spec.dtype, shape, path if length else None, offset, length))
    return found, problems[:20]


FORMAT = Format(
    name="litert",
    summary="LiteRT, formerly TensorFlow Lite (.tflite)",
    suffixes=(".tflite",),
    sniff=sniff,
    read=read,
    operators=operators,
)
