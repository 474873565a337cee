"""One engine in a process of its own, driven by the event loop: begin a batch, be told when it is done.

No thread waits for it: the loop watches the worker's socket. When the worker dies it is replaced, with a
growing pause between attempts, and whoever was on it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Protocol

from seatrial.contract.sample import Array
from seatrial.errors import EngineFailure, SeatrialError, Unavailable

FIRST_PAUSE = 0.1  # seconds before an engine that died is started again; doubles each time
LONGEST_PAUSE = 10.0
STEADY = 30.0  # seconds of life after which an engine's earlier deaths are forgiven

Done = Callable[[list[Array] | SeatrialError], None]


class AsyncSession(Protocol):
    """What a device needs of a session; `seatrial.runtimes` sessions have it."""

    def begin(self, feeds: Mapping[str, Array]) -> None:
        """Hands over one batch and returns at once."""
        ...

    def finish(self) -> list[Array]:
        """The outputs of the batch that was begun."""
        ...

    def abort(self) -> None:
        """Kills the engine; `finish` then says that it timed out."""
        ...

    def fileno(self) -> int:
        """Readable when the answer is there."""
        ...

    @property
    def alive(self) -> bool:
        """Whether the next call can be answered."""
        ...

    def close(self) -> None:
        """Ends the engine."""
        ...


class Device:
    """One engine process and its life.

    Args:
        open_session: Loads the model in a new worker; called in a thread, because it takes seconds.
        timeout: Seconds that one batch may take before the engine is killed.
        freed: Called whenever the device can take a batch.
        died: Told why an engine died, for logs and metrics.
        number: Which of its model's devices it is, from 0.
    """

    def __init__(
        self,
        open_session: Callable[[], AsyncSession],
        *,
        timeout: float,
        freed: Callable[[], None],
        died: Callable[[SeatrialError], None] = lambda _: None,
        number: int = 0,
    ) -> None:
        self.number = number
        self._open, self._timeout = open_session, timeout
        self._freed, self._died = freed, died
        self._loop = asyncio.get_running_loop()  # asked for once: it costs a system call
        self._session: AsyncSession | None = None
        self._done: Done | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._restart: asyncio.Task[None] | None = None
        self._closed = False
        self._pause, self._born, self._until = FIRST_PAUSE, 0.0, 0.0
        self.deaths = 0

    @property
    def free(self) -> bool:
        """Whether a batch may be begun now."""
        return self._session is not None and self._done is None

    @property
    def ready(self) -> bool:
        """Whether an engine is up, busy or not."""
        return self._session is not None

    @property
    def pid(self) -> int | None:
        """Process id of the engine; None: there is none now, or it is in this process."""
        return getattr(self._session, "pid", None)

    async def start(self) -> None:
        """Loads the model.

        Raises:
            SeatrialError: The engine cannot load it.
        """
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, self._open)
        try:
            session = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_end)  # the thread goes on and opens what nobody will take
            raise
        if self._closed:
            session.close()
            return
        self._session, self._born = session, loop.time()
        loop.add_reader(session.fileno(), self._readable)
        self._freed()

    def begin(self, feeds: Mapping[str, Array], done: Done) -> None:
        """Runs one batch; `done` is called once, later, with the outputs or the error.

        An engine that dies under the batch gives an `EngineFailure` whose `kind` is not `exception`.
        """
        assert self._session is not None  # noqa: S101 - callers ask `free` first
        self._done = done
        loop = self._loop
        try:
            self._session.begin(feeds)
        except SeatrialError as error:
            if not self._session.alive:
                # Its line was cut and is readable: nobody may look for an answer before this is told.
                loop.remove_reader(self._session.fileno())
            loop.call_soon(self._finished, error)
            return
        self._until = loop.time() + self._timeout
        if self._watchdog is None:
            self._watchdog = loop.call_later(self._timeout, self._watch)

    def _watch(self) -> None:
        """Ends an engine that took too long; one timer for all batches, which come by the thousand."""
        self._watchdog = None
        if self._session is None or self._done is None:
            return
        loop = asyncio.get_running_loop()
        left = self._until - loop.time()
        if left > 0:
            self._watchdog = loop.call_later(left, self._watch)
        else:
            self._session.abort()

    async def close(self) -> None:
        """Ends the engine; whoever is on it is told."""
        self._closed = True
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._restart is not None:
            self._restart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._restart
        self._part()
        if self._done is not None:
            self._finished(Unavailable("the server is shutting down"))

    def _readable(self) -> None:
        if self._session is None:
            return
        if self._done is None:  # an idle engine says nothing: its line was cut
            self._lost(EngineFailure("the engine died while it was idle", kind="signal"))
            return
        try:
            outputs: list[Array] | SeatrialError = self._session.finish()
        except SeatrialError as error:
            outputs = error
        self._finished(outputs)

    def _finished(self, outcome: list[Array] | SeatrialError) -> None:
        done, self._done = self._done, None
        if self._session is not None and not self._session.alive and isinstance(outcome, SeatrialError):
            self._lost(outcome)
        if done is not None:
            done(outcome)
        if self.free:
            self._freed()

    def _lost(self, error: SeatrialError) -> None:
        self.deaths += 1
        self._part()
        self._died(error)
        if not self._closed:
            self._restart = asyncio.get_running_loop().create_task(self._again())

    def _part(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            asyncio.get_running_loop().remove_reader(session.fileno())
            session.close()

    async def _again(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._born > STEADY:
            self._pause = FIRST_PAUSE
        while not self._closed:
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            try:
                await self.start()
            except SeatrialError as error:
                self._died(error)
            else:
                return


def _end(opening: asyncio.Future[AsyncSession]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
