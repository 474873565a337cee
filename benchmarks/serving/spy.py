"""Where a loaded server's time goes: samples of its main process while a load is on it.

    python benchmarks/serving/spy.py [--load tiny-32] [--seconds 8] [--fronts 2]

A sample is counted for the innermost function of Seatrial on its stack, so that what that function calls in
libraries (JSON, arrays, sockets) is counted with it. py-spy is installed beside the peers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import environments
import machine
from loads import LOADS
from measuring import measure
from models import write_models
from peers._peer import Peer
from peers.seatrial import PEER
from running import Running, Wanted, running

RATE = 400  # samples a second
LEAST = 0.01  # of all samples; smaller shares are added up
OURS = "seatrial/"


def main() -> int:
    """Prints a table of shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--load", default="tiny-32", choices=list(LOADS))
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--fronts", type=int, default=1)
    options = parser.parse_args()
    write_models(environments.SIDE / "models")
    load, variant = LOADS[options.load], "fronts 2" if options.fronts == 2 else ""
    with running(Wanted(PEER, variant, load.model, realtime=machine.realtime_works())) as server:
        found: list[str] = []
        watcher = threading.Thread(target=lambda: found.extend(_watched(server, options.seconds)))
        watcher.start()
        row = measure(server, load, repeat=0, seconds=options.seconds, warm=1.0)
        watcher.join()
    told = f"{row['rps']:.0f} requests/s, {row['server_cpu_us']:.0f} us of CPU a request"
    print(f"{options.load}: {told}, while it was watched")
    print(table(found))
    return 0


def _watched(server: Running, seconds: float) -> list[str]:
    tool = Peer("py-spy", PEER.launch, packages=("py-spy",))
    program = environments.python_of(tool).parent / "py-spy"
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        command = [
            program, "record", "--pid", str(server.process.pid), "--duration", str(int(seconds)),
            "--rate", str(RATE), "--format", "raw", "--output", raw, "--full-filenames", "--nonblocking",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        return raw.read_text("utf-8").splitlines()


def table(stacks: list[str]) -> str:
    """Shares by file and by function, the largest first."""
    files: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        name = _innermost(stack)
        files[name.partition(" ")[0] if name.startswith("`") else name] += int(count)
        functions[name] += int(count)
    return _shares("file", files) + "\n\n" + _shares("function", functions)


def _shares(what: str, counts: Counter[str]) -> str:
    total = counts.total() or 1
    lines = [f"| {what} | share |", "|---|---|"]
    shown = [(name, count) for name, count in counts.most_common() if count >= LEAST * total]
    lines += [f"| {name} | {100 * count / total:.0f} % |" for name, count in shown]
    rest = total - sum(count for _, count in shown)
    return "\n".join([*lines, f"| everything under {100 * LEAST:.0f} % | {100 * rest / total:.0f} % |"])


def _innermost(stack: str) -> str:
    """File and name of our innermost function; a frame is `name (file:line)`."""
    for frame in reversed(stack.split(";")):
        function, _, place = frame.rpartition(" (")
        if f"/{OURS}serve" in place or f"/{OURS}runtimes" in place:
            return f"`{place.rpartition(OURS)[2].partition(':')[0]}` {function}"
    return "event loop (sockets, timers)"


if __name__ == "__main__":
    sys.exit(main())
