"""Load on several sessions: an open loop with intended-time latency, and rising concurrency (`M06`).

A closed loop waits for each answer before it asks again, so a server that stalls is asked less and looks
fast: with a 300 ms stall every 200 requests the closed loop says P90 = 9 ms where users see 221 ms. Here
requests arrive as a Poisson process whatever the server does, and latency counts from the intended time.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from seatrial.runtimes import Session

Feed = Mapping[str, Any]
Seconds = NDArray[np.float64]
T = TypeVar("T")


class Clock(Protocol):
    """Time that passes; tests bring their own."""

    def now(self) -> float:
        """Seconds, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class WallClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class Lanes:
    """Sessions that work side by side, each opened and used in a thread of its own.

    A session serves one thread, and a pool gives each thread its own, so a lane keeps its thread for life.

    Args:
        open_one: Opens a session; called once in each lane's thread.
        count: How many.
    """

    def __init__(self, open_one: Callable[[], Session], count: int) -> None:
        self._threads = [ThreadPoolExecutor(1, thread_name_prefix=f"lane-{i}") for i in range(count)]
        opening = [each.submit(open_one) for each in self._threads]
        broken = [error for each in opening if (error := each.exception()) is not None]
        self._sessions = [each.result() for each in opening if each.exception() is None]
        if broken:
            self.close()
            raise broken[0]

    def __len__(self) -> int:
        return len(self._sessions)

    def parallel(self, job: Callable[[Session, int], T], *, lanes: int | None = None) -> list[T]:
        """Runs `job(session, lane)` on the first `lanes` lanes at once; raises the first error."""
        chosen = range(len(self) if lanes is None else min(lanes, len(self)))
        running = [self._threads[i].submit(job, self._sessions[i], i) for i in chosen]
        return [each.result() for each in running]

    def one(self, lane: int, job: Callable[[Session], T]) -> T:
        """Runs `job` on one lane while the others rest."""
        running: Future[T] = self._threads[lane].submit(job, self._sessions[lane])
        return running.result()

    def close(self) -> None:
        """Closes the sessions and ends the threads."""
        for each in self._sessions:
            each.close()
        for thread in self._threads:
            thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class LoadResult:
    """What one load did.

    Attributes:
        offered: Requests per second asked for; 0 for a closed loop.
        latencies: Of the finished requests, seconds, from the intended (closed loop: submitted) time.
        service: Of the same requests, seconds inside the session.
        seconds: From the first intended time to the last answer.
        unfinished: Requests that were due and had not been started when the time was up.
        wrong: Finished requests whose answer was not the expected one.
    """

    offered: float
    latencies: Seconds
    service: Seconds
    seconds: float
    unfinished: int = 0
    wrong: int = 0

    @property
    def achieved(self) -> float:
        """Requests per second that were answered."""
        return len(self.latencies) / self.seconds if self.seconds > 0 else 0.0

    @property
    def saturated(self) -> bool:
        """Whether requests piled up: some never started, or answers came 10 % slower than requests."""
        return self.unfinished > 0 or (self.offered > 0 and self.achieved < 0.9 * self.offered)


@dataclass(frozen=True)
class Work:
    """Requests and the answers they must get, whatever else runs beside them (`F32`).

    Attributes:
        feeds: One a request, taken in turn.
        expected: Outputs of each feed when nothing else ran; empty to look at no answer.
    """

    feeds: Sequence[Feed]
    expected: Sequence[Sequence[Any]] = ()

    def do(self, session: Session, number: int) -> bool:
        """Runs request `number`; whether its answer was the expected one."""
        place = number % len(self.feeds)
        outputs = session.run(self.feeds[place])
        if not self.expected:
            return True
        return all(_alike(a, b) for a, b in zip(outputs, self.expected[place], strict=True))


