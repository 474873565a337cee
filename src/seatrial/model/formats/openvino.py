"""OpenVINO IR: the graph as XML, the weights as constants in a `.bin` file beside it."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Parameter, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, is_regular, whole
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import ITEM_SIZES, MAX_NESTING, Graph, problem
from seatrial.model.formats._probe import printable
from seatrial.model.formats._xml import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 128 << 20
NEWEST_VERSION = 11
_TYPES = {
    "f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64", "i8": "int8", "i16": "int16",
    "i32": "int32", "i64": "int64", "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64",
    "boolean": "bool", "string": "string", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2",
    "FP32": "float32", "FP16": "float16", "I32": "int32", "I64": "int64", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def sniff(path: Path) -> bool:
    """Whether the file starts as XML whose root is `net`."""
    data = head(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    return data.startswith(b"<net ") or (data.startswith(b"<?xml") and b"<net " in data)


def read(path: Path) -> Artifact:
    """The artifact of an `.xml` graph."""
    files = [ModelFile(path, "graph", path.stat().st_size)]
    weights = path.with_suffix(".bin")
    if is_regular(weights):
        files.append(ModelFile(weights, "parameters", weights.stat().st_size))
    try:
        root = parse_xml(whole(path, limit=MAX_BYTES))
        graph = _graph(root)
        parameters, problems = _parameters(root, weights)
    except Garbled as error:
        return broken(path, error, format_name="openvino", files=files)
    return assemble(
        path,
        graph,
        format_name="openvino",
        files=files,
        parameters=parameters,
        problems=[*graph.problems, *problems],
    )


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of an `.xml` graph."""
    return _graph(parse_xml(whole(path, limit=MAX_BYTES))).operators


def _graph(root: Element) -> Graph:
    if root.tag != "net":
        raise Garbled(f"the root is '{printable(root.tag)[:40]}', expected 'net'")
    version = root.get("version", "")
    problems = []
    if not version.isascii() or not version.isdigit() or int(version[:9]) > NEWEST_VERSION:
        problems.append(
            problem(
                "version-from-the-future" if version.isascii() and version.isdigit() else "version-unknown",
                f"IR version '{version[:40]}'; the newest one known is {NEWEST_VERSION}",
                "net",
                "update seatrial and the runtime, or convert the model again",
            )
        )
    layers = _layers(root)
    # What an edge brings: layer and port -> name of the layer it comes from.
    names = {layer.get("id", ""): printable(layer.get("name", "")) for layer in layers}
    sources: dict[str, list[tuple[str, str]]] = {}
    for edge in root.iterfind("edges/edge"):
        target, port = edge.get("to-layer", ""), edge.get("to-port", "")
        sources.setdefault(target, []).append((port.zfill(6), names.get(edge.get("from-layer", ""), "")))
    results = [layer for layer in layers if layer.get("type") == "Result"]
    return Graph(
        version=f"IR {version[:20]}",
        inputs=tuple(
            _spec(each, each.find("output/port")) for each in layers if each.get("type") == "Parameter"
        ),
        outputs=tuple(_spec(each, each.find("input/port")) for each in results),
        operators=tuple(_operators(root, sources)),
        problems=tuple(problems),
        metadata={"name": printable(root.get("name", ""))[:200]},
    )


def _layers(net: Element) -> list[Element]:
    return list(net.iterfind("layers/layer"))


def _operators(net: Element, sources: dict[str, list[tuple[str, str]]], depth: int = 0) -> list[Operator]:
    """The layers that compute, those in the bodies of loops and conditions included."""
    if depth > MAX_NESTING:
        raise Garbled(f"bodies are nested deeper than {MAX_NESTING}")
    found = []
    for layer in _layers(net):
        name, kind = printable(layer.get("name", "")), printable(layer.get("type", ""))
        if kind not in ("Parameter", "Result", "Const"):
            data = layer.find("data")
            attributes = {
                key: printable(value)[:1000]
                for key, value in (data.attrib if data is not None else {}).items()
            }
            inputs = tuple(source for _, source in sorted(sources.get(layer.get("id", ""), [])))
            found.append(Operator(name, kind, attributes, inputs, (name,), "" if depth == 0 else "body"))
        for body in layer:
            if body.find("layers") is not None:
                found += _operators(body, {}, depth + 1)
    return found


