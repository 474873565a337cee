"""The load generators: our own for HTTP (`load.cpp`), h2load for gRPC."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from environments import SIDE
from loads import Load

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


def ask(
    load: Load,
    *,
    port: int,
    path: str,
    body: bytes,
    expect: str,
    seconds: float,
    warm: float,
    seed: int,
    before: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Puts one load on a server and tells what the generator saw.

    Args:
        load: What to ask.
        port: On this machine.
        path: Of the URL.
        body: Of each request.
        expect: Stands in each right answer.
        seconds: That count.
        warm: Seconds before that.
        seed: Of an open loop's times.
        before: Words before the command, such as `chrt -r 5`.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = [
            *before, str(program()), "--port", str(port), "--path", path, "--body", file.name,
            "-H", "Content-Type: application/json", "--connections", str(load.connections),
            "--seconds", str(seconds), "--warm", str(warm), "--expect", expect,
        ]  # fmt: skip
        if load.share:
            command += ["--rate", f"{load.rate:.3f}", "--seed", str(seed), "--drain", str(DRAIN)]
        limit = seconds + warm + DRAIN + 30
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


def ask_grpc(
    load: Load, *, port: int, body: bytes, seconds: float, warm: float, before: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The same over gRPC, one request under way on each connection.

    Raises:
        NotImplementedError: h2load is not installed.
    """
    if shutil.which("h2load") is None:
        raise NotImplementedError("h2load is not installed (Debian: nghttp2-client)")
    check_grpc(port, body)
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder) / "body", Path(folder) / "log"
        data.write_bytes(b"\0" + len(body).to_bytes(4, "big") + body)  # gRPC over HTTP/2: length-prefixed
        command = [
            *before, "h2load", "-c", str(load.connections), "-m", "1", "-t", "1", "-D", f"{seconds:g}",
            "--warm-up-time", f"{warm:g}s", "-H", "content-type: application/grpc", "-H", "te: trailers",
            "-d", str(data), "--log-file", str(log),
            f"http://127.0.0.1:{port}/{METHOD}",
        ]  # fmt: skip
        limit = seconds + warm + 30
        told = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit)
        lines = log.read_text("ascii").splitlines() if log.exists() else []
        taken = sorted(int(line.split()[2]) / 1e3 for line in lines)
    if not taken:
        raise NotImplementedError("nobody answers gRPC there")
    failed = re.search(r"(\d+) failed, (\d+) errored", told.stdout)
    count = len(taken)
    times = {"count": count, "mean_ms": sum(taken) / max(count, 1)}
    for name, share in (("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99), ("max_ms", 1.0)):
        times[name] = taken[min(count - 1, int(share * count))] if taken else 0.0
    return {
        "connections": load.connections,
        "seconds": seconds,
        "rps": count / seconds,
        "answered": times,
        "errors": int(failed[1]) + int(failed[2]) if failed else 0,
        "unfinished": 0,
    }
