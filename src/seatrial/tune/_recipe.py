"""How a model is to be quantized, and which converter does it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seatrial import extensions
from seatrial.contract import Contract, save_contract
from seatrial.converters import Converter
from seatrial.errors import MissingDependency, UnsupportedModel, UsageError
from seatrial.model import Artifact
from seatrial.tune._score import MAX_DROP

MODES = ("static", "dynamic", "fp16", "qat")
TOOLS = ("onnxruntime", "openvino", "paddle")
_OF_FILES = frozenset({"model", "graph", "weights"})  # fingerprints that another file does not keep
_CONVERTERS = {
    ("static", "onnxruntime"): "quantize_onnx",
    ("dynamic", "onnxruntime"): "quantize_onnx",
    ("qat", "onnxruntime"): "quantize_onnx",
    ("fp16", "onnxruntime"): "halve_onnx",
    ("static", "openvino"): "quantize_openvino",
    ("static", "paddle"): "quantize_paddle",
}


@dataclass(frozen=True)
class Recipe:
    """What is asked for.

    Attributes:
        mode: One of `MODES`.
        tool: One of `TOOLS`; empty for the one that fits the model's format.
        calibration: How ranges are chosen: `minmax`, `entropy` or `percentile`.
        per_channel: One scale for each output channel of a weight.
        reduce_range: Weights in 7 bits, so that every processor gives the same answers.
        max_drop: What the mean score may lose, absolute.
        allow_unproved: Deliver also where the samples are too few to prove that, as long as no more is seen.
        sensitivity: Whether each layer's cost is measured also where nothing has to be put back.
        finetune: Script of quantization-aware training.
        training_data: What that script trains on.
        seconds: For searching; what is being done when they are over is finished.
        seed: Of every choice.
    """

    mode: str = "static"
    tool: str = ""
    calibration: str = "minmax"
    per_channel: bool = True
    reduce_range: bool = True
    max_drop: float = MAX_DROP
    allow_unproved: bool = False
    sensitivity: bool = False
    finetune: Path | None = None
    training_data: str = ""
    seconds: float = 600.0
    seed: int = 7


def write_contract(contract: Contract, made: Artifact) -> None:
    """Writes the contract beside what was made; its fingerprints of files become those of the new files.

    Args:
        contract: Of the source.
        made: In the folder that is going to be delivered.
    """
    kept = {what: value for what, value in contract.fingerprints.items() if what not in _OF_FILES}
    for what in _OF_FILES & set(contract.fingerprints):
        path = made.weights if what == "weights" else made.graph
        if what == "model":
            kept[what] = made.digest
        elif path is not None:
            kept[what] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    save_contract(replace(contract, fingerprints=kept), made.graph.parent / "contract.yaml")


def tool_for(recipe: Recipe, format_name: str) -> str:
    """The tool that does it."""
    if recipe.tool:
        return recipe.tool
    return "openvino" if format_name == "openvino" and recipe.mode == "static" else "onnxruntime"


def converter_of(recipe: Recipe, format_name: str) -> Converter:
    """The converter of a recipe.

    Raises:
        UsageError: The tool does not know the mode.
        MissingDependency: It is not installed.
        UnsupportedModel: The tool cannot read such models, and nothing converts them for it.
    """
    tool = tool_for(recipe, format_name)
    name = _CONVERTERS.get((recipe.mode, tool))
    if name is None:
        there = [f"{mode} with {each}" for mode, each in _CONVERTERS]
        raise UsageError(f"{tool} does not do {recipe.mode}", hint=f"there is: {', '.join(there)}")
    found: Converter = extensions.get("seatrial.converters", "CONVERTER", name)
    if not found.available():
        raise MissingDependency(f"{name} is not installed", hint=found.how_to_get())
    if tool == "paddle" and format_name not in found.sources:
        raise UnsupportedModel(
            f"Paddle's quantizer does not read {format_name}: its loader asserts a .pdmodel",
            hint="export with FLAGS_enable_pir_api=0, or leave --tool out",
        )
    return found


def options_of(recipe: Recipe, converter: Converter, files: Mapping[str, str]) -> dict[str, Any]:
    """The recipe as options of its converter.

    Args:
        recipe: What is asked for.
        converter: Who does it.
        files: `feeds`, and where `ranges` are kept.
    """
    asked = {
        "mode": "dynamic" if recipe.mode == "dynamic" else "static",
        "calibration": recipe.calibration,
        "per_channel": recipe.per_channel,
        "reduce_range": recipe.reduce_range,
        **files,
    }
    return {name: value for name, value in asked.items() if name in converter.options}
