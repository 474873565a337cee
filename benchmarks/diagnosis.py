"""Does `diagnose` name the right cause, and how soon?

Every fault that a hypothesis explains is made from four real models, with several seeds. What is broken
before or behind the model is explained from what the good pipeline gave (its outputs and answers, as a
training script would save them); what is broken inside the model from the earlier release, because only that
knows the right weights. Then two faults at once, and pairs that match. A third of the cases, chosen by their
names, is kept for the figure that is reported: nothing is tuned on it.

Bars: the right cause first in 95 % of the single ones, both of two in 80 %, no cause in 100 matched pairs,
median under 60 s.

`--known answers` or `labels` asks the same with a reference that knows less; then only causes outside the
model's files are tried, and with labels only where a fault costs ten points of accuracy.

Usage: python benchmarks/diagnosis.py [--subjects digits,reviews,...] [--part develop|held-out|all] [--jobs 2]
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from _subjects import Subject, subjects
from seatrial.contract import HeldOut, Sample, load_contract, read_held_out
from seatrial.diagnosis import Case, Diagnosis, Reference, Search, Setup, diagnose
from seatrial.diagnosis.deployed import LocalRunner
from seatrial.errors import SeatrialError
from seatrial.faults import Fault, Good, NotApplicable, Release, all_faults
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("digits", "reviews", "ppocr-rec", "ppocr-det")
SAMPLES = {"ppocr-rec": 48, "ppocr-det": 16}  # the others take 128


@dataclass(frozen=True)
class Row:
    """One case and what was said."""

    subject: str
    kind: str  # one, two, matched
    faults: tuple[str, ...]
    expected: tuple[str, ...]
    seed: int
    held_out: bool
    said: tuple[str, ...]
    verdict: str
    agreement: float
    after: float
    tried: int
    seconds: float
    sentence: str

    @property
    def right(self) -> bool:
        """Whether the answer is the right one."""
        return set(self.said) == set(self.expected)


@dataclass
class Bench:
    """One model, what it gives when it is right, and its cases."""

    subject: Subject
    good: Good
    samples: tuple[Sample, ...]
    reference: Reference  # outputs and answers
    release: Reference  # everything an earlier release knows
    best: float  # accuracy of the good pipeline against the labels
    scratch: Path

    @classmethod
    def prepare(cls, subject: Subject, scratch: Path, known: str) -> Bench:
        """Reads the model and asks it once."""
        artifact, contract = open_model(subject.model), load_contract(subject.contract)
        held = read_held_out(subject.data, contract=contract, members=subject.members)
        chosen = np.random.default_rng(1).permutation(len(held))[: SAMPLES.get(subject.name, 128)]
        samples = tuple(held.samples[int(place)] for place in sorted(chosen))
        labels = Reference("labels", answers=tuple(each.label for each in samples), labels_only=True)
        with LocalRunner() as runner:
            seen = Case(Setup(contract, artifact), samples, labels, runner).observed
        everything = Reference("training side", outputs=seen.outputs, answers=seen.answers)
        earlier = replace(
            everything, source="earlier release", feeds=seen.feeds, artifact=artifact, contract=contract
        )
        less = {"outputs": everything, "answers": replace(everything, outputs=None), "labels": labels}
        release = Release(artifact.graph, contract, HeldOut(samples, held.digest, held.source, held.members))
        other = open_model(subject.other) if subject.other else None
        good = Good(release, artifact, other)
        return cls(subject, good, samples, less[known], earlier, seen.agreement, scratch)

    def broken(self, faults: tuple[Fault, ...], seed: int) -> Setup | None:
        """The setup with these faults in it, one after the other; None where that cannot be."""
        good = self.good
        for each in faults:
            folder = Path(tempfile.mkdtemp(dir=self.scratch))
            try:
                release = each.make(good, folder, seed)
                good = Good(release, open_model(release.model), good.other)
            except (NotApplicable, SeatrialError):
                return None
        if good.artifact.problems:
            return None
        return Setup(good.release.contract, good.artifact)

    def ask(
        self,
        setup: Setup,
        kind: str,
        faults: tuple[Fault, ...],
        seed: int,
        reference: Reference | None = None,
    ) -> Row | None:
        """One diagnosis; None where no sample shows the fault: then there is nothing to explain."""
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        with LocalRunner() as runner:
            known = reference or (self.release if inside(faults) else self.reference)
            case = Case(setup, self.samples, known, runner, scratch=scratch, seed=seed)
            begin = time.monotonic()
            found = diagnose(case, Search())
            seconds = time.monotonic() - begin
        if kind != "matched" and (found.verdict == "agree" or not self.costs(found)):
            return None
        names = tuple(each.name for each in faults)
        return Row(
            subject=self.subject.name,
            kind=kind,
            faults=names,
            expected=tuple(each.cause for each in faults),
            seed=seed,
            held_out=held_out(self.subject.name, names, seed),
            said=found.cause.attempt.hypotheses if found.cause else (),
            verdict=found.verdict,
            agreement=round(found.agreement, 4),
            after=round(found.cause.attempt.after, 4) if found.cause else 0.0,
            tried=found.tried,
            seconds=round(seconds, 2),
            sentence=found.sentence.en,
        )

    def costs(self, found: Diagnosis) -> bool:
        """Whether the reference can see the fault at all: labels see only what costs accuracy."""
        return not self.reference.labels_only or found.agreement <= self.best - 0.1


def inside(faults: tuple[Fault, ...]) -> bool:
    """Whether one of the faults is in the model's own files."""
    return any(each.kind in ("weights", "graph", "file") for each in faults)


