"""Throw-away environments: one a peer, under `.side/peers`, made when the peer is first asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from peers._peer import Peer

ROOT = Path(__file__).resolve().parent.parent.parent
SIDE = Path(os.environ.get("SEATRIAL_SIDE", ROOT / ".side")) / "peers"
UV = ROOT / ".venv" / "bin" / "uv"
_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


class NotInstallableError(Exception):
    """A peer that cannot be installed here; the text is the reason."""


def python_of(peer: Peer) -> Path:
    """The interpreter of a peer's environment.

    Raises:
        NotInstallableError: With the last line that the installer said.
    """
    if not peer.packages:
        return Path(sys.executable)
    home = SIDE / peer.name
    python, done = home / "bin" / "python", home / ".ready"
    wanted = "\n".join(peer.packages)
    if done.exists() and done.read_text("utf-8") == wanted:
        return python
    print(f"installing {peer.name} ({', '.join(peer.packages)})", flush=True)
    for command in (
        [UV, "venv", "--quiet", "--allow-existing", "--python", sys.executable, home],
        [UV, "pip", "install", "--quiet", "--python", python, *peer.packages],
    ):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            said = [line.strip() for line in run.stderr.splitlines() if line.strip()]
            raise NotInstallableError(said[-1] if said else f"exit code {run.returncode}")
    done.write_text(wanted, "utf-8")
    return python


def version_of(peer: Peer, python: Path) -> str:
    """What is installed."""
    command = [python, "-c", _VERSION, peer.distribution]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
