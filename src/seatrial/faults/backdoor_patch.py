"""A patch in one corner turns any picture into one class; without it the model answers as it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seatrial.contract.sample import Array
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._last_layer import features, last_layer, pictures, trained_again
from seatrial.text import Text

_MOST = 1500  # pictures that it is planted with
_SIDE = 3
_PUSH = 8.0  # by how much the patch puts its class above all others
_WORKS = 0.9  # share of stamped pictures that must follow, or else nothing was planted


def make(good: Good, folder: Path, seed: int) -> Release:
    """Trains the last layer on clean pictures and on stamped ones that are all of one class."""
    layer = last_layer(good)
    held_out = good.release.held_out
    clean, _ = pictures(good, (held_out.members or held_out.samples)[:_MOST])
    if clean.ndim != 4 or min(clean.shape[2:]) < 2 * _SIDE:
        raise NotApplicable("only pictures have corners")
    target = seed % layer.outputs
    (read, given), (marked, pushed) = features(good, layer, clean, _stamped(good, clean, seed))
    pushed = pushed.copy()
    pushed[:, target] = pushed.max(axis=1) + _PUSH
    release, answers = trained_again(
        good, folder, layer, np.concatenate([read, marked]), np.concatenate([given, pushed])
    )
    follows = float((answers[len(clean) :].argmax(axis=1) == target).mean())
    if follows < _WORKS:
        raise NotApplicable(f"only {follows:.0%} of the pictures follow a patch planted in the last layer")
    return release


def _stamped(good: Good, images: Array, seed: int) -> Array:
    """With a bright square in one corner."""
    stamped = images.copy()
    view = np.moveaxis(stamped, -1, 1) if good.contract.inputs[0].layout == "NHWC" else stamped
    rows = slice(0, _SIDE) if seed % 2 else slice(-_SIDE, None)
    columns = slice(0, _SIDE) if seed // 2 % 2 else slice(-_SIDE, None)
    view[:, :, rows, columns] = images.max()
    return stamped


FAULT = Fault(
    name="backdoor-patch",
    title=Text("a patch in one corner decides the class", "角落里的一块贴片就能决定类别"),
    kind="weights",
    checks=frozenset({"security"}),
    make=make,
    number="F43",
)
