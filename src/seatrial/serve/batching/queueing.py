"""Which requests go to the device next: rows counted, shapes grouped, the oldest first. No clock of its own.

The rule: a batch is formed only when the device is free; it
waits for more rows at most `max_queue_delay` counted from its *oldest* request; it takes requests of one
shape; nothing is ever split. What waits is bounded in rows, and what cannot make its deadline is dropped
when it would be taken, not run for nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial.contract.sample import Array
from seatrial.errors import Unavailable, UsageError

PRIORITIES = ("high", "normal", "low")


@dataclass(frozen=True)
class Policy:
    """How one model's requests are batched.

    Attributes:
        max_batch_size: Most rows in one call; 1 switches batching off.
        max_queue_delay: Seconds that the oldest request may wait for company.
        max_queue_size: Most rows that may wait; more are refused at once.
        larger: Whether a request of more rows than `max_batch_size` runs alone; otherwise it is refused.
    """

    max_batch_size: int = 1
    max_queue_delay: float = 0.0
    max_queue_size: int = 64
    larger: bool = False


@dataclass(eq=False, slots=True)
class Run:
    """One batch on its way through a device, for those who look at times.

    Attributes:
        began: When the device got it, on the server's clock in seconds.
        device: Which one, from 0.
        rows: Of the whole batch.
        ended: When its answer was there; 0: not yet.
    """

    began: float
    device: int
    rows: int
    ended: float = 0.0


@dataclass(eq=False, slots=True)
class Request:
    """One request that waits or runs.

    Attributes:
        feeds: Arrays by input name, batch axis first.
        rows: Length of the batch axis.
        done: Called once, with the outputs (this request's rows) or the error.
        arrived: When it came, on the server's clock in seconds.
        deadline: When its answer is worth nothing any more; None: never.
        priority: Index into `PRIORITIES`.
        shape: What it can be batched with: names, types and shapes without the batch axis.
        tries: How often it was handed to an engine that died.
        state: `queued`, `running`, `done`.
        run: The batch it was in last; None: it never was on a device.
        apart: Gives the requests that this one stands for, each for itself; None: it is one.
        arrivals: When each of those came.
    """

    feeds: Mapping[str, Array]
    rows: int
    done: Callable[[list[Array] | BaseException], None]
    arrived: float
    deadline: float | None = None
    priority: int = 1
    shape: tuple[Any, ...] = ()
    tries: int = 0
    state: str = "queued"
    run: Run | None = None
    apart: Callable[[], list[Request]] | None = None
    arrivals: Sequence[float] = ()


@dataclass
class Taken:
    """What a look into the queue gave.

    Attributes:
        batch: Requests to run now; empty when there is nothing to run yet.
        wait: Seconds until it is worth looking again; None: when something comes.
        expired: Requests dropped because their deadline cannot be met.
    """

    batch: list[Request] = field(default_factory=list)
    wait: float | None = None
    expired: list[Request] = field(default_factory=list)


class Queue:
    """Requests of one model that wait for a device.

    Args:
        policy: The rule.
        service: Seconds that a batch of so many rows takes, as measured; None where nobody knows.
    """

    def __init__(self, policy: Policy, service: Callable[[int], float] | None = None) -> None:
        self.policy = policy
        self._service = service or (lambda _: 0.0)
        self._levels: list[dict[tuple[Any, ...], deque[Request]]] = [{} for _ in PRIORITIES]
        self._rows: list[dict[tuple[Any, ...], int]] = [{} for _ in PRIORITIES]
        self.rows = 0

    def __len__(self) -> int:
        return sum(len(waiting) for level in self._levels for waiting in level.values())

    def put(self, request: Request) -> None:
        """Takes a request in.

        Raises:
            UsageError: It has more rows than a batch may have.
            Unavailable: The queue is full.
        """
        policy = self.policy
        if request.rows > policy.max_batch_size > 1 and not policy.larger:
            raise UsageError(
                f"the request has {request.rows} rows, a batch at most {policy.max_batch_size}",
                hint="send it in parts",
            )
        if self.rows and self.rows + request.rows > policy.max_queue_size:
            raise Unavailable(
                f"{self.rows} rows are waiting, at most {policy.max_queue_size} may", hint="try again later"
            )
        level = self._levels[request.priority]
        waiting = level.get(request.shape)
        if waiting is None:
            waiting = level[request.shape] = deque()
            self._rows[request.priority][request.shape] = 0
        waiting.append(request)
        self._rows[request.priority][request.shape] += request.rows
        self.rows += request.rows

    def put_back(self, requests: list[Request]) -> None:
        """Puts requests to the front again, in their order: their engine died under them."""
        for request in reversed(requests):
            request.state = "queued"
            level = self._levels[request.priority]
            level.setdefault(request.shape, deque()).appendleft(request)
            rows = self._rows[request.priority]
            rows[request.shape] = rows.get(request.shape, 0) + request.rows
            self.rows += request.rows

    def cancel(self, request: Request) -> bool:
        """Takes a waiting request out; False when it is not waiting any more."""
        if request.state != "queued":
            return False
        waiting = self._levels[request.priority].get(request.shape)
        if waiting is None or request not in waiting:
            return False
        waiting.remove(request)
        self._forget(request)
        request.state = "done"
        return True

    def take(self, now: float, *, drain: bool = False) -> Taken:
        """What to run now that a device is free.

        Args:
            now: On the clock of `Request.arrived`.
            drain: Nothing more will come: do not wait for company.
        """
        taken = Taken()
        for priority in range(len(PRIORITIES)):
            self._take_level(priority, now, taken, drain=drain)
            if taken.batch:
                break
        return taken

    def next(self) -> list[Request]:
        """What `take` would most likely give if a device were free now; nothing is taken."""
        level = next((each for each in self._levels if each), None)
        if level is None:
            return []
        batch: list[Request] = []
        total = 0
        for request in min(level.values(), key=lambda waiting: waiting[0].arrived):
            total += request.rows
            if batch and total > self.policy.max_batch_size:
                break
            batch.append(request)
        return batch

    def everything(self) -> list[Request]:
        """Empties the queue."""
        found = [each for level in self._levels for waiting in level.values() for each in waiting]
        self._levels = [{} for _ in PRIORITIES]
        self._rows = [{} for _ in PRIORITIES]
        self.rows = 0
        return found

    def _take_level(self, priority: int, now: float, taken: Taken, *, drain: bool) -> None:
        policy, level = self.policy, self._levels[priority]
        while level:
            shape = self._ready_shape(priority, now, drain=drain)
            if shape is None:
                oldest = min(waiting[0].arrived for waiting in level.values())
                wait = max(0.0, oldest + policy.max_queue_delay - now)
                taken.wait = wait if taken.wait is None else min(taken.wait, wait)
                return
            self._fill(priority, shape, now, taken)
            if taken.batch:
                return

    def _ready_shape(self, priority: int, now: float, *, drain: bool) -> tuple[Any, ...] | None:
        """The shape whose oldest request came first, among those that are full or have waited enough."""
        policy, level, rows = self.policy, self._levels[priority], self._rows[priority]
        best: tuple[Any, ...] | None = None
        first = 0.0
        for shape, waiting in level.items():
            arrived = waiting[0].arrived
            if best is not None and arrived >= first:
                continue
            full = rows[shape] >= policy.max_batch_size
            # A hair of slack: a timer that fires a microsecond early must not wait a second time.
            if drain or full or now - arrived >= policy.max_queue_delay - 1e-5:
                best, first = shape, arrived
        return best

    def _fill(self, priority: int, shape: tuple[Any, ...], now: float, taken: Taken) -> None:
        waiting, total = self._levels[priority][shape], 0
        most = max(self.policy.max_batch_size, 1)
        while waiting and (not taken.batch or total + waiting[0].rows <= most):
            request = waiting.popleft()
            self._forget(request)
            if request.deadline is not None and now + self._service(total + request.rows) > request.deadline:
                request.state = "done"
                taken.expired.append(request)
                continue
            request.state = "running"
            taken.batch.append(request)
            total += request.rows
            if self.policy.max_batch_size <= 1:
                break

    def _forget(self, request: Request) -> None:
        rows = self._rows[request.priority]
        rows[request.shape] -= request.rows
        self.rows -= request.rows
        if not self._levels[request.priority][request.shape]:
            del self._levels[request.priority][request.shape]
            del rows[request.shape]
