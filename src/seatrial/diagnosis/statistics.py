"""Cheap statistics of what is fed: they say which suspicion comes first, and solve for constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from seatrial.contract.sample import Array

_POINTS = 20000  # numbers a channel that a fit looks at
_EXACT = 2e-4  # of the right tensor's scale: what a solved relation may leave unexplained
KNOWN = (
    0.0, 1.0, 0.5, 0.485, 0.456, 0.406, 0.229, 0.224, 0.225, 0.1307, 0.3081, 0.4914, 0.4822, 0.4465,
    0.2470, 0.2435, 0.2616, 0.48145466, 0.4578275, 0.40821073, 0.26862954, 0.26130258, 0.27577711,
    123.675, 116.28, 103.53, 58.395, 57.12, 57.375, 127.5, 1 / 255, 1 / 127.5, 1 / 256, 1 / 128,
)  # fmt: skip


@dataclass(frozen=True)
class Affine:
    """How channels of one tensor come from those of another: right[i] = gain[i] * fed[order[i]] + shift[i].

    Attributes:
        order: Which fed channel each right channel comes from.
        gain: One for each channel.
        shift: One for each channel.
        residual: Largest rest, as a share of the right tensor's scale.
    """

    order: tuple[int, ...]
    gain: tuple[float, ...]
    shift: tuple[float, ...]
    residual: float

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left to explain."""
        return self.residual <= _EXACT

    @property
    def in_order(self) -> bool:
        """Whether no channel changed its place."""
        return self.order == tuple(range(len(self.order)))


def affine(fed: Sequence[Array], right: Sequence[Array], axis: int) -> Affine | None:
    """Fits what was fed to what was right, channel by channel, over all orders of up to four channels.

    Args:
        fed: Tensors of some samples.
        right: Those of the training side, equal shapes.
        axis: Of the channels.

    Returns:
        The best fit, those in order preferred; None where shapes differ or nothing varies.
    """
    if not fed or any(a.shape != b.shape or a.ndim <= axis for a, b in zip(fed, right, strict=True)):
        return None
    if len({each.shape[axis] for each in fed}) != 1:
        return None
    mine, wanted = _rows(fed, axis), _rows(right, axis)
    count = len(mine)
    step = max(1, mine.shape[1] // _POINTS)
    mine, wanted = mine[:, ::step], wanted[:, ::step]
    scale = max(float(np.abs(wanted).max(initial=0.0)), 1e-9)
    orders = list(permutations(range(count))) if count <= 4 else [tuple(range(count))]
    best: Affine | None = None
    pairs = {(i, j): _line(mine[j], wanted[i], scale) for i in range(count) for j in range(count)}
    for order in orders:
        lines = [pairs[(i, j)] for i, j in enumerate(order)]
        if any(line is None for line in lines):
            continue
        known = [line for line in lines if line is not None]
        rest = max(line[2] for line in known)
        if best is None or rest < best.residual * 0.5:
            best = Affine(
                tuple(order), tuple(line[0] for line in known), tuple(line[1] for line in known), rest
            )
    return best


def _rows(arrays: Sequence[Array], axis: int) -> Array:
    """All numbers of each channel, (channels, numbers)."""
    return np.concatenate(
        [np.moveaxis(each, axis, 0).reshape(each.shape[axis], -1).astype("float64") for each in arrays],
        axis=1,
    )


def _line(x: Array, y: Array, scale: float) -> tuple[float, float, float] | None:
    """Gain, shift and largest rest of the least-squares line; None where x does not vary."""
    middle_x, middle_y = x.mean(), y.mean()
    spread = float(((x - middle_x) ** 2).sum())
    if spread <= 1e-12:
        return None
    gain = float(((x - middle_x) * (y - middle_y)).sum()) / spread
    shift = float(middle_y - gain * middle_x)
    return gain, shift, float(np.abs(gain * x + shift - y).max()) / scale


def plain_number(value: float) -> float:
    """A solved constant as people write it: a known one when it is that near, else four digits."""
    near = min(KNOWN, key=lambda each: abs(each - value))
    if abs(near - value) <= 2e-3 * max(abs(near), 1e-3):
        return near
    return float(f"{value:.4g}")


def spread_of_color(images: Iterable[Array], axis: int) -> float:
    """How much channels differ, as a share of the range: 0 for gray pictures."""
    shares = [
        float(np.ptp(image.astype("float64"), axis=axis).mean() / max(float(np.ptp(image)), 1e-9))
        for image in images
    ]
    return float(np.mean(shares)) if shares else 0.0


def padding(array: Array, axis: int) -> tuple[int, int]:
    """Slices before and after along an axis that hold one number only: what was padded."""
    rows = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    flat = rows.min(axis=1) == rows.max(axis=1)
    if flat.all():
        return 0, 0
    head = flat & (rows[:, 0] == rows[0, 0]) & bool(flat[0])
    tail = flat & (rows[:, 0] == rows[-1, 0]) & bool(flat[-1])
    return int(np.argmin(head)), int(np.argmin(tail[::-1]))


def id_map(fed: Iterable[Array], right: Iterable[Array]) -> Mapping[int, int]:
    """Which right id each fed id stands for, from sequences of equal lengths; empty where they contradict."""
    votes: dict[int, dict[int, int]] = {}
    for mine, wanted in zip(fed, right, strict=True):
        if mine.shape != wanted.shape:
            continue
        for a, b in zip(mine.ravel().tolist(), wanted.ravel().tolist(), strict=True):
            row = votes.setdefault(int(a), {})
            row[int(b)] = row.get(int(b), 0) + 1
    found = {a: max(row, key=lambda b: row[b]) for a, row in votes.items()}
    total = sum(sum(row.values()) for row in votes.values())
    agreed = sum(row[found[a]] for a, row in votes.items())
    return found if total and agreed >= 0.9 * total else {}
