"""Runs a training script of the user's, and opens what it left.

The script is called as `SCRIPT --model MODEL --data DATA --out FOLDER --seed SEED` with this Python, and
leaves one model in FOLDER, in any format that Seatrial opens. What it prints is shown line by line.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from seatrial.errors import ModelError, NotFound
from seatrial.model import Artifact, open_model

_TAIL = 15  # lines of a failed script that are told
_LONGEST = 6 * 3600.0


def finetuned(
    script: Path,
    source: Artifact,
    *,
    data: str,
    folder: Path,
    seed: int,
    progress: Callable[[str], None],
    timeout: float = _LONGEST,
) -> Artifact:
    """The model that a script has trained on, starting from a source.

    Args:
        script: Python file.
        source: What it starts from.
        data: What it trains on, as the user named it.
        folder: Where it leaves the model; made here.
        seed: Handed on.
        progress: Told what it prints.
        timeout: Seconds.

    Raises:
        NotFound: There is no such script.
        ModelError: It failed, or left no sound model.
    """
    if not script.is_file():
        raise NotFound(f"there is no script '{script}'", hint="name a Python file")
    folder.mkdir(parents=True)
    command = [sys.executable, "-W", "ignore", str(script.resolve()), "--model", str(source.path.resolve())]
    command += ["--data", data, "--out", str(folder.resolve()), "--seed", str(seed)]
    last = _shown(command, progress, timeout)
    made = _left_in(folder)
    if made is None:
        raise ModelError(
            f"{script.name} left no model in the folder that --out names",
            hint="; ".join(last[-2:]) or "write the trained model there",
        )
    if made.problems:
        raise ModelError(f"{script.name} left a defective model: {made.problems[0].message}")
    return made


def _shown(command: list[str], progress: Callable[[str], None], timeout: float) -> list[str]:
    """Runs a command, telling each line it prints; its last lines."""
    last: list[str] = []
    with subprocess.Popen(  # noqa: S603 - the script is the caller's own
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        try:
            for line in process.stdout or ():
                last = [*last[-_TAIL:], line.rstrip()]
                progress(line.rstrip())
            code = process.wait(timeout)
        finally:
            process.kill()
    if code:
        raise ModelError(
            f"the training script ended with exit code {code}: {' | '.join(last[-3:])}",
            hint="run it by itself to see what it misses",
        )
    return last


def _left_in(folder: Path) -> Artifact | None:
    if not any(folder.iterdir()):
        return None
    return open_model(folder)
