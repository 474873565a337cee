"""The child of the converters from ONNX to TensorFlow: `python -m seatrial.converters._onnx_tensorflow ...`.

The graph goes through ONNX Runtime's basic optimizations first: with a convolution and its batch norm apart,
as paddle2onnx leaves them, onnx2tf 1.29 fails on small networks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

from seatrial import lazy
from seatrial.converters import _layouts
from seatrial.converters._answering import Refused, answer

_HINT = "run the ONNX file itself (onnxruntime runs on ARM and in browsers too), or try onnx_to_ort"


def _convert(request: Mapping[str, Any]) -> dict[str, Any]:
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_USE_LEGACY_KERAS="1")
    with tempfile.TemporaryDirectory(prefix="seatrial-onnx2tf-") as scratch:
        fused = _fused(request["graph"], Path(scratch) / "model.onnx")
        made = Path(scratch) / "made"
        # It reads and writes beside itself, and would fetch pictures to try the model on.
        os.chdir(scratch)
        with (
            contextlib.redirect_stdout(sys.stderr),
            mock.patch.object(socket, "create_connection", _no_network),
        ):
            program: Any = lazy.load("onnx2tf", extra="tensorflow")
            try:
                program.convert(
                    input_onnx_file_path=str(fused),
                    output_folder_path=str(made),
                    output_signaturedefs=True,
                    copy_onnx_input_output_names_to_tflite=True,
                    keep_shape_absolutely_input_names=[each["name"] for each in request["inputs"]],
                    not_use_onnxsim=True,
                    non_verbose=True,
                )
            except (Exception, SystemExit) as error:
                raise Refused(f"onnx2tf: {type(error).__name__}: {str(error)[:600]}", hint=_HINT) from error
            if not (made / "saved_model.pb").exists():
                raise Refused("onnx2tf wrote no SavedModel", hint=_HINT)
            outputs = _layouts.found(request["graph"], made, request["inputs"])
            if _as_is(outputs, request["to"]):
                _place(request, made)
            else:
                _layouts.wrap(made, outputs, request["inputs"], Path(scratch) / "wrapped")
                _place(request, Path(scratch) / "wrapped")
    return {}


def _as_is(outputs: Sequence[_layouts.Output], to: str) -> bool:
    """Whether the outputs have the source's layout and order; those of a signature are sorted by name."""
    names = [each.name for each in outputs]
    # In LiteRT's file they have the source's names, which may be sorted otherwise.
    sorted_so = len(names) == 1 if to == "litert" else names == sorted(names)
    return sorted_so and all(each.as_is for each in outputs)


def _no_network(*_: Any, **__: Any) -> NoReturn:
    raise OSError("a conversion fetches nothing")


def _fused(graph: str, target: Path) -> Path:
    runtime: Any = lazy.load("onnxruntime", extra="onnx")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    try:
        runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        text = f"ONNX Runtime {runtime.__version__}, which prepares the graph: {error}"
        raise Refused(text, hint="convert the model to opset 17 first") from error
    return target


def _place(request: Mapping[str, Any], made: Path) -> None:
    target = Path(request["target"])
    if request["to"] == "litert":
        found = sorted(made.glob(f"*_{request['precision']}.tflite"))
        if found:
            shutil.copyfile(found[0], target)
        else:
            _layouts.to_litert(made, request["precision"], target)
        return
    shutil.copyfile(made / "saved_model.pb", target / "saved_model.pb")
    for folder in ("variables", "assets"):
        if (made / folder).is_dir():
            shutil.copytree(made / folder, target / folder)


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _convert))
