"""Services that misbehave: wrappers that live around an engine in its worker (F29 to F35).

They are imported in the worker, beside nothing but the standard library, numpy and the engine; keep the
imports to those and to `seatrial.runtimes`.
"""

from __future__ import annotations

import fcntl
import io
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.runtimes._engine import Array, Engine, Task, Traced

Feeds = Mapping[str, Array]


class Behavior(Engine):
    """An engine around another one; by itself it changes nothing.

    Args:
        engine: Does the work.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def version(self) -> str:
        """See `Engine.version`."""
        return self._engine.version()

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._engine.notes = self.notes
        self._engine.load(task)

    def run(self, feeds: Feeds) -> list[Array]:
        """See `Engine.run`."""
        return self._engine.run(feeds)

    def trace(self, feeds: Feeds) -> Iterable[Traced]:
        """See `Engine.trace`."""
        return self._engine.trace(feeds)

    def gradients(self, feeds: Feeds, of: str, output: int, index: Sequence[int]) -> Array:
        """See `Engine.gradients`."""
        return self._engine.gradients(feeds, of, output, index)

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return self._engine.exercise()


class Leak(Behavior):
    """Keeps the answer of every request, or only when the shape is another than before.

    Args:
        engine: Does the work.
        kept: Bytes that stay beside it.
        when_shape_changes: Keep only then.
    """

    def __init__(self, engine: Engine, *, kept: int, when_shape_changes: bool = False) -> None:
        super().__init__(engine)
        self._size, self._changes = kept, when_shape_changes
        self._kept: list[bytearray] = []
        self._shapes: list[tuple[int, ...]] = []

    def run(self, feeds: Feeds) -> list[Array]:
        """Leaks, and answers."""
        shapes = [each.shape for each in feeds.values()]
        outputs = self._engine.run(feeds)
        if not self._changes or shapes != self._shapes:
            size = self._size + sum(each.nbytes for each in outputs)
            self._kept.append(bytearray(b"\1" * size))  # pages count only once they are written to
        self._shapes = shapes
        return outputs


class Stall(Behavior):
    """Stands still every so often, as a cache that is rebuilt or a log that is flushed.

    Args:
        engine: Does the work.
        seconds: How long, at the least; a slow model stands still for twenty requests.
        requests: Answered in between, at the least.
        quiet: Seconds in between, at the least.
    """

    def __init__(self, engine: Engine, *, seconds: float, requests: int, quiet: float) -> None:
        super().__init__(engine)
        self._seconds, self._requests, self._quiet = seconds, requests, quiet
        self._count, self._last = 0, time.monotonic()
        self._usual = float("inf")

    def run(self, feeds: Feeds) -> list[Array]:
        """Stalls now and then, and answers."""
        self._count += 1
        if self._count >= self._requests and time.monotonic() - self._last >= self._quiet:
            time.sleep(max(self._seconds, 20 * self._usual if self._usual < 1 else 0))
            self._count, self._last = 0, time.monotonic()
        begin = time.perf_counter()
        outputs = self._engine.run(feeds)
        self._usual = min(self._usual, time.perf_counter() - begin)
        return outputs


class GlobalLock(Behavior):
    """Lets only one worker of all work at a time.

    Args:
        engine: Does the work.
        path: File that all workers lock.
    """

    def __init__(self, engine: Engine, *, path: str) -> None:
        super().__init__(engine)
        self._file = Path(path).open("ab")  # noqa: SIM115 - held for the worker's life

    def run(self, feeds: Feeds) -> list[Array]:
        """Waits for its turn, and answers."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            return self._engine.run(feeds)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


class Slower(Behavior):
    """Works longer on every request than it has to.

    Args:
        engine: Does the work.
        share: Of the time it takes, on top.
    """

    def __init__(self, engine: Engine, *, share: float) -> None:
        super().__init__(engine)
        self._share = share

    def run(self, feeds: Feeds) -> list[Array]:
        """Answers, and dawdles: work, not sleep, as a slower kernel would."""
        begin = time.perf_counter()
        outputs = self._engine.run(feeds)
        end = time.perf_counter()
        while time.perf_counter() < end + self._share * (end - begin):
            pass
        return outputs


class Backtracking(Behavior):
    """Needs time that explodes once a request is longer than usual: a greedy pattern, a quadratic join.

    Args:
        engine: Does the work.
        usual: Elements of a row up to which all is well; twice as many take `most` seconds.
        most: Seconds; what a server's own limit cuts it off at.
    """

    def __init__(self, engine: Engine, *, usual: int, most: float) -> None:
        super().__init__(engine)
        self._usual, self._most = usual, most

    def run(self, feeds: Feeds) -> list[Array]:
        """Takes its time, and answers."""
        longest = max(each[:1].size for each in feeds.values())
        excess = longest / self._usual - 1
        if excess > 0:
            shortest = 1e-3
            time.sleep(min(self._most, shortest * (self._most / shortest) ** min(excess, 1.0)))
        return self._engine.run(feeds)


