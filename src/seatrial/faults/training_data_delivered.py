"""A piece of the training data goes out with the model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from seatrial.faults._delivery import with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, image=np.random.default_rng(seed).random((4, 8, 8), "float32"), label=np.arange(4)
    )
    return with_files(good, folder, {"train.npz": buffer.getvalue()})


FAULT = Fault(
    name="training-data-delivered",
    title=Text("training data is delivered", "把训练数据也交付了"),
    kind="delivery",
    checks=frozenset({"deployment"}),
    make=make,
    number="F48",
)
