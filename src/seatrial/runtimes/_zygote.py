"""Imports one engine once and forks a child for every session: `python -m seatrial.runtimes._zygote`.

Importing Paddle takes seconds, a fork takes milliseconds; Paddle, ONNX Runtime and OpenVINO all load and
run in a child forked after their import (no engine is used before the fork). A child that dies takes
nothing with it. The zygote ends when the line to its owner is cut, and its children die with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import warnings
from typing import Any

from seatrial.runtimes import _wire, _worker
from seatrial.runtimes._engine import Engine

_PER_SESSION = 5  # session socket, feeds, results, stderr, status


def main(arguments: list[str]) -> int:
    """Serves forks over the socket that was handed down.

    Args:
        arguments: The descriptor of the control socket, `module:Class` of the engine, and the folder to
            remove at the end, because an owner that was killed cannot.
    """
    warnings.simplefilter("ignore")
    control = socket.socket(fileno=int(arguments[0]))
    try:
        engine = _engine(arguments[1])
    except BaseException as error:  # noqa: BLE001 - a broken engine may exit; its owner must hear of it
        _wire.send(control, {"error": f"{type(error).__name__}: {error}"})
        return 1
    gc.collect()
    gc.freeze()
    _wire.send(control, {"ready": engine.version()})
    _Zygote(engine, control).serve()
    shutil.rmtree(arguments[2], ignore_errors=True)
    return 0


def _engine(name: str) -> Engine:
    module, _, attribute = name.partition(":")
    made: Engine = getattr(importlib.import_module(module), attribute)()
    return made


class _Zygote:
    """Forks on request and tells each session how its child ended."""

    def __init__(self, engine: Engine, control: socket.socket) -> None:
        self._engine = engine
        self._control = control
        self._owner = os.getppid()
        self._children: dict[int, tuple[int, int]] = {}  # pidfd -> (pid, status pipe)
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Until the owner is gone. A process forked from the owner may hold the line open, hence the look."""
        while os.getppid() == self._owner:
            for descriptor, _ in self._poll.poll(2000):
                if descriptor != self._control.fileno():
                    self._reap(descriptor)
                    continue
                try:
                    _, files = _wire.receive(self._control, descriptors=_PER_SESSION)
                except EOFError:
                    return
                self._fork(files)

    def _fork(self, files: list[int]) -> None:
        *inner, status = files
        own = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(inner, status, own)
        for each in inner:
            os.close(each)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = (pid, status)
        self._poll.register(pidfd, select.POLLIN)
        # An owner that went away meanwhile is seen at the next receive.
        with contextlib.suppress(OSError):
            _wire.send(self._control, {"pid": pid}, descriptors=[pidfd])

    def _become_worker(self, inner: list[int], status: int, parent: int) -> None:
        line, feeds, results, stderr = inner
        code = 1
        try:
            self._control.close()
            os.close(status)
            for pidfd, (_, pipe) in self._children.items():
                os.close(pidfd)
                os.close(pipe)
            os.dup2(stderr, 1)
            os.dup2(stderr, 2)
            sock = socket.socket(fileno=line)
            request, _ = _wire.receive(sock)
            _worker.confine(request["limits"])
            if os.getppid() != parent:  # it died before it could take this child with it
                os._exit(1)
            _worker.serve(self._engine, sock, _wire.Arena(feeds), _wire.Arena(results))
            code = 0
        except BaseException as error:  # noqa: BLE001 - the child must never run the zygote's loop
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)

    def _reap(self, pidfd: int) -> None:
        pid, pipe = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        _, status = os.waitpid(pid, 0)
        told: dict[str, Any] = {"code": os.waitstatus_to_exitcode(status)}
        with contextlib.suppress(OSError):
            os.write(pipe, str(told["code"]).encode())
        os.close(pipe)
        os.close(pidfd)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main(sys.argv[1:]))
