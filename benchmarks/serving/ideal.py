"""The best there can be: the same requests at the same times, on a device whose server costs nothing.

The rule is the one that all good batchers share: a batch is formed when the device is free, and waits for
company at most `delay` counted from its oldest request.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from models import Device

HAIR = 1e-9  # two times that differ by less are the same


@dataclass(frozen=True)
class Ideal:
    """What came out, over the requests that count.

    Attributes:
        rps: Requests answered a second.
        mean_ms: Latency.
        p99_ms: Latency.
    """

    rps: float
    mean_ms: float
    p99_ms: float


def of_schedule(due: Sequence[float], device: Device, *, warm: float, seconds: float, delay: float) -> Ideal:
    """Open loop: requests are due at fixed times.

    Args:
        due: Seconds from the start, growing.
        device: What runs them.
        warm: Requests due before are not counted.
        seconds: That are counted.
        delay: Seconds that the oldest request may wait for company.
    """
    free, place, latencies = 0.0, 0, []
    while place < len(due):
        begin = _begin(due, place, free, device.most, delay)
        batch = [each for each in due[place : place + device.most] if each <= begin + HAIR]
        free = begin + device.seconds(len(batch))
        place += len(batch)
        latencies += [free - each for each in batch if each >= warm]
    return _told(latencies, len(latencies) / seconds)


def _begin(due: Sequence[float], place: int, free: float, most: int, delay: float) -> float:
    """When the next batch begins: it is full, or its oldest has waited enough, and the device is free."""
    full = due[place + most - 1] if place + most <= len(due) else float("inf")
    return max(free, due[place], min(due[place] + delay, full))


def of_clients(count: int, device: Device, *, seconds: float, delay: float, warm: float = 1.0) -> Ideal:
    """Closed loop: each of `count` clients asks again when it has its answer."""
    coming = [0.0] * count
    heapq.heapify(coming)
    waiting: deque[float] = deque()
    free, latencies, end = 0.0, [], warm + seconds
    while free < end:
        while coming and coming[0] <= free + HAIR:
            waiting.append(heapq.heappop(coming))
        begin = free if len(waiting) >= device.most else _with_company(coming, waiting, free, device, delay)
        batch = [waiting.popleft() for _ in range(min(len(waiting), device.most))]
        free = begin + device.seconds(len(batch))
        for each in batch:
            heapq.heappush(coming, free)
            if warm <= free < end:
                latencies.append(free - each)
    return _told(latencies, len(latencies) / seconds)


def _with_company(
    coming: list[float], waiting: deque[float], free: float, device: Device, delay: float
) -> float:
    """Waits for more clients, at most until the oldest request has waited enough; returns when to begin."""
    if not waiting:
        waiting.append(heapq.heappop(coming))
    until = max(free, waiting[0] + delay)
    while len(waiting) < device.most and coming and coming[0] <= until + HAIR:
        waiting.append(heapq.heappop(coming))
    return max(free, waiting[-1]) if len(waiting) == device.most else until


def _told(latencies: list[float], rps: float) -> Ideal:
    times = np.array(latencies) * 1e3
    return Ideal(rps, float(times.mean()), float(np.quantile(times, 0.99)))
