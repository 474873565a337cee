"""An engine that does on request what real engines do by accident. Imported in the worker: numpy only."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from seatrial.errors import UsageError
from seatrial.runtimes._engine import Engine, Traced


class FakeEngine(Engine):
    """Doubles its input; the first value says what else happens."""

    def __init__(self):
        self.notes = []

    def version(self):
        return "1.0"

    def load(self, task):
        self.task = task
        self._obey(task.engine.get("mood", ""))

    def run(self, feeds):
        (array,) = feeds.values()
        moods = {
            -1: "raise",
            -2: "SIGSEGV",
            -3: "SIGABRT",
            -4: "hang",
            -5: "memory",
            -6: "exit",
            -7: "bad_alloc",
        }
        moods |= {-8: "eat", -9: "usage", -10: "spin", -11: "chatter"}
        self._obey(moods.get(int(array.flat[0]), ""))
        return [array * 2]

    def trace(self, feeds):
        (array,) = feeds.values()
        return [Traced("double:0", "double", "y", array * 2), Traced("flag:1", "flag", "z", array > 0)]

    def gradients(self, feeds, of, output, index):
        return np.full_like(feeds[of], 2.0)

    def exercise(self):
        return {"threads": self.task.threads, "precision": self.task.native, "operators": {"double": 1}}

    def _obey(self, mood):
        if mood == "raise":
            raise ValueError("the engine does not like this (at /build/deep/inside.cc:12)")
        if mood == "usage":
            raise UsageError("not with this engine", hint="another one")
        if mood == "memory":
            raise MemoryError("no room")
        if mood == "bad_alloc":
            sys.stderr.write("terminate called after throwing an instance of 'std::bad_alloc'\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGABRT)
        if mood == "eat":
            self.eaten = np.ones(1 << 30, "uint8")
        if mood == "hang":
            time.sleep(600)
        if mood == "spin":
            while True:
                pass
        if mood == "exit":
            os._exit(3)
        if mood == "chatter":
            os.write(2, b"x" * (3 << 20))
        if mood.startswith("SIG"):
            sys.stderr.write("something went wrong at the very end\n")
            sys.stderr.flush()
            os.kill(os.getpid(), getattr(signal, mood))
