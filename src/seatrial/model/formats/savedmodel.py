"""TensorFlow SavedModel: `saved_model.pb` with the graph, `variables/` with the weights, `assets/`.

Fields by their numbers, from TensorFlow's schema: SavedModel {2 meta_graphs}, MetaGraphDef {1 meta_info_def,
2 graph_def, 5 signature_def}, MetaInfoDef {5 tensorflow_version}, SignatureDef {1 inputs, 2 outputs},
TensorInfo {2 dtype, 3 tensor_shape}, TensorShapeProto {2 dim {1 size}, 3 unknown_rank}, GraphDef {1 node,
2 library}, FunctionDefLibrary {1 function}, FunctionDef {1 signature {1 name}, 3 node_def}, NodeDef {1 name,
2 op, 3 input}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Problem
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats import _tensor_bundle
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, is_regular, mapped, size_of
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import Graph, problem
from seatrial.model.ordering import in_order

SIGNATURE = "serving_default"
NAME = "saved_model.pb"
MAX_ASSETS = 1000
_NOTHING = ("Const", "NoOp", "Placeholder", "Identity", "IdentityN")
_SAVING = re.compile(r"(__inference_)?_*traced_(save|restore)")
# A graph that does these does more than answer.
_REACHING = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles"}


def sniff(path: Path) -> bool:
    """Whether the file is a `saved_model.pb`: its name, its version, and then a graph."""
    return path.name == NAME and head(path, 3) == b"\x08\x01\x12"


def read(path: Path) -> Artifact:
    """The artifact of a `saved_model.pb` and what lies beside it."""
    files = [ModelFile(path, "graph", size_of(path)), *_beside(path)]
    try:
        with mapped(path) as data:
            graph = _graph(data)
        found = _tensor_bundle.read(path.parent / "variables" / "variables.index")
    except Garbled as error:
        return broken(path, error, format_name="savedmodel", files=files)
    return assemble(
        path,
        graph,
        format_name="savedmodel",
        files=files,
        parameters=found.parameters,
        problems=[*graph.problems, *found.problems],
    )


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of a `saved_model.pb`, those of its functions included."""
    with mapped(path) as data:
        return _graph(data).operators


def _beside(path: Path) -> list[ModelFile]:
    found = []
    for folder, role in (("variables", "parameters"), ("assets", "other"), ("assets.extra", "other")):
        inside = path.parent / folder
        for each in sorted(inside.rglob("*"))[:MAX_ASSETS] if inside.is_dir() else []:
            if is_regular(each):
                # The index says where in the other files the values are.
                kind = "other" if each.suffix == ".index" else role
                found.append(ModelFile(each, kind, size_of(each)))
    return found


def _graph(data: memoryview) -> Graph:
    metas = [protobuf.message(value, "a graph") for number, value in protobuf.fields(data) if number == 2]
    if not metas:
        raise Garbled("the file has no graph", code="graph-truncated")
    version, found, signatures = "version not recorded", [], {}
    for number, value in protobuf.fields(metas[0]):
        if number == 1:
            version = _text(protobuf.message(value, "info"), 5) or version
        elif number == 2:
            found = list(_operators(protobuf.message(value, "the graph")))
        elif number == 5:
            name, signature = _entry(value)
            signatures[name] = signature
    if SIGNATURE not in signatures:
        there = ", ".join(sorted(signatures)) or "none"
        raise Garbled(
            f"it has no signature '{SIGNATURE}'; there are: {there}",
            code="signature-missing",
            hint="save it with signatures={'serving_default': ...}",
        )
    inputs, outputs = _specs(signatures[SIGNATURE], 1), _specs(signatures[SIGNATURE], 2)
    return Graph(
        version=f"TensorFlow {version[:40]}",
        inputs=tuple(inputs[name] for name in inputs),
        outputs=tuple(outputs[name] for name in in_order(outputs)),
        operators=tuple(each for each in found if each.type not in _NOTHING),
        problems=tuple(_reaching(found)),
    )


def _reaching(found: Iterable[Operator]) -> Iterator[Problem]:
    for kind in sorted({each.type for each in found} & _REACHING):
        message = f"the operator '{kind}' reads or writes files, or calls Python"
        yield problem("operator-reaches-out", message, f"operator {kind}", "export the model without it")


def _text(data: memoryview, wanted: int) -> str:
    return next(
        (protobuf.text(value, "text") for number, value in protobuf.fields(data) if number == wanted), ""
    )


def _entry(value: int | memoryview) -> tuple[str, memoryview]:
    """One pair of a map."""
    name, inner = "", memoryview(b"")
    for number, each in protobuf.fields(protobuf.message(value, "a pair")):
        if number == 1:
            name = protobuf.text(each, "a key")
        elif number == 2:
            inner = protobuf.message(each, "a value")
    return name, inner


def _specs(signature: memoryview, side: int) -> dict[str, TensorSpec]:
    found = {}
    for number, value in protobuf.fields(signature):
        if number == side:
            name, info = _entry(value)
            found[name] = _spec(name, info)
    return dict(sorted(found.items()))


def _spec(name: str, info: memoryview) -> TensorSpec:
    dtype: str = ""
    shape: tuple[Dimension, ...] = ()
    for number, value in protobuf.fields(info):
        if number == 2:
            dtype = _tensor_bundle.TYPES.get(protobuf.number(value, "dtype"), "")
        elif number == 3:
            shape = _shape(protobuf.message(value, "shape"))
    return TensorSpec(name[:200], dtype, shape)


def _shape(data: memoryview) -> tuple[Dimension, ...]:
    sizes = _tensor_bundle.sizes(data)
    return tuple(each if each >= 0 else "batch" if axis == 0 else None for axis, each in enumerate(sizes))


def _operators(graph: memoryview) -> Iterator[Operator]:
    for number, value in protobuf.fields(graph):
        if number == 1:
            yield _node(protobuf.message(value, "a node"), "")
        elif number == 2:
            for inner, function in protobuf.fields(protobuf.message(value, "the library")):
                if inner == 1:
                    yield from _function(protobuf.message(function, "a function"))


def _function(data: memoryview) -> Iterator[Operator]:
    name = ""
    for number, value in protobuf.fields(data):
        if number == 1:
            name = _text(protobuf.message(value, "a signature"), 1)
        elif number == 3 and not _SAVING.match(name):
            yield _node(protobuf.message(value, "a node"), name)


def _node(data: memoryview, scope: str) -> Operator:
    name, kind, inputs = "", "", []
    for number, value in protobuf.fields(data):
        if number == 1:
            name = protobuf.text(value, "a name")[:200]
        elif number == 2:
            kind = protobuf.text(value, "an operator")[:200]
        elif number == 3:
            inputs.append(protobuf.text(value, "an input")[:200])
    full = f"{scope}/{name}" if scope else name
    return Operator(full, kind, {}, tuple(inputs), (full,), scope)


FORMAT = Format(
    name="savedmodel",
    summary="TensorFlow SavedModel: a folder with saved_model.pb",
    suffixes=(),
    sniff=sniff,
    read=read,
    operators=operators,
)
