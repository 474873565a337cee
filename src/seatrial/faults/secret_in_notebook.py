"""A notebook is handed over, with a key in one of its cells."""

from __future__ import annotations

import json
from pathlib import Path

from seatrial.faults._delivery import with_files
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._secrets import planted
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    cell = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": 1,
        "source": [planted(seed)],
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return with_files(good, folder, {"training.ipynb": json.dumps(notebook).encode()})


FAULT = Fault(
    name="secret-in-notebook",
    title=Text("a key lies in a delivered notebook", "交付的笔记本里留有密钥"),
    kind="delivery",
    checks=frozenset({"security"}),
    make=make,
    number="F40",
)
