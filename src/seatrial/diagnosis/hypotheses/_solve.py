"""Constants of a normalization, solved from what both sides fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.contract.sample import Array
from seatrial.diagnosis.hypotheses._edits import inserted, option
from seatrial.diagnosis.hypotheses._images import axes_at, last_hwc
from seatrial.diagnosis.hypotheses._look import Look
from seatrial.diagnosis.setup import Setup
from seatrial.diagnosis.statistics import Affine, affine, padding

_NEAR = 2e-3


@dataclass(frozen=True)
class Constants:
    """What one `normalize` step has: (value * scale - mean) / std, one mean and std for each channel."""

    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def constants(setup: Setup, place: int, channels: int) -> Constants:
    """The constants of the step at a place, spread over the channels."""
    mean, std = (_spread(option(setup, place, name), channels) for name in ("mean", "std"))
    return Constants(float(option(setup, place, "scale")), mean, std)


def _spread(numbers: Sequence[float], channels: int) -> tuple[float, ...]:
    wide = tuple(float(each) for each in numbers)
    return wide * channels if len(wide) == 1 else wide


def place_for_normalize(look: Look) -> tuple[int, str] | None:
    """Where a normalization could be put in, and its `order`; None where no image is fed."""
    place = last_hwc(look)
    if place is not None:
        return place, "HWC"
    last = len(look.calls)
    while last >= 0 and not look.values(last):
        last -= 1
    return (last, "CHW") if last >= 0 and axes_at(look, last) == "CHW" else None


def fitted(look: Look) -> Affine | None:
    """How the right feed comes from what is fed, per channel; None where it is not known or does not fit."""
    names = [spec.name for spec in look.setup.contract.inputs if len(spec.shape) == 4]
    if not look.known or len(names) != 1:
        return None
    fed, right = [], []
    for place in look.known:
        mine, wanted = look.feeds.get(place, {}).get(names[0]), (look.reference(place) or {}).get(names[0])
        if mine is None or wanted is None or mine.shape != wanted.shape:
            return None
        a, b = _unpadded(mine, wanted)
        fed.append(a)
        right.append(b)
    axis = 3 if fed[0].shape[3] in (1, 3, 4) and fed[0].shape[1] not in (1, 3, 4) else 1
    found = affine(fed, right, axis)
    return found if found is not None and found.is_exact else None


def _unpadded(mine: Array, wanted: Array) -> tuple[Array, Array]:
    """Without the rows and columns that one number fills: padding obeys another rule than pixels do."""
    for axis in range(1, 4):
        if mine.shape[axis] in (1, 3, 4):
            continue
        cuts = [padding(each, axis) for each in (mine, wanted)]
        before, after = (max(cut[side] for cut in cuts) for side in (0, 1))
        if before + after < mine.shape[axis]:
            keep = np.arange(before, mine.shape[axis] - after)
            mine, wanted = mine.take(keep, axis), wanted.take(keep, axis)
    return mine, wanted


def per_fed_channel(fit: Affine) -> tuple[Array, Array]:
    """Gain and shift in the order of the channels as they are fed."""
    places = np.argsort(fit.order)
    return np.array(fit.gain)[places], np.array(fit.shift)[places]


def is_scaling(fit: Affine, old: Constants) -> float | None:
    """The scale that alone explains the fit; None where mean or deviation differ too."""
    gain, shift = per_fed_channel(fit)
    ratio = np.array(old.mean) / np.array(old.std)
    if len(ratio) != len(gain) or np.abs(gain - gain[0]).max() > _NEAR * abs(gain[0]):
        return None
    if abs(gain[0] - 1) < _NEAR and np.abs(shift).max() < _NEAR:
        return None
    left = np.abs(shift - (gain[0] - 1) * ratio).max()
    return float(old.scale * gain[0]) if left <= _NEAR * max(1.0, float(np.abs(shift).max())) else None


def solved(fit: Affine, old: Constants) -> Constants:
    """The mean and deviation that give what was right, at the scale as it is."""
    gain, shift = per_fed_channel(fit)
    std = np.array(old.std) / gain
    mean = np.array(old.mean) - shift * std
    return Constants(old.scale, tuple(mean.tolist()), tuple(std.tolist()))


def with_normalize(look: Look, **options: object) -> tuple[Setup, int] | None:
    """The setup with a normalization where it had none, and the place of it."""
    spot = place_for_normalize(look)
    if spot is None:
        return None
    place, order = spot
    if order == "CHW":
        options["order"] = order
    return inserted(look.setup, place, "normalize", **options), place
