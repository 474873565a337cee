"""Decoding constants solved from right answers."""

from __future__ import annotations

import numpy as np

from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._outputs import field, right_answers, seen_by
from seatrial.diagnosis.setup import Setup

FEWEST = 4
ROUNDS = 30
EXACT = 1e-3


def unclip_ratio(case: Case, setup: Setup, now: float) -> list[float]:
    """By what ratio the reference grew its boxes, from boxes of both sides around one text.

    A shrunk w x h box is grown by d = w * h * ratio / (2 * (w + h)) on each side (Liao et al., 2020).
    """
    ratios = []
    for _, got, right in right_answers(case, seen_by(case, setup)):
        mine, theirs = _sizes(field(got, "boxes")), _sizes(field(right, "boxes"))
        for center, size in mine:
            near = [each for place, each in theirs if np.abs(place - center).max() <= 0.25 * size.min() + 2]
            if len(near) == 1:
                ratios.append(_ratio(size, near[0], now))
    known = [each for each in ratios if 0.5 <= each <= 5]
    if len(known) < FEWEST:
        return []
    found = float(np.median(known))
    return [] if abs(found - now) < 0.05 else [round(found, 1)]


def _sizes(boxes: object) -> list[tuple[Array, Array]]:
    """Center and (width, height) of four-cornered boxes."""
    found = []
    for each in boxes if isinstance(boxes, list) else []:
        corners = np.asarray(each, "float64").reshape(-1, 2)
        if len(corners) == 4:
            width = np.linalg.norm(corners[1] - corners[0])
            height = np.linalg.norm(corners[3] - corners[0])
            found.append((corners.mean(axis=0), np.array([width, height])))
    return found


def _ratio(mine: Array, right: Array, now: float) -> float:
    shrunk = mine.copy()
    for _ in range(ROUNDS):
        width, height = shrunk
        shrunk = 0.5 * shrunk + 0.5 * np.maximum(mine - width * height * now / (width + height), 1.0)
    width, height = shrunk
    return float(np.mean(right - shrunk) * (width + height) / (width * height))


def affine_values(case: Case, setup: Setup) -> tuple[float, float] | None:
    """Gain and shift from deployed to right values, where one line goes through all of them."""
    pairs = [
        (float(field(got, "value")), float(field(right, "value")))
        for _, got, right in right_answers(case, seen_by(case, setup))
    ]
    if len(pairs) < FEWEST:
        return None
    got, right = np.array(pairs).T
    if np.ptp(got) == 0:
        return None
    gain, shift = np.polyfit(got, right, 1)
    rest = np.abs(gain * got + shift - right).max()
    return (float(gain), float(shift)) if rest <= EXACT * max(np.abs(right).max(), 1e-9) else None
