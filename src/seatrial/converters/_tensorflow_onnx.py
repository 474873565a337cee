"""The child of the converters from TensorFlow: `python -m seatrial.converters._tensorflow_onnx ...`."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from seatrial import lazy
from seatrial.converters._answering import Refused, answer

_MADE_UP = re.compile(r"__\d+(:\d+)?$")
_SIGNATURE = "serving_default"


def _convert(request: Mapping[str, Any]) -> dict[str, Any]:
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")
    with tempfile.TemporaryDirectory(prefix="seatrial-savedmodel-") as scratch:
        folder = str(Path(request["graph"]).parent)
        if request["format"] == "keras":
            folder = request["target"] if request["to"] == "savedmodel" else scratch
            _export(request, folder)
        if request["to"] == "onnx":
            _to_onnx(request, folder)
            return _cleaned(request)
    return {}


def _export(request: Mapping[str, Any], folder: str) -> None:
    """A Keras model as a SavedModel whose inputs have their names."""
    tensorflow: Any = lazy.load("tensorflow", extra="tensorflow")
    keras: Any = lazy.load("keras", extra="tensorflow")
    model = keras.saving.load_model(_with_suffix(request["graph"], folder), safe_mode=True, compile=False)
    flat = tensorflow.nest.flatten
    several = len(request["inputs"]) > 1

    def serve(*tensors: Any) -> dict[str, Any]:
        answers = flat(model(list(tensors) if several else tensors[0], training=False))
        return {f"output_{place}": each for place, each in enumerate(answers)}

    specs = [
        tensorflow.TensorSpec(
            [each if isinstance(each, int) else None for each in told["shape"]], told["dtype"], told["name"]
        )
        for told in request["inputs"]
    ]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(_SIGNATURE, serve, specs)
    archive.write_out(folder, verbose=False)


def _with_suffix(graph: str, folder: str) -> str:
    """Keras goes by the suffix."""
    if graph.endswith(".keras"):
        return graph
    link = Path(folder).with_suffix(".keras")
    link.symlink_to(graph)
    return str(link)


def _to_onnx(request: Mapping[str, Any], folder: str) -> None:
    program: Any = lazy.load("tf2onnx.convert", extra="tensorflow")
    arguments = ["tf2onnx", "--saved-model", folder, "--signature_def", _SIGNATURE, "--tag", "serve"]
    arguments += ["--opset", str(request["opset"]), "--output", request["target"]]
    # It is a program: it reads its arguments where a program does, and tells what it does all the way.
    with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(sys.stderr):
        try:
            program.main()
        except Exception as error:
            raise Refused(f"tf2onnx: {type(error).__name__}: {error}", hint=_HINT) from error
    if not Path(request["target"]).exists():
        raise Refused("tf2onnx wrote nothing", hint=_HINT)


_HINT = "an operator of the graph has no form in this opset: try another with --option opset=..."


def _cleaned(request: Mapping[str, Any]) -> dict[str, Any]:
    """Names inputs, outputs and the batch as the source does, and says what the file was made from."""
    onnx: Any = lazy.load("onnx", extra="convert")
    model = onnx.load(request["target"])
    told = {each["name"]: each["shape"] for each in request["inputs"]}
    for each in model.graph.input:
        for dim, wish in zip(each.type.tensor_type.shape.dim, told.get(each.name, ()), strict=False):
            if isinstance(wish, str):
                dim.dim_param = wish
    _ordered(model.graph, request["outputs"])
    _numbered(model.graph)
    for each in model.graph.output:
        sizes = each.type.tensor_type.shape.dim
        if sizes and sizes[0].dim_param and told:
            sizes[0].dim_param = "batch"
    used = {node.domain for node in model.graph.node}
    unused = [each for each in model.opset_import if each.domain and each.domain not in used]
    for each in unused:
        model.opset_import.remove(each)
    del model.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""
    for key, value in request["metadata"].items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, request["target"])
    return {"nodes": len(model.graph.node)}


def _numbered(graph: Any) -> None:
    """Constants in the order of their first use, and named by it: the tool numbers them as chance has it."""
    if any(each.HasField("g") or each.graphs for node in graph.node for each in node.attribute):
        return  # bodies of loops see these names too
    ends = [each.name for each in graph.output]
    used = dict.fromkeys([*(name for node in graph.node for name in node.input), *ends])
    constants = {each.name: each for each in graph.initializer}
    order = [name for name in used if name in constants]
    taken = {name for name in used if not _MADE_UP.search(name)}
    names = {
        name: f"constant_{place}"
        for place, name in enumerate(order)
        if _MADE_UP.search(name) and name not in ends and f"constant_{place}" not in taken
    }
    copies = [type(constants[name]).FromString(constants[name].SerializeToString()) for name in order]
    del graph.initializer[:]
    graph.initializer.extend(copies)
    for each in graph.initializer:
        each.name = names.get(each.name, each.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)


def _ordered(graph: Any, names: Sequence[str]) -> None:
    """Outputs in the order that the source tells them in; a signature has none of its own."""
    there = {each.name: each for each in graph.output}
    if set(there) != set(names):
        return
    copies = [type(there[name]).FromString(there[name].SerializeToString()) for name in names]
    del graph.output[:]
    graph.output.extend(copies)


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _convert))
