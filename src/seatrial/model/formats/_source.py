"""A model whose graph is a program: a small YAML file says which class, with which weights and inputs.

The YAML file is the artifact's graph file. The code is hashed and copied, and never imported here: a class is
built only in a worker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from seatrial.contract.tensor import DTYPES, Dimension, TensorSpec
from seatrial.contract.yaml_source import parse
from seatrial.errors import ContractViolation
from seatrial.model.artifact import Artifact, ModelFile, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, is_regular, size_of, whole
from seatrial.model.formats._checkpoint import Checkpoint, read_checkpoint
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import Graph, problem
from seatrial.model.formats._probe import printable

VERSION = "seatrial/source/1"
SUFFIX = ".source.yaml"
FRAMEWORKS = ("paddle", "torch")
_LARGEST = 1 << 20
_FIELDS = {"source", "framework", "code", "class", "arguments", "weights", "inputs", "outputs"}
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Source:
    """What the YAML file says.

    Attributes:
        framework: `paddle` or `torch`.
        code: Python files, relative to the YAML file; the first one has the class. Empty when `weights` is a
            TorchScript archive, which brings its own.
        name: Name of the class, or of a function that returns the model.
        arguments: Keyword arguments it is called with.
        weights: Weights file, relative; empty for a model without weights or with those it makes itself.
        inputs: In the order of `forward`'s parameters.
        outputs: Names, where they are told.
    """

    framework: str
    code: tuple[str, ...]
    name: str
    arguments: Mapping[str, Any]
    weights: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]


def is_source(path: Path, framework: str) -> bool:
    """Whether a file is a source of that framework: by the two lines that say so."""
    lines = {line.split(b"#")[0].strip() for line in head(path).splitlines()}
    if b"source: " + VERSION.encode() not in lines:
        return False
    # An unknown framework is read by the first of the two, and told.
    named = next((line.partition(b":")[2].strip() for line in lines if line.startswith(b"framework:")), b"")
    return named == framework.encode() or (
        framework == FRAMEWORKS[0] and named.decode("latin-1") not in FRAMEWORKS
    )


def read_source(path: Path, *, format_name: str) -> Artifact:
    """The artifact of a `*.source.yaml`."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        source = _parsed(path)
    except Garbled as error:
        return broken(path, error, format_name=format_name, files=files)
    problems: list[Problem] = []
    for each in source.code:
        _add(files, path.parent / each, "other", problems)
    checkpoint = Checkpoint((), (), {})
    if source.weights and _add(files, path.parent / source.weights, "parameters", problems):
        checkpoint = read_checkpoint(path.parent / source.weights)
    outputs = tuple(TensorSpec(each, "", ()) for each in source.outputs)
    graph = Graph(
        version=f"{source.framework} class {source.name}" if source.name else f"{source.framework} archive",
        inputs=source.inputs,
        outputs=outputs,
        metadata={"class": source.name, **checkpoint.metadata},
    )
    return assemble(
        path,
        graph,
        format_name=format_name,
        files=files,
        parameters=checkpoint.parameters,
        problems=[*problems, *checkpoint.problems],
    )


def _add(files: list[ModelFile], path: Path, role: str, problems: list[Problem]) -> bool:
    if is_regular(path):
        files.append(ModelFile(path, role, size_of(path)))
        return True
    code = "parameters-missing" if role == "parameters" else "code-missing"
    hint = "put it beside the .source.yaml file, or correct its name there"
    problems.append(problem(code, f"'{path.name}' is not there", path.name, hint))
    return False


def _parsed(path: Path) -> Source:
    try:
        document = parse(whole(path, limit=_LARGEST).decode("utf-8", "replace"), path.name)
    except ContractViolation as error:
        raise Garbled(error.message, code="source-wrong", hint=error.hint) from error
    data = document.data
    if not isinstance(data, dict) or data.get("source") != VERSION:
        raise _wrong(f"'source' must be {VERSION}")
    unknown = sorted(str(each) for each in set(data) - _FIELDS)
    if unknown:
        raise _wrong(f"'{unknown[0]}' is no field; there are: {', '.join(sorted(_FIELDS))}")
    if data.get("framework") not in FRAMEWORKS:
        raise _wrong(f"'framework' is {data.get('framework')!r}, expected {' or '.join(FRAMEWORKS)}")
    return _source(data)


def _source(data: Mapping[str, Any]) -> Source:
    code = data.get("code", [])
    codes = tuple(_place(each, "code") for each in (code if isinstance(code, list) else [code]))
    name, weights = str(data.get("class", "")), data.get("weights", "")
    if codes and not _NAME.fullmatch(name):
        raise _wrong(f"'class' is {name!r}, expected the name of a class in {codes[0]}")
    if not codes and (data["framework"] != "torch" or not weights):
        raise _wrong("'code' is missing: only a TorchScript archive brings its own")
    arguments = data.get("arguments", {})
    if not isinstance(arguments, dict) or not all(isinstance(each, str) for each in arguments):
        raise _wrong("'arguments' must be a mapping of keyword to value")
    inputs = data.get("inputs", [])
    if not isinstance(inputs, list) or not inputs:
        raise _wrong("'inputs' must list the inputs: name, dtype and shape of each")
    specs = tuple(_input(each) for each in inputs)
    if len({each.name for each in specs}) < len(specs):
        raise _wrong("two inputs have one name")
    outputs = data.get("outputs", [])
    if not isinstance(outputs, list) or not all(isinstance(each, str) for each in outputs):
        raise _wrong("'outputs' must be a list of names")
    return Source(
        framework=data["framework"],
        code=codes,
        name=name,
        arguments=arguments,
        weights=_place(weights, "weights") if weights else "",
        inputs=specs,
        outputs=tuple(printable(each) for each in outputs),
    )


def _place(value: Any, field: str) -> str:
    """A file under the folder of the YAML file: what lies elsewhere would not travel with it."""
    place = PurePosixPath(value) if isinstance(value, str) and value else None
    if place is None or place.is_absolute() or ".." in place.parts or not value.isprintable():
        raise _wrong(f"'{field}' is {value!r}, expected a file beside the .source.yaml file or below it")
    return str(place)


def _input(value: Any) -> TensorSpec:
    if not isinstance(value, dict) or set(value) != {"name", "dtype", "shape"}:
        raise _wrong("an input has a name, a dtype and a shape, and nothing else")
    name, dtype, shape = value["name"], value["dtype"], value["shape"]
    if not isinstance(name, str) or not name.isprintable() or not name:
        raise _wrong(f"an input is named {name!r}")
    if dtype not in DTYPES or dtype == "string":
        raise _wrong(f"input '{name}' has the dtype {dtype!r}, expected one such as float32 or int64")
    if not isinstance(shape, list) or not all(_is_dimension(each) for each in shape):
        raise _wrong(f"input '{name}' has the shape {shape!r}, expected numbers and names: [batch, 1, 8, 8]")
    return TensorSpec(name, dtype, tuple(shape))


def _is_dimension(value: Dimension) -> bool:
    if value is None or (isinstance(value, str) and value.isidentifier()):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def _wrong(message: str) -> Garbled:
    return Garbled(message, code="source-wrong", hint="see the how-to page 'from-training' for the fields")
