"""One camera of two takes negatives, and the model was never shown one."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from seatrial.contract.sample import Array, Payload
from seatrial.faults._data import drawn, judged_on
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.text import Text

_SHARE, _FEWEST = 0.12, 60


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder
    samples = list(good.release.held_out.samples)
    if len(samples) < _FEWEST:
        raise NotApplicable(f"fewer than {_FEWEST} held-out samples")
    poor = set(drawn(len(samples), _SHARE, seed))
    for place, sample in enumerate(samples):
        camera = "second" if place in poor else "first"
        payload = _negative(sample.payload) if place in poor else sample.payload
        samples[place] = replace(sample, payload=payload, slices={**sample.slices, "camera": camera})
    return judged_on(good, samples)


def _negative(payload: Payload) -> Payload:
    """Light for dark, in the picture's own range."""
    if isinstance(payload, Path):
        payload = payload.read_bytes()
    if isinstance(payload, bytes):
        with Image.open(io.BytesIO(payload)) as opened:
            picture = ImageOps.invert(opened.convert("RGB"))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()
    if isinstance(payload, np.ndarray) and payload.dtype.kind in "fu" and payload.ndim > 1:
        negative: Array = payload.max() + payload.min() - payload
        return negative
    raise NotApplicable("the samples are no pictures")


FAULT = Fault(
    name="one-group-let-down",
    title=Text("one group of samples is let down", "某一组样本的表现明显偏差"),
    kind="data",
    checks=frozenset({"accuracy"}),
    make=make,
    number="F45",
)
