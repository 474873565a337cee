"""Seatrial itself, as `seatrial serve` starts it; how it batches is what it chose after measuring."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from subprocess import run

from peers._peer import PROGRAMS, Launch, Peer, Setting

PLUGIN = "seatrial_simulated"


def plugin(folder: Path) -> Path:
    """A folder that makes the simulated device a runtime of Seatrial when it is on the path."""
    home = folder / "plugin"
    told = home / f"{PLUGIN}-1.0.dist-info"
    told.mkdir(parents=True, exist_ok=True)
    shutil.copy(PROGRAMS / f"{PLUGIN}.py", home)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PLUGIN}\nVersion: 1.0\n", "utf-8")
    (told / "entry_points.txt").write_text(f"[seatrial.runtimes]\nsimulated = {PLUGIN}:RUNTIME\n", "utf-8")
    return home


@cache
def known_options(python: Path) -> str:
    """What `seatrial serve --help` says."""
    command = [python.parent / "seatrial", "serve", "--help"]
    return run(command, capture_output=True, text=True, check=True).stdout


def launch(setting: Setting) -> Launch:
    """See `Peer.launch`."""
    model = setting.folder / setting.model / f"{setting.model}.onnx"
    command: list[str | Path] = [setting.python.parent / "seatrial", "serve", f"{setting.model}={model}"]
    command += ["--port", str(setting.port), "--threads", str(setting.threads)]
    if setting.model == "sim":
        command += ["--runtime", "simulated"]
    if setting.batch != 32:
        command += ["--max-batch-size", str(setting.batch)]
    for option, value in setting.options.items():
        if option not in known_options(setting.python):
            raise NotImplementedError(f"`seatrial serve` has no {option}")
        command += [option, str(value)]
    grpc = 0
    if setting.model == "tiny":
        grpc = setting.port + 1
        command += ["--grpc-port", str(grpc)]
    path = f"/v2/models/{setting.model}/infer"
    return Launch(tuple(command), path, environment={"PYTHONPATH": str(plugin(setting.scratch))}, grpc=grpc)


PEER = Peer(
    "seatrial",
    launch,
    distribution="seatrial",
    variants={"": {}, "fronts 2": {"--fronts": 2}},
    only={"fronts 2": ("tiny",)},
    anchor=True,
    models=("sim", "tiny", "encoder"),
)
