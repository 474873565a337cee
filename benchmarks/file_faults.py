"""How many broken files does each gate catch?

Every fault of `seatrial.faults` that breaks a file, the weights or the graph of the digits model. Peers in
the same run: load and run; accuracy drop over one point; top-1 agreement; golden outputs. Ours: the
self-test, first counting only what some check saw in the release itself, then also what only a digest gave
away. Good releases must pass every gate.

Usage: python benchmarks/file_faults.py [--faults WHICH] [--good N] [--seed N] [--scratch FOLDER] [--out JSON]
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from _subjects import subjects
from seatrial.contract import feeds_of
from seatrial.errors import SeatrialError
from seatrial.faults import Good, NotApplicable
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, open_session
from seatrial.selftest import FaultRow, Plan, SelfTest, Subject, choose, read_good, run_selftest

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("file", "weights", "graph")
PEERS = ("load", "accuracy", "top1", "golden")


@dataclass(frozen=True)
class Row:
    """One release and which usual gate said no."""

    name: str
    load: bool
    accuracy: bool
    top1: bool
    golden: bool


def main() -> int:
    """Makes the releases, asks every gate, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", default=",".join(KINDS))
    parser.add_argument("--good", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scratch", type=Path, help="keeps the model between runs")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "file_faults.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as temporary:
        model = subjects(arguments.scratch or Path(temporary), ["digits"])[0]
        subject = model.tested()
        names = [
            name
            for name in choose(arguments.faults, subject.catalogue())
            if subject.catalogue()[name].kind in KINDS
        ]
        plan = Plan(tuple(names), good=arguments.good, seed=arguments.seed)
        ours = run_selftest(subject, plan, clock=lambda: datetime.now(UTC), told=_told)
        peers = ask_peers(read_good(subject), [each for each in ours.faults if each.applicable], subject)
    report(ours, peers, arguments.out)
    return 0


def _told(step: Any) -> None:
    if isinstance(step.row, FaultRow) and step.row.applicable:
        how = f"{step.row.status} {step.row.first}{' (digest)' if step.row.digest_only else ''}"
        print(f"  {step.row.name:<34} {how:<36} {step.row.seconds:5.1f} s", flush=True)


def ask_peers(good: Good, rows: list[FaultRow], subject: Subject) -> list[Row]:
    """What the usual gates say of the same releases; the good one, copied, first."""
    feeds = _batch(good)
    labels = np.array([int(sample.label) for sample in good.release.held_out])
    reference = outputs(good.release.model, feeds)
    asked = [Row("(good)", *naive(reference, outputs(good.release.model, feeds), labels))]
    faults = subject.catalogue()
    for row in rows:
        with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as folder:
            try:
                release = faults[row.name].make(good, Path(folder), row.seed)
            except NotApplicable:
                continue
            asked.append(Row(row.name, *naive(reference, outputs(release.model, feeds), labels)))
    return asked


def _batch(good: Good) -> Any:
    held_out = good.release.held_out
    feeds = feeds_of(good.contract, held_out, limit=len(held_out))
    return np.concatenate([each[good.contract.inputs[0].name] for each in feeds])


def outputs(graph: Path, feeds: Any) -> Any:
    """What plain Paddle Inference gives, or None when it refuses or dies."""
    try:
        artifact = open_model(graph)
        named = artifact.inputs[0].name if artifact.inputs else "image"
        options = SessionOptions(timeout=30)
        with open_session(artifact, runtime="paddle", options=options, unverified=True) as session:
            return session.run({named: feeds})[0]
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


def report(ours: SelfTest, peers: list[Row], out: Path) -> None:
    """Prints the table and writes the JSON."""
    faults = [each for each in peers if each.name != "(good)"]
    refused = {name: sum(getattr(each, name) for each in peers if each.name == "(good)") for name in PEERS}
    rows = [each for each in ours.faults if each.applicable]
    total, alarms = len(rows), ours.scores.false_alarms
    lines = [
        (label, sum(getattr(each, name) for each in faults), f"{refused[name]} of 1")
        for label, name in (
            ("load and run", "load"), ("accuracy drop > 1 point", "accuracy"),
            ("top-1 agreement < 100 %", "top1"), ("golden outputs > 1e-4", "golden"),
        )
    ]  # fmt: skip
    seen = sum(each.caught and not each.digest_only for each in rows)
    lines += [
        ("Seatrial, without any digest", seen, f"{alarms.hits} of {alarms.n}"),
        ("Seatrial, digests in the contract", ours.scores.caught, f"{alarms.hits} of {alarms.n}"),
    ]
    print(f"\n| gate | caught of {total} | kills | good releases refused |\n|---|---|---|---|")
    for label, caught, good in lines:
        print(f"| {label} | {caught} | {caught / max(total, 1):.0%} | {good} |")
    known = [each.name for each in rows if each.digest_only]
    missed = [each.name for each in rows if not each.caught]
    print(f"\nby digest only: {', '.join(known) or 'none'}; missed: {', '.join(missed) or 'none'}")
    write(ours, peers, out)


def write(ours: SelfTest, peers: list[Row], out: Path) -> None:
    """Every release, and what each gate said of it."""
    asked = {each.name: vars(each) for each in peers}
    kept = ("status", "first", "digest_only", "seconds")
    rows = [
        {"name": each.name, **asked.get(each.name, {}), **{name: getattr(each, name) for name in kept}}
        for each in ours.faults
        if each.applicable
    ]
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    good = {"refused": ours.scores.false_alarms.hits, "runs": ours.scores.false_alarms.n}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": machine, "good": good, "rows": rows}, indent=2) + "\n", "utf-8")
    print(f"\nwrote {out.relative_to(ROOT) if out.is_relative_to(ROOT) else out}")


if __name__ == "__main__":
    raise SystemExit(main())
