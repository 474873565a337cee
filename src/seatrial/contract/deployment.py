"""How a model is best run on one kind of machine, as it was measured there; a server takes it from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Switch = bool | int | float | str


@dataclass(frozen=True)
class Deployment:
    """A deployment profile: what `seatrial tune` recommends, and the figures behind it.

    It changes how fast answers come and in which precision, and its accuracy was measured with the contract;
    what goes in and out is the same, so it is no part of the contract's digest.

    Attributes:
        runtime: Name of the engine.
        format: Of the model that it runs; a profile for one format says nothing about another.
        precision: Asked of the engine.
        threads: Math threads of one call.
        max_batch_size: Rows that travel together; 1: no batching.
        optimize: Whether the engine rewrites the graph.
        engine: The engine's own switches that differ from its defaults.
        model: Digest of the artifact that was measured; empty when it is not known.
        goal: What it was tuned for, such as `p99<20ms`.
        machine: Where it was measured, for people.
        measured: Figures by name: `p50_ms`, `p99_ms`, `throughput`, `memory_mb`, `accuracy` and such.
    """

    runtime: str
    format: str
    precision: str = "float32"
    threads: int = 1
    max_batch_size: int = 1
    optimize: bool = True
    engine: Mapping[str, Switch] = field(default_factory=dict)
    model: str = ""
    goal: str = ""
    machine: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for people."""
        switched = [f"{name} {_on(value)}" for name, value in sorted(self.engine.items())]
        how = [
            self.precision,
            f"{self.threads} thread{'s' * (self.threads > 1)}",
            f"batches of {self.max_batch_size}" if self.max_batch_size > 1 else "no batching",
            *([] if self.optimize else ["not optimized"]),
            *switched,
        ]
        return f"{self.runtime} on {self.format}, {', '.join(how)}"


def _on(value: Switch) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
