"""Lays out a folder that `seatrial serve --config OUT/serve.yaml` serves: three models and their pipeline.

Each model goes into a folder of its own with its contract beside it; the dictionary goes with recognition.
Usage: python examples/ppocr/lay_out.py OUT --det MODEL --cls MODEL --rec MODEL --keys ppocr_keys_v1.txt
MODEL is a folder with inference.pdmodel and inference.pdiparams, or an .onnx file.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEYS = "ppocr_keys_v1.txt"


def lay_out(out: Path, models: dict[str, Path], keys: Path) -> None:
    """Writes `out/det`, `out/cls`, `out/rec`, `out/serve.yaml` and `out/ocr.pipeline.yaml`.

    Args:
        out: Made if it is not there.
        models: By the name of their stage.
        keys: The dictionary of the recognition model.
    """
    for name, model in models.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        files = [model] if model.is_file() else sorted(model.glob("inference.*"))
        for each in files:
            shutil.copy(each, folder / f"inference{each.suffix}")
        shutil.copy(HERE / f"{name}.contract.yaml", folder / "contract.yaml")
    shutil.copy(keys, out / "rec" / KEYS)
    for each in ("serve.yaml", "ocr.pipeline.yaml"):
        shutil.copy(HERE / each, out)


def main() -> None:
    """Lays out the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for each in ("det", "cls", "rec", "keys"):
        parser.add_argument(f"--{each}", type=Path, required=True)
    options = parser.parse_args()
    lay_out(options.out, {each: getattr(options, each) for each in ("det", "cls", "rec")}, options.keys)


if __name__ == "__main__":
    main()
