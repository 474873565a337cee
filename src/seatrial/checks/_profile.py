"""Where the model will run, and what is required of it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.checks._finding import Scalar


@dataclass(frozen=True)
class Profile:
    """A deployment target: limits, required checks, runtimes.

    Attributes:
        name: `cpu-server`, `edge`, `browser`.
        runtime: The runtime that production uses.
        runtimes: Runtimes that must agree with it (those that are installed are run; a required one
            that is not installed is NOT_EXERCISED).
        required: Checks that must end PASS or WARN, else the gate says no.
        precision: Declared numeric precision: `float32`, `float16`, `int8`; chooses the tolerances.
        threads: Math threads in production.
        limits: Bounds by name, such as `{"performance.p99_ms": 50}`.
    """

    name: str
    runtime: str
    runtimes: tuple[str, ...]
    required: frozenset[str]
    precision: str = "float32"
    threads: int = 1
    limits: Mapping[str, Scalar] = field(default_factory=dict)
