"""Time inside one session: warm-up, service time, stalls that are not the machine's, CPU use (`M06`)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seatrial.checks._performance.latency_statistics import Quantile, quantile, stalls, warm_from
from seatrial.checks._performance.load import Lanes
from seatrial.runtimes import Session

Feed = Mapping[str, Any]
Seconds = NDArray[np.float64]

CHUNK_SECONDS = 0.1  # one call of `time` lasts about this long, so that budgets are kept


class Heartbeat:
    """Notices when the whole machine stalls: a thread that only sleeps, and wakes too late.

    A stall of the session counts only when the machine did not stall in the same chunk.
    """

    def __init__(self, period: float = 0.01) -> None:
        self._period = period
        self._worst = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def _beat(self) -> None:
        last = time.perf_counter()
        while not self._stop.wait(self._period):
            now = time.perf_counter()
            self._worst = max(self._worst, now - last - self._period)
            last = now

    def worst(self) -> float:
        """The longest delay since the last question, seconds."""
        worst, self._worst = self._worst, 0.0
        return worst

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@dataclass(frozen=True)
class ServiceTimes:
    """What one session took alone.

    Attributes:
        first: Seconds of the very first run.
        warm: Seconds of each run after the warm-up, in order.
        warm_up: Runs that were warm-up.
        stalls: Places in `warm` of runs far slower than usual while the machine did not stall.
        machine_stalls: Runs as slow while the machine itself stalled.
        cores: CPU seconds used per second of wall clock.
        peak_rss: Largest resident set seen, bytes.
    """

    first: float
    warm: Seconds
    warm_up: int
    stalls: tuple[int, ...]
    machine_stalls: int
    cores: float
    peak_rss: int

    def quantiles(self) -> list[Quantile]:
        """P50, P90 and P99 with their intervals."""
        return [quantile(self.warm, q) for q in (0.5, 0.9, 0.99)]


def measure_service(
    session: Session, feed: Feed, *, seconds: float, fewest: int = 20, at_least: float = 0.05
) -> ServiceTimes:
    """Runs one feed again and again inside the worker.

    Args:
        session: To measure.
        feed: One batch.
        seconds: How long, roughly; less than `fewest` runs are never taken.
        fewest: Runs.
        at_least: Seconds above the usual that make a stall.
    """
    first = float(session.time(feed, repeat=1)[0])
    chunks: list[Seconds] = []
    delays: list[float] = []
    before, begin, peak = session.resources(), time.perf_counter(), 0
    with Heartbeat() as heart:
        while sum(map(len, chunks)) < fewest or time.perf_counter() - begin < seconds:
            usual = float(np.median(chunks[-1])) if chunks else first
            repeat = int(np.clip(CHUNK_SECONDS / max(usual, 1e-6), 1, 1000))
            heart.worst()
            chunks.append(np.asarray(session.time(feed, repeat=repeat), "float64"))
            delays.append(heart.worst())
            peak = max(peak, session.resources().rss)
            if time.perf_counter() - begin > 4 * seconds + 10:
                break
    wall = time.perf_counter() - begin
    series = np.concatenate(chunks)
    start = warm_from(series)
    delay = np.repeat(delays, [len(each) for each in chunks])[start:]
    warm = series[start:]
    slow = stalls(warm, at_least=at_least)
    own = [int(i) for i in slow if warm[i] - np.median(warm) > 2 * delay[i]]
    used = session.resources().cpu_seconds - before.cpu_seconds
    return ServiceTimes(
        first, warm, start + 1, tuple(own), len(slow) - len(own), used / wall if wall > 0 else 0.0, peak
    )


@dataclass(frozen=True)
class Scaling:
    """What a second session brings, and what this machine could have given.

    Attributes:
        sessions: Sessions that ran at once.
        efficiency: Throughput of all together over that of as many alone; 1 is perfect.
        machine: The same figure for plain arithmetic on as many threads.
        attempts: How often it was measured; the best attempt counts.
    """

    sessions: int
    efficiency: float
    machine: float
    attempts: int

    @property
    def relative(self) -> float:
        """Efficiency where the machine's own is 1."""
        return self.efficiency / self.machine if self.machine > 0 else 0.0


