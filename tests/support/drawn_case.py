"""A disagreement about postprocessing without an engine: a model whose outputs are drawn for each input."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seatrial.contract import Contract, Sample
from seatrial.diagnosis import Case, Reference, Setup
from seatrial.errors import UsageError
from seatrial.faults import Fault, Good, Release
from support import pipelines


class Drawn:
    """A `Runner` that gives each input outputs of its own, the same whenever it is asked."""

    def __init__(self, case: pipelines.Case) -> None:
        self.case = case

    def infer(self, setup: Setup, feeds: Mapping[str, Any]) -> list[Any]:
        """One batch, sample by sample."""
        rows = len(next(iter(feeds.values())))
        drawn = [
            self.case.outputs(np.random.default_rng(_key({name: each[row] for name, each in feeds.items()})))
            for row in range(rows)
        ]
        return drawn[0] if rows == 1 else [np.concatenate(each) for each in zip(*drawn, strict=True)]

    def answer(self, setup: Setup, payload: Any) -> Any:
        """Nothing here is opaque."""
        raise UsageError("not a service")


def _key(feeds: Mapping[str, Any]) -> int:
    return zlib.crc32(b"".join(np.ascontiguousarray(each).tobytes() for each in feeds.values()))


def samples(case: pipelines.Case, count: int) -> tuple[Sample, ...]:
    """As many different samples as asked for, of the kind that the contract takes."""
    rng = np.random.default_rng(11)
    first = case.held_out.samples[0].payload
    made: list[Any] = []
    for _ in range(count):
        if isinstance(first, bytes):
            buffer = io.BytesIO()
            pixels = rng.integers(0, 256, (61, 83, 3)).astype("uint8")
            Image.fromarray(pixels).save(buffer, "PNG")
            made.append(buffer.getvalue())
        elif isinstance(first, str):
            made.append(" ".join("".join(rng.choice(list("abcdefgh"), 4)) for _ in range(5)))
        else:
            made.append(rng.uniform(0, 1, np.shape(first)).astype("float32"))
    return tuple(Sample(str(place), each) for place, each in enumerate(made))


def drawn_case(
    case: pipelines.Case,
    deployed: Contract,
    *,
    count: int = 40,
    knows: tuple[str, ...] = ("outputs", "answers"),
) -> Case:
    """What `deployed` makes of drawn outputs, against what the good contract makes of them."""
    runner, asked = Drawn(case), samples(case, count)
    good = Setup(case.contract, None)
    seen = Case(good, asked, Reference("nothing"), runner).observed
    known = {name: getattr(seen, name) for name in knows if name != "contract"}
    right = case.contract if "contract" in knows else None
    return Case(
        replace(good, contract=deployed), asked, Reference("training side", contract=right, **known), runner
    )


def broken(case: pipelines.Case, fault: Fault, folder: Path, seed: int) -> Contract:
    """The contract as a fault leaves it.

    Raises:
        NotApplicable: The fault cannot happen to this contract.
    """
    release = Release(Path("model/inference.json"), case.contract, case.held_out)
    # No fault of a pipeline looks at the model.
    made: Contract = fault.make(Good(release, artifact=None), folder, seed).contract  # type: ignore[arg-type]
    return made
