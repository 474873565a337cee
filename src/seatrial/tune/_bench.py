"""Sessions on the bench: opened when they are first asked for, warmed up, held to the target's cores."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil

from seatrial.contract.feeds import collate
from seatrial.contract.sample import Array
from seatrial.errors import EngineFailure, UsageError
from seatrial.runtimes import Session, open_session
from seatrial.tune._record import Block
from seatrial.tune.machine import Target
from seatrial.tune.space import Point, Setup

_MOST_OPEN = 32
_SPARE_MEMORY = 2 << 30  # bytes that stay free beside the open sessions


class Bench:
    """Times points in workers of their own.

    Args:
        feeds: Real samples, each with a batch axis of 1.
        target: Its cores are used, and no others.

    Raises:
        UsageError: There is no sample to time with.
    """

    def __init__(self, feeds: Sequence[Mapping[str, Array]], target: Target) -> None:
        if not feeds:
            raise UsageError(
                "no sample of the held-out set can be prepared: there is nothing to time with",
                hint="see what is wrong with them: seatrial check MODEL --data HELDOUT",
            )
        largest = max(collate(list(feeds)), key=lambda each: len(each.order))
        self._rows = largest.feeds
        self._cores = sorted(os.sched_getaffinity(0))[-target.cores :]
        self._sessions: OrderedDict[tuple[Any, ...], Session] = OrderedDict()
        self._warm: set[tuple[Any, ...]] = set()
        self._memory: dict[tuple[Any, ...], tuple[float, float]] = {}

    def measure(self, point: Point, repeat: int) -> Block:
        """Runs a point so many times.

        Raises:
            EngineFailure: It cannot be loaded, died, hung, or has no memory.
            UsageError: The runtime does not take a switch.
        """
        session = self._session(point.setup)
        feeds = self._batch(point.batch)
        if point.key not in self._warm:
            session.time(feeds, repeat=1)
            self._warm.add(point.key)
            if point.key not in self._memory:
                used = session.resources()
                self._memory[point.key] = (float(used.rss), float(used.uss))
        resident, unique = self._memory[point.key]
        return Block(np.asarray(session.time(feeds, repeat=repeat), "float64"), resident, unique)

    def _batch(self, rows: int) -> dict[str, Array]:
        """Real rows, from the first again when there are not enough."""
        return {
            name: np.ascontiguousarray(array[np.arange(rows) % len(array)])
            for name, array in self._rows.items()
        }

    def _session(self, setup: Setup) -> Session:
        session = self._sessions.get(setup.key)
        if session is not None and getattr(session, "alive", True):
            self._sessions.move_to_end(setup.key)
            return session
        if session is not None:
            raise EngineFailure("the engine died while it was measured", kind="signal")
        self._make_room()
        session = open_session(setup.variant.artifact, setup.runtime, setup.options)
        _hold(session, self._cores[-setup.threads :] if setup.threads == 1 else self._cores)
        self._sessions[setup.key] = session
        return session

    def _make_room(self) -> None:
        while self._sessions and (
            len(self._sessions) >= _MOST_OPEN or psutil.virtual_memory().available < _SPARE_MEMORY
        ):
            key, oldest = self._sessions.popitem(last=False)
            oldest.close()
            self._warm -= {each for each in self._warm if each[: len(key)] == key}

    def close(self) -> None:
        """Ends every session."""
        sessions, self._sessions = list(self._sessions.values()), OrderedDict()
        for each in sessions:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _hold(session: Session, cores: Sequence[int]) -> None:
    """Keeps a worker and the threads it has made on some cores; cores of a shared machine differ."""
    pid = getattr(session, "pid", None)
    if not isinstance(pid, int):
        return
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)
