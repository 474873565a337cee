"""What a model that is right would give for a sample: raw outputs made from the truth, without an engine.

Whether a wrong postprocessing changes an answer is asked of these, so that making a fault costs no inference.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seatrial.contract import Contract, TensorSpec
from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array

_FREE = 24  # a free dimension that no input has, such as the time steps of a text recognizer
_ROWS = 6
# NumPy has no such types; postprocessing works in float32 all the same.
_TYPES = dict.fromkeys(("bfloat16", "float8_e4m3fn", "float8_e5m2"), "float32")


def ideal_outputs(
    contract: Contract, feeds: Mapping[str, Array], context: Context, label: Any
) -> list[Array]:
    """Outputs in the graph's order, batch axis of 1, that the good postprocessing reads as the truth.

    Args:
        contract: The good one.
        feeds: Of the sample.
        context: After the preprocessing of the sample: knows where its pixels went.
        label: The truth in the form the task has it; None draws one.
    """
    data = b"".join(np.ascontiguousarray(each).tobytes() for each in feeds.values())
    rng = np.random.default_rng(zlib.crc32(data))
    maker = _MAKERS.get(contract.task, _anything)
    sizes = _sizes(contract, feeds)
    return [
        maker(contract, _shape(spec, sizes), context, label, rng).astype(_TYPES.get(spec.dtype, spec.dtype))
        for spec in contract.outputs
    ]


def _sizes(contract: Contract, feeds: Mapping[str, Array]) -> dict[str, int]:
    """Sizes of the named dimensions, as the feeds have them."""
    return {
        name: size
        for spec in contract.inputs
        for name, size in zip(spec.shape, np.shape(feeds[spec.name]), strict=False)
        if isinstance(name, str)
    }


def _shape(spec: TensorSpec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    inner = [
        each if isinstance(each, int) and each > 0 else sizes.get(str(each), _FREE) for each in spec.shape[1:]
    ]
    return (1, *inner)


def _classes(contract: Contract, shape: Sequence[int], context: Context, label: Any, rng: Any) -> Array:
    """Scores whose largest is the truth; logits where the contract makes probabilities of them."""
    index = label if isinstance(label, int) else int(rng.integers(shape[-1]))
    if len(shape) == 1:
        return np.array([index])
    scores = rng.normal(0, 1, shape)
    scores[..., index % shape[-1]] = scores.max() + rng.uniform(0.2, 2)
    steps = {call.name for call in contract.postprocess.calls}
    return scores if steps & {"softmax", "sigmoid"} else _softmax(scores)


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Array = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _text(contract: Contract, shape: Sequence[int], context: Context, label: Any, rng: Any) -> Array:
    """CTC scores of the true text: each character twice, a blank after it."""
    call = next((each for each in contract.postprocess.calls if each.name == "ctc_decode"), None)
    options = dict(call.options) if call else {}
    blank = int(options.get("blank", 0)) % shape[-1]
    characters = [*contract.labels, *([" "] if options.get("space", True) else [])]
    characters.insert(blank, "")
    known = {name: place for place, name in enumerate(characters)}
    wanted = [known[each] for each in str(label or "".join(characters[:6])) if each in known]
    path = [place for each in wanted for place in (each, each, blank)] or [blank]
    scores = rng.uniform(0, 0.2 / shape[-1], (len(path), shape[-1]))
    scores[np.arange(len(path)), path] = rng.uniform(0.7, 0.99, len(path))
    return np.asarray(scores / scores.sum(axis=-1, keepdims=True)[None])


def _map(contract: Contract, shape: Sequence[int], context: Context, label: Any, rng: Any) -> Array:
    """A map of text: three regions from strong to faint, soft at the rim."""
    scores = np.zeros(shape)
    height, width = shape[-2:]
    rim = 1 if height < 96 else 2
    for place, strength in enumerate((0.96, 0.85, 0.72)):
        top, left = round(height * (0.06 + 0.31 * place)), round(width * (0.1 + 0.05 * place))
        bottom, right = round(top + height * 0.2), round(left + width * 0.6)
        scores[..., max(top - rim, 0) : bottom + rim, max(left - rim, 0) : right + rim] = 0.4
        scores[..., top:bottom, left:right] = strength
    return scores


def _rows(contract: Contract, shape: Sequence[int], context: Context, label: Any, rng: Any) -> Array:
    """Boxes of PaddleDetection in rows (shape [n, 6]), a count of them, or boxes and scores before NMS."""
    count = shape[-2] if len(shape) > 2 else _ROWS
    height, width = context.notes.get("source_size", (100, 100))
    scores = np.linspace(0.95, 0.35, count)
    corners = rng.uniform(0, 0.5, (count, 2)) * (width, height)
    boxes = np.hstack([corners, corners + rng.uniform(0.1, 0.5, (count, 2)) * (width, height)])
    if shape[-1] == 6:
        kinds = rng.integers(0, max(len(contract.labels), 1), count)
        return np.column_stack([kinds, scores, boxes])
    if shape[-1] == 4:
        return boxes[None]
    return np.array([count]) if len(shape) == 1 else rng.uniform(0, 1, shape)


def _anything(contract: Contract, shape: Sequence[int], context: Context, label: Any, rng: Any) -> Array:
    result: Array = rng.uniform(0, 1, shape)
    return result


_MAKERS = {
    "classification": _classes,
    "text-classification": _classes,
    "text-recognition": _text,
    "text-detection": _map,
    "detection": _rows,
}
