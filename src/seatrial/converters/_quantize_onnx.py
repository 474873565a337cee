"""The child of `quantize_onnx`: `python -m seatrial.converters._quantize_onnx REQUEST ANSWER`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters import _onnx_quantizing as tool
from seatrial.converters._answering import answer
from seatrial.converters._calibration_file import read_feeds
from seatrial.converters._onnx_costs import layer_costs
from seatrial.errors import UnsupportedModel


def _work(request: Mapping[str, Any]) -> dict[str, Any]:
    scratch = Path(request["scratch"])
    recipe = tool.Recipe(
        per_channel=request["per_channel"],
        reduce_range=request["reduce_range"],
        keep=tuple(request["keep"]),
        between=request["between"],
    )
    prepared = scratch / "prepared.onnx"
    model = tool.prepare(Path(request["graph"]), prepared)
    told: dict[str, Any] = {"layers": [[node.name, node.op_type] for node in tool.layers_of(model)]}
    _known(recipe, model)
    if request["mode"] == "dynamic":
        _require(model, (*tool.DYNAMIC, "Conv"))
        tool.dynamic(prepared, Path(request["target"]), recipe)
        return told | _delivered(request)
    _require(model, tool.LAYERS)
    ranges = _ranges(request, prepared, scratch)
    if request["costs"]:
        feeds = read_feeds(Path(request["feeds"]))[: request["costs"]]
        told["costs"] = layer_costs(model, ranges, feeds, recipe, seconds=request["seconds"])
        return told
    onnx: Any = lazy.load("onnx", extra="quantize")
    onnx.save(tool.static(model, ranges, recipe), request["target"])
    return told | _delivered(request)


def _ranges(request: Mapping[str, Any], prepared: Path, scratch: Path) -> tool.Ranges:
    """Kept ranges where there are any, else measured ones; then ranges that training has learned."""
    kept = Path(request["ranges"]) if request["ranges"] else None
    if kept is not None and kept.exists():
        found = {name: (low, high) for name, (low, high) in json.loads(kept.read_text("utf-8")).items()}
    else:
        feeds = read_feeds(Path(request["feeds"]))
        found = tool.ranges_of(prepared, feeds, request["calibration"], scratch)
        if kept is not None:
            kept.write_text(json.dumps(found, sort_keys=True), "utf-8")
    return found


def _known(recipe: tool.Recipe, model: Any) -> None:
    names = {node.name for node in model.graph.node}
    unknown = [name for name in recipe.keep if name not in names]
    if unknown:
        raise UnsupportedModel(f"there is no node '{unknown[0]}' to keep in float")


def _require(model: Any, types: tuple[str, ...]) -> None:
    there = sorted({node.op_type for node in model.graph.node})
    if not set(there) & set(types):
        raise UnsupportedModel(
            f"the model has no operator that can become integer; it has {', '.join(there) or 'none'}",
            hint=f"{', '.join(sorted(types))} can",
        )


def _delivered(request: Mapping[str, Any]) -> dict[str, Any]:
    onnx: Any = lazy.load("onnx", extra="quantize")
    model = onnx.load(request["target"])
    integers, weights = tool.integer_share(model)
    if not integers:
        raise UnsupportedModel(
            "no weight became integer",
            hint="weights that are no initializers cannot be quantized; convert the source anew",
        )
    del model.metadata_props[:]
    for key, value in sorted(request["metadata"].items()):
        model.metadata_props.add(key=key, value=value)
    model.producer_name, model.producer_version = "seatrial", ""
    onnx.checker.check_model(model, full_check=False)
    onnx.save(model, request["target"])
    return {"integers": integers, "weights": weights}


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _work))
