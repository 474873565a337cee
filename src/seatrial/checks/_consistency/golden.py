"""Golden outputs: a small print of what the model answered, kept in the baseline (`M05`, faults F10, F19).

Accuracy does not see a flipped sign of one weight (2.7e-2 in the outputs, no changed answer). The print
holds a few dozen values of each output at fixed places, so that a baseline stays small for any model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.checks._inference import Predictions

SAMPLES = 8
VALUES = 32


@dataclass(frozen=True)
class GoldenDifference:
    """How far today's print lies from the kept one.

    Attributes:
        samples: Samples that both have.
        structure: Why they cannot be compared, or empty.
        scale_relative: Largest error as a share of the largest kept value of that output.
        worst: Key of the sample with it.
    """

    samples: int
    structure: str
    scale_relative: float
    worst: str


def take_print(given: Predictions, places: Sequence[int]) -> dict[str, Any]:
    """The print of the answered samples at `places`, JSON-able.

    Returns:
        `{"digest": ..., "samples": {key: [{"shape", "scale", "places", "values"} for each output]}}`.
        Values are float32; non-finite ones are written as text.
    """
    samples = {}
    for i in places[:SAMPLES]:
        outputs = given.outputs[i]
        if outputs is not None:
            samples[given.samples[i].key] = [_one(each) for each in outputs]
    digest = hashlib.sha256()
    for i in places:
        for each in given.outputs[i] or ():
            digest.update(np.ascontiguousarray(each).tobytes())
    return {"digest": "sha256:" + digest.hexdigest(), "samples": samples}


def _one(output: Any) -> dict[str, Any]:
    array = np.asarray(output)
    flat = _flat(array)
    places = _places(flat)
    return {
        "shape": list(array.shape),
        "scale": _scale(flat),
        "places": [int(each) for each in places],
        "values": [_kept(each) for each in flat[places]],
    }


def _flat(array: Any) -> Any:
    return array.astype("float64").ravel() if array.dtype.kind in "fiub" else np.zeros(0)


def _scale(flat: Any) -> float:
    finite = np.abs(flat[np.isfinite(flat)])
    return float(finite.max()) if finite.size else 0.0


def _places(flat: Any) -> Any:
    """Half where the output is largest, half at fixed random places: sparse maps are mostly zero."""
    if flat.size <= VALUES:
        return np.arange(flat.size)
    largest = np.argpartition(np.nan_to_num(np.abs(flat)), -VALUES // 2)[-VALUES // 2 :]
    chosen = np.random.default_rng(flat.size).choice(flat.size, VALUES // 2, replace=False)
    return np.unique(np.r_[largest, chosen])


def _kept(value: float) -> float | str:
    return float(np.float32(value)) if np.isfinite(value) else str(float(value))


def compare_print(kept: Mapping[str, Any], given: Predictions) -> GoldenDifference:
    """Compares today's outputs with a kept print, by sample key."""
    today = {given.samples[i].key: i for i, row in enumerate(given.outputs) if row is not None}
    keys = [key for key in kept.get("samples", {}) if key in today]
    largest, worst = 0.0, ""
    for key in keys:
        ours, theirs = kept["samples"][key], given.outputs[today[key]] or ()
        if len(ours) != len(theirs):
            return GoldenDifference(
                len(keys), f"{len(theirs)} outputs where there were {len(ours)}", np.inf, key
            )
        for one, other in zip(ours, theirs, strict=True):
            if list(one["shape"]) != list(other.shape):
                said = f"shape {list(other.shape)} where it was {one['shape']}"
                return GoldenDifference(len(keys), said, np.inf, key)
            error = _error(one, _flat(other))
            if error > largest:
                largest, worst = error, key
    return GoldenDifference(len(keys), "", largest, worst)


def _error(kept: Mapping[str, Any], flat: Any) -> float:
    a = np.array([float(each) for each in kept["values"]])
    b = flat[np.array(kept["places"], "int64")] if len(kept["places"]) else np.zeros(0)
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return float("inf")
    error = float(np.abs(np.r_[a[finite], kept["scale"]] - np.r_[b[finite], _scale(flat)]).max())
    scale = float(kept["scale"])
    return error / scale if scale > 0 else (0.0 if error == 0 else float("inf"))
