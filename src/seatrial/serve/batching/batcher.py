"""Takes requests to devices in batches and gives each its own rows back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial.contract.feeds import digest, split
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation, EngineFailure, SeatrialError, Unavailable
from seatrial.runtimes import joined, shape_of
from seatrial.serve.batching.device import Device
from seatrial.serve.batching.queueing import Policy, Queue, Request, Run

POISONS_KEPT = 1024
TRIES = 2  # times that one request may be on an engine that dies
# Waking a processor that fell asleep costs tenths of a millisecond, in which the device stands idle. So the
# loop stays awake around the end of a long batch that others wait behind: it looks again at once, at all
# that it has.
LONG = 0.005  # seconds from which a batch is long
EARLY, LATE = 0.0015, 0.001  # seconds around its expected end
# Bytes that are joined in no time: it was for nothing when another request comes before the end.
QUICK = 1 << 20

_log = logging.getLogger("seatrial.serve")


@dataclass
class Tally:
    """What happened, for metrics; all counters only grow.

    Attributes:
        batches: Batches that were run.
        rows: Rows that were run.
        rejected: Requests refused because the queue was full.
        expired: Requests dropped because their deadline had passed.
        cancelled: Requests whose caller went away while they waited.
        deaths: Engines that died.
        poisoned: Requests refused because they killed an engine before.
        batched: Told each batch when it came back from its device.
    """

    batches: int = 0
    rows: int = 0
    rejected: int = 0
    expired: int = 0
    cancelled: int = 0
    deaths: int = 0
    poisoned: int = 0
    batched: Callable[[Run, Sequence[Request]], None] = field(default=lambda *_: None)


class Batcher:
    """One model's queue and the devices that serve it.

    Args:
        policy: How batches are formed.
        open_sessions: One for each device; see `Device`.
        timeout: Seconds that one batch may take.
        service: Seconds that a batch of so many rows takes, for deadlines.
    """

    def __init__(
        self,
        policy: Policy,
        open_sessions: Sequence[Callable[[], Any]],
        *,
        timeout: float = 60.0,
        service: Callable[[int], float] | None = None,
    ) -> None:
        self.queue = Queue(policy, service)
        self._service = service or (lambda _: 0.0)
        self.tally = Tally()
        self.devices = [
            Device(each, timeout=timeout, freed=self._wake, died=self._died, number=number)
            for number, each in enumerate(open_sessions)
        ]
        self._loop = asyncio.get_running_loop()
        # Not the loop's own: uvloop counts in milliseconds, and queue delays are shorter than that.
        self.clock: Callable[[], float] = time.monotonic
        self.bereft: Callable[[], None] = _nothing  # called when the last engine is gone, before it is back
        self._timer: asyncio.TimerHandle | None = None
        self._woken = False
        self._draining = False
        self._idle: asyncio.Future[None] | None = None
        self._running = 0
        self._poisons: OrderedDict[bytes, str] = OrderedDict()
        self._ahead: tuple[list[Request], dict[str, Array]] = ([], {})

    async def start(self) -> None:
        """Loads the model on every device.

        Raises:
            SeatrialError: An engine cannot load it.
        """
        await asyncio.gather(*(each.start() for each in self.devices))

    @property
    def ready(self) -> bool:
        """Whether any engine is up."""
        return not self._draining and any(each.ready for each in self.devices)

    def submit(self, request: Request) -> None:
        """Takes a request; its `done` is called once, later.

        Raises:
            UsageError: It has more rows than a batch may have.
            Unavailable: The queue is full, or the model is being unloaded.
            ContractViolation: These very numbers killed an engine before.
        """
        if self._draining:
            raise Unavailable("this version is being unloaded", hint="ask again: another one serves now")
        if self._poisons:
            self._refuse_poison(request)
        request.shape = request.shape or shape_of(request.feeds)
        try:
            self.queue.put(request)
        except Unavailable:
            self.tally.rejected += 1
            raise
        self._wake()

    def takes_together(self, rows: int) -> bool:
        """Whether requests of so many rows may be submitted as one that stands for them.

        It may be when nothing is to be decided for one of them alone.
        """
        policy, waiting = self.queue.policy, self.queue.rows
        fits = rows <= policy.max_batch_size and waiting + rows <= policy.max_queue_size
        return fits and not self._draining and not self._poisons

    def take_apart(self, request: Request) -> bool:
        """Puts those in the queue that a request stands for, in its place; False: it does not wait."""
        if request.apart is None or not self.queue.cancel(request):
            return False
        self.queue.put_back(request.apart())
        return True

    def cancel(self, request: Request) -> None:
        """The caller is gone: a request that waits is taken out; one that runs is let run."""
        if self.withdraw(request):
            self.tally.cancelled += 1

    def withdraw(self, request: Request) -> bool:
        """Takes a request that waits out again, because somebody else answers; False: it does not wait."""
        found = self.queue.cancel(request)
        if found:
            self._rest()
        return found

    async def drain(self) -> None:
        """Takes nothing new, finishes what is there, then ends the engines."""
        self._draining = True
        self._wake()
        if len(self.queue) or self._running:
            self._idle = self._loop.create_future()
            await self._idle
        await self.close()

    async def close(self) -> None:
        """Ends the engines at once; what waits is told."""
        self._draining = True
        if self._timer is not None:
            self._timer.cancel()
        for each in self.devices:
            await each.close()
        for request in self.queue.everything():  # those that a dying batch put back are among them
            self._tell(request, Unavailable("the server is shutting down"))

    def _wake(self) -> None:
        """Looks at the queue once in this turn of the loop, however many requests came in it."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._woken = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for device in self.devices:
            while device.free and len(self.queue):
                now = self.clock()
                taken = self.queue.take(now, drain=self._draining)
                for request in taken.expired:
                    self._expire(request)
                if taken.batch:
                    self._run(device, taken.batch, now)
                elif taken.wait is not None:
                    self._look_again(taken.wait)
                    break
        self._rest()

    def _look_again(self, wait: float) -> None:
        """In time for the end of a delay; the loop's timers count in milliseconds, which is much of one."""
        early = EARLY if self._service(1) >= LONG else 0.0
        if wait <= early:
            self._wake()
        elif self._timer is None:
            self._timer = self._loop.call_later(wait - early, self._pump)

    def _run(self, device: Device, batch: list[Request], now: float) -> None:
        self._running += 1
        run = Run(now, device.number, sum(each.rows for each in batch))
        for each in batch:
            each.run = run
        ahead, feeds = self._ahead
        if ahead != batch:
            feeds = joined([each.feeds for each in batch])
        self._ahead = ([], {})
        device.begin(feeds, lambda outcome: self._ended(batch, outcome, run))
        expected = self._service(run.rows)
        if expected >= LONG:
            self._loop.call_later(expected - EARLY, self._stay_awake, run, now + expected + LATE)

    def _stay_awake(self, run: Run, until: float) -> None:
        if not run.ended and len(self.queue) and self.clock() < until:
            self._join_ahead()
            self._loop.call_soon(self._stay_awake, run, until)

    def _join_ahead(self) -> None:
        """Joins what would run next while the device is busy, so that it need not wait for that."""
        batch = self.queue.next()
        if batch == self._ahead[0]:
            return
        if sum(array.nbytes for each in batch for array in each.feeds.values()) <= QUICK:
            self._ahead = (batch, joined([each.feeds for each in batch]))

    def _ended(self, batch: list[Request], outcome: list[Array] | SeatrialError, run: Run) -> None:
        run.ended = self.clock()
        if len(self.queue):
            self._pump()  # the device works on while these answers are written
        self._running -= 1
        self.tally.batches += 1
        self.tally.rows += run.rows
        self.tally.batched(run, batch)
        if isinstance(outcome, SeatrialError):
            self._failed(batch, outcome)
        else:
            parts = split(outcome, [each.rows for each in batch])
            if parts is None or _mixed(batch, outcome):
                self._one_by_one(batch)
            else:
                for request, part in zip(batch, parts, strict=True):
                    self._tell(request, part)
        self._wake()

    def _failed(self, batch: list[Request], error: SeatrialError) -> None:
        """Of a batch that failed, each request is asked alone, so that one cannot cost the others."""
        died = isinstance(error, EngineFailure) and error.kind != "exception"
        batch = _singles(batch)
        for each in batch:
            each.tries += died
        if len(batch) > 1:
            self._one_by_one(batch)
            return
        if not batch:
            return  # their clients are gone
        request = batch[0]
        if not died:
            self._tell(request, error)
            return
        if request.tries < TRIES:
            self.queue.put_back([request])
            return
        self._remember(request, error)
        self._tell(request, error)

    def _one_by_one(self, batch: list[Request]) -> None:
        batch = _singles(batch)
        for request in batch:
            request.shape = (*request.shape, id(request))
        self.queue.put_back(batch)

    def _remember(self, request: Request, error: SeatrialError) -> None:
        if isinstance(error, EngineFailure) and error.kind != "exception":
            self._poisons[digest(request.feeds)] = error.message
            while len(self._poisons) > POISONS_KEPT:
                self._poisons.popitem(last=False)

    def _refuse_poison(self, request: Request) -> None:
        why = self._poisons.get(digest(request.feeds))
        if why is not None:
            self.tally.poisoned += 1
            raise ContractViolation(
                f"these numbers killed the engine before: {why}", hint="the engine is not asked again"
            )

    def _expire(self, request: Request) -> None:
        self.tally.expired += 1
        self._tell(request, TimeoutError("the deadline cannot be met any more"))

    def _died(self, error: SeatrialError) -> None:
        self.tally.deaths += 1
        if not any(each.ready for each in self.devices):
            self.bereft()

    @staticmethod
    def _tell(request: Request, outcome: list[Array] | BaseException) -> None:
        request.state = "done"
        try:
            request.done(outcome)
        except Exception:  # noqa: BLE001 - the others of the batch wait to be told as well
            _log.exception("a caller could not take its answer")

    def _rest(self) -> None:
        if self._idle is not None and not self._idle.done() and not self._running and not len(self.queue):
            self._idle.set_result(None)


def _nothing() -> None:
    pass


def _singles(batch: list[Request]) -> list[Request]:
    """The requests of a batch, each for itself."""
    return [one for each in batch for one in (each.apart() if each.apart is not None else (each,))]


def _mixed(batch: list[Request], outcome: list[Array]) -> bool:
    """Whether nobody knows whose are which rows of what came out for requests that stand as one."""
    first = batch[0]
    return (
        len(batch) == 1
        and first.apart is not None
        and any(each.shape[:1] != (first.rows,) for each in outcome)
    )