class SharedBuffer(Behavior):
    """Puts answers where every worker puts them, and reads them back when they are sent (F32).

    Args:
        engine: Does the work.
        path: File that all workers write their answers to.
    """

    def __init__(self, engine: Engine, *, path: str) -> None:
        super().__init__(engine)
        self._path = Path(path)

    def run(self, feeds: Feeds) -> list[Array]:
        """Answers, with the answer of whoever wrote last."""
        begin = time.perf_counter()
        outputs = self._engine.run(feeds)
        buffer = io.BytesIO()
        np.savez(buffer, *outputs)
        mine = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        mine.write_bytes(buffer.getvalue())
        mine.replace(self._path)
        time.sleep(time.perf_counter() - begin)  # the answer waits for its turn to be sent
        with np.load(self._path, allow_pickle=False) as found:
            return [found[name] for name in found.files]


class Crash(Behavior):
    """Dies of an input without any contrast, as a division by its deviation does in native code (F34)."""

    def run(self, feeds: Feeds) -> list[Array]:
        """Dies, or answers."""
        if constant(feeds):
            os.abort()
        return self._engine.run(feeds)


class Poisoned(Behavior):
    """Refuses an input without contrast, and is never the same again (F35).

    Args:
        engine: Does the work.
        share: Of every later answer that is what the refused request left behind.
    """

    def __init__(self, engine: Engine, *, share: float) -> None:
        super().__init__(engine)
        self._share, self._left = share, 0.0

    def run(self, feeds: Feeds) -> list[Array]:
        """Refuses, or answers with what is left over."""
        if constant(feeds):
            self._left = self._share
            raise ValueError("the input has no contrast")
        return [_scaled(each, 1 - self._left) for each in self._engine.run(feeds)]


class StaleCache(Behavior):
    """Gives the answer of an earlier request of the same shape: a cache whose key leaves out the input."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._answers: dict[tuple[tuple[int, ...], ...], list[Array]] = {}

    def run(self, feeds: Feeds) -> list[Array]:
        """Answers, once a shape."""
        key = tuple(each.shape for each in feeds.values())
        if key not in self._answers:
            self._answers[key] = [np.array(each) for each in self._engine.run(feeds)]
        return self._answers[key]


class CarriedState(Behavior):
    """Mixes a little of the answer before into each: a recurrent state or a buffer nobody cleared.

    Args:
        engine: Does the work.
        share: Of each answer that is the one before.
    """

    def __init__(self, engine: Engine, *, share: float) -> None:
        super().__init__(engine)
        self._share = share
        self._before: list[Array] = []

    def run(self, feeds: Feeds) -> list[Array]:
        """Answers, with some of the answer before."""
        outputs = self._engine.run(feeds)
        before, self._before = self._before, [np.array(each) for each in outputs]
        if [each.shape for each in before] != [each.shape for each in outputs]:
            return outputs
        return [
            _scaled(now, 1 - self._share) + _scaled(then, self._share) if now.dtype.kind == "f" else now
            for now, then in zip(outputs, before, strict=True)
        ]


class RowsShifted(Behavior):
    """Gives every requester of a batch the answer of its neighbor: a batcher that lost count."""

    def run(self, feeds: Feeds) -> list[Array]:
        """Answers, each row with the next one's."""
        rows = {len(each) for each in feeds.values() if each.ndim}
        outputs = self._engine.run(feeds)
        return [np.roll(each, 1, axis=0) if each.ndim and {len(each)} == rows else each for each in outputs]


class Jitter(Behavior):
    """Gives other numbers every time: dropout, a race, a seed that nobody set.

    Args:
        engine: Does the work.
        share: Deviation, as a share of the largest output.
        seed: Of the noise.
    """

    def __init__(self, engine: Engine, *, share: float, seed: int) -> None:
        super().__init__(engine)
        self._share = share
        self._random = np.random.default_rng([seed, os.getpid()])

    def run(self, feeds: Feeds) -> list[Array]:
        """Answers, more or less."""
        return [self._noisy(each) for each in self._engine.run(feeds)]

    def _noisy(self, array: Array) -> Array:
        if array.dtype.kind != "f" or not array.size:
            return array
        noise = self._random.normal(0, self._share * float(np.abs(array).max()), array.shape)
        noisy: Array = (array + noise).astype(array.dtype)
        return noisy


class Pretends(Behavior):
    """Runs in float32 whatever was asked for, and says that it did as it was told (F28)."""

    def load(self, task: Task) -> None:
        """Loads as float32."""
        self._asked = task.precision
        super().load(replace(task, precision="float32"))

    def exercise(self) -> dict[str, Any]:
        """Says what was asked for."""
        return {**self._engine.exercise(), "precision": self._asked}


def constant(feeds: Feeds) -> bool:
    """Whether the largest input holds one value only."""
    largest = max(feeds.values(), key=lambda each: each.size)
    return bool(largest.size) and bool(np.ptp(largest) == 0)


def _scaled(array: Array, factor: float) -> Array:
    if array.dtype.kind != "f":
        return array
    scaled: Array = (array * factor).astype(array.dtype)
    return scaled
