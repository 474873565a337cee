"""Images run for real: unpacked by umoci, started by runc; skopeo, umoci and runc are Debian packages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

SHARED, SCRATCH = "/dev/shm", "/tmp"  # noqa: S108 - inside the container


def need(*programs: str) -> None:
    """Skips the test when a program is not there."""
    missing = [each for each in programs if shutil.which(each) is None]
    if missing:
        pytest.skip(f"needs Debian's {', '.join(missing)} (apt-get install)")
    if os.geteuid() != 0:
        pytest.skip("unpacking and running an image needs root")


def free_port() -> int:
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        return int(here.getsockname()[1])


def told(*command: str | Path, **options: Any) -> str:
    """What a program prints; fails with its complaint."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def unpack(archive: Path, folder: Path) -> Path:
    """The image's file system and the configuration of its container, in a folder for runc."""
    folder.mkdir(parents=True, exist_ok=True)
    told("skopeo", "copy", "-q", f"oci-archive:{archive}", f"oci:{folder}/layout:x")
    told("umoci", "unpack", "--image", f"{folder}/layout:x", folder / "container")
    return folder / "container"


def prepare(container: Path, *arguments: str, replace: list[str] | None = None) -> None:
    """No root, no rights, nothing to write to but /tmp, and the network of this machine.

    Args:
        container: Of `unpack`.
        arguments: Behind the image's own.
        replace: Instead of the image's own.
    """
    path = container / "config.json"
    config = json.loads(path.read_text())
    config.setdefault("annotations", {}).setdefault("own", json.dumps(config["process"]["args"]))
    config["process"]["args"] = replace or [*json.loads(config["annotations"]["own"]), *arguments]
    config["process"]["terminal"] = False
    config["process"]["noNewPrivileges"] = True
    config["process"]["capabilities"] = {}
    config["process"].pop("rlimits", None)  # raising one needs a right that a test machine may not have
    config["root"]["readonly"] = True
    config["linux"]["namespaces"] = [
        each for each in config["linux"]["namespaces"] if each["type"] in ("pid", "mount", "ipc", "uts")
    ]
    config["linux"].pop("uidMappings", None)
    mounts = [each for each in config["mounts"] if each["destination"] in ("/proc", "/dev", SHARED)]
    config["mounts"] = [
        *mounts,
        {
            "destination": SCRATCH,
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "noexec", "mode=1777"],
        },
    ]
    path.write_text(json.dumps(config))


@contextmanager
def running(container: Path) -> Iterator[subprocess.Popen[str]]:
    """The container as a process."""
    name = f"seatrial-test-{os.getpid()}-{time.monotonic_ns()}"
    process = subprocess.Popen(
        ["runc", "--root", str(container / "state"), "run", "--bundle", str(container), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        subprocess.run(
            ["runc", "--root", str(container / "state"), "kill", name, "KILL"],
            capture_output=True,
            check=False,
        )
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def wait_ready(port: int, process: subprocess.Popen[str], *, seconds: float = 60) -> None:
    """Until `/v2/health/ready` says yes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the server ended: {process.stdout.read() if process.stdout else ''}")
        try:
            with urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server did not get ready")
