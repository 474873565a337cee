"""ncnn: the graph as text (`.param`), the weights behind one another in a `.bin` file beside it.

A line a layer: type, name, number of inputs, number of outputs, their names, and settings as `key=value`.
The first line is 7767517. Source: ncnn's description of its param and model files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, is_regular, size_of, whole
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import MAX_OPERATORS, Graph, problem
from seatrial.model.formats._probe import printable

MAGIC = "7767517"
MAX_BYTES = 64 << 20
# Width, height, depth, channels of an Input, outermost last; ncnn knows no batch axis.
_AXES = ("0", "1", "11", "2")
_RESULT = re.compile(r"out(\d{1,4})")
# What the first weight is stored as, by the four bytes in front of it.
_STORED = {b"\0\0\0\0": "float32", b"\x47\x6b\x30\x01": "float16", b"\x38\x4b\x0d\x00": "int8"}
_WEIGHTED = (
    "Convolution",
    "Deconvolution",
    "InnerProduct",
    "Embed",
    "BatchNorm",
    "Scale",
    "PReLU",
    "MemoryData",
)


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of a `.param` file."""

    type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[str, str]


def sniff(path: Path) -> bool:
    """Whether the file starts with ncnn's number on a line of its own."""
    return head(path, 16).split(b"\n", 1)[0].strip() == MAGIC.encode()


def layers(text: str) -> Iterator[Layer]:
    """The layers of a `.param` file.

    Raises:
        Garbled: A line is none, or there are others than announced.
    """
    lines = [each for each in text.splitlines() if each.strip()]
    counts = lines[1].split() if len(lines) > 1 else []
    if not lines or lines[0].strip() != MAGIC or len(counts) != 2 or not all(map(_is_count, counts)):
        raise Garbled("the file does not start with ncnn's number and the numbers of layers and blobs")
    announced = int(counts[0])
    if announced > MAX_OPERATORS:
        raise Garbled(f"{announced:,} layers are announced; no network has more than {MAX_OPERATORS:,}")
    if len(lines) - 2 != announced:
        raise Garbled(
            f"{announced:,} layers are announced, {len(lines) - 2:,} are there",
            code="graph-truncated" if len(lines) - 2 < announced else "graph-garbage",
        )
    for number, line in enumerate(lines[2:], start=3):
        yield _layer(printable(line), number)


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 8


def _layer(line: str, number: int) -> Layer:
    words = line.split()
    if len(words) < 4 or not all(map(_is_count, words[2:4])):
        raise Garbled(f"line {number} is no layer: {line[:80]}")
    taken, made = int(words[2]), int(words[3])
    blobs, settings = words[4 : 4 + taken + made], words[4 + taken + made :]
    if len(blobs) < taken + made or any("=" not in each for each in settings):
        raise Garbled(f"line {number} does not name its {taken} inputs and {made} outputs: {line[:80]}")
    pairs = (each.partition("=") for each in settings)
    return Layer(
        words[0],
        words[1],
        tuple(blobs[:taken]),
        tuple(blobs[taken:]),
        {key: value for key, _, value in pairs},
    )


def results(found: list[Layer]) -> list[str]:
    """The blobs that nothing takes, which are the outputs; those that pnnx names are in its order."""
    taken = {name for each in found for name in each.inputs}
    left = [name for each in found for name in each.outputs if name not in taken and each.type != "Input"]
    numbers = [_RESULT.fullmatch(each) for each in left]
    if all(numbers):
        return sorted(left, key=lambda each: int(each[len("out") :]))
    return left


def read(path: Path) -> Artifact:
    """The artifact of a `.param` file with the `.bin` of its name."""
    files = [ModelFile(path, "graph", size_of(path))]
    weights = path.with_suffix(".bin")
    if is_regular(weights):
        files.append(ModelFile(weights, "parameters", size_of(weights)))
    try:
        found = _layers_of(path)
        graph = _graph(found)
    except Garbled as error:
        return broken(path, error, format_name="ncnn", files=files)
    stored = _STORED.get(head(weights, 4), "unknown")
    known = {**graph.metadata, "weights": stored} if is_regular(weights) else graph.metadata
    return assemble(
        path,
        Graph(graph.version, graph.inputs, graph.outputs, operators=graph.operators, metadata=known),
        format_name="ncnn",
        files=files,
        parameters=(),
        problems=_missing(found, weights),
    )


def operators(path: Path) -> tuple[Operator, ...]:
    """The layers of a `.param` file, its inputs aside."""
    return _graph(_layers_of(path)).operators


def _layers_of(path: Path) -> list[Layer]:
    return list(layers(whole(path, limit=MAX_BYTES).decode("utf-8", "backslashreplace")))


def _graph(found: list[Layer]) -> Graph:
    inputs = tuple(
        TensorSpec(name, "float32", _shape(each))
        for each in found
        if each.type == "Input"
        for name in each.outputs
    )
    outputs = results(found)
    if not inputs or not outputs:
        raise Garbled("the graph has no input or no output")
    return Graph(
        version=f"ncnn param {MAGIC}",
        inputs=inputs,
        outputs=tuple(TensorSpec(name, "float32", ()) for name in outputs),
        operators=tuple(
            Operator(each.name, each.type, dict(each.settings), each.inputs, each.outputs)
            for each in found
            if each.type != "Input"
        ),
        metadata={"batch": "the format has no batch axis: the first axis of an input is rows, one by one"},
    )


def _shape(layer: Layer) -> tuple[Dimension, ...]:
    """The batch axis and what the layer says; nothing is said of a size that is 0."""
    sizes = [layer.settings.get(key) for key in _AXES]
    there = [each for each in reversed(sizes) if each is not None]
    return (
        (None, *(int(each) if _is_count(each) and int(each) > 0 else None for each in there)) if there else ()
    )


def _missing(found: list[Layer], weights: Path) -> list[Problem]:
    needed = [each.name for each in found if each.type.startswith(_WEIGHTED)]
    if not needed or (is_regular(weights) and size_of(weights)):
        return []
    return [
        problem(
            "parameters-missing",
            f"{len(needed)} layers have weights and there is no {weights.name}, or it is empty",
            weights.name,
            "put the .bin file of the same conversion beside the .param file",
            room="weights",
        )
    ]


FORMAT = Format(
    name="ncnn",
    summary="ncnn: layers as text (.param) with .bin",
    suffixes=(".param",),
    sniff=sniff,
    read=read,
    operators=operators,
)
