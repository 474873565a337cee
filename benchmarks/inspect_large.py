"""Reading a model of 1 GB: time against sha256 of the same bytes, and memory against a model of 100 kB.

    python benchmarks/inspect_large.py [--size 1.0] [--rounds 3] [--folder DIR]

Bar: everything `inspect` does takes less than twice a sha256 of the parameters file, and memory is constant.
Writes benchmarks/results/inspect_large.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results" / "inspect_large.json"
COLUMNS = 1024
TENSORS = 100
PORTION = 1 << 20

# In a process of its own: time of open_model, peak memory over that of the imports.
INSPECT = """
import resource, sys, time
from seatrial.model import open_model
open_model(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
artifact = open_model(sys.argv[1])
seconds = time.perf_counter() - start
assert not artifact.problems, artifact.problems
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def write_model(folder: Path, rows: int, *, sparse: bool) -> Path:
    """A Paddle 3 model of `TENSORS` tensors of [rows, COLUMNS] float32; sparse files have holes for data."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"linear_{index:04}.w_0" for index in range(TENSORS)]
    desc = b"\x08\x05" + b"".join(b"\x10" + varint(each) for each in (rows, COLUMNS))
    head = struct.pack("<IQIi", 0, 0, 0, len(desc)) + desc
    noise = os.urandom(PORTION)
    with (folder / "inference.pdiparams").open("wb") as file:
        for _ in names:
            file.write(head)
            left = rows * COLUMNS * 4
            if sparse:
                file.seek(left, 1)
                continue
            while left:
                left -= file.write(noise[: min(left, PORTION)])
        file.truncate(file.tell())
    path = folder / "inference.json"
    path.write_text(json.dumps(graph(names, rows)), "utf-8")
    return path


def varint(value: int) -> bytes:
    """A protobuf number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def graph(names: list[str], rows: int) -> dict[str, object]:
    """A PIR program that declares the parameters."""

    def value(number: int) -> dict[str, object]:
        return {
            "%": number,
            "TT": {"#": "0.t_dtensor", "D": [{"#": "0.t_f32"}, [rows, COLUMNS], "NCHW", [], 0]},
        }

    ops = [
        {"#": "p", "A": [0, 1, 1, name], "DA": [], "O": value(index), "OA": [1, 0, 1], "QA": []}
        for index, name in enumerate(names, 1)
    ]
    blocks = [{"#": "block_0", "args": [], "ops": ops}]
    return {
        "base_code": {"magic": "pir", "version": 3},
        "program": {"regions": [{"#": "r", "blocks": blocks}]},
    }


def sha256_seconds(path: Path) -> float:
    """The yardstick: sha256 of the file, streamed."""
    start = time.perf_counter()
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - start


def inspect(path: Path, small: Path) -> tuple[float, int]:
    """Seconds and additional peak memory in KiB of `open_model`."""
    command = [sys.executable, "-c", INSPECT, str(path), str(small)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(answer[0]), int(answer[1])


def parse_seconds(path: Path) -> float:
    """Parsing without the digest: graph, every header, matching."""
    from seatrial.model.formats import _paddle, _pir
    from seatrial.model.formats._match import match

    start = time.perf_counter()
    declared = _pir.parse(path.read_bytes()).declared
    match(declared, _paddle.parameters_beside(path), expected="")
    return time.perf_counter() - start


def measure(folder: Path, size: float, rounds: int) -> list[dict[str, float | str]]:
    """One row for a file with holes and one for a file with data."""
    rows = int(size * 1e9 / TENSORS / COLUMNS / 4)
    small = write_model(folder / "small", 1, sparse=False)
    found: list[dict[str, float | str]] = []
    for kind in ("sparse", "dense"):
        path = write_model(folder / kind, rows, sparse=kind == "sparse")
        parameters = path.with_suffix(".pdiparams")
        sha256_seconds(parameters)  # warms the page cache for both sides alike
        # Interleaved, so that load from elsewhere meets both sides.
        pairs = [(sha256_seconds(parameters), *inspect(path, small)) for _ in range(rounds)]
        ratios = [seconds / yardstick for yardstick, seconds, _ in pairs]
        found.append(
            {
                "file": kind,
                "gigabytes": parameters.stat().st_size / 1e9,
                "sha256_s": median(pair[0] for pair in pairs),
                "inspect_s": median(pair[1] for pair in pairs),
                "ratio": median(ratios),
                "parse_s": parse_seconds(path),
                "more_memory_mib": max(pair[2] for pair in pairs) / 1024,
            }
        )
        parameters.unlink()
    return found


def main() -> int:
    """Measures, prints, writes; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=float, default=1.0, help="gigabytes [1.0]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where there is room for the file [a temporary folder]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = measure(Path(folder), options.size, options.rounds)
    print(f"{'file':8}{'GB':>7}{'sha256 s':>11}{'inspect s':>11}{'ratio':>8}{'parse s':>10}{'+MiB':>8}")
    for row in rows:
        print(
            f"{row['file']:8}{row['gigabytes']:7.2f}{row['sha256_s']:11.2f}{row['inspect_s']:11.2f}"
            f"{row['ratio']:8.2f}{row['parse_s']:10.4f}{row['more_memory_mib']:8.1f}"
        )
    passed = all(float(row["ratio"]) < 2 and float(row["more_memory_mib"]) < 16 for row in rows)
    print("bar (ratio < 2, less than 16 MiB more than for a small model):", "met" if passed else "MISSED")
    machine = {"python": platform.python_version(), "processor": platform.machine(), "cpus": os.cpu_count()}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        json.dumps({"machine": machine, "rows": rows, "passed": passed}, indent=2) + "\n", "utf-8"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
