"""What does the gate catch on four real models, and how often does it refuse a good release?

Each model is broken in every way that can happen to it, and the gate is run on each broken release; good
releases are made another way. One table of scores, one row a model; the rows of every fault are in the JSON.

Usage: python benchmarks/selftest.py [--only NAME,...] [--faults WHICH] [--good N] [--jobs N] [--seed N]
                                     [--quick] [--scratch FOLDER] [--out JSON]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _subjects import MAKERS, Subject, subjects
from seatrial.checks import dump
from seatrial.errors import SeatrialError
from seatrial.selftest import FaultRow, Plan, SelfTest, Step, choose, run_selftest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("SEATRIAL_SIDE", str(ROOT / ".side"))  # where the converter for .pdmodel lies


def main() -> int:
    """Runs the self-test on each model, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(MAKERS))
    parser.add_argument("--faults", default="all")
    parser.add_argument("--good", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scratch", type=Path, help="keeps the models between runs")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "selftest.json")
    arguments = parser.parse_args()
    found: dict[str, SelfTest] = {}
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as temporary:
        for model in subjects(arguments.scratch or Path(temporary), arguments.only.split(",")):
            print(f"\n{model.name}", flush=True)
            try:
                found[model.name] = measure(model, arguments)
            except SeatrialError as error:
                print(f"  not measured: {error.message}")
                continue
            keep(found, arguments.out)
    report(found)
    return 0 if found and all(each.passed for each in found.values()) else 1


def measure(model: Subject, arguments: argparse.Namespace) -> SelfTest:
    """The self-test of one model."""
    subject = model.tested()
    faults = choose(arguments.faults, subject.catalogue()) if arguments.faults else ()
    plan = Plan(
        faults,
        good=arguments.good,
        jobs=arguments.jobs,
        seed=arguments.seed,
        quick=arguments.quick,
        limit=1200.0,
    )
    begin = time.monotonic()
    return run_selftest(
        subject,
        plan,
        clock=lambda: datetime.now(UTC),
        command=f"python benchmarks/selftest.py --only {model.name}",
        told=lambda step: told(step, begin),
    )


def told(step: Step, begin: float) -> None:
    """One line a release, as it is judged; what cannot happen is passed over."""
    row = step.row
    if row is None or row.status == "not-applicable":
        return
    name, first = (row.name, row.first) if isinstance(row, FaultRow) else (f"good: {row.variant}", "")
    how = f"{row.status} {first}{' (digest)' if isinstance(row, FaultRow) and row.digest_only else ''}"
    why = row.why if isinstance(row.why, str) else row.why.en if row.why is not None else ""
    place = f"{time.monotonic() - begin:6.0f} s {step.done:>4}/{step.planned}"
    print(f"  {place} {name:<34} {how:<32} {row.seconds:6.1f} s {why}", flush=True)


def keep(found: dict[str, SelfTest], out: Path) -> None:
    """Writes what is known so far; models that were measured before and not now are kept."""
    out.parent.mkdir(parents=True, exist_ok=True)
    kept: dict[str, Any] = json.loads(out.read_text("utf-8")) if out.exists() else {}
    kept |= {name: _without_paths(json.loads(dump(each))) for name, each in found.items()}
    out.write_text(json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


def _without_paths(data: dict[str, Any]) -> dict[str, Any]:
    """Without what only this machine knows."""
    model = {key: value for key, value in data["model"].items() if key != "path"}
    return {**data, "model": model, "environment": {"cores": data["environment"].get("cores")}}


def report(found: dict[str, SelfTest]) -> None:
    """The table."""
    heads = (
        "model", "faults that apply", "caught", "score", "without any digest", "equivalents",
        "by digest only", "good refused", "under (95 %)", "minutes",
    )  # fmt: skip
    print("\n| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for name, each in found.items():
        scores, alarms = each.scores, each.scores.false_alarms
        cells = (
            name, scores.applicable, scores.caught, f"{scores.score:.1%}",
            f"{scores.behavior_caught} of {scores.behavior_applicable}", scores.equivalents,
            scores.digest_only, f"{alarms.hits} of {alarms.n}", f"{alarms.high:.1%}",
            f"{each.seconds / 60:.1f}",
        )  # fmt: skip
        print("| " + " | ".join(map(str, cells)) + " |")
        for what in ("missed", "errors", "elsewhere"):
            names = getattr(scores, what)
            if names:
                print(f"  {name}, {what}: {', '.join(names)}")


if __name__ == "__main__":
    raise SystemExit(main())
