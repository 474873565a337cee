"""Starts a server, waits until it answers rightly, says what it uses, ends it with all that it started."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import environments
import psutil
from machine import Reading, memory_mib, reading, tree
from models import DEVICE, MODELS
from peers._peer import Launch, Peer, Setting

UNTIL_READY = 90.0
GRACE = 8.0
SETTLE = 20.0
REALTIME = ("chrt", "-r", "5")


class DidNotStartError(Exception):
    """A server that does not answer; the text is the end of what it said."""


@dataclass(frozen=True)
class Wanted:
    """A server that is wanted.

    Attributes:
        peer: Whose.
        variant: Which of its variants.
        model: What it serves.
        realtime: Run it in the round-robin class.
        batch: Most rows of a batch.
        threads: Of the math library.
        device: More for the simulated device, `BENCH_...`.
    """

    peer: Peer
    variant: str
    model: str
    realtime: bool = False
    batch: int = DEVICE.most
    threads: int = 1
    device: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As tables say it."""
        return f"{self.peer.name} {self.variant}".strip()


@dataclass
class Running:
    """A server that answers."""

    wanted: Wanted
    launch: Launch
    port: int
    process: psutil.Process
    body: bytes
    start_seconds: float

    def processes(self) -> list[psutil.Process]:
        """All of the server."""
        return tree(self.process)

    def read(self) -> Reading:
        """CPU seconds so far."""
        return reading(self.processes())

    def memory(self) -> float:
        """MiB."""
        return memory_mib(self.processes())

    def once(self, timeout: float = 10.0) -> bytes | None:
        """Asks one request; the answer's body, or None when it is no right answer."""
        return answer(self.port, self.launch.path, self.body, MODELS[self.wanted.model].expect, timeout)

    def settle(self) -> None:
        """Waits until what the load before left behind is worked off."""
        until = time.monotonic() + SETTLE
        while self.once(timeout=5.0) is None and time.monotonic() < until:
            time.sleep(0.5)

    def batching(self) -> dict[str, Any]:
        """How Seatrial chose to batch, as its metadata say it; nothing of other servers."""
        if self.wanted.peer.name != "seatrial":
            return {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/v2/models/{self.wanted.model}")
            parameters = json.loads(connection.getresponse().read())["parameters"]
        finally:
            connection.close()
        return {
            name: parameters[name] for name in parameters if name.startswith(("max_", "batch", "profile"))
        }


def answer(port: int, path: str, body: bytes, expect: str, timeout: float) -> bytes | None:
    """The body of a right answer to one request, else None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        said = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return said if response.status == 200 and expect.encode() in said else None


@contextmanager
def running(wanted: Wanted) -> Iterator[Running]:
    """A server for the time of the block.

    Raises:
        NotInstallableError: Its environment cannot be made.
        NotImplementedError: This variant does not exist in the installed version.
        DidNotStartError: It does not answer.
    """
    python = environments.python_of(wanted.peer)
    with tempfile.TemporaryDirectory(prefix="seatrial-peer-", ignore_cleanup_errors=True) as folder:
        scratch, port, model = Path(folder), free_ports(), MODELS[wanted.model]
        setting = Setting(
            wanted.model, environments.SIDE / "models", scratch, python, port, wanted.batch, model.delay,
            wanted.threads, wanted.peer.variants[wanted.variant],
        )  # fmt: skip
        launch = wanted.peer.launch(setting)
        command = [*(REALTIME if wanted.realtime else ()), *map(str, launch.command)]
        began, log = time.monotonic(), scratch / "server.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=scratch,
                env=_environment(setting, wanted, launch), start_new_session=True,
            )  # fmt: skip
        server = Running(wanted, launch, port, psutil.Process(process.pid), model.body(launch.form), 0.0)
        try:
            _wait(server, process, log)
            server.start_seconds = time.monotonic() - began
            yield server
        finally:
            _end(process, server.processes())


def _environment(setting: Setting, wanted: Wanted, launch: Launch) -> dict[str, str]:
    model = MODELS[setting.model]
    told: dict[str, Any] = {
        "BENCH_MODEL": setting.model,
        "BENCH_FOLDER": setting.folder,
        "BENCH_INPUT": model.input,
        "BENCH_THREADS": setting.threads,
        "BENCH_BATCH": setting.batch,
        "BENCH_DELAY": setting.delay,
        "BENCH_PORT": setting.port,
        "BENCH_BASE": DEVICE.base,
        "BENCH_ROW": DEVICE.row,
        **wanted.device,
    }
    return {**os.environ, **{name: str(each) for name, each in told.items()}, **launch.environment}


def free_ports(count: int = 3) -> int:
    """The first of some neighboring ports on which nobody listens."""
    begin = 18600 + os.getpid() % 3000 * count  # benches side by side do not probe the same ports
    for first in range(begin, begin + 3000, count):
        with suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            return first
    raise OSError("no free ports")


def _wait(server: Running, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + UNTIL_READY
    while server.once(timeout=5.0) is None:
        if process.poll() is not None or time.monotonic() > until:
            said = log.read_text("utf-8", "replace").strip().splitlines()
            raise DidNotStartError(f"{server.wanted.name}: " + " | ".join(said[-3:])[-500:])
        time.sleep(0.2)
    for _ in range(5):
        server.once()
    if process.poll() is not None:  # somebody else answered on this port
        raise DidNotStartError(f"{server.wanted.name} ended: " + log.read_text("utf-8", "replace")[-300:])


def _end(process: subprocess.Popen[bytes], members: list[psutil.Process]) -> None:
    """Asks the server to stop, then ends what is left of its own processes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    for each in members:  # psutil knows a process by its start time too: no stranger is hit
        with suppress(psutil.Error):
            if each.is_running():
                each.kill()
    process.wait()
