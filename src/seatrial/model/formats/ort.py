"""ONNX Runtime's own format: one FlatBuffer with the graph as the engine optimized it, weights inside.

Fields by their numbers, from the engine's schema: InferenceSession {0 ort_version (the format's), 1 model},
Model {0 ir_version, 1 opset_import, 2 producer_name, 3 producer_version, 7 graph, 9 metadata_props}, Graph
{0 initializers, 1 node_args, 2 nodes, 5 inputs, 6 outputs}, Node {0 name, 2 domain, 5 op_type, 8 inputs,
9 outputs, 10 attributes}, Tensor {0 name, 2 dims, 3 data_type, 4 raw_data, 6 external_data_offset}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Parameter, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, mapped, size_of
from seatrial.model.formats._flatbuffer import Table
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import MAX_NESTING, Graph, problem
from seatrial.model.formats._onnx_tensor import DTYPES, Tensor

_TENSOR_TYPE = 1  # of the union TypeInfoValue
_PARAM = 2  # of the enumeration DimensionValueType
_STANDARD = ("", "ai.onnx")
NEWEST_VERSION = 6
MAX_NOTE = 200


def sniff(path: Path) -> bool:
    """Whether the file carries the identifier of the format."""
    return head(path, 8)[4:8] == b"ORTM"


def read(path: Path) -> Artifact:
    """The artifact of an `.ort` file."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        with mapped(path) as data:
            version, model, graph = _parts(data)
            operators = _operators(graph, "", 0)
            parameters, problems = _parameters(graph, path)
            problems += _too_new(version)
            made = Graph(
                version=_version(version, model),
                inputs=_specs(graph, 5),
                outputs=_specs(graph, 6),
                operators=tuple(operators),
                metadata=_metadata(model),
            )
    except Garbled as error:
        return broken(path, error, format_name="ort", files=files)
    return assemble(path, made, format_name="ort", files=files, parameters=parameters, problems=problems)


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of an `.ort` file, as its optimizer left them."""
    with mapped(path) as data:
        return tuple(_operators(_parts(data)[2], "", 0))


def _parts(data: memoryview) -> tuple[str, Table, Table]:
    """The engine's version, the model and its graph."""
    root = Table.root(data)
    model = root.table(1)
    graph = model.table(7) if model else None
    if model is None or graph is None:
        raise Garbled("the file has no graph", code="graph-truncated")
    return root.text(0), model, graph


def _version(engine: str, model: Table) -> str:
    opsets = {each.text(0): each.integer(1, "q") for each in model.tables(1)}
    standard = max((opsets.get(name, 0) for name in _STANDARD), default=0)
    return f"ort format {engine[:20] or 'of no version'}, opset {standard}"


def _too_new(version: str) -> list[Problem]:
    if version.isascii() and version.isdigit() and int(version[:9]) <= NEWEST_VERSION:
        return []
    known = version.isascii() and version.isdigit()
    return [
        problem(
            "version-from-the-future" if known else "version-unknown",
            f"format version '{version[:40]}'; the newest one known is {NEWEST_VERSION}",
            "ort_version",
            "update seatrial and the runtime, or convert the model again",
        )
    ]


def _metadata(model: Table) -> dict[str, str]:
    notes = {"producer": " ".join((model.text(2), model.text(3))).strip()}
    notes |= {each.text(0): each.text(1)[:MAX_NOTE] for each in model.tables(9)}
    return {key[:100]: value for key, value in list(notes.items())[:MAX_NOTE] if value}


def _specs(graph: Table, field: int) -> tuple[TensorSpec, ...]:
    """Inputs or outputs: named by the graph, described among its values."""
    values = {each.text(0): each for each in graph.tables(1)}
    specs = []
    for name in graph.texts(field):
        described = values.get(name)
        kind = described.table(2) if described else None
        if kind is None or kind.integer(1, "B") != _TENSOR_TYPE or (tensor := kind.table(2)) is None:
            specs.append(TensorSpec(name, "", ()))
            continue
        shape = tensor.table(1)
        dims = tuple(_dimension(each) for each in shape.tables(0)) if shape else ()
        specs.append(TensorSpec(name, _dtype(tensor.integer(0)), dims))
    return tuple(specs)


def _dimension(dimension: Table) -> Dimension:
    value = dimension.table(0)
    if value is None:
        return None
    if value.integer(0, "b") == _PARAM:
        return value.text(2) or None
    size = value.integer(1, "q")
    return size if value.integer(0, "b") and size >= 0 else None


def _dtype(code: int) -> str:
    return DTYPES.get(code, f"dtype {code}")


def _operators(graph: Table, scope: str, depth: int) -> list[Operator]:
    """The nodes of a graph and of the bodies in it."""
    if depth > MAX_NESTING:
        raise Garbled(f"graphs are nested deeper than {MAX_NESTING}")
    found = []
    for place, node in enumerate(graph.tables(2)):
        domain, kind = node.text(2), node.text(5)
        kind = kind if domain in _STANDARD else f"{domain}.{kind}"
        name = node.text(0) or f"{kind}:{place}"
        attributes: dict[str, Any] = {}
        bodies = []
        for each in node.tables(10):
            attributes[each.text(0)] = _attribute(each)
            body = each.table(7)
            bodies += ([body] if body else []) + list(each.tables(12))
        found.append(Operator(name, kind, attributes, node.texts(8), node.texts(9), scope))
        for body in bodies:
            found += _operators(body, name, depth + 1)
    return found


# Attribute {0 name, 2 type, 3 f, 4 i, 5 s, 6 t, 7 g, 8 floats, 9 ints, 10 strings, 12 graphs}.
def _attribute(each: Table) -> Any:
    kind = each.integer(2)
    values: dict[int, Any] = {
        1: lambda: each.real(3),
        2: lambda: each.integer(4, "q"),
        3: lambda: each.text(5)[:1000],
        7: lambda: each.integers(9, "q"),
        8: lambda: each.texts(10),
    }
    return values[kind]() if kind in values else f"attribute of type {kind}"


def _parameters(graph: Table, path: Path) -> tuple[list[Parameter], list[Problem]]:
    parameters, problems = [], []
    for each in graph.tables(0):
        tensor = Tensor(each.text(0), _dtype(each.integer(3)), each.integers(2, "q"))
        start, length = each.bytes_of(4)
        beside = each.integer(6, "q", -1) >= 0
        here = start > 0 and not beside and tensor.dtype != "string"
        parameters.append(
            Parameter(tensor.name, tensor.dtype, tensor.shape, path if here else None, start, length)
        )
        if beside:
            problems.append(
                problem(
                    "parameters-missing",
                    f"the values of '{tensor.name}' lie in another file, which is not read for .ort",
                    path.name,
                    "convert the .onnx file again; up to 2 GB the weights lie in the .ort file itself",
                )
            )
        elif tensor.dtype != "string" and tensor.nbytes and length != tensor.nbytes:
            problems.append(
                problem(
                    "parameters-header",
                    f"'{tensor.name}' has {length:,} bytes, its shape asks for {tensor.nbytes:,}",
                    path.name,
                    "convert the .onnx file again",
                    room="weights",
                )
            )
    return parameters, problems


FORMAT = Format(
    name="ort",
    summary="ONNX Runtime's own format, for its reduced and mobile builds",
    suffixes=(".ort",),
    sniff=sniff,
    read=read,
    operators=operators,
)
