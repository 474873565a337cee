"""Shadow traffic: a second version is asked the same, and its answers are compared and thrown away.

The client notices nothing of it: the second version is asked after the first one was, behind everything
else that waits for it, and not at all when its queue is half full. What it says, and how, ends in counters.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from seatrial.contract.feeds import digest
from seatrial.contract.sample import Array
from seatrial.errors import NotFound, SeatrialError, Unavailable
from seatrial.serve.batching.queueing import PRIORITIES, Request
from seatrial.serve.call import Call
from seatrial.serve.model import Outcome, ServedModel
from seatrial.serve.settings import Shadow
from seatrial.serve.traffic.ask import Ask, Cancel
from seatrial.serve.traffic.compare import Comparison, compare

KEPT = 32  # requests that were answered differently, for people
MOST_COMPARING = 16  # pairs that may wait to be compared
LARGEST_INLINE = 1 << 16  # bytes of outputs that are compared at once, not in a thread
LONGEST = 10.0  # seconds after which a second answer is of no interest
_LOW = PRIORITIES.index("low")

_log = logging.getLogger("seatrial.serve")


@dataclass
class ShadowTally:
    """What became of the second questions; all only grow.

    Attributes:
        agreed: Same answer.
        differed: Another answer, or an answer where the first one failed.
        failed: No answer where the first one had one.
        dropped: Not asked, or not compared: it was busy or not ready, or the first answer was none of the
            version's own.
        own_seconds: Time to the first answer, of the pairs that were compared.
        its_seconds: Time to the second, likewise.
        max_difference: Largest difference between two numbers so far.
    """

    agreed: int = 0
    differed: int = 0
    failed: int = 0
    dropped: int = 0
    own_seconds: float = 0.0
    its_seconds: float = 0.0
    max_difference: float = 0.0

    @property
    def compared(self) -> int:
        """Pairs of answers."""
        return self.agreed + self.differed

    @property
    def latency_ratio(self) -> float:
        """How many times as long the second version takes; 0: nothing was compared."""
        return self.its_seconds / self.own_seconds if self.own_seconds else 0.0


class ShadowLine:
    """One model's shadow.

    Args:
        shadow: As it was set.
        find: The second version as it is now; may raise `NotFound`.
        draw: A number in [0, 1).
    """

    def __init__(self, shadow: Shadow, find: Callable[[], ServedModel], draw: Callable[[], float]) -> None:
        self.shadow, self._find, self._draw = shadow, find, draw
        self.tally = ShadowTally()
        self.differing: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._pool: ThreadPoolExecutor | None = None
        self._comparing = 0

    def pair(self, model: ServedModel, ask: Ask) -> Pair | None:
        """What awaits both answers to a request; None: this one is not asked twice.

        Args:
            model: Who answers.
            ask: What is asked.
        """
        if self.shadow.share < 1 and self._draw() >= self.shadow.share:
            return None
        try:
            other = self._find()
        except NotFound:
            self.tally.dropped += 1
            return None
        if other is model:
            return None
        if not other.ready or _half_full(other):
            self.tally.dropped += 1
            return None
        return Pair(self, model, other, ask)

    def judge(self, pair: Pair) -> None:
        """Takes a pair whose two answers are there."""
        own, its, tally = pair.own, pair.its, self.tally
        if isinstance(its, Unavailable | TimeoutError) or isinstance(own, Unavailable | TimeoutError):
            tally.dropped += 1  # says something about the load, nothing about the answers
        elif pair.call.degraded:
            tally.dropped += 1  # the first answer is none of the version's own
        elif isinstance(its, BaseException):
            if isinstance(own, BaseException):
                tally.agreed += 1  # both refused it
            else:
                tally.failed += 1
                self._keep(pair, Comparison(agrees=False, why=f"no answer: {its}"))
        elif isinstance(own, BaseException):
            tally.differed += 1
            self._keep(pair, Comparison(agrees=False, why=f"an answer where there was none: {own}"))
        else:
            self._compare(pair, own or [], its or [])

    def close(self) -> None:
        """Compares nothing more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _compare(self, pair: Pair, own: list[Array], its: list[Array]) -> None:
        self.tally.own_seconds += pair.own_seconds
        self.tally.its_seconds += pair.its_seconds
        work = partial(compare, own, its, task=pair.model.contract.task, tolerance=self.shadow.tolerance)
        if sum(each.nbytes for each in own) <= LARGEST_INLINE:
            self._compared(pair, work())
            return
        if self._comparing >= MOST_COMPARING:
            self.tally.dropped += 1
            return
        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="seatrial-shadow")
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        self._comparing += 1
        future.add_done_callback(partial(self._came_back, pair))

    def _came_back(self, pair: Pair, future: asyncio.Future[Comparison]) -> None:
        self._comparing -= 1
        if not future.cancelled():
            self._compared(pair, future.result())

    def _compared(self, pair: Pair, found: Comparison) -> None:
        tally = self.tally
        tally.max_difference = max(tally.max_difference, found.max_difference or 0.0)
        if found.agrees:
            tally.agreed += 1
        else:
            tally.differed += 1
            self._keep(pair, found)

    def _keep(self, pair: Pair, found: Comparison) -> None:
        self.differing.append(
            {
                "input": "blake2b:" + digest(pair.feeds).hex(),
                "log_id": pair.call.log_id,
                "version": pair.model.version,
                "seconds": round(pair.own_seconds, 6),
                "shadow_seconds": round(pair.its_seconds, 6),
                "max_difference": found.max_difference,
                "top1": found.top1,
                "why": found.why[:200],
            }
        )


