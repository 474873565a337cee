"""What each layer costs when it alone becomes integer; runs in the child of `quantize_onnx` only."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.converters._onnx_quantizing import Ranges, Recipe, layers_of, static

_ROWS = 3  # axes of an output up to which its last one has classes
_EXACT = 200.0  # dB of a layer that changes nothing at all


def layer_costs(
    model: Any, ranges: Ranges, feeds: Sequence[Mapping[str, Any]], recipe: Recipe, *, seconds: float
) -> list[dict[str, Any]]:
    """Each layer alone in integers, the rest in float: how much of the answer is noise then.

    Args:
        model: The prepared float model.
        ranges: Of its activations.
        feeds: Real samples.
        recipe: Its scales by channel and range; `keep` and `only` are set here.
        seconds: Layers not reached by then have no figures.

    Returns:
        For each layer in the graph's order: name, type, weights, and `sqnr` (signal to noise of the outputs
        in dB, the worst output), `agree` (share of rows whose strongest class is the same).
    """
    sizes = {each.name: int(np.prod(each.dims)) for each in model.graph.initializer}
    wanted = _answers(model, feeds)
    found, begin = [], time.monotonic()
    for node in layers_of(model):
        cost: dict[str, Any] = {"name": node.name, "type": node.op_type, "weights": sizes[node.input[1]]}
        if time.monotonic() - begin < seconds:
            alone = static(model, ranges, Recipe(recipe.per_channel, recipe.reduce_range, only=(node.name,)))
            cost |= judged(wanted, _answers(alone, feeds))
        found.append(cost)
    return found


def _answers(model: Any, feeds: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    ort: Any = lazy.load("onnxruntime", extra="quantize")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [session.run(None, dict(each)) for each in feeds]


def judged(wanted: Sequence[Sequence[Any]], got: Sequence[Sequence[Any]]) -> dict[str, float]:
    """Noise of answers against those of the float model.

    Args:
        wanted: For each sample the outputs of the float model.
        got: The same of the other one.
    """
    noise, agree = [], []
    for place in range(len(wanted[0])):
        pairs = [
            (np.asarray(a[place], "float64"), np.asarray(b[place], "float64"))
            for a, b in zip(wanted, got, strict=True)
            if np.asarray(a[place]).dtype.kind == "f"
        ]
        if not pairs:
            continue
        if any(a.shape != b.shape or not np.isfinite(b).all() for a, b in pairs):
            return {"sqnr": -_EXACT, "agree": 0.0}
        power = sum(float(np.square(a).sum()) for a, _ in pairs)
        error = sum(float(np.square(a - b).sum()) for a, b in pairs)
        noise.append(decibels(power, error))
        # Rows of classes, one a sample or one a step of a sequence; a map has one strongest place.
        axis = -1 if pairs[0][0].ndim <= _ROWS else None
        agree.append(float(np.mean([np.mean(np.argmax(a, axis) == np.argmax(b, axis)) for a, b in pairs])))
    return {"sqnr": min(noise, default=_EXACT), "agree": min(agree, default=1.0)}


def decibels(power: float, error: float) -> float:
    """Signal to noise in dB, within what can be told."""
    if not error:
        return _EXACT
    return float(np.clip(10 * np.log10(max(power, 1e-300) / error), -_EXACT, _EXACT))
