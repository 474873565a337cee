"""The input has another name than the contract says; some runtimes do not ask for it."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, edited, release_of
from seatrial.faults._fault import Fault, Good, Release
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Renames one input, in the graph and wherever it is read.

    Raises:
        NotApplicable: The model has no input.
    """
    name = chosen(good.artifact.inputs, seed, "the model has no input").name
    return release_of(good, edited(good, folder, rename_inputs={name: f"{name}_renamed"}))


FAULT = Fault(
    name="input-renamed",
    title=Text("an input has another name", "模型输入被改名"),
    kind="graph",
    checks=frozenset({"interface", "structure"}),
    make=make,
    number="F25",
)
