"""The child of `paddle_to_onnx`: `python -m seatrial.converters._paddle2onnx REQUEST ANSWER`."""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _weights_aside

_PR_SET_PDEATHSIG = 1
_MEMORY = 16 << 30


def main(arguments: list[str]) -> int:
    """Converts as the request says and leaves an answer - none, when the tool takes the process with it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.loads(Path(arguments[0]).read_text("utf-8"))
    try:
        answer = _convert(request)
    except Exception as error:  # noqa: BLE001 - whatever the tool raises goes back as data
        answer = {"error": f"{type(error).__name__}: {error}"}
    Path(arguments[1]).write_text(json.dumps(answer), "utf-8")
    return 0


def _convert(request: Mapping[str, Any]) -> dict[str, Any]:
    if request["side"]:
        sys.path.insert(0, request["side"])
    # The compiled part is called directly: the Python part around it sets POLYGRAPHY_AUTOINSTALL_DEPS=1, may
    # run pip, and leaves every weight a Constant node.
    lazy.load("paddle2onnx", extra="convert")
    compiled: Any = lazy.load("paddle2onnx.paddle2onnx_cpp2py_export", extra="convert")
    onnx: Any = lazy.load("onnx", extra="convert")
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    switches = {
        "auto_upgrade_opset": False,
        "verbose": False,
        "enable_onnx_checker": False,
        "enable_experimental_op": True,
        "enable_optimize": True,
    }
    rest = ({}, "onnxruntime", "", "", *[False])  # custom operators, target, calibration, external file, fp16
    with tempfile.TemporaryDirectory(prefix="seatrial-weights-") as folder:
        files = request["graph"], request["weights"]
        if request["aside"]:
            files = _weights_aside.without(request, Path(folder))
        data = compiled.export(*files, request["opset"], *switches.values(), *rest)
    if not data:
        return {"error": "it wrote an empty file"}
    model = onnx.load_from_string(data)
    del data
    _drop_identities(model.graph)
    _lift_constants(onnx, model.graph)
    _name_batch(model.graph, request["inputs"])
    for key, value in request["metadata"].items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)
    if request["aside"]:
        _weights_aside.put_back(model, request)
    else:
        onnx.save(model, request["target"])
    return {}


def _lift_constants(onnx: Any, graph: Any) -> None:
    """Makes weights initializers: quantisers and inspectors look for them there and nowhere else."""
    kept = []
    for node in graph.node:
        value = (
            {each.name: each for each in node.attribute}.get("value") if node.op_type == "Constant" else None
        )
        if value is None:
            kept.append(node)
            continue
        tensor = onnx.TensorProto()
        tensor.CopyFrom(value.t)
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
    _replace(graph.node, kept)


def _drop_identities(graph: Any) -> None:
    """Removes copies, except those that give a graph output its name."""
    outputs = {each.name for each in graph.output}
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.output[0] not in outputs:
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
        else:
            kept.append(node)
    for node in kept:
        _rename(node, renamed)
    _replace(graph.node, kept)


def _rename(node: Any, renamed: Mapping[str, str]) -> None:
    for place, name in enumerate(node.input):
        if name in renamed:
            node.input[place] = renamed[name]
    # Bodies of If and Loop see the names of the graph around them.
    for attribute in node.attribute:
        for body in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            for inner in body.node:
                _rename(inner, renamed)
            for output in body.output:
                output.name = renamed.get(output.name, output.name)


def _replace(repeated: Any, items: list[Any]) -> None:
    copies = [type(each).FromString(each.SerializeToString()) for each in items]
    del repeated[:]
    repeated.extend(copies)


def _name_batch(graph: Any, inputs: Mapping[str, Any]) -> None:
    """Gives the free first axes one name: the tool gives each input a symbol of its own."""
    for each in graph.input:
        dims = each.type.tensor_type.shape.dim
        for place, wish in enumerate(inputs.get(each.name, [])[: len(dims)]):
            if not isinstance(wish, int) and (isinstance(wish, str) or place == 0):
                dims[place].dim_param = wish or "batch"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
