"""Releases that are judged on other samples than they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seatrial.contract import HeldOut, Sample, digest_of_samples
from seatrial.faults._fault import Good, NotApplicable, Release


def judged_on(good: Good, samples: Sequence[Sample], *, members: Sequence[Sample] | None = None) -> Release:
    """The good release with other held-out samples.

    Args:
        good: The release.
        samples: Instead of its own.
        members: Instead of its own training samples; None keeps those.
    """
    held_out = good.release.held_out
    kept = held_out.members if members is None else tuple(members)
    other = HeldOut(tuple(samples), digest_of_samples(samples), held_out.source, kept)
    return replace(good.release, held_out=other)


def drawn(count: int, share: float, seed: int) -> list[int]:
    """Places of a share of `count` samples, in order."""
    size = min(count, max(1, round(share * count)))
    return sorted(int(each) for each in np.random.default_rng(seed).choice(count, size, replace=False))


def labels_by_class(good: Good) -> dict[Any, list[int]]:
    """Places of the labelled samples by label.

    Raises:
        NotApplicable: The labels are no classes, or there is only one.
    """
    if good.contract.task not in ("classification", "text-classification"):
        raise NotApplicable(f"the labels of {good.contract.task} are no classes")
    found: dict[Any, list[int]] = {}
    for place, sample in enumerate(good.release.held_out.samples):
        if isinstance(sample.label, (str, int, np.integer)):
            found.setdefault(sample.label, []).append(place)
    if len(found) < 2:
        raise NotApplicable("the held-out set has labels of one class")
    return found