def held_out(subject: str, names: tuple[str, ...], seed: int) -> bool:
    """Whether a case belongs to the third that is only used for the reported figure."""
    text = f"{subject} {' '.join(names)} {seed}"
    return hashlib.sha256(text.encode()).digest()[0] % 3 == 0


def wanted(bench: Bench, faults: tuple[Fault, ...], seed: int, part: str) -> bool:
    """Whether this part of the suite holds the case."""
    mine = held_out(bench.subject.name, tuple(each.name for each in faults), seed)
    return part == "all" or mine == (part == "held-out")


def single(bench: Bench, seeds: int, part: str) -> Iterator[Row]:
    """One cause at a time."""
    less = bench.reference.outputs is None  # what is inside the model needs the model
    for fault, seed in itertools.product(explained(), range(seeds)):
        if less and inside((fault,)):
            continue
        if wanted(bench, (fault,), seed, part):
            setup = bench.broken((fault,), seed)
            row = bench.ask(setup, "one", (fault,), seed) if setup else None
            if row:
                yield row


def double(bench: Bench, count: int, part: str) -> Iterator[Row]:
    """Two causes at once, of different hypotheses."""
    # Two edits of one file have one cure (the right file), so the two are taken from different places.
    pairs = [
        (a, b)
        for a, b in itertools.combinations(explained(), 2)
        if a.cause != b.cause and not (inside((a,)) and inside((b,)))
    ]
    order = np.random.default_rng(11).permutation(len(pairs))
    made = 0
    for place in order:
        pair, seed = pairs[int(place)], int(place) % 5
        if made >= count:
            return
        if not wanted(bench, pair, seed, part) or not all(shows(bench, each, seed) for each in pair):
            continue
        setup = bench.broken(pair, seed)
        row = bench.ask(setup, "two", pair, seed) if setup else None
        if row:
            made += 1
            yield row


def shows(bench: Bench, fault: Fault, seed: int) -> bool:
    """Whether a fault alone changes any answer here: a cause that shows nowhere cannot be named."""
    setup = bench.broken((fault,), seed)
    if setup is None:
        return False
    with LocalRunner() as runner:
        return not Case(setup, bench.samples, bench.reference, runner).observed.agrees.all()


def matched(bench: Bench, count: int) -> Iterator[Row]:
    """Pairs that match: other threads, engine switches and samples; numbers or labels as the reference."""
    rng = np.random.default_rng(5)
    setup = Setup(bench.good.contract, bench.good.artifact)
    labels = Reference("labels", answers=tuple(each.label for each in bench.samples), labels_only=True)
    for turn in range(count):
        options = SessionOptions(threads=int(rng.integers(1, 3)), optimize=bool(rng.integers(2)))
        changed = replace(setup, options=options, batch=int(rng.choice([1, 8, 32])))
        row = bench.ask(changed, "matched", (), turn, labels if turn % 2 else None)
        if row:
            yield row


def explained() -> list[Fault]:
    """Faults that a hypothesis explains."""
    return [each for each in all_faults().values() if each.cause]


def run(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every case of one model, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as folder:
        bench = Bench.prepare(subjects(Path(folder), [name])[0], Path(folder), options.known)
        rows = []
        for row in itertools.chain(
            single(bench, options.seeds, options.part),
            double(bench, options.pairs, options.part),
            matched(bench, options.matched),
        ):
            rows.append(asdict(row) | {"right": row.right})
            mark = "ok " if row.right else "NO "
            print(
                f"  {mark}{row.subject:<10} {row.kind:<8} {'+'.join(row.faults):<46} seed {row.seed}: "
                f"{'+'.join(row.said) or row.verdict:<28} {row.agreement:.0%} -> {row.after:.0%} "
                f"{row.tried:>3} tried {row.seconds:5.1f} s",
                flush=True,
            )
    return rows


def main() -> int:
    """Runs the suite and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", default=",".join(NAMES))
    parser.add_argument("--part", choices=("develop", "held-out", "all"), default="all")
    parser.add_argument("--known", choices=("outputs", "answers", "labels"), default="outputs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=12, help="double causes a model")
    parser.add_argument("--matched", type=int, default=25, help="matched pairs a model")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "diagnosis.json")
    options = parser.parse_args()
    names = options.subjects.split(",")
    with ProcessPoolExecutor(options.jobs) as pool:
        rows = [row for rows in pool.map(run, names, itertools.repeat(options)) for row in rows]
    report(rows, names)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    machine |= {"part": options.part, "known": options.known}
    options.out.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n", "utf-8")
    return 0


def report(rows: list[dict[str, Any]], names: list[str]) -> None:
    """The table by model and kind; the held-out third apart."""
    print("\n| model | cases | kind | right | of them held out | median s | slowest s |")
    print("|---|---|---|---|---|---|---|")
    for name, kind in itertools.product([*names, "all"], ("one", "two", "matched")):
        mine = [each for each in rows if each["kind"] == kind and name in (each["subject"], "all")]
        if not mine:
            continue
        kept = [each for each in mine if each["held_out"]]
        seconds = [each["seconds"] for each in mine]
        print(
            f"| {name} | {len(mine)} | {kind} | {share(mine)} | {share(kept)} "
            f"| {statistics.median(seconds):.1f} | {max(seconds):.1f} |"
        )


def share(rows: list[dict[str, Any]]) -> str:
    """How many are right."""
    right = sum(each["right"] for each in rows)
    return f"{right} of {len(rows)} ({right / len(rows):.0%})" if rows else "-"


if __name__ == "__main__":
    sys.exit(main())
