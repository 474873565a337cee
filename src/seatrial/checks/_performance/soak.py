"""Does memory grow with every request, or only until caches are warm (`M06`, fault F29)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.checks._performance.latency_statistics import Slope, theil_sen
from seatrial.runtimes import Session

Feed = Mapping[str, Any]
POINTS = 40  # samples of memory in one soak
FEWEST_REQUESTS = 200  # below this nothing tells a leak from a cache that fills
# A slow model does not get that far. A leak of tensors is plain in fewer requests: it is no cache's rounding.
FEWEST_PLAIN, PLAIN_BYTES, PLAIN_SLOPE = 15, 16 << 20, 64 << 10
FEWEST_POINTS, LONGEST = 18, 20.0  # a slope needs points, also from a slow model: so many seconds at most
NOISE_BYTES = 512 << 10  # allocators keep and return whole arenas


@dataclass(frozen=True)
class Soak:
    """Memory over many requests.

    Attributes:
        requests: Requests done at each point.
        uss: Unique set size at each point, bytes.
        middle: Slope over the middle third, bytes a request.
        last: Slope over the last third.
    """

    requests: tuple[int, ...]
    uss: tuple[int, ...]
    middle: Slope
    last: Slope

    @property
    def enough(self) -> bool:
        """Whether there were enough requests to tell."""
        return self.requests[-1] >= FEWEST_REQUESTS or self.plain

    @property
    def plain(self) -> bool:
        """Whether so much stays behind that fewer requests tell a leak from a cache."""
        return (
            self.requests[-1] >= FEWEST_PLAIN
            and self.growth > PLAIN_BYTES
            and min(self.middle.low, self.last.low) > PLAIN_SLOPE
        )

    @property
    def growth(self) -> int:
        """Bytes gained over the last two thirds."""
        start = len(self.uss) // 3
        return self.uss[-1] - self.uss[start]

    def leaks(self, bytes_per_request: float) -> bool:
        """Whether memory grows on and on: surely above the limit at the end, and not slowing down.

        A cache that fills slows down; a leak does not. Growth within an arena's size is no evidence.
        """
        return (
            self.enough
            and self.growth > NOISE_BYTES
            and self.last.low > bytes_per_request
            and self.last.value >= 0.5 * self.middle.value
        )

    @property
    def detectable(self) -> float:
        """Smallest leak this soak could have seen, bytes a request."""
        span = self.requests[-1] - self.requests[len(self.requests) // 3]
        return NOISE_BYTES / span if span > 0 else float("inf")


def soak(session: Session, feeds: Sequence[Feed], *, seconds: float, most: int = 200_000) -> Soak:
    """Sends requests for some seconds and watches the worker's own memory.

    Args:
        session: To soak; warm.
        feeds: Taken in turn, all of them between two looks at the memory: shapes that recur must not
            cost anything the second time.
        seconds: How long.
        most: Requests.
    """
    once = sum(float(np.median(session.time(feed, repeat=5))) for feed in feeds)
    rounds = int(np.clip(seconds / POINTS / max(once, 1e-6), 1, most // POINTS // len(feeds) + 1))
    done, requests, uss = 0, [0], [session.resources().uss]
    begin = time.perf_counter()
    while len(requests) <= POINTS:
        elapsed = time.perf_counter() - begin
        if elapsed > 2 * seconds + 2 and (len(requests) >= FEWEST_POINTS or elapsed > LONGEST):
            break
        for feed in feeds:
            session.time(feed, repeat=rounds)
        done += rounds * len(feeds)
        requests.append(done)
        uss.append(session.resources().uss)
    return from_series(requests, uss)


def from_series(requests: Sequence[int], uss: Sequence[int]) -> Soak:
    """Slopes of a memory series."""
    third = len(requests) // 3
    parts = []
    for start, end in ((third, 2 * third), (2 * third, len(requests))):
        xs, ys = requests[start:end], uss[start:end]
        parts.append(theil_sen(xs, ys) if len(xs) >= 5 else Slope(0.0, 0.0, 0.0, len(xs)))
    return Soak(tuple(requests), tuple(uss), parts[0], parts[1])
