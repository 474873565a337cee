"""A session for servers' tests: answers over a socket pair after a while, dies when it is told to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import numpy as np

from seatrial.errors import EngineFailure

POISON = -666.0


class FakeSession:
    """Doubles its input; a batch that holds `POISON` kills it; one that holds NaN is refused.

    Args:
        seconds: What a batch takes.
        whole: Give outputs that do not have the batch's rows.
        factor: What it multiplies with, to tell one version from another.
    """

    def __init__(self, seconds: float = 0.0, *, whole: bool = False, factor: float = 2.0) -> None:
        self.factor = factor
        self.ours, self.theirs = socket.socketpair()
        self.seconds, self.whole = seconds, whole
        self.batches: list[int] = []
        self.alive = True
        self._answer: Any = None

    def begin(self, feeds: Mapping[str, Any]) -> None:
        x = feeds["x"]
        self.batches.append(len(x))
        if np.isnan(x).any():
            self._answer = EngineFailure("refused", kind="exception")
        elif (x == POISON).any():
            self._answer = EngineFailure("died of SIGSEGV", kind="signal", signal_name="SIGSEGV")
        else:
            self._answer = [np.zeros(7)] if self.whole and len(x) > 1 else [self.factor * x]
        asyncio.get_running_loop().call_later(self.seconds, self._reply)

    def _reply(self) -> None:
        if self.theirs.fileno() >= 0:
            self.theirs.send(b"!")

    def finish(self) -> list[Any]:
        self.ours.recv(1)
        answer, self._answer = self._answer, None
        if isinstance(answer, EngineFailure):
            self.alive = answer.kind == "exception"
            raise answer
        return answer

    def abort(self) -> None:
        self._answer = EngineFailure("did not answer in time", kind="timeout")
        self._reply()

    def fileno(self) -> int:
        return self.ours.fileno()

    def close(self) -> None:
        self.alive = False
        self.ours.close()
        self.theirs.close()
