"""How much memory does the conversion of a large model take?

A network of large Linear layers in Paddle, about 1 GB of weights. Each way is converted, verified and
published by the command line as a user calls it; the memory of the whole process tree - command, workers,
converter - is read while it runs: the sum of what each holds for itself (Pss): shared pages count once.

Usage: python benchmarks/conversion_memory.py [--layers N] [--ways onnx,openvino,ort] [--out JSON]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
WIDTH = 4096
GIB = 1 << 30
BAR = 3.0

NETWORK = """
import sys, paddle
from paddle import nn
from paddle.static import InputSpec
width, layers, target = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
paddle.seed(3)
net = nn.Sequential(*[part for _ in range(layers) for part in (nn.Linear(width, width), nn.Tanh())])
net.eval()
paddle.jit.save(net, target, [InputSpec([None, width], "float32", "x")])
"""


def main() -> int:
    """Makes the model, converts it every way, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=16, help="64 MiB of weights each.")
    parser.add_argument("--ways", default="onnx,openvino,ort")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "conversion_memory.json")
    parser.add_argument(
        "--scratch", type=Path, help="Where 4 times the model fits [default: a temporary folder]."
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = Path(scratch)
        source = folder / "model" / "inference"
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            NETWORK,
            str(WIDTH),
            str(options.layers),
            str(source),
        ]
        subprocess.run(command, check=True, capture_output=True)
        size = sum(each.stat().st_size for each in source.parent.iterdir())
        rows = [measured(source.parent, way, folder / way, size) for way in options.ways.split(",")]
        if "onnx" in options.ways.split(","):
            rows.append(measured(folder / "onnx", "openvino", folder / "from-onnx", size))
    print("| way | model | peak | of the model | seconds | outcome |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        model, peak = (f"{row[each] / GIB:.2f} GiB" for each in ("model", "peak"))
        rest = f"{row['times']:.2f} x | {row['seconds']:.0f} | {row['outcome']}"
        print(f"| {row['way']} | {model} | {peak} | {rest} |")
    options.out.write_text(json.dumps({"bar": BAR, "rows": rows}, indent=1) + "\n", "utf-8")
    return 0 if all(row["times"] < BAR for row in rows) else 1


def measured(model: Path, target: str, out: Path, size: int) -> dict[str, Any]:
    """One conversion, watched."""
    command = [
        sys.executable,
        "-m",
        "seatrial.cli.main",
        "convert",
        str(model),
        "--to",
        target,
        "-o",
        str(out),
    ]
    begin = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    peaks: list[tuple[int, str]] = []
    watcher = threading.Thread(target=watch, args=(process.pid, peaks))
    watcher.start()
    _, complained = process.communicate()
    watcher.join()
    peak, holders = max(peaks, default=(0, ""))
    return {
        "way": f"{'onnx' if model.name == 'onnx' else 'paddle-json'} -> {target}",
        "model": size,
        "peak": peak,
        "times": peak / size,
        "holders": holders,
        "seconds": time.monotonic() - begin,
        "outcome": "converted" if process.returncode == 0 else complained.strip().splitlines()[-2:],
    }


def watch(pid: int, peaks: list[tuple[int, str]]) -> None:
    """Adds what the process and all below it hold, ten times a second, until it ends."""
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            held = []
            for each in [root, *root.children(recursive=True)]:
                try:
                    named = [word for word in each.cmdline() if word.startswith("seatrial.")]
                    held.append((each.memory_full_info().pss, named[0] if named else each.name()))
                except psutil.Error:
                    continue
            total = sum(each for each, _ in held)
            if not peaks or total > max(peaks)[0]:
                peaks.append(
                    (total, "; ".join(f"{part >> 20} MiB {name}" for part, name in sorted(held)[::-1][:3]))
                )
            time.sleep(0.1)
    except psutil.Error:
        return


if __name__ == "__main__":
    sys.exit(main())
