"""The tuner against brute force: how far its winner is from the best point, and what it spent to find it.

Brute force measures every point of the same space on the same bench, in interleaved blocks, so many of them
that the best is known. The tuner runs with several seeds and goals; its winner and the best of brute force
then run side by side in a duel of their own, because figures of two different minutes are not comparable.
Answers are judged in neither: that costs both the same.

Usage: python benchmarks/tuning.py [DIGITS CLS] [--only NAME] [--seeds 3] [--blocks 40] [--json FILE]
DIGITS is what examples/digits/train.py wrote; CLS the folder or file of a PP-OCR direction classifier;
both are made or taken from `make setup` when they are not given.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from _subjects import ROOT, directions, trained
from seatrial import lazy
from seatrial.contract import feeds_of as prepared
from seatrial.contract import load_contract, read_held_out
from seatrial.errors import SeatrialError
from seatrial.model import Artifact, open_model
from seatrial.model.beside import contract_of
from seatrial.tune._bench import Bench
from seatrial.tune._record import Record
from seatrial.tune.goal import parse_goal
from seatrial.tune.machine import Target, parse_target
from seatrial.tune.search import Outcome, Race
from seatrial.tune.space import Point, batch_sizes
from seatrial.tune.tuner import duel
from seatrial.tune.variants import collect, space

CONTRACTS = Path(__file__).resolve().parent.parent / "examples"
GOALS = ("min latency", "max throughput", "p99<50ms and max throughput")
RUNS, SECONDS = 10, 0.02  # of one block of brute force, at least: less does not tell 5 % apart here
STEPS, WIDTH = 32, 128  # of the encoder
BUDGET = 600.0  # of the tuner, seconds


def export_encoder(folder: Path) -> None:
    """A transformer encoder of two blocks with random weights."""
    paddle: Any = lazy.load("paddle", extra="paddle")
    paddle.seed(7)
    block = paddle.nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, activation="gelu")
    net = paddle.nn.Sequential(paddle.nn.TransformerEncoder(block, 2), paddle.nn.Linear(WIDTH, 5))
    net.eval()
    spec = paddle.static.InputSpec([None, STEPS, WIDTH], "float32", "x")
    paddle.jit.save(net, str(folder / "inference"), [spec])


def subject(name: str, given: Mapping[str, Path], scratch: Path) -> tuple[Artifact, Any, list[Any]]:
    """The model, its contract and samples to time with."""
    rng = np.random.default_rng(5)
    if name == "digits":
        artifact = open_model(given[name] / "model")
        contract = load_contract(CONTRACTS / "digits" / "contract.yaml")
        return artifact, contract, prepared(contract, read_held_out(given[name] / "held_out.npz", limit=64))
    if name == "encoder":
        command = [sys.executable, "-W", "ignore", __file__, "--export", str(scratch), ".", "."]
        subprocess.run(command, check=True)
        artifact, shape = open_model(scratch), (1, STEPS, WIDTH)
    else:
        artifact, shape = open_model(given[name]), (1, 3, 48, 192)
    contract, _ = contract_of(artifact, None)
    feeds = [{artifact.inputs[0].name: rng.uniform(-1, 1, shape).astype("float32")} for _ in range(64)]
    return artifact, contract, feeds


def brute_force(points: Sequence[Point], bench: Bench, blocks: int) -> tuple[dict[Any, Record], float]:
    """Every point in every round, and the seconds that took."""
    rng = np.random.default_rng(1)
    began = time.perf_counter()
    records = {each.key: Record(each) for each in points}
    for place in range(blocks):
        for at in rng.permutation(len(points)):
            record = records.get(points[int(at)].key)
            if record is None:
                continue
            try:
                if not record.first:
                    record.first = float(np.min(bench.measure(record.point, 2).seconds))
                runs = max(RUNS, round(SECONDS / record.first))
                record.blocks[place] = bench.measure(record.point, runs)
            except SeatrialError as error:
                print(f"  left out: {record.point}: {error.message}", file=sys.stderr)
                del records[record.point.key]
    return records, time.perf_counter() - began


def race(points: Sequence[Point], bench: Bench, goal: str, seed: int) -> Outcome:
    """The tuner's search alone."""
    return Race(
        points,
        parse_goal(goal),
        measure=bench.measure,
        judge=lambda _: "",
        clock=time.perf_counter,
        budget=BUDGET,
        seed=seed,
    ).run()