def _spec(layer: Element, port: Element | None) -> TensorSpec:
    """A tensor by the port that makes or takes it; names of the port win over the layer's."""
    if port is None:
        raise Garbled(f"layer '{printable(layer.get('name', ''))}' has no port")
    name = port.get("names", "").split(",")[0] or layer.get("name", "")
    dtype = _TYPES.get(port.get("precision", ""), port.get("precision", ""))
    return TensorSpec(printable(name), dtype, tuple(_dimension(each.text) for each in port.iterfind("dim")))


def _dimension(text: str | None) -> Dimension:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _parameters(root: Element, weights: Path) -> tuple[list[Parameter], list[Problem]]:
    """Constants with their bytes in the `.bin` file."""
    there = is_regular(weights)
    size = weights.stat().st_size if there else 0
    end = 0
    parameters: list[Parameter] = []
    problems: list[Problem] = []
    for layer in root.iter("layer"):
        data = layer.find("data")
        if layer.get("type") != "Const" or data is None:
            continue
        parameter, offset = _constant(layer, data, weights)
        end = max(end, offset + parameter.nbytes)
        if there and offset + parameter.nbytes <= size:
            parameters.append(parameter)
            continue
        if there and len(problems) < 20:
            problems.append(_short(parameter, offset, weights, size))
        parameters.append(Parameter(parameter.name, parameter.dtype, parameter.shape, None, 0, 0))
    if parameters and not there:
        problems.append(
            problem(
                "parameters-missing",
                f"the graph has {len(parameters)} constants and there is no {weights.name}",
                weights.name,
                "put the .bin file of the same conversion beside the graph",
                room="weights",
            )
        )
    if there and end < size:
        problems.append(
            problem(
                "parameters-trailing-bytes",
                f"{size - end:,} bytes follow the last constant and belong to nothing",
                f"{weights.name}, byte {end:,}",
                "put both files of one conversion together",
                room="weights",
            )
        )
    return parameters, problems


def _constant(layer: Element, data: Element, weights: Path) -> tuple[Parameter, int]:
    name = printable(layer.get("name", ""))
    numbers = [data.get(key, "") for key in ("offset", "size")]
    dims = [each.strip() for each in data.get("shape", "").split(",") if each.strip()]
    if (
        not all(each.isascii() and each.isdigit() and len(each) < 19 for each in (*numbers, *dims))
        or len(dims) > 32
    ):
        raise Garbled(f"constant '{name}' has no proper offset, size and shape")
    offset, size = map(int, numbers)
    kind = data.get("element_type", "")
    dtype, shape = _TYPES.get(kind, kind), tuple(map(int, dims))
    if dtype in ITEM_SIZES and prod(shape) * ITEM_SIZES[dtype] != size:
        raise Garbled(
            f"constant '{name}' is said to be {size:,} bytes; {dtype} {list(shape)} is another size"
        )
    return Parameter(name, dtype, shape, weights, offset, size), offset


def _short(parameter: Parameter, offset: int, weights: Path, size: int) -> Problem:
    return problem(
        "parameters-truncated",
        f"'{parameter.name}' needs {parameter.nbytes:,} bytes from byte {offset:,} on, the file has {size:,}",
        f"{weights.name}, tensor {parameter.name}",
        "copy the .bin file again from the conversion and compare the sizes",
        room="weights",
    )


FORMAT = Format(
    name="openvino",
    summary="OpenVINO IR: XML with .bin",
    suffixes=(".xml",),
    sniff=sniff,
    read=read,
    operators=operators,
)
