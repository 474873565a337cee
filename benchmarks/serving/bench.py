"""Seatrial and other model servers side by side, under the same loads from the same client, on this machine.

    python benchmarks/serving/bench.py [--peers NAME,...] [--loads NAME,...] [--only PART,...]
                                       [--seconds S] [--repeats N] [--others N] [--again]

Each peer is installed into a throw-away environment under `.side/peers` when it is first asked for. After
every single run the JSON is written; what stands in it is not measured again, so that a stopped bench goes on
where it was. `--only table` prints what was measured so far; `--page` also writes it into the docs.

Servers take turns: one repeat of every load on each server, then the next repeat, so that a slow minute of
the machine meets all of them. Server and client run in the round-robin class where that is permitted.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bars
import environments
import machine
from environments import NotInstallableError
from loads import LOADS
from measuring import cancelled, limit, measure, reading_times
from models import write_models
from peers._peer import Peer
from running import DidNotStartError, Wanted, running

from results import Results
from seatrial import extensions

PAGE = environments.ROOT / "docs" / "explanation" / "serving.md"
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"
RESULTS = environments.ROOT / "benchmarks" / "results" / "serving.json"
PARTS = ("image", "limit", "loads", "gone", "table")
THREADS = 1
WARM = 1.0


def main() -> int:
    """Measures what is missing, prints the tables; 1 when a bar is missed."""
    options = _options()
    results = Results.read(options.out)
    results.machine = machine.description()
    realtime = machine.realtime_works() and not options.ordinary
    write_models(environments.SIDE / "models")
    if "image" in options.only and (options.again or not results.rows("seatrial", "image")):
        results.add(reading_times())
    for wanted, repeat in _turns(options, realtime=realtime):
        if "loads" in options.only:
            _loads(results, wanted, repeat, options)
        if "limit" in options.only and wanted.model == "encoder" and wanted.name == "seatrial":
            _limit(results, repeat, options, realtime=realtime)
    if "gone" in options.only and "gone" in options.loads:
        _gone(results, options, realtime=realtime)
    results.write()
    told = bars.tables(results)
    print("\n" + told)
    if options.page:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + "\n" + told + "\n\n" + END + rest.partition(END)[2], "utf-8")
    return 0 if all(each.met for each in bars.verdicts(results)) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = extensions.find("peers", "PEER")

    def names(given: str) -> list[str]:
        return [each for each in given.split(",") if each]

    first = sorted(known, key=lambda name: (not known[name].anchor, name))
    parser.add_argument("--peers", type=names, default=first, help=",".join(first))
    parser.add_argument("--loads", type=names, default=[*LOADS, "gone"], help=",".join([*LOADS, "gone"]))
    parser.add_argument("--only", type=names, default=list(PARTS), help=",".join(PARTS))
    parser.add_argument("--seconds", type=float, default=5.0, help="that each run counts [5]")
    parser.add_argument("--repeats", type=int, default=3, help="of ours and of the peers with a bar [3]")
    parser.add_argument("--others", type=int, default=1, help="repeats of the other peers [1]")
    parser.add_argument("--again", action="store_true", help="measure also what is in the JSON already")
    parser.add_argument("--ordinary", action="store_true", help="do not use the round-robin class")
    parser.add_argument(
        "--page", action="store_true", help="write the tables into docs/explanation/serving.md"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    for given, there in ((options.peers, known), (options.loads, {*LOADS, "gone"}), (options.only, PARTS)):
        unknown = [each for each in given if each not in there]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(there)}")
    options.peers = [known[name] for name in options.peers]
    return options


def _turns(options: argparse.Namespace, *, realtime: bool) -> Iterator[tuple[Wanted, int]]:
    """Servers to start, in the order of measuring."""
    for repeat in range(max(options.repeats, options.others)):
        for model in ("sim", "tiny", "encoder"):
            for peer in options.peers:
                if repeat >= (options.repeats if peer.anchor else options.others):
                    continue
                for variant in peer.variants:
                    if peer.takes(variant, model):
                        yield Wanted(peer, variant, model, realtime=realtime, threads=THREADS), repeat


def _loads(results: Results, wanted: Wanted, repeat: int, options: argparse.Namespace) -> None:
    todo = [
        load
        for load in map(LOADS.get, options.loads)
        if load is not None and load.model == wanted.model and (load.serial or not wanted.peer.serial)
        if options.again or not results.has(wanted.name, load.name, repeat, seconds=options.seconds)
    ]
    if not todo:
        return
    try:
        results.versions[wanted.peer.name] = _version(wanted.peer)
        with running(wanted) as server:
            for load in todo:
                server.settle()
                try:
                    row = measure(server, load, repeat=repeat, seconds=options.seconds, warm=WARM)
                except NotImplementedError as error:
                    print(f"{wanted.name}: {load.name}: {error}", flush=True)
                    continue  # an empty cell
                results.add(row)
                _say(row)
        results.missing.pop(wanted.name, None)
    except (NotInstallableError, DidNotStartError, NotImplementedError) as error:
        results.missing[wanted.name] = _without_paths(str(error))
        print(f"{wanted.name}: {error}", flush=True)


def _without_paths(text: str) -> str:
    """Only the names of files: where they lie on this machine is nobody's business."""
    return re.sub(r"(?:/[\w.+-]+)+/", "", text)


def _version(peer: Peer) -> str:
    found = environments.version_of(peer, environments.python_of(peer))
    return found if peer.distribution == peer.name else f"of {peer.distribution} {found}"


def _limit(results: Results, repeat: int, options: argparse.Namespace, *, realtime: bool) -> None:
    if "encoder-32" not in options.loads:
        return
    if options.again or not results.has("in process", "encoder-32", repeat, seconds=options.seconds):
        row = limit("encoder", repeat=repeat, seconds=options.seconds, threads=THREADS, realtime=realtime)
        results.add(row)
        print(f"{'in process':20} encoder-32 #{repeat}  {row['rps']:9.1f}/s", flush=True)


def _gone(results: Results, options: argparse.Namespace, *, realtime: bool) -> None:
    for peer in options.peers:
        if peer.serial or (results.rows(peer.name, "gone") and not options.again):
            continue
        try:
            row = cancelled(Wanted(peer, "", "sim", realtime=realtime))
        except (NotInstallableError, DidNotStartError) as error:
            results.missing[peer.name] = _without_paths(str(error))
            continue
        results.add(row)
        print(f"{peer.name:20} gone: {row['rows']} rows of {row['clients']} run", flush=True)


def _say(row: dict[str, Any]) -> None:
    answered, name = row["answered"], f"{row['server']:18} {row['load']:12} #{row['repeat']}"
    print(
        f"{name} {row['rps']:9.1f}/s  mean {answered['mean_ms']:8.2f}  P99 {answered['p99_ms']:8.2f} ms"
        f"  CPU {row['server_cpu_us']:6.0f} us a request"
        f"  others {row['foreign_cpus']:.2f} CPUs",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
