"""Two servers of the same models for the same clients: ours in a thread, Triton in a process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import uvloop

from seatrial.serve.limits import Limits
from seatrial.serve.repository import Repository
from seatrial.serve.rest.front import RestFront
from seatrial.serve.rpc.front import GrpcFront
from seatrial.serve.server import Server
from seatrial.serve.service import InferenceService
from seatrial.serve.versions.keeper import Keeper
from support.v2_models import load, write_ours, write_triton

ROOT = Path(__file__).resolve().parent.parent.parent
TRITON = "nvidia-pytriton==0.7.0"  # carries Triton 2.51 and its backend for Python


@dataclass(frozen=True)
class Addresses:
    """Where a server listens."""

    name: str
    http: str
    grpc: str


@contextmanager
def ours(folder: Path) -> Iterator[Addresses]:
    """Our server as the command makes it, REST and gRPC beside each other, in a thread with its own loop."""
    ready, found = threading.Event(), []

    async def serve() -> None:
        repository = Repository()
        service = InferenceService(
            repository, threads=1, keeper=Keeper(repository, write_ours(folder), load=load)
        )
        rest = RestFront(service, limits=Limits(body=1 << 20))
        server = Server(service, rest)
        await service.keeper.start()
        rpc = GrpcFront(service, rest.instruments, limits=rest.limits)
        server.also(rpc)
        address = await rpc.start(port=0)
        stop = asyncio.Event()
        found.extend([await server.start(port=0), address, asyncio.get_running_loop(), stop])
        ready.set()
        await stop.wait()
        await server.stop(grace=2)

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(serve())
            finally:
                ready.set()

    thread = threading.Thread(target=run, name="server under test")
    thread.start()
    try:
        assert ready.wait(30)
        assert found, "the server did not start"
        yield Addresses("ours", found[0].removeprefix("http://"), found[1])
    finally:
        if found:
            found[2].call_soon_threadsafe(found[3].set)
        thread.join(30)
    assert not thread.is_alive()


def triton_python() -> Path:
    """The interpreter of the environment that has Triton, made once a machine."""
    home = Path(os.environ["SEATRIAL_SIDE"]) / "peers" / "triton"
    home.mkdir(parents=True, exist_ok=True)
    python = home / "bin" / "python"
    with (home.parent / "triton.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        carried = list(home.glob("lib/python3*/site-packages/pytriton/tritonserver/bin/tritonserver"))
        if not carried:
            uv = ROOT / ".venv" / "bin" / "uv"
            for command in (
                [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, home],
                [uv, "pip", "install", "--quiet", "--python", python, TRITON],
            ):
                subprocess.run(command, check=True, capture_output=True)
    return python


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


@contextmanager
def triton(folder: Path) -> Iterator[Addresses]:
    """The real Triton with the same models in its Python backend."""
    python = triton_python()
    site = next(python.parent.parent.glob("lib/python3*")) / "site-packages"
    carried = site / "pytriton" / "tritonserver"
    backend = folder / "backends" / "python"
    shutil.copytree(carried / "backends" / "python", backend)
    stub = carried / "python_backend_stubs" / site.parent.name.removeprefix("python")
    shutil.copy(stub / "triton_python_backend_stub", backend)
    write_triton(folder / "repository")
    http, grpc, metrics = free_ports(3)
    libraries = [site / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR")]
    command = [
        carried / "bin" / "tritonserver", f"--model-repository={folder / 'repository'}",
        f"--backend-directory={backend.parent}", "--model-control-mode=explicit", "--load-model=*",
        "--http-address=127.0.0.1", f"--http-port={http}", "--grpc-address=127.0.0.1",
        f"--grpc-port={grpc}", "--metrics-address=127.0.0.1", f"--metrics-port={metrics}",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
        "PYTHONPATH": str(site),
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait(process, http, folder / "log")
            yield Addresses("triton", f"127.0.0.1:{http}", f"127.0.0.1:{grpc}")
        finally:
            process.terminate()
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        line = HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(line):
            line.request("GET", "/v2/health/ready")
            if line.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8")[-3000:])