def measure_scaling(
    lanes: Lanes,
    feed: Feed,
    *,
    seconds: float,
    enough: float,
    attempts: int = 3,
    machine: Callable[[int], float] | None = None,
) -> Scaling:
    """Runs every lane alone, then all at once; a lock around the engine shows as one half (`F30`).

    Neighbours on a shared machine take cores away, and never give them: so the best of some attempts counts.

    Args:
        lanes: Two or more.
        feed: One batch.
        seconds: Of each of the two parts.
        enough: Efficiency after which no further attempt is made.
        attempts: At most.
        machine: Measures the machine's own scaling on that many threads; arithmetic when None.
    """
    ask = machine or machine_scaling
    best: Scaling | None = None
    for turn in range(1, attempts + 1):
        alone = float(np.median(lanes.one(0, lambda session: session.time(feed, repeat=3))))
        repeat = int(np.clip(seconds / max(alone, 1e-6), 3, 5000))
        solo = lanes.one(0, partial(_rate, feed=feed, repeat=repeat))
        together = sum(lanes.parallel(partial(_lane_rate, feed=feed, repeat=repeat)))
        found = Scaling(len(lanes), together / (len(lanes) * solo), ask(len(lanes)), turn)
        if best is None or found.relative > best.relative:
            best = found
        if best.relative >= enough:
            break
    if best is None:
        raise ValueError("attempts must be 1 or more")
    return Scaling(best.sessions, best.efficiency, best.machine, turn)


def _lane_rate(session: Session, _: int, *, feed: Feed, repeat: int) -> float:
    return _rate(session, feed=feed, repeat=repeat)


def _rate(session: Session, *, feed: Feed, repeat: int) -> float:
    """Runs per second of wall clock, seen from outside: waiting for a lock counts."""
    begin = time.perf_counter()
    session.time(feed, repeat=repeat)
    return repeat / (time.perf_counter() - begin)


def machine_scaling(threads: int, *, megabytes: int = 24) -> float:
    """Throughput of hashing on several threads at once over that of as many alone; frees the interpreter."""
    block = bytes(megabytes << 20)

    def work(_: int) -> float:
        begin = time.perf_counter()
        hashlib.sha256(block).digest()
        return time.perf_counter() - begin

    alone = min(work(0) for _ in range(2))
    with ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        list(pool.map(work, range(threads)))
        together = time.perf_counter() - begin
    return min(1.0, alone / together)


@contextmanager
def on_one_core(sessions: Sequence[Session]) -> Iterator[None]:
    """Keeps one-thread workers that take turns on one and the same core while they are compared.

    Cores of a shared machine differ, and a worker stays where it landed; blocks in turn cannot cancel that.
    Sessions with more threads, or without a process of their own, are left alone.
    """
    before: dict[int, set[int]] = {}
    pids = [getattr(each, "pid", None) for each in sessions if each.options.threads == 1]
    core = {max(os.sched_getaffinity(0))}
    try:
        for pid in {each for each in pids if isinstance(each, int)}:
            with contextlib.suppress(OSError):
                before[pid] = os.sched_getaffinity(pid)
                os.sched_setaffinity(pid, core)
        yield
    finally:
        for pid, cores in before.items():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(pid, cores)


def interleaved(
    sides: Sequence[Callable[[int], Seconds]], *, blocks: int, repeat: int, deadline: float
) -> list[list[Seconds]]:
    """Blocks of each side in turn, the order turned round every time (ABBA), so that drift hits all alike.

    Args:
        sides: Each times that many runs of one side.
        blocks: On each side.
        repeat: Runs in a block.
        deadline: Moment (`time.perf_counter`) after which no further round starts.
    """
    found: list[list[Seconds]] = [[] for _ in sides]
    for turn in range(blocks):
        if time.perf_counter() > deadline:
            break
        order = range(len(sides)) if turn % 2 == 0 else reversed(range(len(sides)))
        for side in order:
            found[side].append(sides[side](repeat))
    return found
