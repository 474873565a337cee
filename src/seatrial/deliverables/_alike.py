"""Proves that all models of a bundle answer alike, and measures how nearly on each runtime."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.checks import calibrated, compare, merge, objections
from seatrial.contract import Contract, Tolerance, collate
from seatrial.contract.feeds import split
from seatrial.contract.sample import Array
from seatrial.errors import EngineFailure, ModelError
from seatrial.model import Artifact
from seatrial.runtimes import Session, available_runtimes, native_precision, open_session

Outputs = Sequence[Array]

# A receiver's processor rounds in another order than the maker's: ten times what was measured here, and never
# less than a hundred thousandth of the largest value.
SAFETY = 10.0
FLOOR = 1e-5
RELATIVE = 1e-4
# What consistency believes of float32 at most; a seeded fault of one weight lies three times above.
CEILING = 1e-2
TOGETHER = 4  # cases in one call; engines keep buffers for every shape they meet


@dataclass(frozen=True)
class Reference:
    """What the preferred model answered.

    Attributes:
        runtime: That ran it.
        names: Of the outputs, in their order.
        feeds: Of each case.
        rows: Outputs of each case.
        nudged: Outputs of each case when its inputs moved by rounding, several times.
    """

    runtime: str
    names: tuple[str, ...]
    feeds: tuple[Mapping[str, Array], ...]
    rows: tuple[Outputs, ...]
    nudged: tuple[tuple[Outputs, ...], ...]

    def scale(self, place: int) -> float:
        """Largest finite magnitude of an output."""
        return max(_largest(row[place]) for row in self.rows)

    def noise(self, place: int) -> float:
        """How far rounding of the inputs moved an output."""
        pairs = zip(self.rows, self.nudged, strict=True)
        return max((_apart(row[place], each[place]) for row, some in pairs for each in some), default=0.0)

    @property
    def spread(self) -> float:
        """The largest noise, as a share of its output's scale."""
        shares = [
            self.noise(place) / scale for place in range(len(self.names)) if (scale := self.scale(place)) > 0
        ]
        return max(shares, default=0.0)


