"""An hour at 70 % of the simulated device, a hot update every minute: does memory grow, does a request fail?

    python benchmarks/serving/soak.py [--minutes 60] [--share 0.7] [--every 60]

A new version is put beside the old one and loaded through the repository extension; the old one is drained
and its files are removed. Memory is that of the server and of all processes that it started (pages shared
among them counted once), taken every few seconds. The queue holds a second of work, so that a pause of the
machine refuses nobody; by default it holds 40 ms, so that who cannot be served soon is told at once. Growth
is the median of the last quarter against that of the first quarter after the warm-up (a tenth of the time),
so that moments with two versions do not decide.
Writes benchmarks/results/serving_soak.json.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import environments
import machine
from generator import Target, Window, ask
from loads import OPEN_CONNECTIONS, Load
from models import MODELS, write_models
from peers.seatrial import PEER
from running import REALTIME, Running, Wanted, running

RESULTS = environments.ROOT / "benchmarks" / "results" / "serving_soak.json"
SAMPLE = 5.0  # seconds between looks at the memory
MODEL = "sim"
MOST_GROWTH = 0.02
WAITING = 1024  # rows: a second of work, so that a pause of the machine refuses nobody


@dataclass
class Watched:
    """What was seen while the load ran.

    Attributes:
        memory: (seconds from the start, MiB of the whole server, MiB of its main process).
        updates: (seconds from the start, version, status of the load, seconds it took).
    """

    memory: list[tuple[float, float, float]] = field(default_factory=list)
    updates: list[tuple[float, int, int, float]] = field(default_factory=list)


def main() -> int:
    """Runs it, prints the verdict, writes the JSON; 1 when memory grew or a request failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--share", type=float, default=0.7, help="of what the device can do [0.7]")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between updates [60]")
    parser.add_argument("--ordinary", action="store_true", help="do not use the round-robin class")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if not 0.5 <= options.minutes <= 65:
        parser.error("--minutes: 0.5 to 65")
    found = soak(options, realtime=machine.realtime_works() and not options.ordinary)
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(told(found))
    return 0 if found["passed"] else 1


def soak(options: argparse.Namespace, *, realtime: bool) -> dict[str, Any]:
    """The load, the updates and the samples, side by side."""
    write_models(environments.SIDE / "models")
    with tempfile.TemporaryDirectory(prefix="seatrial-soak-") as folder:
        versions = Path(folder) / MODEL
        _put(versions, 1)
        wanted = Wanted(replace(PEER, launch=_of_folder(versions)), "", MODEL, realtime=realtime)
        with running(wanted) as server:
            stop, watched = threading.Event(), Watched()
            watcher = threading.Thread(
                target=_watch, args=(server, versions, watched, stop), kwargs={"every": options.every}
            )
            watcher.start()
            load = Load("soak", MODEL, "soak", OPEN_CONNECTIONS, options.share)
            try:
                target = Target(server.port, server.launch.path, server.body, MODELS[MODEL].expect)
                answers = ask(load, target, Window(options.minutes * 60, before=REALTIME if realtime else ()))
            finally:
                stop.set()
                watcher.join()
    return _judged(options, answers, watched)


def _of_folder(versions: Path) -> Any:
    """Our own launch, but of a folder of versions instead of one file."""

    def launch(setting: Any) -> Any:
        made = PEER.launch(setting)
        command = [f"{MODEL}={versions}" if f"{MODEL}=" in str(each) else each for each in made.command]
        command += ["--max-queue-size", str(WAITING)]
        return replace(made, command=tuple(command))

    return launch


def _put(versions: Path, version: int) -> None:
    """A version appears whole: it is written aside and renamed."""
    versions.mkdir(exist_ok=True)
    aside = versions / f".{version}"
    shutil.copytree(environments.SIDE / "models" / MODEL, aside)
    aside.rename(versions / str(version))


def _watch(server: Running, versions: Path, watched: Watched, stop: threading.Event, *, every: float) -> None:
    began = time.monotonic()
    version, due = 1, every
    while not stop.wait(SAMPLE):
        now = time.monotonic() - began
        own = machine.memory_mib([server.process])
        watched.memory.append((now, server.memory(), own))
        if now >= due:
            due += every
            version += 1
            _put(versions, version)
            status = _load(server.port)
            watched.updates.append((now, version, status, time.monotonic() - began - now))
            shutil.rmtree(versions / str(version - 1))


def _load(port: int) -> int:
    """Asks for the newest version, as Triton's clients do; the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", f"/v2/repository/models/{MODEL}/load", b"{}")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return response.status
    finally:
        connection.close()


def _judged(options: argparse.Namespace, answers: dict[str, Any], watched: Watched) -> dict[str, Any]:
    warm = options.minutes * 60 / 10
    steady = [mib for at, mib, _ in watched.memory if at >= warm]
    quarter = max(1, len(steady) // 4)
    first, last = median(steady[:quarter]), median(steady[-quarter:])
    failed = answers["sent"] - answers["answered"]["count"] + answers["unexpected"]
    updated = sum(status == 200 for _, _, status, _ in watched.updates)
    growth = last / first - 1
    return {
        "machine": machine.description(),
        "minutes": options.minutes,
        "share": options.share,
        "update_every_s": options.every,
        "answers": answers,
        "failed": failed,
        "updates": len(watched.updates),
        "updates_done": updated,
        "update_seconds": [round(each[3], 2) for each in watched.updates],
        "memory_first_mib": first,
        "memory_last_mib": last,
        "memory_growth": growth,
        "memory_mib": [[round(each, 1) for each in row] for row in watched.memory],
        "passed": growth < MOST_GROWTH and failed == 0 and updated == len(watched.updates),
    }


def told(found: dict[str, Any]) -> str:
    """For people."""
    answered = found["answers"]["answered"]
    told = f"{found['minutes']:g} min at {100 * found['share']:.0f} % of the device"
    return "\n".join(
        [
            f"{told}: {answered['count']} answers, mean {answered['mean_ms']:.1f} ms,"
            f" P99 {answered['p99_ms']:.1f} ms, {found['failed']} failed",
            f"updates: {found['updates_done']} of {found['updates']} done",
            f"memory: {found['memory_first_mib']:.1f} MiB, at the end {found['memory_last_mib']:.1f} MiB"
            f" ({100 * found['memory_growth']:+.2f} %, bar < {100 * MOST_GROWTH:.0f} %)",
            "passed" if found["passed"] else "FAILED",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
