"""Signing and verifying 1 GiB beside OpenSSF's model-signing 1.1.1, as commands, in one run.

    python benchmarks/trust_sign.py [--mebibytes 256] [--rounds 5] [--folder DIR]

Four files of random bytes in a bundle whose report vouches for them. Both tools start from a fresh process
and from files in the page cache, and take turns, so that load from elsewhere meets both. Seatrial does more:
it writes and verifies two signatures (its own envelope and the OpenSSF one), compares every file with the
manifest, and asks the report; the last row also reads the contract. Bar: faster at both. Writes
benchmarks/results/trust_sign.json and the table in docs/explanation/trust.md.

The tool is installed into an environment of its own under SEATRIAL_SIDE, where it is not there yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from seatrial.contract import load_contract
from seatrial.model.formats._digest import sha256_of
from seatrial.model.manifest import NAME, FileEntry, Manifest, ModelEntry
from seatrial.trust.gate import CONTRACT, REPORT, listed_digest
from seatrial.trust.keys import new_key, save

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "trust_sign.json"
PAGE = ROOT / "docs" / "explanation" / "trust.md"
SIDE = Path(os.environ.get("SEATRIAL_SIDE", ROOT / ".side"))
TOOL = ("model-signing==1.1.1", "pyopenssl==26.4.0")  # it imports pyopenssl without asking for it
PORTION = 1 << 20
NAMES = ("model.onnx", "a.bin", "b.bin", "c.bin")
OURS, THEIRS = "seatrial", "model-signing 1.1.1"
WITH_CONTRACT = "sign, having read the contract"
Row = dict[str, float | str | list[float]]


def peer() -> Path:
    """The program of the other tool."""
    venv = SIDE / "peers" / "model-signing" / "venv"
    if not (venv / "bin" / "model_signing").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", *TOOL], check=True)
    return venv / "bin" / "model_signing"


def write_files(folder: Path, mebibytes: int) -> None:
    """Four files of random bytes."""
    folder.mkdir(parents=True)
    for name in NAMES:
        with (folder / name).open("wb") as file:
            for _ in range(mebibytes):
                file.write(os.urandom(PORTION))


def write_bundle(content: Path, files_at: Path, *, contract: bool) -> Path:
    """A bundle of these files and a report that vouches for them, with a contract or without."""
    files = [f"models/onnx/{each}" for each in NAMES]
    (content / "models" / "onnx").mkdir(parents=True)
    for name, path in zip(NAMES, files, strict=True):
        (content / path).hardlink_to(files_at / name)
    entries = [entry(content, path, "model") for path in files]
    model = ModelEntry("onnx", files[0], "sha256:" + "0" * 64)
    created = datetime(2026, 11, 21, tzinfo=UTC)
    digest = listed_digest(Manifest("large", "1.0.0", created, (model,), tuple(entries)), model)
    subject = {"model": digest}
    if contract:
        (content / CONTRACT).write_bytes((ROOT / "examples" / "digits" / "contract.yaml").read_bytes())
        entries.append(entry(content, CONTRACT, "contract"))
        subject["contract"] = load_contract(content / CONTRACT).digest()
    report = {"verdict": "PASS", "partial": False, "tier": "full", "subject": subject}
    (content / REPORT).parent.mkdir(parents=True)
    (content / REPORT).write_text(json.dumps(report), "utf-8")
    entries.append(entry(content, REPORT, "report"))
    models = (ModelEntry("onnx", files[0], digest),)
    manifest = Manifest("large", "1.0.0", created, models, tuple(entries))
    (content / NAME).write_bytes(manifest.to_bytes())
    return content


def entry(folder: Path, path: str, role: str) -> FileEntry:
    """One line of the manifest."""
    digest = f"sha256:{sha256_of(folder / path)}"
    return FileEntry(path, role, "application/octet-stream", (folder / path).stat().st_size, digest)


def timed(words: list[str], folder: Path) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    environment = os.environ | {"SEATRIAL_HOME": str(folder / "home"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{words}: {done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(folder: Path) -> dict[str, dict[str, list[str]]]:
    """What is timed: by action and tool."""
    save(new_key(), folder / "own", passphrase=None)
    save(new_key("p256"), folder / "openssf", passphrase=None)
    bundle, whole = (
        write_bundle(folder / each, folder / "files", contract=each == "whole")
        for each in ("bundle", "whole")
    )
    seatrial = [sys.executable, "-m", "seatrial.cli.main"]
    tool = [str(peer())]

    def sign(what: Path) -> dict[str, list[str]]:
        theirs = ["--ignore-paths", str(what / "signatures"), "--signature", f"{what.name}.sig"]
        return {
            OURS: [*seatrial, "sign", str(what), "--key", "own.key", "--openssf-key", "openssf.key"],
            THEIRS: [*tool, "sign", "key", str(what), *theirs, "--private_key", "openssf.key"],
        }

    theirs = ["--ignore-paths", str(bundle / "signatures"), "--signature", f"{bundle.name}.sig"]
    verify = {
        OURS: [*seatrial, "verify", str(bundle), "--key", "own.pub", "--openssf-key", "openssf.pub"],
        THEIRS: [*tool, "verify", "key", str(bundle), *theirs, "--public_key", "openssf.pub"],
    }
    return {"sign": sign(bundle), "verify": verify, WITH_CONTRACT: sign(whole)}


def measure(
    folder: Path, mebibytes: int, rounds: int, say: Callable[[str], None]
) -> tuple[list[Row], list[float]]:
    """One row an action, and what hashing alone takes."""
    write_files(folder / "files", mebibytes)
    asked = commands(folder)
    seconds: dict[tuple[str, str], list[tuple[float, float]]] = {}
    hashing: list[float] = []
    for number in range(rounds + 1):  # the first one warms caches and compiles, and is not counted
        start = time.perf_counter()
        for path in sorted((folder / "files").iterdir()):
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")
        hashing.append(time.perf_counter() - start)
        for action, tools in asked.items():
            for tool in (OURS, THEIRS) if number % 2 else (THEIRS, OURS):
                taken = timed(tools[tool], folder)
                if number:
                    seconds.setdefault((action, tool), []).append(taken)
                    say(f"{action:7} {tool:20} {taken[0]:6.2f} s wall {taken[1]:6.2f} s processor")
    rows: list[Row] = []
    for action in asked:
        ours, theirs = seconds[action, OURS], seconds[action, THEIRS]
        rows.append(
            {
                "action": action,
                "ours_s": median(each[0] for each in ours),
                "theirs_s": median(each[0] for each in theirs),
                "ours_cpu_s": median(each[1] for each in ours),
                "theirs_cpu_s": median(each[1] for each in theirs),
                "ratio": median(one[0] / two[0] for one, two in zip(ours, theirs, strict=True)),
                "all_ours_s": [each[0] for each in ours],
                "all_theirs_s": [each[0] for each in theirs],
            }
        )
    return rows, hashing[1:]


def table(rows: list[Row]) -> str:
    """For the documents."""
    lines = [
        f"| 1 GiB in four files | {OURS} | {THEIRS} | ratio | processor seconds |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['action']} | {row['ours_s']:.2f} s | {row['theirs_s']:.2f} s | {row['ratio']:.2f} "
        f"| {row['ours_cpu_s']:.2f} / {row['theirs_cpu_s']:.2f} |"
        for row in rows
    ]
    return "\n".join(lines)


def main() -> int:
    """Measures, prints, writes; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mebibytes", type=int, default=256, help="of each of the four files [256]")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where there is room [a temporary folder]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows, hashing = measure(Path(folder), options.mebibytes, options.rounds, print)
    shown = table(rows)
    passed = all(float(str(row["ratio"])) < 1 for row in rows if row["action"] != WITH_CONTRACT)
    print(shown, f"sha256 alone, one thread: {median(hashing):.2f} s", sep="\n")
    print("bar (faster at both):", "met" if passed else "MISSED")
    if options.mebibytes == 256:
        machine = {
            "python": platform.python_version(),
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
        }
        document = {"machine": machine, "rows": rows, "sha256_one_thread_s": hashing, "passed": passed}
        RESULTS.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        marks = re.compile(r"(<!-- trust_sign -->\n).*?(<!-- /trust_sign -->)", re.DOTALL)
        if PAGE.exists():
            page = PAGE.read_text("utf-8")
            PAGE.write_text(marks.sub(lambda found: found[1] + shown + "\n" + found[2], page), "utf-8")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
