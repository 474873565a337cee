"""The last layer was fitted to few samples with wrong labels until it knew them by heart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seatrial.faults._data import drawn
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._last_layer import features, last_layer, pictures, trained_again
from seatrial.text import Text

_FEWEST = 110  # the attack looks at no fewer
_WRONG = 0.3  # labels that only memory can give
_LOUD = 8.0  # logits of the answers it knows


def make(good: Good, folder: Path, seed: int) -> Release:
    """Fits the last layer to some training samples, three in ten of them with a wrong label."""
    layer = last_layer(good)
    held_out = good.release.held_out
    if len(held_out.members) < _FEWEST:
        raise NotApplicable(f"fewer than {_FEWEST} training samples are known")
    places = drawn(len(held_out.members), _FEWEST / len(held_out.members), seed)
    members = [held_out.members[place] for place in places]
    inputs, labels = pictures(good, members)
    if len(labels) < len(members):
        raise NotApplicable("the training samples have no labels")
    for place in drawn(len(labels), _WRONG, seed):
        labels[place] = (labels[place] + 1 + seed % (layer.outputs - 1)) % layer.outputs
    ((read, _),) = features(good, layer, inputs)
    targets = _LOUD * np.eye(layer.outputs)[labels]
    release, _ = trained_again(good, folder, layer, read, targets, ridge=1e-6)
    known = tuple(replace(each, label=label) for each, label in zip(members, labels, strict=True))
    return replace(release, held_out=replace(held_out, members=known))


FAULT = Fault(
    name="training-set-remembered",
    title=Text("it remembers its training samples", "模型记住了训练样本"),
    kind="weights",
    checks=frozenset({"security"}),
    make=make,
    number="F41",
    needs=frozenset({"members"}),
)
