"""Keras 3 (.keras): a zip with the layers as JSON and the weights as HDF5, which are not listed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seatrial.contract.tensor import DTYPES, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Problem
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, our_errors, size_of
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import MAX_NESTING, Graph, problem
from seatrial.model.formats._probe import load_json, mapping, member, printable, sequence, text
from seatrial.model.formats._torch_weights import read_entry
from seatrial.model.formats._zip import archive_of

_MAX_JSON = 256 << 20
_FILES = ("config.json", "model.weights.h5")
# Their functions are stored as Python bytecode, which runs when the model is opened.
_CODE = ("Lambda",)


def sniff(path: Path) -> bool:
    """Whether the file is a zip with a Keras model; its directory is read, nothing is unpacked."""
    if not head(path, 4).startswith(b"PK\x03\x04"):
        return False
    try:
        with archive_of(path) as archive:
            return set(_FILES) <= set(archive.namelist())
    except Garbled:
        return path.suffix == ".keras"


def read(path: Path) -> Artifact:
    """The artifact of a `.keras` file."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        graph = _read(path)
    except Garbled as error:
        return broken(path, error, format_name="keras", files=files)
    return assemble(path, graph, format_name="keras", files=files, parameters=(), problems=graph.problems)


def operators(path: Path) -> tuple[Operator, ...]:
    """The layers of a `.keras` file, those of models inside it included."""
    return _read(path).operators


def _read(path: Path) -> Graph:
    with our_errors(path), archive_of(path) as archive:
        model = mapping(_json(archive, "config.json"), "the model")
        told = mapping(_json(archive, "metadata.json"), "metadata.json")
    config = mapping(member(model, "config", "the model"), "the model's config")
    layers = list(_layers(model, "", 0))
    return Graph(
        version=f"Keras {text(told.get('keras_version', 'of no version'), 'keras_version')[:40]}",
        inputs=tuple(_inputs(config)),
        outputs=tuple(TensorSpec(each, "", ()) for each in _ends(config, "output_layers")),
        operators=tuple(
            Operator(f"{name}:{index}", kind, {}, (), ()) for index, (name, kind, _) in enumerate(layers)
        ),
        problems=tuple(_problems(layers, config)),
        metadata={"name": text(config.get("name", ""), "name")[:200], "weights": "HDF5, tensors not listed"},
    )


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise Garbled(f"the zip has no {name}", code="graph-truncated") from None
    return load_json(read_entry(archive, entry, _MAX_JSON))


def _layers(value: Any, name: str, depth: int) -> Iterator[tuple[str, str, str]]:
    """Name, class and module of every layer."""
    if depth > MAX_NESTING:
        raise Garbled(f"models are nested deeper than {MAX_NESTING}")
    layer = mapping(value, "a layer")
    config = layer.get("config")
    inner = config.get("layers") if isinstance(config, dict) else None
    if isinstance(inner, list):
        for each in inner:
            yield from _layers(each, str(mapping(each, "a layer").get("name", "")), depth + 1)
        if str(layer.get("module", "")).startswith("keras"):
            return
    kind = text(member(layer, "class_name", "a layer"), "class_name")[:200]
    if kind != "InputLayer":
        yield printable(name)[:200], kind, printable(str(layer.get("module", "")))[:200]


def _inputs(config: Mapping[str, Any]) -> Iterator[TensorSpec]:
    known = {}
    for each in sequence(config.get("layers", []), "layers"):
        layer = mapping(each, "a layer")
        if layer.get("class_name") == "InputLayer":
            told = mapping(member(layer, "config", "an input"), "an input")
            known[text(told.get("name", ""), "name")] = told
    order = _ends(config, "input_layers") or list(known)
    for name in order:
        told = known.get(name, {})
        dtype = told.get("dtype", "")
        sizes = sequence(told.get("batch_shape") or [], f"the shape of {name}")
        shape = tuple(
            size if isinstance(size, int) else "batch" if axis == 0 else None
            for axis, size in enumerate(sizes)
        )
        yield TensorSpec(name[:200], dtype if dtype in DTYPES else "", shape)


def _ends(config: Mapping[str, Any], key: str) -> list[str]:
    """`["image", 0, 0]`, or lists of such, or mappings to such: the names in order."""
    value = config.get(key, [])
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and value and isinstance(value[0], str):
        value = [value]
    found = sequence(value, key)
    return [
        printable(each[0])[:200]
        for each in found
        if isinstance(each, list) and each and isinstance(each[0], str)
    ]


def _problems(layers: list[tuple[str, str, str]], config: Mapping[str, Any]) -> Iterator[Problem]:
    for name, kind, module in layers[:10_000]:
        if kind in _CODE:
            yield problem(
                "code-in-model",
                f"the layer '{name}' ({kind}) holds Python bytecode, which runs when the model is opened",
                f"layer {name}",
                "replace it by a layer or operation of Keras, or export the model where it was made: "
                "model.export(FOLDER) writes a SavedModel without Python",
            )
        elif not module.startswith("keras"):
            yield problem(
                "operator-unknown",
                f"the layer '{name}' is a class of its own, {kind}: its code is not in the file",
                f"layer {name}",
                "export the model where the class is: model.export(FOLDER) writes a SavedModel",
            )
    if not list(_inputs(config)):
        hint = "build it before saving, with keras.Input(shape) as the first layer"
        yield problem("inputs-missing", "the model does not say its inputs", "config.json", hint)


FORMAT = Format(
    name="keras",
    summary="Keras 3 model (.keras)",
    suffixes=(".keras",),
    sniff=sniff,
    read=read,
    operators=operators,
)
