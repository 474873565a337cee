"""Paddle.js: the graph as `model.json`, the weights as float32 in `chunk_1.dat`, `chunk_2.dat`...

The chunks are one stream, in the order of the graph's persistable variables. A model takes one row of one
input, which is named `image` inside whatever its source called it.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Parameter, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, is_regular, size_of, whole
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import Graph, problem
from seatrial.model.formats._probe import integer, load_json, mapping, member, sequence, text

VERSION = "seatrial/paddlejs/1"
_LARGEST = 32 << 20
_MOST_CHUNKS = 1000
_MOST_DIMENSIONS = 8
_AGAIN = "copy model.json and every chunk of the same conversion together"


def sniff(path: Path) -> bool:
    """Whether the file is a graph of Paddle.js: ours, or one of the official converter's."""
    start = head(path, 256).lstrip()
    return start.startswith(b"{") and (f'"{VERSION}"'.encode() in start or b'"chunkNum"' in start)


def read(path: Path) -> Artifact:
    """The artifact of a `model.json`."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        told = mapping(load_json(whole(path, limit=_LARGEST)), "model.json")
        chunks = _chunks(told, path)
        parameters, problems = _parameters(told, chunks, path)
        graph = Graph(
            version="Paddle.js",
            inputs=(_spec(told, "input"),),
            outputs=(_spec(told, "output"),),
            operators=_operators(told),
            metadata={"rows of one run": "1"},
        )
    except Garbled as error:
        return broken(path, error, format_name="paddlejs", files=files)
    files += [ModelFile(each, "parameters", size_of(each)) for each in chunks]
    return assemble(
        path, graph, format_name="paddlejs", files=files, parameters=parameters, problems=problems
    )


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of a `model.json`."""
    return _operators(mapping(load_json(whole(path, limit=_LARGEST)), "model.json"))


def _chunks(told: dict[str, Any], path: Path) -> list[Path]:
    count = integer(member(told, "chunkNum", "model.json"), "chunkNum")
    if not 0 <= count <= _MOST_CHUNKS:
        raise Garbled(f"{count} chunks")
    chunks = [path.with_name(f"chunk_{place}.dat") for place in range(1, count + 1)]
    for each in chunks:
        if not is_regular(each):
            raise Garbled(f"there is no {each.name}", code="parameters-missing", hint=_AGAIN)
    return chunks


def _variables(told: dict[str, Any]) -> list[tuple[str, tuple[int, ...], bool]]:
    """Name, shape and whether it is stored, in the order of the file."""
    found = member(told, "vars", "model.json")
    listed = list(found.values()) if isinstance(found, dict) else sequence(found, "vars")
    return [
        (
            text(member(each, "name", "a variable"), "its name"),
            _shape(member(each, "shape", "a variable")),
            each.get("persistable") is True,
        )
        for each in listed
    ]


def _shape(value: Any) -> tuple[int, ...]:
    sizes = tuple(integer(each, "a dimension") for each in sequence(value, "a shape"))
    if len(sizes) > _MOST_DIMENSIONS or any(each < 0 for each in sizes):
        raise Garbled(f"a variable has the shape {list(sizes[:9])}")
    return sizes


def _parameters(
    told: dict[str, Any], chunks: list[Path], path: Path
) -> tuple[list[Parameter], list[Problem]]:
    starts, total = [], 0
    for each in chunks:
        starts.append(total)
        total += size_of(each)
    parameters, at = [], 0
    for name, shape, stored in _variables(told):
        if not stored:
            continue
        nbytes = prod(shape) * 4
        place = max((index for index, start in enumerate(starts) if start <= at), default=0)
        inside = bool(chunks) and at + nbytes <= (starts[place + 1] if place + 1 < len(starts) else total)
        file = chunks[place] if inside else None
        offset = at - starts[place] if inside else 0
        parameters.append(Parameter(name, "float32", shape, file, offset, nbytes if inside else 0))
        at += nbytes
    if at == total:
        return parameters, []
    what = f"the graph's weights have {at:,} bytes, the chunks {total:,}"
    code = "parameters-truncated" if total < at else "parameters-trailing-bytes"
    return parameters, [problem(code, what, path.name, _AGAIN, room="weights")]


def _spec(told: dict[str, Any], side: str) -> TensorSpec:
    """Input or output as the source had it; of a foreign model as the file has it."""
    ours = told.get("seatrial")
    if ours is not None:
        spec = member(ours, side, "seatrial")
        name, shape = text(member(spec, "name", side), side), sequence(member(spec, "shape", side), side)
    else:
        name, shape = _foreign(told, side)
    sizes = _shape(shape)
    if 0 in (sizes or (0,)):
        raise Garbled(f"the {side} has the shape {list(sizes)}")
    return TensorSpec(name, "float32", ("batch", *sizes[1:]))


def _foreign(told: dict[str, Any], side: str) -> tuple[str, list[int]]:
    shapes = {name: list(shape) for name, shape, _ in _variables(told)}
    if side == "input":
        feed = mapping(told.get("feedShape") or {}, "feedShape")
        sizes = [integer(member(feed, each, "feedShape"), each) for each in ("fc", "fh", "fw")]
        return "image", shapes.get("image", [1, *sizes])
    for each in sequence(member(told, "ops", "model.json"), "ops"):
        if mapping(each, "an operator").get("type") == "fetch":
            names = _names(each, "inputs")
            if names and names[0] in shapes:
                return names[0], shapes[names[0]]
    raise Garbled("the graph has no output")


def _names(each: dict[str, Any], side: str) -> tuple[str, ...]:
    slots = mapping(member(each, side, "an operator"), side).values()
    return tuple(text(name, "a value") for slot in slots for name in sequence(slot, side))


def _operators(told: dict[str, Any]) -> tuple[Operator, ...]:
    found = []
    for index, each in enumerate(sequence(member(told, "ops", "model.json"), "ops")):
        kind = text(member(each, "type", "an operator"), "its type")
        if kind in ("feed", "fetch"):
            continue
        attributes = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in mapping(each.get("attrs") or {}, "its attributes").items()
        }
        names = _names(each, "inputs"), _names(each, "outputs")
        found.append(Operator(f"{kind}:{index}", kind, attributes, *names))
    return tuple(found)


FORMAT = Format(
    name="paddlejs",
    summary="Paddle.js: model.json with chunk_N.dat",
    suffixes=(),
    sniff=sniff,
    read=read,
    operators=operators,
)
