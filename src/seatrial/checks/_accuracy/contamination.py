"""Samples that meet themselves again: inside the held-out set, and in the training set (`M04`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatrial.checks._pictures import picture_of
from seatrial.contract.held_out import payload_digest
from seatrial.contract.sample import Payload, Sample

_THUMBNAIL = 24
NEAR = 0.9995  # correlation of two pictures or arrays from which they are taken for the same


@dataclass(frozen=True)
class Twins:
    """What meets itself again.

    Attributes:
        inside: Pairs of keys in the held-out set with equal payloads.
        conflicts: Those of them with differing labels.
        shared: Pairs (held-out key, member key) with equal payloads.
        near: Pairs (held-out key, member key, likeness) that are almost equal.
        members: Training samples looked at.
    """

    inside: tuple[tuple[str, str], ...]
    conflicts: tuple[tuple[str, str], ...]
    shared: tuple[tuple[str, str], ...]
    near: tuple[tuple[str, str, float], ...]
    members: int


def find_twins(held_out: Sequence[Sample], members: Sequence[Sample], *, near_limit: int = 4000) -> Twins:
    """Compares every sample with every other by hash, and with the training set also by likeness.

    Args:
        held_out: Samples the model is judged on.
        members: Samples it was trained on.
        near_limit: Samples of each side that are compared by likeness at most.
    """
    hashes = [_readable_hash(each.payload) for each in held_out]
    first: dict[str, int] = {}
    inside, conflicts = [], []
    for place, value in enumerate(hashes):
        if value and value in first:
            pair = (held_out[first[value]].key, held_out[place].key)
            inside.append(pair)
            if repr(held_out[first[value]].label) != repr(held_out[place].label):
                conflicts.append(pair)
        elif value:
            first[value] = place
    known: dict[str, str] = {}
    for each in members:
        known.setdefault(_readable_hash(each.payload), each.key)
    known.pop("", None)
    shared = [
        (each.key, known[value]) for each, value in zip(held_out, hashes, strict=True) if value in known
    ]
    taken = {key for key, _ in shared}
    rest = [each for each in held_out if each.key not in taken]
    near = _near(rest[:near_limit], members[:near_limit])
    return Twins(tuple(inside), tuple(conflicts), tuple(shared), tuple(near), len(members))


def _readable_hash(payload: Payload) -> str:
    try:
        return payload_digest(payload).hex()
    except OSError:
        return ""  # a sample that cannot be read is named by the pass itself


def _near(held_out: Sequence[Sample], members: Sequence[Sample]) -> list[tuple[str, str, float]]:
    sides: list[dict[int | str, list[tuple[str, NDArray[np.float64]]]]] = []
    for samples in (held_out, members):
        groups: dict[int | str, list[tuple[str, NDArray[np.float64]]]] = defaultdict(list)
        for each in samples:
            if isinstance(each.payload, str):
                groups[" ".join(each.payload.casefold().split())].append((each.key, np.ones(1)))
            elif (vector := _vector(each.payload)) is not None:
                groups[len(vector)].append((each.key, vector))
        sides.append(groups)
    found = []
    for kind in sides[0].keys() & sides[1].keys():
        mine, theirs = sides[0][kind], sides[1][kind]
        likeness = np.stack([v for _, v in mine]) @ np.stack([v for _, v in theirs]).T
        for row, column in enumerate(likeness.argmax(axis=1)):
            if likeness[row, column] >= NEAR:
                found.append((mine[row][0], theirs[column][0], float(min(likeness[row, column], 1.0))))
    return sorted(found)


def _vector(payload: Payload) -> NDArray[np.float64] | None:
    """A picture's or array's pattern: mean 0, length 1, so that brightness and contrast do not count."""
    if isinstance(payload, Path | bytes):
        pixels = picture_of(payload)
        if pixels is None:
            return None
        from PIL import Image

        small = Image.fromarray(pixels).convert("L").resize((_THUMBNAIL * 4, _THUMBNAIL))
        values = np.asarray(small, "float64").ravel()
    elif isinstance(payload, np.ndarray) and payload.dtype.kind in "biuf":
        values = payload.astype("float64").ravel()
    else:
        return None
    values = values - values.mean()
    length = float(np.linalg.norm(values))
    return values / length if length > 0 and np.isfinite(length) else None
