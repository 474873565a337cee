"""Real samples to set scales by, kept apart from those that judge (M21)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.contract import Contract, HeldOut, Sample, digest_of_samples
from seatrial.contract.held_out import payload_digest
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation, SeatrialError, UsageError

MOST = 128  # calibration samples; ranges hardly move after the first hundred
_SHARE = 0.2  # of one set that has to serve for both
_FEWEST = 8


@dataclass(frozen=True)
class Split:
    """Samples that set scales, and samples that judge; no payload is in both.

    Attributes:
        calibration: Samples that set scales.
        held_out: Samples that judge.
        note: How they came apart, for people.
        divided: Whether both came out of one set.
        shared: Samples that were in both sets, and were left out of the calibration.
    """

    calibration: HeldOut
    held_out: HeldOut
    note: str
    divided: bool = False
    shared: int = 0


def split(data: HeldOut, held_out: HeldOut | None = None, *, most: int = MOST, seed: int = 7) -> Split:
    """Keeps calibration and judgement apart.

    Args:
        data: Samples for calibration; when there are no others, for both.
        held_out: Samples that judge, or None.
        most: Calibration samples at most, chosen at random.
        seed: Of the choice.

    Raises:
        UsageError: Nothing is left for one of the two.
    """
    random = np.random.default_rng(seed)
    if held_out is None:
        return _divided(data, most, random)
    judging = {payload_digest(each.payload) for each in held_out}
    apart = [each for each in data if payload_digest(each.payload) not in judging]
    if not apart:
        raise UsageError(
            f"every one of the {len(data)} calibration samples is in the held-out set too",
            hint="calibrate with other samples, such as some of the training set",
        )
    left = len(data) - len(apart)
    leak = f"; {left} that are in the held-out set too were left out" if left else ""
    chosen = _chosen(apart, most, random)
    note = f"{len(chosen)} of {len(data)} calibration samples set the scales, {len(held_out)} others judge"
    return Split(_set_of(chosen, data.source), held_out, note + leak, shared=left)


def _divided(data: HeldOut, most: int, random: np.random.Generator) -> Split:
    """One set for both: equal payloads stay on one side."""
    groups: dict[bytes, list[int]] = {}
    for place, sample in enumerate(data):
        groups.setdefault(payload_digest(sample.payload), []).append(place)
    wanted = min(most, max(_FEWEST, math.ceil(len(data) * _SHARE)))
    order = list(groups.values())
    taken: set[int] = set()
    for index in random.permutation(len(order)):
        if len(taken) >= wanted:
            break
        taken.update(order[index])
    calibration = [sample for place, sample in enumerate(data) if place in taken]
    rest = [sample for place, sample in enumerate(data) if place not in taken]
    if not rest:
        raise UsageError(
            f"{len(data)} samples cannot both set scales and judge",
            hint="give more samples, or a held-out set of its own with --held-out",
        )
    note = f"of {len(data)} samples {len(calibration)} set the scales and the {len(rest)} others judge"
    return Split(_set_of(calibration, data.source), _set_of(rest, data.source), note, divided=True)


def _chosen(samples: list[Sample], most: int, random: np.random.Generator) -> list[Sample]:
    if len(samples) <= most:
        return samples
    places = sorted(random.choice(len(samples), most, replace=False))
    return [samples[each] for each in places]


def _set_of(samples: Sequence[Sample], source: str) -> HeldOut:
    kept = tuple(samples)
    return HeldOut(kept, digest_of_samples(kept), source)


def prepared(contract: Contract, samples: HeldOut) -> list[dict[str, Array]]:
    """The samples as the model takes them, each with a batch axis of 1.

    Raises:
        ContractViolation: One of them does not fit the contract: scales set by it would be wrong.
    """
    feeds = []
    for sample in samples:
        try:
            feeds.append(contract.prepare(sample.payload)[0])
        except SeatrialError as error:
            raise ContractViolation(
                f"calibration sample '{sample.key}' breaks the contract: {error.message}",
                hint="repair or remove it; scales that are set by wrong samples spoil every answer",
            ) from error
    return feeds