def _alike(a: Any, b: Any) -> bool:
    """Equal to a thousandth of the scale in the first values: enough to tell one request from another."""
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape:
        return False
    x, y = x.ravel()[:4096], y.ravel()[:4096]
    if x.dtype.kind not in "fiub":
        return bool(np.array_equal(x, y))
    scale = float(np.nan_to_num(np.abs(y)).max()) if y.size else 0.0
    return bool(np.allclose(x, y, rtol=0, atol=1e-3 * scale + 1e-9, equal_nan=True))


def poisson_arrivals(rate: float, count: int, *, rng: np.random.Generator) -> Seconds:
    """Times of `count` arrivals of a Poisson process, seconds from its start."""
    return np.cumsum(rng.exponential(1 / rate, count))


def open_loop(
    lanes: Lanes, work: Work, arrivals: Seconds, *, limit_seconds: float, clock: Clock | None = None
) -> LoadResult:
    """Sends requests at their times, first come first served, and measures from those times.

    Args:
        lanes: Serve the requests.
        work: The requests.
        arrivals: Intended times, seconds from the start, ascending.
        limit_seconds: No request is started later than this; what is due by then and waits is `unfinished`.
        clock: The machine's when None.
    """
    timer = clock or WallClock()
    count = len(arrivals)
    latencies, service = np.full(count, np.nan), np.full(count, np.nan)
    wrong = np.zeros(count, "bool")
    ticket, lock = iter(range(count)), threading.Lock()
    start = timer.now()

    def serve(session: Session, _: int) -> float:
        last = start
        while True:
            with lock:
                i = next(ticket, None)
            if i is None:
                return last
            due = start + float(arrivals[i])
            if (wait := due - timer.now()) > 0:
                timer.sleep(wait)
            begin = timer.now()
            if begin - start > limit_seconds:
                return last
            wrong[i] = not work.do(session, i)
            last = timer.now()
            latencies[i], service[i] = last - due, last - begin

    last = max(lanes.parallel(serve))
    done = ~np.isnan(latencies)
    due = int((arrivals <= last - start).sum())
    rate = count / float(arrivals[-1])
    waited = max(0, due - int(done.sum()))
    return LoadResult(rate, latencies[done], service[done], last - start, waited, int(wrong.sum()))


def closed_loop(
    lanes: Lanes, work: Work, *, clients: int, seconds: float, clock: Clock | None = None
) -> LoadResult:
    """Lets `clients` ask again as soon as they are answered; more clients than lanes queue up."""
    timer = clock or WallClock()
    waiting: queue.SimpleQueue[float] = queue.SimpleQueue()
    numbers, lock = iter(range(1 << 62)), threading.Lock()
    start = timer.now()
    for _ in range(clients):
        waiting.put(start)

    def serve(session: Session, _: int) -> list[tuple[float, float, bool, float]]:
        done: list[tuple[float, float, bool, float]] = []
        while True:
            try:
                submitted = waiting.get_nowait()
            except queue.Empty:
                return done  # fewer clients than lanes: this lane rests
            begin = timer.now()
            if begin - start >= seconds:
                return done
            with lock:
                number = next(numbers)
            right = work.do(session, number)
            end = timer.now()
            done.append((end - submitted, end - begin, right, end))
            waiting.put(end)

    rows = [row for each in lanes.parallel(serve, lanes=clients) for row in each]
    table = np.array([row[:2] for row in rows], "float64").reshape(-1, 2)
    end = max((row[3] for row in rows), default=start)
    wrong = sum(not row[2] for row in rows)
    return LoadResult(0.0, table[:, 0], table[:, 1], end - start, wrong=wrong)


def knee(points: Sequence[LoadResult], *, factor: float = 5.0) -> LoadResult | None:
    """The highest load before latency takes off: not saturated, P90 within `factor` of the lightest load's.

    Args:
        points: Results of rising offered rates.
        factor: How much longer than under the lightest load nine of ten users may wait.
    """
    if not points or not len(points[0].latencies):
        return None
    calm = float(np.quantile(points[0].latencies, 0.9))
    best = None
    for each in points:
        if each.saturated or not len(each.latencies):
            break
        if float(np.quantile(each.latencies, 0.9)) > factor * calm:
            break
        best = each
    return best