def compared(
    name: str, points: Sequence[Point], feeds: Sequence[Any], target: Target, asked: argparse.Namespace
) -> list[dict[str, Any]]:
    """Brute force once, the tuner with every seed on every goal, and their duels."""
    rows = []
    with Bench(feeds, target) as bench:
        records, spent = brute_force(points, bench, asked.blocks)
    for goal in GOALS:
        wanted = parse_goal(goal)
        holding = [each for each in records.values() if each.missed(wanted.bounds) <= 1]
        best = min(holding, key=lambda each: each.typical(wanted.objective))
        for seed in range(asked.seeds):
            with Bench(feeds, target) as bench:  # sessions are opened anew, as a user's tuning opens them
                outcome = race(points, bench, goal, seed)
                winner = outcome.winner
                if winner is None:
                    raise SystemExit(f"{name}, {goal}: the tuner found nothing")
                lost = None
                if winner.point != best.point:
                    found = duel(best, winner, wanted.objective, bench)
                    lost = [100 * (each - 1) for each in (found.value, found.low, found.high)]
            rows.append(
                {
                    "subject": name,
                    "goal": goal,
                    "seed": seed,
                    "points": len(records),
                    "tuner": str(winner.point),
                    "brute_force": str(best.point),
                    "lost_percent": lost or [0.0, 0.0, 0.0],
                    "tuner_seconds": outcome.seconds,
                    "brute_seconds": spent,
                    "share_percent": 100 * outcome.seconds / spent,
                }
            )
            show(rows[-1])
    return rows


def show(row: Mapping[str, Any]) -> None:
    """One line of the table."""
    lost, low, high = row["lost_percent"]
    same = row["tuner"] == row["brute_force"]
    loss = "same point" if same else f"{lost:+.1f} % ({low:+.1f} to {high:+.1f})"
    spent = f"{row['tuner_seconds']:.0f} of {row['brute_seconds']:.0f} s ({row['share_percent']:.0f} %)"
    cells = [row["subject"], row["goal"], str(row["seed"]), str(row["points"]), loss, spent, row["tuner"]]
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("digits", type=Path, nargs="?")
    parser.add_argument("cls", type=Path, nargs="?")
    parser.add_argument("--only", choices=["digits", "cls", "encoder"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--max-batch", type=int, default=8)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "tuning.json")
    parser.add_argument("--export", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.export:
        export_encoder(asked.export)
        return
    given = {"digits": asked.digits or trained(), "cls": asked.cls or directions()}
    target, rows = parse_target("cpu"), []
    print("| model | goal | seed | points | lost (90 %) | tuner of brute force | winner |")
    print("|---|---|---|---|---|---|---|")
    for name in [asked.only] if asked.only else ["digits", "cls", "encoder"]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "model").mkdir()
            artifact, contract, feeds = subject(name, given, Path(folder) / "model")
            variants, _ = collect(
                artifact,
                (),
                contract=contract,
                target=target,
                samples=feeds[:12],
                scratch=Path(folder) / "made",
            )
            setups, _ = space(variants, target)
            sizes = batch_sizes(contract, variants, largest=asked.max_batch)
            points = [Point(setup, size) for setup in setups for size in sizes]
            rows += compared(name, points, feeds, target, asked)
    if not asked.only:
        told: dict[str, Any] = {
            "machine": target.describe(),
            "blocks": asked.blocks,
            "runs": RUNS,
            "block_seconds": SECONDS,
        }
        told["rows"] = rows
        asked.json.write_text(json.dumps(told, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