def prove(
    contract: Contract,
    models: Sequence[Artifact],
    reference: Reference,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Tolerance:
    """Runs every model on every installed runtime, each in a worker process, and says how near is near.

    Args:
        contract: Of all of them.
        models: The preferred one first.
        reference: What it answered.
        progress: Told what is being asked.

    Raises:
        ModelError: A model answers otherwise than the preferred one by more than the consistency check
            allows, or no runtime here can run it.
    """
    widest: dict[str, list[float]] = {}
    together = contract.batches_freely
    for artifact in models:
        refusals = []
        runtimes = available_runtimes(artifact)
        for runtime in runtimes:
            progress(f"{artifact.format} on {runtime}")
            try:
                with open_session(artifact, runtime) as session:
                    seen = [session.run(each) for each in reference.feeds]
                    joined = joined_rows(session, reference.feeds) if together else None
            except EngineFailure as error:
                refusals.append(f"{runtime}: {error.message}")
                continue
            _agree(artifact, runtime, models[0], reference, seen)
            together = joined is not None and not _objection(models[0], reference, joined)
            measured = widest.setdefault(runtime, [0.0] * len(reference.names))
            _widen(measured, reference, seen)
            if together and joined is not None:
                _widen(measured, reference, joined)
        if len(refusals) == len(runtimes):
            raise ModelError(
                f"the {artifact.format} model cannot be proved to answer like the others: "
                + ("; ".join(refusals) or "no runtime for it is installed"),
                hint="install a runtime that runs it, or leave it out of the bundle",
            )
    return _tolerance(models[0], reference, widest, batch=together)


def joined_rows(session: Session, feeds: Sequence[Mapping[str, Array]]) -> list[Outputs] | None:
    """Each case's outputs when those of one shape travel together; None when they cannot be told apart.

    None as well when no two cases have one shape.
    """
    batches = collate(feeds, limit=TOGETHER)
    if all(len(each.order) == 1 for each in batches):
        return None
    rows: dict[int, Outputs] = {}
    for batch in batches:
        try:
            parts = split(session.run(batch.feeds), [1] * len(batch.order))
        except EngineFailure as error:
            if error.kind != "exception":
                raise
            return None
        if parts is None:
            return None
        rows.update(zip(batch.order, parts, strict=True))
    return [rows[place] for place in range(len(feeds))]


def _agree(
    artifact: Artifact, runtime: str, first: Artifact, reference: Reference, seen: Sequence[Outputs]
) -> None:
    said = _objection(first, reference, seen)
    if said:
        raise ModelError(
            f"the {artifact.format} model on {runtime} does not answer like the {first.format} model on "
            f"{reference.runtime}: {said}",
            hint="a bundle holds one model in several formats: convert it again, or leave it out",
        )


def _objection(first: Artifact, reference: Reference, seen: Sequence[Outputs]) -> str:
    """Why these are other answers, by the measure of the consistency check; empty when they are not."""
    allowed = calibrated(native_precision(first), reference.spread)
    for row, other in zip(reference.rows, seen, strict=True):
        if len(row) != len(other):
            return f"{len(other)} outputs instead of {len(row)}"
    for place, name in enumerate(reference.names):
        pairs = zip(reference.rows, seen, strict=True)
        found = merge([compare(row[place], other[place], tie=allowed.tie) for row, other in pairs])
        said = objections(found, allowed)
        if said:
            return f"output '{name}': {said[0].en}"
    return ""


def _widen(measured: list[float], reference: Reference, seen: Sequence[Outputs]) -> None:
    for row, other in zip(reference.rows, seen, strict=True):
        for place, (one, two) in enumerate(zip(row, other, strict=True)):
            measured[place] = max(measured[place], _apart(one, two))


def _tolerance(
    first: Artifact, reference: Reference, widest: Mapping[str, list[float]], *, batch: bool
) -> Tolerance:
    ceiling = max(CEILING, calibrated(native_precision(first), 0.0).scale_relative)
    numbers = [place for place, each in enumerate(reference.rows[0]) if each.dtype.kind == "f"]
    runtimes: dict[str, dict[str, Any]] = {}
    for runtime, measured in sorted(widest.items()):
        atols = {
            reference.names[place]: _bound(
                max(measured[place], reference.noise(place)), reference.scale(place), ceiling
            )
            for place in numbers
        }
        runtimes[runtime] = _bounds(atols)
    told = {name: max(_atol(each, name) for each in runtimes.values()) for name in _names(reference, numbers)}
    return Tolerance.model_validate({**_bounds(told), "batch": batch, "runtimes": runtimes})


def _names(reference: Reference, numbers: Sequence[int]) -> list[str]:
    return [reference.names[place] for place in numbers]


def _atol(bounds: Mapping[str, Any], name: str) -> float:
    one: float = bounds["outputs"][name]["atol"] if "outputs" in bounds else bounds["atol"]
    return one


def _bounds(atols: Mapping[str, float]) -> dict[str, Any]:
    """Bounds of all outputs: those of each apart where there is more than one."""
    if not atols:
        return {"atol": 0.0, "rtol": 0.0}
    widest: dict[str, Any] = {"atol": max(atols.values()), "rtol": RELATIVE}
    if len(atols) > 1:
        widest["outputs"] = {name: {"atol": each, "rtol": RELATIVE} for name, each in atols.items()}
    return widest


def _bound(measured: float, scale: float, ceiling: float) -> float:
    return _rounded_up(min(max(SAFETY * measured, FLOOR * scale), ceiling * scale))


def _rounded_up(value: float) -> float:
    """The next of 1, 2, 5, 10...: figures that people read, and that a last bit does not move."""
    if value <= 0:
        return 0.0
    decade = math.floor(math.log10(value))
    # Written as text and read again: 2 * 10 ** -6 is not the number that "2e-06" is.
    steps = (float(f"{factor}e{power}") for power in (decade, decade + 1) for factor in (1, 2, 5))
    return next(each for each in steps if each >= value * (1 - 1e-9))


def _apart(one: Array, two: Array) -> float:
    """Largest difference of finite numbers; 0 for anything that is no fraction."""
    if one.dtype.kind != "f" or not one.size:
        return 0.0
    finite = np.isfinite(one) & np.isfinite(two)
    if not finite.any():
        return 0.0
    return float(np.abs(one[finite].astype("float64") - two[finite].astype("float64")).max())


def _largest(array: Array) -> float:
    if array.dtype.kind != "f":
        return 0.0
    finite = np.abs(array[np.isfinite(array)].astype("float64"))
    return float(finite.max()) if finite.size else 0.0
