"""Which of many points nobody beats in everything: the front to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Thing = TypeVar("Thing")
Axes = tuple[float, ...]

# What counts as a difference: latency and throughput as measured in blocks, memory as starts differ.
NOISE: Axes = (0.03, 0.03, 0.05)


def front(things: Sequence[tuple[Thing, Axes]], noise: Axes = NOISE) -> list[Thing]:
    """Those that no other beats, in their order.

    Args:
        things: Each with what it costs by axis; less is better, all positive.
        noise: For each axis the relative difference that counts as none.
    """
    return [
        one
        for place, (one, costs) in enumerate(things)
        if not any(
            beats(others, costs, noise) or (others == costs and other < place)
            for other, (_, others) in enumerate(things)
        )
    ]


def beats(one: Axes, other: Axes, noise: Axes = NOISE) -> bool:
    """Whether `one` is nowhere worse than `other` and somewhere better, beyond the noise."""
    worse = any(a > b * (1 + each) for a, b, each in zip(one, other, noise, strict=True))
    better = any(a * (1 + each) < b for a, b, each in zip(one, other, noise, strict=True))
    return better and not worse
