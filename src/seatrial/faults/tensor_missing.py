"""One tensor is not in the file; what follows it slips into its place."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import applicable, chosen, release_of
from seatrial.faults._fault import Fault, Good, Release
from seatrial.model import misstate
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """Takes one stored tensor out.

    Raises:
        NotApplicable: The model stores no tensor.
    """
    stored = [each for each in good.artifact.parameters if each.file is not None]
    one = chosen(stored, seed, "the model stores no tensor")
    return release_of(good, applicable(lambda: misstate(good.artifact, folder, without=[one.name])))


FAULT = Fault(
    name="tensor-missing",
    title=Text("one tensor is missing from the weights", "权重中缺少一个张量"),
    kind="file",
    checks=frozenset({"structure"}),
    make=make,
    number="F13",
)
