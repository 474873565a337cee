"""The load generators: our own for HTTP (`load.cpp`), h2load for gRPC."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from environments import SIDE
from loads import SEED, Load

from seatrial import lazy

SOURCE = Path(__file__).resolve().parent / "load.cpp"
METHOD = "inference.GRPCInferenceService/ModelInfer"
DRAIN = 3.0  # seconds that answers may come after the end


@cache
def program() -> Path:
    """The compiled generator; compiled again when its source is newer.

    Raises:
        SystemExit: There is no C++ compiler.
    """
    target = SIDE / "load"
    if target.exists() and target.stat().st_mtime >= SOURCE.stat().st_mtime:
        return target
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise SystemExit("the load generator is C++: install g++, or name a compiler in CXX")
    SIDE.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-std=c++20", "-O2", "-Wall", "-Wextra", "-o", target, SOURCE]
    subprocess.run(command, check=True)
    return target


def schedule(rate: float, *, seed: int, warm: float, seconds: float) -> list[float]:
    """When the requests of an open loop are due: seconds from the start."""
    command = [program(), "--rate", str(rate), "--seed", str(seed), "--warm", str(warm)]
    told = subprocess.run(
        [*command, "--seconds", str(seconds), "--schedule"], check=True, capture_output=True, text=True
    )
    return [float(each) for each in told.stdout.split()]


@dataclass(frozen=True)
class Target:
    """Where to ask, and what.

    Attributes:
        port: On this machine.
        path: Of the URL.
        body: Of each request.
        expect: Stands in each right answer.
    """

    port: int
    path: str
    body: bytes
    expect: str = ""


@dataclass(frozen=True)
class Window:
    """How long to ask.

    Attributes:
        seconds: That count.
        warm: Seconds before that.
        seed: Of an open loop's times.
        before: Words before the generator's command, such as `chrt -r 5`.
    """

    seconds: float
    warm: float = 0.0
    seed: int = SEED
    before: tuple[str, ...] = ()


def ask(load: Load, target: Target, window: Window) -> dict[str, Any]:
    """Puts one load on a server and tells what the generator saw."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(target.body)
        file.flush()
        command = [
            *window.before, str(program()), "--port", str(target.port), "--path", target.path,
            "--body", file.name, "-H", "Content-Type: application/json", "--expect", target.expect,
            "--connections", str(load.connections), "--seconds", str(window.seconds),
            "--warm", str(window.warm),
        ]  # fmt: skip
        if load.share:
            command += ["--rate", f"{load.rate:.3f}", "--seed", str(window.seed), "--drain", str(DRAIN)]
        limit = window.seconds + window.warm + DRAIN + 30
        told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit)
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def check_grpc(port: int, body: bytes) -> None:
    """Asks once with a real client, because h2load does not look at gRPC's own status.

    Raises:
        NotImplementedError: The answer is an error.
    """
    grpc: Any = lazy.load("grpc", extra="serve")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = channel.unary_unary(f"/{METHOD}")(body, timeout=10.0)
        except grpc.RpcError as error:
            raise NotImplementedError(f"gRPC: {error.code().name}") from error
    if not answer:
        raise NotImplementedError("gRPC: an empty answer")


def ask_grpc(load: Load, target: Target, window: Window) -> dict[str, Any]:
    """The same over gRPC, one request under way on each connection.

    Raises:
        NotImplementedError: h2load is not installed, or nobody answers.
    """
    if shutil.which("h2load") is None:
        raise NotImplementedError("h2load is not installed (Debian: nghttp2-client)")
    check_grpc(target.port, target.body)
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder) / "body", Path(folder) / "log"
        # gRPC over HTTP/2: a message has its length before it.
        data.write_bytes(b"\0" + len(target.body).to_bytes(4, "big") + target.body)
        command = [
            *window.before, "h2load", "-c", str(load.connections), "-m", "1", "-t", "1",
            "-D", f"{1e3 * window.seconds:.0f}ms", "--warm-up-time", f"{1e3 * window.warm:.0f}ms",
            "-d", str(data),
            "-H", "content-type: application/grpc", "-H", "te: trailers", "--log-file", str(log),
            f"http://127.0.0.1:{target.port}/{METHOD}",
        ]  # fmt: skip
        limit, before = window.seconds + window.warm + 30, os.times()
        told = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit)
        after = os.times()
        lines = log.read_text("ascii").splitlines() if log.exists() else []
    taken = sorted(int(line.split()[2]) / 1e3 for line in lines)
    if not taken:
        raise NotImplementedError("nobody answers gRPC there")
    failed = re.search(r"(\d+) failed, (\d+) errored", told.stdout)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "connections": load.connections,
        "rps": len(taken) / window.seconds,
        # Those of the warm-up are not told: they were as many a second.
        "sent": round(len(taken) * (window.seconds + window.warm) / window.seconds),
        "answered": _times(taken),
        "errors": int(failed[1]) + int(failed[2]) if failed else 0,
        "unfinished": 0,
        "client_cpu_s": used,
    }


def _times(taken: list[float]) -> dict[str, float]:
    """What `load` tells of its times; sorted milliseconds."""
    count = len(taken)
    found = {"count": count, "mean_ms": sum(taken) / count}
    for name, share in (("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99), ("max_ms", 1.0)):
        found[name] = taken[min(count - 1, int(share * count))]
    return found
