"""The worker's side of a session: takes its limits, loads the model, answers until the line is cut."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.errors import UsageError
from seatrial.runtimes import _wire
from seatrial.runtimes._engine import Around, Engine, Task

_PR_SET_PDEATHSIG = 1
_FATAL = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGBUS, signal.SIGILL, signal.SIGTERM)
_OUT_OF_MEMORY = (
    "bad_alloc",
    "ResourceExhausted",
    "Out of memory",
    "Cannot allocate memory",
    "Failed to allocate",
)
_BEAT_SECONDS = 0.5
# After a long call the next is often there at once. Where the call slept, because a device worked that is no
# processor of this machine, waking up for it would cost more than looking.
_LONG = 0.005
_LOOKING = 0.0004


def confine(limits: Mapping[str, int]) -> None:
    """Takes the limits of a session, in a freshly forked child.

    The child dies with its parent, leaves no core file, dies of its signals as the kernel means them
    (engines install handlers that print and sometimes hang), and may use only so much memory above what
    the imported engine holds already; 0 leaves the memory free.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for each in _FATAL:
        signal.signal(each, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits["memory"]:
        held = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, held + limits["memory"])
    # SIGXCPU at the first bound says why; the kernel's SIGKILL at the second would not.
    _lower(resource.RLIMIT_CPU, limits["cpu"], above=10)
    _lower(resource.RLIMIT_FSIZE, max(limits["memory"], 1 << 30))


def _lower(kind: int, value: int, *, above: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    unlimited = hard == resource.RLIM_INFINITY
    highest = value + above if unlimited else min(value + above, hard)
    resource.setrlimit(kind, (min(value, highest), highest))


def serve(engine: Engine, sock: socket.socket, feeds: _wire.Arena, results: _wire.Arena) -> None:
    """Answers one session's requests, the first of which loads the model."""
    worker = _Worker(engine, sock, feeds, results)
    coming = select.poll()
    coming.register(sock, select.POLLIN)
    while True:
        try:
            request, _ = _wire.receive(sock)
        except EOFError:
            return
        began, worked = time.monotonic(), time.thread_time()
        try:
            answer = worker.answer(request)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises goes back as data
            answer = {"error": _described(error)}
        ended = time.monotonic()
        slept = ended - began - (time.thread_time() - worked)
        _wire.send(sock, answer)
        if slept >= _LONG:
            while time.monotonic() < ended + _LOOKING and not coming.poll(0):
                pass


def _described(error: Exception) -> dict[str, Any]:
    text = str(error).encode("utf-8", "replace").decode()
    kind = "exception"
    if isinstance(error, MemoryError) or any(each in text for each in _OUT_OF_MEMORY):
        kind = "memory"
    elif isinstance(error, UsageError):
        return {"kind": "usage", "type": "UsageError", "message": error.message, "hint": error.hint}
    return {"kind": kind, "type": type(error).__name__, "message": text[-20_000:]}


class _Worker:
    """One request, one answer."""

    def __init__(self, engine: Engine, sock: socket.socket, feeds: _wire.Arena, results: _wire.Arena) -> None:
        self._engine = engine
        self._sock = sock
        self._feeds = feeds
        self._results = results
        self._load_seconds = 0.0

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Does what `request["op"]` names."""
        if request["op"] == "load":
            return self._load(request)
        if request["op"] == "exercise":
            return self._exercise()
        arrays = self._feeds.read(request["arrays"], copy=False)
        feeds = dict(zip(request["names"], arrays, strict=True))
        if request["op"] == "run":
            return self._arrays(self._engine.run(feeds))
        if request["op"] == "time":
            return self._time(feeds, request["repeat"])
        if request["op"] == "trace":
            traced = list(self._engine.trace(feeds))
            names = [[each.label, each.operator, each.tensor] for each in traced]
            return {**self._arrays([each.value for each in traced]), "traced": names}
        gradient = self._engine.gradients(feeds, request["of"], request["output"], request["index"])
        return self._arrays([gradient])

    def _load(self, request: Mapping[str, Any]) -> dict[str, Any]:
        begin = time.perf_counter()
        for each in request["around"]:
            self._engine = Around(**each).wrap(self._engine)
        self._engine.notes = []
        self._engine.load(Task(**request["task"]))
        self._load_seconds = time.perf_counter() - begin
        return {"pid": os.getpid()}

    def _exercise(self) -> dict[str, Any]:
        told = self._engine.exercise()
        return {
            **told,
            "notes": self._engine.notes,
            "load_seconds": self._load_seconds,
            "version": self._engine.version(),
        }

    def _arrays(self, arrays: list[Any]) -> dict[str, Any]:
        return {"arrays": self._results.write([np.asarray(each) for each in arrays])}

    def _time(self, feeds: Mapping[str, Any], repeat: int) -> dict[str, Any]:
        seconds = np.empty(repeat, "float64")
        beat = time.monotonic()
        for turn in range(repeat):
            begin = time.perf_counter()
            self._engine.run(feeds)
            seconds[turn] = time.perf_counter() - begin
            if time.monotonic() - beat > _BEAT_SECONDS:
                # The time limit is for one run: a sign of life after each starts it again.
                _wire.send(self._sock, {"beat": turn})
                beat = time.monotonic()
        return self._arrays([seconds])