class Pair:
    """One request and its two answers.

    Args:
        line: Judges them.
        model: Who answers.
        other: Who is asked besides.
        ask: What is asked.
    """

    def __init__(self, line: ShadowLine, model: ServedModel, other: ServedModel, ask: Ask) -> None:
        self._line, self.model, self._other = line, model, other
        self._done, self.call = ask.done, ask.call
        self.feeds = ask.feeds
        self.own: Outcome | None = None
        self.its: Outcome | None = None
        self.own_seconds = self.its_seconds = 0.0
        self._clock = model.batcher.clock
        self._began = self._clock()
        self._request: Request | None = None
        self._over = False

    def begin(self, cancel: Cancel) -> Cancel:
        """Asks the second version after the first one was; returns what cancels both.

        Args:
            cancel: Cancels the first question.
        """
        asyncio.get_running_loop().call_soon(self._ask_other)
        return partial(self._cancel, cancel)

    def first(self, outcome: Outcome) -> None:
        """The real answer: it goes out before anything is done with it here."""
        self.own, self.own_seconds = outcome, self._clock() - self._began
        try:
            self._done(outcome)
        finally:
            self._judge()

    def _ask_other(self) -> None:
        if self._over:
            return
        self.feeds = {name: each.copy() for name, each in self.feeds.items()}  # they outlive the real request
        now = self._clock()
        call = Call(log_id=self.call.log_id, traceparent=self.call.traceparent)
        ask = Ask(self.feeds, partial(self._second, now), call, now + LONGEST, _LOW)
        try:
            self._request = ask.of(self._other)
        except SeatrialError as error:
            self._second(now, error)

    def _second(self, began: float, outcome: Outcome) -> None:
        self.its, self.its_seconds = outcome, self._clock() - began
        self._judge()

    def _judge(self) -> None:
        if self.own is None or self.its is None or self._over:
            return
        self._over = True
        try:
            self._line.judge(self)
        except Exception:  # noqa: BLE001 - the real request must not be touched by what its shadow does
            _log.exception("a shadow's answer could not be compared")

    def _cancel(self, cancel: Cancel) -> None:
        cancel()
        if not self._over:
            self._over = True
            self._line.tally.dropped += 1
            if self._request is not None:
                self._other.batcher.withdraw(self._request)


def _half_full(model: ServedModel) -> bool:
    queue = model.batcher.queue
    return 2 * queue.rows > queue.policy.max_queue_size
