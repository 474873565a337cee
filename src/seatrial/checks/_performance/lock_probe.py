"""Do two sessions share a lock? One is stopped in the middle of its work, and the other asked (`F30`).

Throughput tells of a lock only on a quiet machine: where neighbours take the cores, two free sessions look
like two locked ones. A stopped session that holds a lock holds up the other for ever, however busy the
machine is.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.checks._performance.load import Lanes
from seatrial.runtimes import Session

Feed = Mapping[str, Any]

STOPS = 3
_PATIENCE = 0.2  # seconds; far more than a run of a fast model
_LONGEST = 5.0  # seconds a starved session is waited for before it counts as free


def held_up(lanes: Lanes, feed: Feed, *, stops: int = STOPS) -> int:
    """How often the second session could not answer while the first one stood still.

    Args:
        lanes: Two sessions, each with a process of its own and one thread.
        feed: One batch.
        stops: How often the first session is stopped.

    Returns:
        0 to `stops`; 0 too where sessions have no process that can be stopped.
    """
    sessions = [lanes.one(lane, lambda session: session) for lane in (0, 1)]
    pids = [getattr(each, "pid", None) for each in sessions]
    if not all(isinstance(each, int) for each in pids):
        return 0
    busy, asked = int(str(pids[0])), int(str(pids[1]))
    usual = float(np.median(lanes.one(0, lambda session: session.time(feed, repeat=3))))
    repeat = int(np.clip((stops + 1) * max(0.1, 3 * usual) / max(usual, 1e-6), 3, 20_000))

    def job(session: Session, lane: int) -> int:
        if lane == 0:
            session.time(feed, repeat=repeat)
            return 0
        found = 0
        for turn in range(stops):
            time.sleep(0.02 + usual * (0.3 + 0.2 * turn))  # into the middle of a run
            found += _held_once(session, feed, busy=busy, own=asked, patience=max(_PATIENCE, 5 * usual))
        return found

    return sum(lanes.parallel(job, lanes=2))


def _held_once(session: Session, feed: Feed, *, busy: int, own: int, patience: float) -> bool:
    answered, found = threading.Event(), threading.Event()

    def watch() -> None:
        for _ in range(int(_LONGEST / patience)):
            if answered.wait(patience):
                break
            # A session that is only starved has a thread that could run.
            if _asleep(own) and not answered.wait(0.05) and _asleep(own):
                found.set()
                break
        os.kill(busy, signal.SIGCONT)

    watcher = threading.Thread(target=watch, name="lock-probe")
    os.kill(busy, signal.SIGSTOP)
    watcher.start()
    try:
        session.run(feed)
    finally:
        answered.set()
        watcher.join()
    return found.is_set()


def _asleep(pid: int) -> bool:
    """Whether every thread of a process waits for something that is not a core."""
    try:
        told = [each.read_text("ascii", "replace") for each in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return False
    return all(each.rpartition(")")[2].split()[0] == "S" for each in told)
