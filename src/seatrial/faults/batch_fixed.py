"""The model was exported for one sample at a time; Paddle ignores it, other runtimes refuse."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import edited, release_of
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.text import Text


def make(good: Good, folder: Path, _: int) -> Release:
    """Fixes the first dimension of every input whose batch is free.

    Raises:
        NotApplicable: The batch is fixed already.
    """
    free = [each for each in good.artifact.inputs if each.batch_is_free]
    if not free:
        raise NotApplicable("the model takes a fixed batch already")
    return release_of(
        good, edited(good, folder, input_shapes={each.name: (1, *each.shape[1:]) for each in free})
    )


FAULT = Fault(
    name="batch-fixed",
    title=Text("the batch is fixed at one", "批大小被固定为 1"),
    kind="graph",
    checks=frozenset({"interface", "structure", "consistency"}),
    make=make,
    number="F25",
)
