"""Pages of text through the served pipeline of examples/ppocr, and through RapidOCR's own, same models.

RapidOCR runs in this process, one page after the other, as its users run it; ours is asked over HTTP, PNG
in and JSON out, by one client and by several at once. The two take turns, so that what else the machine does
meets both. Also counted: pages and lines whose texts are equal.

Usage: python benchmarks/ocr_pipeline.py [--pages 16] [--rounds 3] [--threads 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import concurrent.futures
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIDE = Path(os.environ.get("SEATRIAL_SIDE", ROOT / ".side"))
CLIENTS = (1, 4)
sys.path.insert(0, str(ROOT / "tests"))

from support.ocr import lay_out, pages  # noqa: E402 - the path comes first
from support.rapidocr import rapidocr  # noqa: E402
from support.serve_process import serving  # noqa: E402

Timed = tuple[float, list[float]]  # seconds of all, and of each


def timed(pages: Sequence[Any], clients: int, read: Callable[[Any], Any]) -> Timed:
    """Seconds that all pages took, and each of them."""

    def one(page: Any) -> float:
        began = time.perf_counter()
        read(page)
        return time.perf_counter() - began

    began = time.perf_counter()
    if clients == 1:
        seconds = [one(page) for page in pages]
    else:
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            seconds = list(pool.map(one, pages))
    return time.perf_counter() - began, seconds


def asker(address: str) -> Callable[[bytes], list[str]]:
    """Asks the server for the texts of a page."""

    def read(page: bytes) -> list[str]:
        connection = http.client.HTTPConnection(address, timeout=120)
        try:
            connection.request("POST", "/v1/models/ocr/predict", page, {"Content-Type": "image/png"})
            return [line["text"] for line in json.loads(connection.getresponse().read())["lines"]]
        finally:
            connection.close()

    return read


def equal(ours: Sequence[list[str]], theirs: Sequence[list[str]]) -> dict[str, int]:
    """How many pages and lines are equal."""
    pairs = [pair for a, b in zip(ours, theirs, strict=True) for pair in zip(a, b, strict=False)]
    return {
        "pages": len(ours),
        "equal_pages": sum(a == b for a, b in zip(ours, theirs, strict=True)),
        "lines": sum(max(len(a), len(b)) for a, b in zip(ours, theirs, strict=True)),
        "equal_lines": sum(a == b for a, b in pairs),
    }


def row(name: str, runs: Sequence[Timed], theirs: Sequence[Timed]) -> dict[str, Any]:
    """Pages a second, milliseconds a page, and the ratio to RapidOCR in the same round; medians."""
    count = len(runs[0][1])
    return {
        "name": name,
        "pages_per_second": round(statistics.median(count / whole for whole, _ in runs), 2),
        "milliseconds": round(statistics.median(1e3 * statistics.median(each) for _, each in runs)),
        "ratio": round(statistics.median(b[0] / a[0] for a, b in zip(runs, theirs, strict=True)), 2),
    }


def measure(count: int, rounds: int, threads: int) -> dict[str, Any]:
    """Everything that is printed."""
    demo = SIDE / "demo-models"
    font = next(demo.rglob("NotoSansCJK*-Regular.otf"))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        drawn = list(pages(folder / "pages", font, count))
        config = lay_out(folder / "ocr", demo, as_rapidocr=True)
        shipped, single = (rapidocr(demo, intra_op_num_threads=threads) for _ in range(2))
        single.text_rec.rec_batch_num = 1

        def texts(engine: Any, page: tuple[bytes, Any]) -> list[str]:
            return [text for _, text, _ in engine(page[0])[0] or []]

        with serving("--config", config) as served:
            read = asker(served.address)
            ours = [read(raw) for raw, _ in drawn]
            same = {
                "as shipped": equal(ours, [[t for _, t, _ in shipped(each)[0] or []] for _, each in drawn]),
                "one line a batch": equal(
                    ours, [[t for _, t, _ in single(each)[0] or []] for _, each in drawn]
                ),
            }
            peers: list[Timed] = []
            runs: dict[int, list[Timed]] = {each: [] for each in CLIENTS}
            for _ in range(rounds):
                peers.append(timed(drawn, 1, lambda page: texts(shipped, page)))
                for each in CLIENTS:
                    runs[each].append(timed([raw for raw, _ in drawn], each, read))
    rows = [row(f"RapidOCR, one page after the other, {threads} threads", peers, peers)]
    rows += [row(f"seatrial serve, {each} at once", runs[each], peers) for each in CLIENTS]
    return {"equal": same, "rows": rows}


def main() -> None:
    """Prints the table, and writes it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "ocr_pipeline.json")
    options = parser.parse_args()
    result = measure(options.pages, options.rounds, options.threads)
    print("| | pages/s | ms a page | times RapidOCR |\n|---|---|---|---|")
    for each in result["rows"]:
        print(f"| {each['name']} | {each['pages_per_second']} | {each['milliseconds']} | {each['ratio']} |")
    for name, each in result["equal"].items():
        print(
            f"equal to RapidOCR, {name}: {each['equal_pages']} of {each['pages']} pages, "
            f"{each['equal_lines']} of {each['lines']} lines"
        )
    options.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
