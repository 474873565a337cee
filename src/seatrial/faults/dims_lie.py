"""A stored tensor claims another shape than its bytes have."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import applicable, chosen, release_of
from seatrial.faults._fault import Fault, Good, Release
from seatrial.model import misstate
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Adds one to the first dimension of a stored tensor.

    Raises:
        NotApplicable: No stored tensor has dimensions.
    """
    shaped = [each for each in good.artifact.parameters if each.file is not None and each.shape]
    one = chosen(shaped, seed, "the model stores no tensor that has dimensions")
    shapes = {one.name: (one.shape[0] + 1, *one.shape[1:])}
    return release_of(good, applicable(lambda: misstate(good.artifact, folder, shapes=shapes)))


FAULT = Fault(
    name="dims-lie",
    title=Text("the stored shape of a tensor is not the shape of its bytes", "张量记录的形状与其数据不符"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F13",
)
