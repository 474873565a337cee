"""PyTorch's exported program (.pt2): a zip with the graph as JSON and the weights as raw files."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Parameter, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, our_errors, size_of
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import ITEM_SIZES, Graph, problem
from seatrial.model.formats._probe import load_json, mapping, member, printable, sequence, text
from seatrial.model.formats._torch_weights import data_offset, read_entry
from seatrial.model.formats._zip import archive_of

_MAX_JSON = 256 << 20
_NEWEST = 8  # major version of the schema that PyTorch 2.13 writes
# `ScalarType` of the schema.
_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
}  # fmt: skip
_SYMBOL = re.compile(r"Symbol\('(\w+)'[^)]*\)|(\w+)")


def sniff(path: Path) -> bool:
    """Whether the file is a zip with an exported program; its directory is read, nothing is unpacked."""
    if not head(path, 4).startswith(b"PK\x03\x04"):
        return False
    try:
        with archive_of(path) as archive:
            return _entry(archive, "/models/model.json") is not None
    except Garbled:
        return path.suffix == ".pt2"


def _entry(archive: zipfile.ZipFile, end: str) -> zipfile.ZipInfo | None:
    return next((each for each in archive.infolist() if each.filename.endswith(end)), None)


def read(path: Path) -> Artifact:
    """The artifact of a `.pt2` file."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        with our_errors(path), archive_of(path) as archive:
            program = mapping(_json(archive, "/models/model.json"), "the program")
            weights, problems = _weights(archive, path)
        graph = _graph(program)
    except Garbled as error:
        return broken(path, error, format_name="torch-exported", files=files)
    return assemble(
        path,
        graph,
        format_name="torch-exported",
        files=files,
        parameters=weights,
        problems=[*graph.problems, *problems],
    )


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of a `.pt2` file."""
    with our_errors(path), archive_of(path) as archive:
        return _graph(mapping(_json(archive, "/models/model.json"), "the program")).operators


def _json(archive: zipfile.ZipFile, end: str) -> Any:
    entry = _entry(archive, end)
    if entry is None:
        raise Garbled(f"the zip has no '{end[1:]}'", code="graph-truncated")
    return load_json(read_entry(archive, entry, _MAX_JSON))


def _graph(program: Mapping[str, Any]) -> Graph:
    module = mapping(member(program, "graph_module", "the program"), "graph_module")
    graph = mapping(member(module, "graph", "graph_module"), "graph")
    signature = mapping(member(module, "signature", "graph_module"), "signature")
    values = mapping(member(graph, "tensor_values", "graph"), "tensor_values")
    version = mapping(program.get("schema_version", {}), "schema_version")
    major = version.get("major")
    problems: list[Problem] = []
    if not isinstance(major, int) or major > _NEWEST:
        hint = "update seatrial and PyTorch, or export again"
        problems.append(
            problem(
                "version-from-the-future",
                f"schema {major}; the newest one known is {_NEWEST}",
                "program",
                hint,
            )
        )
    inputs, outputs = list(_specs(signature, "input", values)), list(_specs(signature, "output", values))
    told = text(program.get("torch_version", "version not recorded"), "torch_version")
    return Graph(
        version=f"torch.export {told[:40]}",
        inputs=_batch_named(inputs, inputs),
        outputs=_batch_named(outputs, inputs),
        operators=tuple(_operators(graph)),
        problems=tuple(problems),
    )


def _batch_named(specs: list[TensorSpec], inputs: list[TensorSpec]) -> tuple[TensorSpec, ...]:
    """The symbol of the batch by that name: programs keep no names of dimensions."""
    symbol = next((each.shape[0] for each in inputs if each.batch_is_free), None)
    if symbol is None:
        return tuple(specs)
    return tuple(
        replace(each, shape=tuple("batch" if size == symbol else size for size in each.shape))
        for each in specs
    )


def _specs(signature: Mapping[str, Any], side: str, values: Mapping[str, Any]) -> Iterator[TensorSpec]:
    for each in sequence(member(signature, f"{side}_specs", "signature"), f"{side}_specs"):
        spec = mapping(each, "a spec")
        if f"user_{side}" not in spec:
            continue
        name = _tensor_name(mapping(spec[f"user_{side}"], "a spec").get("arg"))
        if name:
            yield _spec(name, mapping(values.get(name, {}), name))


def _spec(name: str, value: Mapping[str, Any]) -> TensorSpec:
    sizes = sequence(value.get("sizes", []), f"the sizes of {name}")
    return TensorSpec(
        printable(name)[:200], _TYPES.get(value.get("dtype", 0), ""), tuple(map(_dimension, sizes))
    )


def _dimension(size: Any) -> Dimension:
    """`{"as_int": 8}`, or `{"as_expr": {"expr_str": "Symbol('s77', ...)"}}`; a computed one is free."""
    told = mapping(size, "a size")
    if isinstance(told.get("as_int"), int):
        return int(told["as_int"])
    expression = told.get("as_expr")
    found = _SYMBOL.fullmatch(str(expression.get("expr_str", ""))) if isinstance(expression, dict) else None
    return (found[1] or found[2]) if found else None


def _tensor_name(argument: Any) -> str:
    inner = argument.get("as_tensor") if isinstance(argument, dict) else None
    return str(inner.get("name", "")) if isinstance(inner, dict) else ""


def _operators(graph: Mapping[str, Any]) -> Iterator[Operator]:
    for index, each in enumerate(sequence(member(graph, "nodes", "graph"), "nodes")):
        node = mapping(each, f"node {index}")
        target = text(node.get("target", ""), "target").removeprefix("torch.ops.")[:200]
        inputs, attributes = [], {}
        for given in sequence(node.get("inputs", []), "inputs"):
            argument = mapping(given, "an input").get("arg")
            name = _tensor_name(argument)
            if name:
                inputs.append(printable(name))
            elif isinstance(argument, dict) and argument:
                key = printable(str(given.get("name", "")))[:100]
                attributes[key] = printable(str(next(iter(argument.values()))))[:1000]
        outputs = tuple(filter(None, map(_tensor_name, sequence(node.get("outputs", []), "outputs"))))
        yield Operator(f"{target}:{index}", target, attributes, tuple(inputs), outputs)


def _weights(archive: zipfile.ZipFile, path: Path) -> tuple[list[Parameter], list[Problem]]:
    config = mapping(_json(archive, "/weights/model_weights_config.json"), "the weights' list")
    places = {each.filename.rpartition("/weights/")[2]: each for each in archive.infolist()}
    found, problems = [], []
    for name, each in mapping(config.get("config", {}), "config").items():
        told = mapping(each, name)
        meta = mapping(told.get("tensor_meta", {}), name)
        spec = _spec(name, meta)
        shape = tuple(size for size in spec.shape if isinstance(size, int))
        nbytes = prod(shape) * ITEM_SIZES.get(spec.dtype, 0)
        place = places.get(str(told.get("path_name", "")))
        fits = place is not None and place.compress_type == zipfile.ZIP_STORED and place.file_size >= nbytes
        if place is not None and fits and not told.get("use_pickle"):
            found.append(Parameter(spec.name, spec.dtype, shape, path, data_offset(path, place), nbytes))
            continue
        found.append(Parameter(spec.name, spec.dtype, shape, None, 0, 0))
        if not told.get("use_pickle"):
            hint = "export the program again with torch.export.save"
            message = f"'{spec.name}' is not there, too short or compressed"
            problems.append(
                problem(
                    "parameters-truncated", message, f"{path.name}, tensor {spec.name}", hint, room="weights"
                )
            )
    return found, problems[:20]


FORMAT = Format(
    name="torch-exported",
    summary="PyTorch exported program (.pt2)",
    suffixes=(".pt2",),
    sniff=sniff,
    read=read,
    operators=operators,
)
