"""The golden test: a version answers its own test cases before it answers anybody else."""

from __future__ import annotations

import asyncio
from typing import Literal

from seatrial.contract import Cases, read_cases
from seatrial.contract.cases import FOLDER
from seatrial.errors import ContractViolation, ModelError, SeatrialError
from seatrial.model import Artifact
from seatrial.model.bundle import bundle_around
from seatrial.serve.model import ServedModel

Golden = Literal["auto", "required", "off"]


def cases_of(artifact: Artifact, golden: Golden) -> Cases | None:
    """The test cases of a model: beside it, beside the folder `model` that it lies in, or in its bundle.

    Raises:
        ModelError: They are required and not there, or damaged.
    """
    if golden == "off":
        return None
    here = artifact.graph.parent
    places = [here, here.parent] if here.name == "model" else [here]
    bundle = bundle_around(here)
    if bundle is not None:
        places.append(bundle.folder)
    for each in places:
        if (each / FOLDER).is_dir():
            return read_cases(each / FOLDER)
    if golden == "required":
        raise ModelError(
            f"there is no folder {FOLDER} beside {artifact.graph}",
            hint="see docs/how-to/serve-versions.md, or set golden: auto",
        )
    return None


async def prove(model: ServedModel, cases: Cases) -> None:
    """Runs the test cases as clients would, batched with each other.

    Raises:
        ContractViolation: An answer is not what was expected, or there is none; the message says which and
            by how much.
    """
    # Cases that were written for one format call the outputs as its graph does.
    names = [each.name for each in (*model.artifact.outputs, *model.outputs)]
    wrong: list[str] = []
    together = max(1, model.batcher.queue.policy.max_batch_size)
    for start in range(0, len(cases.cases), together):
        group = range(start, min(start + together, len(cases.cases)))
        asked = (model.run(cases.cases[index].feeds) for index in group)
        for index, outputs in zip(group, await asyncio.gather(*asked, return_exceptions=True), strict=True):
            if isinstance(outputs, SeatrialError):
                why = f"case {index}: {outputs.message}"
            elif isinstance(outputs, BaseException):
                raise outputs
            else:
                why = cases.failure(index, dict(zip(names, [*outputs] * 2, strict=True)), model.runtime)
            wrong += [why] if why else []
    if wrong:
        raise ContractViolation(
            f"golden test: {len(wrong)} of {len(cases.cases)} cases failed; {wrong[0]}",
            hint="the version takes no requests",
        )
