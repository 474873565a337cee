"""Paddle 2 graphs to Paddle Lite's `.nb` by its own optimiser, in an older Python beside this one (M20)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.converters import _child
from seatrial.converters._converter import Converter, StandIn
from seatrial.converters._lite_program import patched
from seatrial.errors import EngineFailure, ModelError, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.model.artifact import Artifact

_TARGETS = ("arm", "x86")
_QUANTIZE = {"": "", "int8": "QUANT_INT8", "int16": "QUANT_INT16"}
_TIMEOUT = 600.0
# The field of the version in the head of the file: the optimiser leaves stray memory behind the text.
_VERSION = slice(2, 18)


def available() -> bool:
    """Whether a Python with Paddle Lite is there."""
    return tools.find("paddlelite") is not None


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `target` (arm, x86), `quantize` (int8, int16: weights only), `timeout`."""
    target, quantize = options.get("target") or "arm", options.get("quantize") or ""
    if target not in _TARGETS:
        raise UsageError(
            f"Paddle Lite's target is {' or '.join(_TARGETS)}, not '{target}'", hint="leave it out for arm"
        )
    if quantize not in _QUANTIZE:
        raise UsageError(
            f"Paddle Lite stores weights as int8 or int16, not '{quantize}'", hint="leave it out for float32"
        )
    timeout = float(options.get("timeout") or _TIMEOUT)
    return _optimised(artifact, folder, target=target, quantize=quantize, timeout=timeout, progress=progress)


def stand_in(artifact: Artifact, graph: Path, folder: Path) -> StandIn | None:
    """The same program with kernels for x86, in place of one for ARM; None where that runs here by itself."""
    result = open_model(graph)
    if result.metadata.get("target") != "arm":
        return None
    stored = {each.dtype for each in result.parameters}
    quantize = next((each for each in ("int8", "int16") if each in stored), "")
    twin = _optimised(
        artifact, folder, target="x86", quantize=quantize, timeout=_TIMEOUT, progress=lambda _: None
    )
    return StandIn(
        twin, "ARM kernels not executed: the numbers are those of the same program with kernels for x86"
    )


def _optimised(
    artifact: Artifact,
    folder: Path,
    *,
    target: str,
    quantize: str,
    timeout: float,
    progress: Callable[[str], None],
) -> Path:
    side = tools.require("paddlelite")
    if artifact.weights is None:
        raise UnsupportedModel(
            "a model without a parameters file is not for Paddle Lite",
            hint="put the .pdiparams file of the same export beside the graph",
        )
    program, given = patched(artifact.graph.read_bytes())
    if given:
        told = ", ".join(f"{name} {times}" for name, times in sorted(given.items()))
        progress(f"gives back what Paddle Lite reads and Paddle no longer writes: {told}")
    out = folder / artifact.graph.stem
    name = f"Paddle Lite {side.version}".strip()
    progress(f"{name} makes kernels for {target}")
    with tempfile.TemporaryDirectory(prefix="seatrial-lite-") as scratch:
        graph = Path(scratch) / "program.pdmodel"
        graph.write_bytes(program)
        request = {
            "graph": str(graph),
            "weights": str(artifact.weights.resolve()),
            "target": target,
            "quantize": _QUANTIZE[quantize],
            "out": str(out.resolve()),
        }
        _run(request, name=name, timeout=timeout, python=side.path)
    result = out.with_name(f"{out.name}.nb")
    _checked(result, target)
    return result


def _run(request: Mapping[str, Any], *, name: str, timeout: float, python: Path) -> None:
    opt = Path(__file__).with_name("_paddlelite_opt.py")
    try:
        _child.run(opt, request, tool=name, timeout=timeout, python=python)
    except EngineFailure as error:
        if error.kind != "signal":
            raise
        raise ModelError(
            error.message,
            hint="its optimiser dies of operators it does not know; "
            "export an older or simpler graph, or take ONNX to ncnn or MNN",
        ) from error


def _checked(result: Path, target: str) -> None:
    """Takes what is no part of the model out of the file, and looks for whom its kernels are."""
    if not result.is_file():
        raise ModelError("Paddle Lite said that all is well and left no file")
    with result.open("r+b") as file:
        head = bytearray(file.read(_VERSION.stop))
        version = bytes(head[_VERSION]).split(b"\0")[0]
        file.seek(_VERSION.start)
        file.write(version.ljust(_VERSION.stop - _VERSION.start, b"\0"))
    made = open_model(result)
    if not made.problems and made.metadata["target"] not in (target, "host"):
        raise ModelError(f"Paddle Lite made kernels for {made.metadata['target']} instead of {target}")


CONVERTER = Converter(
    name="paddle_to_paddlelite",
    summary="Paddle Lite's optimiser in a Python beside, compared by its x86 twin",
    sources=("paddle-pdmodel",),
    target="paddlelite",
    extra="",
    available=available,
    make=make,
    options={"target": "arm", "quantize": "", "timeout": 600},
    tool="paddlelite",
    stand_in=stand_in,
    never={
        "paddle-json": "Paddle Lite reads the graphs of Paddle 2 (.pdmodel), and Paddle 3 has no way back to "
        "them from .json; export the network again as .pdmodel: from its class and weights "
        "(convert LAYER --to paddle-pdmodel), or with FLAGS_enable_pir_api=0 in the environment"
    },
)
