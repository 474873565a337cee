"""How much faster, on this machine and in turn: the paired blocks of the performance check (M06, M21)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seatrial.checks import FEWEST_PAIRS, BlockComparison, compare_blocks, interleaved, on_one_core
from seatrial.errors import SeatrialError
from seatrial.model import Artifact
from seatrial.runtimes import Session, SessionOptions, open_session

_BLOCKS = 12
_SECONDS = 3.0


@dataclass(frozen=True)
class Runner:
    """A model as it is run: artifact, runtime, options."""

    artifact: Artifact
    runtime: str
    options: SessionOptions


@dataclass(frozen=True)
class Paired:
    """Two models in turn on one feed.

    Attributes:
        before: Median seconds of the first.
        after: Median seconds of the second.
        ratio: Second over first; above 1 the second is slower.
        memory_before: Bytes of the first one's process alone.
        memory_after: Bytes of the second one's process alone.
    """

    before: float
    after: float
    ratio: BlockComparison
    memory_before: int
    memory_after: int

    @property
    def faster(self) -> bool:
        """Whether the second is surely faster."""
        return self.ratio.high < 1

    def words(self) -> str:
        """One line for people."""
        found = self.ratio
        said = f"{self.before * 1e3:.3g} ms to {self.after * 1e3:.3g} ms, ratio {found.ratio:.2f} "
        said += f"(90 %: {found.low:.2f} to {found.high:.2f})"
        if self.faster:
            return f"{said}, {1 / found.ratio:.2f} times as fast"
        return f"{said}, slower" if found.low > 1 else f"{said}, no difference can be told"


def paired(
    before: Runner,
    after: Runner,
    feed: Mapping[str, Any],
    *,
    blocks: int = _BLOCKS,
    seconds: float = _SECONDS,
) -> Paired | None:
    """Runs both in turn in workers of their own; None when a run takes so long that nothing can be said.

    Args:
        before: The source.
        after: What was made of it.
        feed: One batch that both take.
        blocks: On each side.
        seconds: For both sides together, about.

    Raises:
        SeatrialError: One of them does not load or does not take the feed.
    """
    with _opened(before) as first, _opened(after) as second:
        alone = [float(np.median(each.time(feed, repeat=3))) for each in (first, second)]
        repeat = int(np.clip(seconds / blocks / sum(alone), 1, 2000))
        with on_one_core([first, second]):
            found = interleaved(
                [
                    lambda count: first.time(feed, repeat=count),
                    lambda count: second.time(feed, repeat=count),
                ],
                blocks=blocks,
                repeat=repeat,
                deadline=time.perf_counter() + 6 * seconds,
            )
        if len(found[0]) < FEWEST_PAIRS:
            return None
        return Paired(
            before=float(np.median(np.concatenate(found[0]))),
            after=float(np.median(np.concatenate(found[1]))),
            ratio=compare_blocks(found[0], found[1]),
            memory_before=first.resources().uss,
            memory_after=second.resources().uss,
        )


def _opened(runner: Runner) -> Session:
    return open_session(runner.artifact, runner.runtime, runner.options)


def tried(before: Runner, after: Runner, feed: Mapping[str, Any]) -> tuple[Paired | None, str]:
    """As `paired`, but where it cannot be timed the reason instead of an error."""
    try:
        found = paired(before, after, feed)
    except SeatrialError as error:
        return None, f"not timed: {error.message}"
    return found, "" if found else "not timed: one run takes too long"
