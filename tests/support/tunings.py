"""A made-up tuning with everything in it, for what shows and writes one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.checks import Interval, PairedRatio, Quantile
from seatrial.model import Artifact
from seatrial.tune import Drop, Score
from seatrial.tune._record import Figures
from seatrial.tune.goal import parse_goal
from seatrial.tune.machine import Target
from seatrial.tune.result import Candidate, Judgment, Recommendation, Tuning
from seatrial.tune.space import Point, Refused, Setup, Variant
from support.served import artifact


def variant(name: str = "as given", made: Artifact | None = None) -> Variant:
    """A variant of nothing real."""
    return Variant(name, made or artifact(), "float32")


def figures(p50: float, rate: float, *, memory: float = 100.0) -> Figures:
    """Figures around a latency."""
    quantiles = [
        Quantile(q, p50 * times, p50 * 0.9, p50 * 9, 400) for q, times in ((0.5, 1), (0.9, 2), (0.99, 3))
    ]
    return Figures(*quantiles, rate, memory, memory / 3, 400)


def judgment(*, share: float = 0.95, lost: int = 0, same: bool = True, refused: str = "") -> Judgment:
    """How a setup answers."""
    scores = np.array([1.0] * round(100 * share) + [0.0] * (100 - round(100 * share)))
    score = Score(
        model="sha256:0", runtime="r", task="classification", primary="accuracy",
        value=Interval(share, share - 0.03, share + 0.02), metrics={}, scores=scores,
        places=tuple(range(100)), failures=(), exercise=None,
    )  # fmt: skip
    return Judgment(
        score, Drop(lost / 100, lost / 100 - 0.01, lost / 100 + 0.01, lost, 0, 100), same, refused
    )


def tuning(goal: str = "p99<20ms", **more: Any) -> Tuning:
    """The model as given against a converted one that is faster."""
    slow = Point(Setup(variant(), "paddle", "float32"), 1)
    other = replace(artifact(), digest="sha256:" + "ab" * 32)
    switched = Setup(
        variant("<b>converted</b>", other), "onnxruntime", "float32", 2, engine={"spinning": True}
    )
    fast = Point(switched, 8)
    candidates = (
        Candidate(fast, figures(1.0, 8000.0), judgment()),
        Candidate(slow, figures(5.0, 200.0), judgment(lost=2, same=False)),
    )
    best = Recommendation(candidates[0], PairedRatio(2.0, 1.8, 2.2, 10), False, "The converted one; 2 times.")
    given = {
        "goal": parse_goal(goal),
        "target": Target("cpu", 2),
        "machine": "a machine, 2 cores",
        "model": "sha256:" + "cd" * 32,
        "data": "sha256:" + "ef" * 32,
        "samples": 100,
        "max_drop": 0.01,
        "front": candidates,
        "measured": tuple((each.point, each.figures, "") for each in candidates),
        "refused": (Refused("as given: arm64-paddle", "its times would say nothing"),),
        "recommendation": best,
        "nearest": None,
        "seconds": 12.3,
        "finished": True,
    }
    return Tuning(**(given | more))


def model_file(folder: Path) -> Artifact:
    """An artifact with a file that can be copied."""
    path = folder / "double.onnx"
    path.write_bytes(b"graph")
    made = artifact()
    return replace(
        made, path=path, files=(replace(made.files[0], path=path, size=5),), digest="sha256:" + "ab" * 32
    )
