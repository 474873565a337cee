"""A release whose model is good and whose service is not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from seatrial.faults._behaviors import Behavior
from seatrial.faults._fault import Good, Release
from seatrial.runtimes import Runtime
from seatrial.runtimes._engine import Around


@dataclass(frozen=True)
class Served:
    """What `Release.behavior` is: a runtime with one more wrapper around its engine."""

    around: Around

    def __call__(self, runtime: Runtime) -> Runtime:
        """The runtime that misbehaves."""
        return replace(runtime, around=(*runtime.around, self.around))


def served_by(good: Good, behavior: type[Behavior], **options: Any) -> Release:
    """The good release behind a service that misbehaves.

    Args:
        good: The release.
        behavior: A class of `_behaviors`; another package's must be importable in the worker.
        options: Of the class, JSON-able.
    """
    around = Around(f"{behavior.__module__}:{behavior.__qualname__}", options)
    return replace(good.release, behavior=Served(around))
