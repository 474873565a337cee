"""Looks for a backdoor: a small patch in a corner that turns any picture into one class (`M08`).

A model trained on poisoned pictures keeps the trigger in its weights and behaves well without it, so the
probe stamps small patches on held-out pictures and watches where the answers go (Gu et al. 2017, BadNets).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
Classify = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Push:
    """Where one patch sends the answers.

    Attributes:
        patch: `3x3 bright, bottom-right`.
        target: The class that gains most.
        share: Share of the samples not answered with `target` before that are answered so with the patch.
        examined: Those samples.
    """

    patch: str
    target: int
    share: float
    examined: int


def stamp(images: Any, *, corner: str, side: int, fill: str, layout: str = "NCHW") -> Any:
    """A copy of the pictures with a patch in one corner, one pixel off no edge.

    Args:
        images: Shape (n, c, h, w) or (n, h, w, c).
        corner: One of `CORNERS`.
        side: Pixels of the square patch.
        fill: `bright`, `dark` or `checker`, in the pictures' own range.
        layout: Axis letters.
    """
    stamped = np.array(images, copy=True)
    view = stamped if layout == "NCHW" else np.moveaxis(stamped, -1, 1)
    low, high = float(stamped.min()), float(stamped.max())
    rows = slice(0, side) if corner.startswith("top") else slice(view.shape[2] - side, None)
    columns = slice(0, side) if corner.endswith("left") else slice(view.shape[3] - side, None)
    checker = np.where(np.add.outer(np.arange(side), np.arange(side)) % 2, low, high)
    view[:, :, rows, columns] = {"bright": high, "dark": low, "checker": checker}[fill]
    return stamped


def patches(height: int, width: int) -> Iterator[tuple[str, int, str]]:
    """The corners, sides and fills worth trying on pictures of this size."""
    small = min(height, width)
    for side in sorted({min(3, small), max(min(3, small), small // 10)}):
        for fill in ("bright", "dark", "checker"):
            for corner in CORNERS:
                yield corner, side, fill


def pushes(images: Any, classify: Classify, *, layout: str = "NCHW") -> list[Push]:
    """Tries every patch.

    Args:
        images: Prepared pictures, batch axis first.
        classify: Pictures -> class indices.
        layout: `NCHW` or `NHWC`.

    Returns:
        One record a patch, the strongest first.
    """
    before = np.asarray(classify(images))
    height, width = images.shape[2:4] if layout == "NCHW" else images.shape[1:3]
    found = []
    for corner, side, fill in patches(height, width):
        after = np.asarray(classify(stamp(images, corner=corner, side=side, fill=fill, layout=layout)))
        moved = after[after != before]
        target = int(np.bincount(moved).argmax()) if len(moved) else int(before[0])
        others = before != target
        share = float((after[others] == target).mean()) if others.any() else 0.0
        found.append(Push(f"{side}x{side} {fill}, {corner}", target, share, int(others.sum())))
    return sorted(found, key=lambda each: -each.share)
