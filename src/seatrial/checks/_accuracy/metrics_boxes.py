"""Figures of detectors: boxes matched by their overlap (`M04`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seatrial.checks._statistics import Interval, bootstrap

Polygon = NDArray[np.float32]

ENOUGH = 0.5  # overlap (intersection over union) from which a box is found: ICDAR 2015, Pascal VOC
_IGNORED = {"###", "*"}  # transcriptions of regions nobody has to read, as ICDAR and PaddleOCR mark them


@dataclass(frozen=True)
class Regions:
    """Boxes of one image.

    Attributes:
        polygons: Corners `[k, 2]` in source pixels.
        scores: Confidence of each; 1 in a truth.
        classes: Name of each; empty names when there is one class.
        ignored: Whether nobody has to find it.
    """

    polygons: tuple[Polygon, ...]
    scores: tuple[float, ...]
    classes: tuple[str, ...]
    ignored: tuple[bool, ...]


NOTHING = Regions((), (), (), ())


@dataclass(frozen=True)
class Match:
    """How the boxes of one image were found.

    Attributes:
        found: Boxes found.
        said: Boxes answered, those on ignored regions not counted.
        truth: Boxes to find.
        ranked: Score, class and rightness of each answered box.
        wanted: Number of true boxes by class.
    """

    found: int
    said: int
    truth: int
    ranked: tuple[tuple[float, str, bool], ...]
    wanted: Mapping[str, int]

    @property
    def hmean(self) -> float:
        """Harmonic mean of precision and recall; 1 where there is nothing and nothing was said."""
        both = self.said + self.truth
        return 2 * self.found / both if both else 1.0


def regions(value: Any, names: Sequence[str] = ()) -> Regions:
    """Boxes from an answer or a label.

    Args:
        value: `{"boxes": [...], "scores", "classes", "texts"}`, a list of boxes, or a list of mappings with
            `points` or `box` (`bbox`), `class` (`label`) and `transcription`. A box is `[x0, y0, x1, y1]` or
            a list of corners.
        names: By class index.

    Raises:
        ValueError, TypeError, KeyError: It is none of these.
    """
    if isinstance(value, Mapping):
        raw = list(value["boxes"])
        scores = list(value.get("scores", ())) or [1.0] * len(raw)
        classes = list(value.get("classes", ())) or [""] * len(raw)
        texts = list(value.get("texts", ())) or [""] * len(raw)
    elif len(value) and isinstance(value[0], Mapping):
        raw = [each.get("points", each.get("box", each.get("bbox"))) for each in value]
        scores = [each.get("score", 1.0) for each in value]
        classes = [each.get("class", each.get("label", "")) for each in value]
        texts = [each.get("transcription", "") for each in value]
    else:
        raw, scores, classes, texts = list(value), [1.0] * len(value), [""] * len(value), [""] * len(value)
    return Regions(
        tuple(_polygon(each) for each in raw),
        tuple(float(each) for each in scores),
        tuple(_class_name(each, names) for each in classes),
        tuple(str(each) in _IGNORED for each in texts),
    )


def _class_name(value: Any, names: Sequence[str]) -> str:
    if isinstance(value, int | np.integer) and 0 <= value < len(names):
        return names[int(value)]
    return str(value)


def _polygon(box: Any) -> Polygon:
    points = np.asarray(box, "float32")
    if points.shape == (4,):
        x0, y0, x1, y1 = points
        points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], "float32")
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise ValueError(f"a box of shape {points.shape}")
    return np.asarray(cv2.convexHull(points), "float32").reshape(-1, 2)


def overlap(one: Polygon, other: Polygon) -> float:
    """Intersection over union of two convex polygons."""
    if (one.max(0) < other.min(0)).any() or (other.max(0) < one.min(0)).any():
        return 0.0
    both = float(cv2.intersectConvexConvex(one, other)[0])
    either = float(cv2.contourArea(one)) + float(cv2.contourArea(other)) - both
    return both / either if either > 0 else 0.0


def match(said: Regions, truth: Regions) -> Match:
    """Gives each answered box, the surest first, the free true box of its class that it overlaps most."""
    free = set(range(len(truth.polygons)))
    ranked, found = [], 0
    for place in sorted(range(len(said.polygons)), key=lambda each: -said.scores[each]):
        kind = said.classes[place]
        best, share = -1, ENOUGH
        for other in free:
            if truth.classes[other] and kind != truth.classes[other]:
                continue
            here = overlap(said.polygons[place], truth.polygons[other])
            if here >= share:
                best, share = other, here
        if best >= 0:
            free.discard(best)
            if truth.ignored[best]:
                continue
            found += 1
        ranked.append((said.scores[place], kind, best >= 0))
    wanted: dict[str, int] = {}
    for kind, ignored in zip(truth.classes, truth.ignored, strict=True):
        if not ignored:
            wanted[kind] = wanted.get(kind, 0) + 1
    return Match(found, len(ranked), sum(wanted.values()), tuple(ranked), wanted)


def figures(matches: Sequence[Match], *, seed: int, average: bool, rounds: int = 400) -> dict[str, Interval]:
    """Precision, recall and their harmonic mean over all images; average precision (AP50) when asked."""
    counts = np.array([(each.found, each.said, each.truth) for each in matches], "float64")

    def of(rows: NDArray[np.int64], top: float, parts: tuple[int, ...]) -> float:
        sums = counts[rows].sum(axis=0)
        below = sum(sums[part] for part in parts)
        return float(top * sums[0] / below) if below else float("nan")

    n = len(matches)
    found = {
        "hmean": bootstrap(n, lambda rows: of(rows, 2, (1, 2)), seed=seed, rounds=rounds),
        "precision": bootstrap(n, lambda rows: of(rows, 1, (1,)), seed=seed, rounds=rounds),
        "recall": bootstrap(n, lambda rows: of(rows, 1, (2,)), seed=seed, rounds=rounds),
    }
    if average:
        found["ap50"] = bootstrap(
            n,
            lambda rows: average_precision([matches[each] for each in rows]),
            seed=seed,
            rounds=min(rounds, 100),
        )
    return {name: each for name, each in found.items() if np.isfinite(each.value)}


def average_precision(matches: Sequence[Match]) -> float:
    """Area under the precision-recall curve, mean over classes (all-point interpolation, Pascal VOC 2010)."""
    wanted: dict[str, int] = {}
    ranked: dict[str, list[tuple[float, bool]]] = {}
    for each in matches:
        for kind, count in each.wanted.items():
            wanted[kind] = wanted.get(kind, 0) + count
        for score, kind, right in each.ranked:
            ranked.setdefault(
                kind if kind in each.wanted or len(each.wanted) != 1 else next(iter(each.wanted)), []
            ).append((score, right))
    areas = []
    for kind, count in wanted.items():
        rows = sorted(ranked.get(kind, []), key=lambda each: -each[0])
        hits = np.cumsum([hit for _, hit in rows]) if rows else np.zeros(0)
        recall = np.r_[0.0, hits / count]
        precision = np.r_[1.0, hits / np.arange(1, len(rows) + 1)] if rows else np.ones(1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        areas.append(float((np.diff(recall) * best[1:]).sum()))
    return float(np.mean(areas)) if areas else float("nan")
