"""Why paddle2onnx gave up: the operators it has no converter for, and control flow.

It aborts without a name. Which operators it knows stands in its compiled part: each has a class, whose name
is there with its length, as C++ keeps it for run-time type information.
"""

from __future__ import annotations

import re
from pathlib import Path

from seatrial.errors import ModelError, UnsupportedModel
from seatrial.model.artifact import Artifact
from seatrial.model.formats._known import registry

_CLASS = re.compile(rb"N11paddle2onnx(\d{1,3})([A-Za-z_]\w*?)GeneratorE")
_FEWEST = 50  # fewer names than that are no list: the tool is built in another way
_LANGUAGE = ("builtin.", "cf.", "feed", "fetch")
_FLOW = ("if", "while", "conditional_block", "select_input")


def explained(error: ModelError, artifact: Artifact, tool: Path) -> ModelError:
    """The tool's failure with what can be said about it.

    Args:
        error: What the tool said, or how it ended.
        artifact: The model.
        tool: Folder of the tool's package.
    """
    flow = [each for each in artifact.operators if each in _FLOW]
    unknown = _unknown(artifact, tool)
    if unknown:
        named = "; ".join(f"{name} ({_in_onnx(name)})" for name in unknown)
        return UnsupportedModel(
            f"{error.message}; it has no converter for {named}",
            hint="write that part of the network with other operators, or run it on the paddle runtime",
        )
    if flow:
        return UnsupportedModel(
            f"{error.message}; the graph decides while it runs ({', '.join(flow)}), which the tool often"
            " cannot write",
            hint="take loops and conditions on values out of forward(), or run it on the paddle runtime",
        )
    return error


def _unknown(artifact: Artifact, tool: Path) -> list[str]:
    """Operators of the model that the tool has no class for; empty when its classes cannot be listed."""
    generation = "Pir" if artifact.format == "paddle-json" else ""
    known: set[str] = set()
    for library in sorted(tool.glob("*.so")):
        for length, name in _CLASS.findall(library.read_bytes()):
            text = name.decode("ascii")
            if int(length) == len(text) + len("Generator") and text.endswith(generation):
                known.add(text.removesuffix(generation) if generation else text)
    if len(known) < _FEWEST:
        return []
    used = [each for each in artifact.operators if not each.startswith(_LANGUAGE) and each not in _FLOW]
    return [each for each in used if not _is_known(each.rstrip("_"), known)]


def _is_known(name: str, known: set[str]) -> bool:
    """Whether there is a class for it, also under the longer name of Paddle 2: `reduce_mean`, `matmul_v2`.

    Generous: an operator that is not named costs less than one that is named and is not to blame.
    """
    return name in known or any(each.startswith(f"{name}_") or each.endswith(f"_{name}") for each in known)


def _in_onnx(name: str) -> str:
    """What ONNX has of that name: `ONNX has GridSample since opset 16`."""
    plain = name.replace("_", "").lower()
    for each, since in registry("onnx").items():
        if each.lower() == plain:
            return f"ONNX has {each} since opset {since}"
    return "ONNX has no operator of that name"
