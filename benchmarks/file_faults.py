"""How many of 36 broken releases does each gate catch?

Peers in the same run: load and run; accuracy drop over one point; top-1 agreement; golden outputs. Ours: the
fast tier against the accepted baseline of the good release, first with nothing pinned, then (for what went
through) with the weights' digest pinned in the contract. The good release must pass.

Usage: python benchmarks/file_faults.py [--only FAULT] [--out JSON]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from _file_faults import FAULTS, Good, write
from seatrial.errors import SeatrialError
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, open_session

ROOT = Path(__file__).resolve().parent.parent
ORDER = (
    "structure", "weights", "interface", "accuracy", "consistency",
    "performance", "robustness", "security", "explainability", "deployment",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One release and who caught it."""

    name: str
    load: bool
    accuracy: bool
    top1: bool
    golden: bool
    ours: bool
    pinned: bool
    first: str
    seconds: float


def outputs(folder: Path, images: Any) -> Any:
    """What plain Paddle Inference gives, or None when it refuses or dies."""
    try:
        artifact = open_model(folder / "inference.json")
        with open_session(
            artifact, runtime="paddle", options=SessionOptions(timeout=30), unverified=True
        ) as session:
            return session.run({artifact.inputs[0].name if artifact.inputs else "image": images})[0]
    except SeatrialError:
        return None


def naive(good: Any, got: Any, labels: Any) -> tuple[bool, bool, bool, bool]:
    """Whether each usual gate says no."""
    if got is None or got.shape != good.shape:
        return (True,) * 4
    accuracy = [(each.argmax(1) == labels).mean() for each in (good, got)]
    agreement = (good.argmax(1) == got.argmax(1)).mean()
    worst = float(np.abs(good - got).max())
    return False, bool(accuracy[0] - accuracy[1] > 0.01), bool(agreement < 1), not worst <= 1e-4


def gate(folder: Path, data: Path, store: Path, out: Path) -> tuple[bool, str]:
    """Whether our gate says no, and the first check that did."""
    done = subprocess.run(
        [
            sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", "check", folder, "--data", data,
            "--baseline", "good", "--baselines", store, "-o", out, "--quiet",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return False, ""
    if not (out / "report.json").exists():
        return True, f"refused (exit {done.returncode})"
    verdicts = {
        each["name"]: each["verdict"] for each in json.loads((out / "report.json").read_text())["results"]
    }
    return True, next(
        (f"{name} {verdicts[name]}" for name in ORDER if verdicts.get(name) not in {"PASS", "WARN"}), "?"
    )


def main() -> int:
    """Makes the releases, asks every gate, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "file_faults.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as scratch:
        rows = measure(Path(scratch), arguments.only)
    report(rows, arguments.out)
    return 0


def measure(scratch: Path, only: str | None) -> list[Row]:
    """One row a release, the good ones first."""
    train = [sys.executable, "-W", "ignore", str(ROOT / "examples" / "digits" / "train.py")]
    subprocess.run([*train, scratch / "good"], check=True, capture_output=True)
    subprocess.run(
        [*train, scratch / "other", "--seed", "7", "--epochs", "3"], check=True, capture_output=True
    )
    model, data, store = (
        scratch / "good" / "model",
        scratch / "good" / "held_out.npz",
        scratch / "baselines.db",
    )
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", model)
    accept(model, data, store, scratch / "accepted")
    with np.load(data) as arrays:
        images, labels = arrays["image"], arrays["label"]
    reference = outputs(model, images)
    good, other = Good.read(model), Good.read(scratch / "other" / "model")
    rows = []
    shutil.copytree(model, scratch / "copy")
    cases = [("(good, copied elsewhere)", scratch / "copy")]
    for place, (name, fault) in enumerate(FAULTS.items()):
        if only and only != name:
            continue
        folder = scratch / f"fault-{place:02d}"
        write(fault(good, other), folder, model)
        cases.append((name, folder))
    for name, folder in cases:
        begin = time.monotonic()
        ours, first = gate(folder, data, store, scratch / f"out-{folder.name}")
        seconds, pinned = time.monotonic() - begin, ours
        if not ours:
            pin(folder / "contract.yaml", model / "inference.pdiparams")
            pinned, first = gate(folder, data, store, scratch / f"pinned-{folder.name}")
        caught = naive(reference, outputs(folder, images), labels)
        rows.append(Row(name, *caught, ours, pinned, first, round(seconds, 1)))
        how = "caught by" if ours else "caught, pinned, by" if pinned else "passed"
        print(f"  {name:<32} {how + ' ' + first:<48} {seconds:5.1f} s", flush=True)
    return rows


def pin(contract: Path, weights: Path) -> None:
    """Writes the digest of the good weights into a contract."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    text = contract.read_text("utf-8")
    contract.write_text(
        text.replace("fingerprints:\n", f"fingerprints:\n  weights: sha256:{digest}\n"), "utf-8"
    )


def accept(model: Path, data: Path, store: Path, out: Path) -> None:
    """Checks the good release and accepts it as the baseline."""
    cli = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main"]
    done = subprocess.run(
        [*cli, "check", model, "--data", data, "-o", out], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the good release did not pass:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    accept_words = [
        "baseline",
        "accept",
        out / "report.json",
        "--name",
        "good",
        "--by",
        "bench",
        "--reason",
        "bench",
    ]
    subprocess.run([*cli, *accept_words, "--baselines", store], check=True, capture_output=True)


def report(rows: list[Row], out: Path) -> None:
    """Prints the table and writes the JSON."""
    faults = [each for each in rows if not each.name.startswith("(")]
    good = [each for each in rows if each.name.startswith("(")]
    print(f"\n| gate | caught of {len(faults)} | kills | good releases refused |\n|---|---|---|---|")
    for label, name in (
        ("load and run", "load"),
        ("accuracy drop > 1 point", "accuracy"),
        ("top-1 agreement < 100 %", "top1"),
        ("golden outputs > 1e-4", "golden"), ("Seatrial, fast tier against a baseline", "ours"),
        ("the same, weights pinned in the contract", "pinned"),
    ):  # fmt: skip
        caught = sum(getattr(each, name) for each in faults)
        refused = sum(getattr(each, name) for each in good)
        print(f"| {label} | {caught} | {caught / max(len(faults), 1):.0%} | {refused} of {len(good)} |")
    out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    out.write_text(json.dumps({"machine": machine, "rows": [vars(each) for each in rows]}, indent=2) + "\n")
    print(f"\nwrote {out.relative_to(ROOT) if out.is_relative_to(ROOT) else out}")


if __name__ == "__main__":
    sys.exit(main())
