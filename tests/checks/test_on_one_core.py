"""Models that are compared in turn run on one core, and may use all of theirs again afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from seatrial.checks._performance.service import on_one_core
from seatrial.runtimes import SessionOptions


class Worker:
    def __init__(self, threads: int = 1) -> None:
        self.options = SessionOptions(threads=threads)
        waiting = [sys.executable, "-c", "input()"]
        self.process = subprocess.Popen(waiting, stdin=subprocess.PIPE, text=True)
        self.pid = self.process.pid

    def close(self) -> None:
        self.process.communicate("\n")


def test_two_workers_share_a_core_while_they_are_compared() -> None:
    one, other, wide = Worker(), Worker(), Worker(threads=2)
    sessions: Any = [one, other, wide]
    before = os.sched_getaffinity(one.pid)
    try:
        with on_one_core(sessions):
            assert os.sched_getaffinity(one.pid) == os.sched_getaffinity(other.pid)
            assert len(os.sched_getaffinity(one.pid)) == 1
            assert os.sched_getaffinity(wide.pid) == before
        assert os.sched_getaffinity(one.pid) == before
    finally:
        for each in sessions:
            each.close()


def test_a_worker_that_died_is_no_error() -> None:
    gone = Worker()
    gone.close()
    sessions: Any = [gone]
    with on_one_core(sessions):
        pass
