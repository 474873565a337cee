"""Child processes that judge releases side by side; one that dies or hangs costs its release, not the run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import Unavailable
from seatrial.selftest.bench import Bench, Job, Reply

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from seatrial.checks import Baseline
    from seatrial.selftest.subject import Subject

_LAST_WORDS = 400
_START = 180.0  # seconds to import everything and read the good release, on a busy machine


@dataclass
class _Worker:
    """One child, and what it is doing."""

    process: SpawnProcess
    line: Connection
    log: Path
    job: Job | None = None
    deadline: float = 0.0
    knows_baseline: bool = False
    ready: bool = False

    def kill(self) -> None:
        """Ends it at once. Its engines see that their owner is gone and end by themselves."""
        self.process.kill()
        self.process.join()
        self.line.close()

    def last_words(self) -> str:
        """The end of what it printed, on one line."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        return " ".join(text.split())[-_LAST_WORDS:]


class Workers:
    """A handful of processes that take jobs.

    Args:
        subject: The good release; every worker reads it once.
        scratch: Folder for temporary files; each worker has one in it.
        seed: Of the gate.
        limit: Seconds one job may take.
    """

    def __init__(self, subject: Subject, scratch: Path, *, seed: int, limit: float) -> None:
        # A copy of the contract: what it has looked up so far need not travel.
        self._subject = replace(subject, contract=replace(subject.contract))
        self._scratch = scratch
        self._seed = seed
        self._limit = limit
        self._baseline: Baseline | None = None
        self._workers: list[_Worker] = []
        self._started = 0

    def accept(self, baseline: Baseline) -> None:
        """Tells every worker, also those to come, what to compare with."""
        self._baseline = baseline
        for each in self._workers:
            each.knows_baseline = False

    def run(self, jobs: Iterable[Job], *, at_once: int) -> Iterator[Reply]:
        """Does all jobs, `at_once` at a time, and gives each reply as it comes.

        Raises:
            Unavailable: No worker can be started.
        """
        waiting = list(jobs)
        while waiting or any(each.job for each in self._workers):
            while waiting and sum(each.job is not None for each in self._workers) < at_once:
                self._give(self._idle(), waiting.pop(0))
            busy = [each for each in self._workers if each.job is not None]
            patience = max(0.0, min(each.deadline for each in busy) - time.monotonic())
            ready = wait([each.line for each in busy], timeout=patience)
            for each in busy:
                if each.line in ready:
                    reply = self._heard(each)
                    if reply is not None:
                        yield reply
                elif time.monotonic() > each.deadline:
                    yield self._lost(each, f"it did not end within {self._limit:g} s")

    def close(self) -> None:
        """Ends every worker; idempotent."""
        workers, self._workers = self._workers, []
        for each in workers:
            if each.job is None:
                with contextlib.suppress(OSError):
                    each.line.send(None)
                each.process.join(timeout=5)
            each.kill()

    def _idle(self) -> _Worker:
        """A worker without a job: one that is there, else a new one."""
        found = next((each for each in self._workers if each.job is None), None)
        if found is not None:
            return found
        self._started += 1
        folder = self._scratch / f"worker-{self._started}"
        folder.mkdir()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        log = folder / "log"
        process = context.Process(target=_serve, args=(theirs, self._subject, folder, self._seed, log))
        try:
            process.start()
        except OSError as error:
            raise Unavailable(f"no process can be started: {error.strerror}") from error
        finally:
            theirs.close()
        worker = _Worker(process, ours, log)
        self._workers.append(worker)
        return worker

    def _give(self, worker: _Worker, job: Job) -> None:
        worker.job = job
        worker.deadline = time.monotonic() + self._limit + (0.0 if worker.ready else _START)
        with contextlib.suppress(OSError):  # one that has died is noticed when its answer is read
            if not worker.knows_baseline and self._baseline is not None:
                worker.line.send(self._baseline)
                worker.knows_baseline = True
            worker.line.send(job)

    def _heard(self, worker: _Worker) -> Reply | None:
        """A reply, or None when the worker only says that it is ready."""
        try:
            reply: Reply | None = worker.line.recv()
        except (EOFError, OSError):
            worker.process.join(timeout=5)
            code = worker.process.exitcode or 0
            how = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            )
            words = worker.last_words()
            return self._lost(worker, f"the process {how}" + (f"; its last words: {words}" if words else ""))
        if reply is None:
            worker.ready, worker.deadline = True, time.monotonic() + self._limit
        else:
            worker.job = None
        return reply

    def _lost(self, worker: _Worker, why: str) -> Reply:
        job = worker.job
        if job is None:
            raise TypeError("a worker without a job was waited for")
        self._workers.remove(worker)
        worker.kill()
        return Reply(job, broke=why)


def _end(code: int, words: str) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"the process {how}" + (f"; its last words: {words}" if words else "")


def _serve(line: Connection, subject: Subject, folder: Path, seed: int, log: Path) -> None:
    """A worker: does jobs until the line is cut."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its owner decides when to stop
    warnings.simplefilter("ignore")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    try:
        bench = Bench(subject, folder, seed=seed)
        line.send(None)  # from here on its time counts
        while (asked := line.recv()) is not None:
            if isinstance(asked, Job):
                line.send(bench.do(asked))
            else:
                bench.baseline = asked
    except EOFError:
        return
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise
