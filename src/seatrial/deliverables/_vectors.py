"""Makes golden vectors: real samples, and what must come of each on its way through contract and model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.contract import Case, Cases, Contract, HeldOut, Sample
from seatrial.contract.sample import Array
from seatrial.deliverables._alike import Outputs, Reference, prove
from seatrial.deliverables._choice import in_turn
from seatrial.deliverables._deliverable import Kind, Vector
from seatrial.deliverables._payloads import packed, unpacked
from seatrial.errors import ContractViolation, EngineFailure, ModelError, UsageError
from seatrial.model import Artifact
from seatrial.runtimes import Session, available_runtimes, open_session

MOST = 100
FEWEST = 10
MOST_BYTES = 64 << 20  # of arrays; beyond it no more than `FEWEST` samples are taken


@dataclass(frozen=True)
class _Taken:
    """One sample, all the way."""

    kind: Kind
    suffix: str
    payload: bytes
    feeds: Mapping[str, Array]
    outputs: Outputs
    nudged: tuple[Outputs, ...]
    answer: Any

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in (*self.feeds.values(), *self.outputs))


def make_vectors(
    contract: Contract,
    models: Sequence[Artifact],
    held_out: HeldOut,
    count: int = 16,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[tuple[Vector, ...], Cases]:
    """Golden vectors and test cases of one model in all its formats.

    The samples are spread over classes and slices and the same ones every time. The preferred model is run on
    them in a worker process; then every model on every installed runtime. What those differ by, with a
    margin, becomes the tolerance of each runtime.

    Args:
        contract: Of all the models.
        models: The preferred one first; its answers are the expected ones.
        held_out: Where samples are taken from; those that the contract refuses are passed over.
        count: How many. Fewer when there are not so many, or when they would be very large.
        progress: Told what is being done.

    Raises:
        UsageError: The count makes no sense, or there is no model.
        ModelError: No sample gets an answer, a model cannot be run here, or it answers otherwise than the
            preferred one by more than the consistency check allows.
    """
    if not 1 <= count <= MOST:
        raise UsageError(f"{count} samples were asked for, expected 1 to {MOST}")
    if not models:
        raise UsageError("there is no model to ask")
    runtime = next(iter(available_runtimes(models[0])), "auto")
    names = tuple(each.name for each in contract.outputs)
    with open_session(models[0], runtime) as session:
        taken = _take(contract, session, held_out, count)
    reference = Reference(
        runtime=runtime,
        names=names,
        feeds=tuple(each.feeds for each in taken),
        rows=tuple(each.outputs for each in taken),
        nudged=tuple(each.nudged for each in taken),
    )
    tolerance = prove(contract, models, reference, progress=progress)
    vectors = tuple(_vector(place, each, names) for place, each in enumerate(taken))
    return vectors, Cases(tuple(Case(each.feeds, each.outputs) for each in vectors), tolerance)


def _vector(place: int, taken: _Taken, names: Sequence[str]) -> Vector:
    return Vector(
        name=f"{place:03d}",
        kind=taken.kind,
        suffix=taken.suffix,
        payload=taken.payload,
        feeds=taken.feeds,
        outputs=dict(zip(names, taken.outputs, strict=True)),
        answer=taken.answer,
    )


def _take(contract: Contract, session: Session, held_out: HeldOut, count: int) -> list[_Taken]:
    taken: list[_Taken] = []
    refusal = ""
    for sample in in_turn(held_out.samples):
        if len(taken) >= count or (len(taken) >= FEWEST and sum(e.nbytes for e in taken) > MOST_BYTES):
            break
        try:
            taken.append(_through(contract, session, sample))
        except ContractViolation as error:  # accuracy counts these; a golden vector has to have an answer
            refusal = refusal or f"{sample.key}: {error.message}"
        except EngineFailure as error:
            if error.kind != "exception":
                raise
            refusal = refusal or f"{sample.key}: {error.message}"
    if not taken:
        raise ModelError(
            f"no sample of {held_out.source} gets an answer; the first: {refusal or 'there is none'}",
            hint="give samples that the contract takes",
        )
    return taken


def _through(contract: Contract, session: Session, sample: Sample) -> _Taken:
    kind, suffix, data = packed(sample.payload, contract)
    # From the file's bytes, as the receiver will: what a file cannot keep must not be in the vector.
    feeds, context = contract.prepare(unpacked(kind, suffix, data, contract), files=False)
    outputs = session.run(feeds)
    answer = contract.answer(outputs, 0, context)
    nudged = tuple(session.run(nudge(feeds, phase)) for phase in (0, 1))
    for other in nudged:
        _steady(outputs, other)
    return _Taken(kind, suffix, data, feeds, outputs, nudged, answer)


def nudge(feeds: Mapping[str, Array], phase: int) -> dict[str, Array]:
    """Feeds moved by as much as rounding moves them, each second number up and the others down.

    Args:
        feeds: Arrays by input name; whole numbers and texts stay as they are.
        phase: 0 or 1: which of them go up.
    """
    return {name: _moved(array, phase) for name, array in feeds.items()}


def _moved(array: Array, phase: int) -> Array:
    if array.dtype.kind != "f" or not array.size:
        return array
    sign = 1 - 2 * ((np.arange(array.size).reshape(array.shape) + phase) % 2)
    step = (sign * np.finfo(array.dtype).eps).astype(array.dtype)
    moved: Array = (array + array * step).clip(array.min(), array.max()).astype(array.dtype)
    return moved


def _steady(outputs: Outputs, nudged: Outputs) -> None:
    """Refuses a sample whose answer hangs on the last bit: other machines would give the other one."""
    for one, two in zip(outputs, nudged, strict=True):
        if one.shape != two.shape or (one.dtype.kind != "f" and not np.array_equal(one, two)):
            raise ContractViolation("what the model gives for it changes with rounding")
