"""Integers on this machine: float and int8 of ResNets, a transformer encoder and the digits model, in turn.

Peers are the tools used by hand with their defaults: ONNX Runtime's `quantize_static` and NNCF's `quantize`.
Ours are the same tools as `seatrial quantize` drives them. The ResNets and the encoder have random weights,
so their answers are compared with the float model's by cosine; the digits model is scored on its held-out
set.

Usage: python benchmarks/quantization.py [DIGITS] [--only NAME] [--blocks 9] [--json FILE]
DIGITS is what examples/digits/train.py wrote; it is called when nothing is given.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from _subjects import ROOT, trained
from seatrial import lazy
from seatrial.checks import BlockComparison, compare_blocks, interleaved, on_one_core
from seatrial.contract import load_contract, read_held_out
from seatrial.converters import convert, read_feeds, write_feeds
from seatrial.converters.quantize_onnx import CONVERTER as BY_ONNXRUNTIME
from seatrial.converters.quantize_openvino import CONVERTER as BY_NNCF
from seatrial.model import Artifact, open_model
from seatrial.runtimes import SessionOptions, open_session
from seatrial.tune import Scorer

IMAGE = (1, 3, 224, 224)
SHAPES = {"resnet18": IMAGE, "resnet50": IMAGE, "encoder": (1, 128, 256), "digits": (1, 1, 8, 8)}
SAMPLES = 32


def exported(name: str, folder: Path, digits: Path) -> Artifact:
    """The float model in Paddle's format; made in a process of its own, which keeps this one light."""
    if name == "digits":
        return open_model(digits / "model")
    subprocess.run([sys.executable, "-W", "ignore", __file__, "--export", name, str(folder)], check=True)
    return open_model(folder)


def export(name: str, folder: Path) -> None:
    """Builds a network with random weights and exports it."""
    paddle: Any = lazy.load("paddle", extra="paddle")
    paddle.seed(7)
    if name.startswith("resnet"):
        net = getattr(lazy.load("paddle.vision.models", extra="paddle"), name)(pretrained=False)
        net.train()  # running statistics as training leaves them: with the initial ones answers overflow
        for _ in range(3):
            net(paddle.randn([4, 3, 224, 224]))
    else:
        block = paddle.nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, activation="gelu")
        net = paddle.nn.Sequential(paddle.nn.TransformerEncoder(block, 4), paddle.nn.Linear(256, 32))
    net.eval()
    spec = paddle.static.InputSpec([None, *SHAPES[name][1:]], "float32", name="x")
    paddle.jit.save(net, str(folder / "inference"), input_spec=[spec])


def feeds_of(name: str, artifact: Artifact, digits: Path) -> list[dict[str, Any]]:
    """Calibration samples: real ones for digits."""
    key = artifact.inputs[0].name
    if name == "digits":
        with np.load(digits / "members.npz") as kept:
            return [{key: each[None]} for each in kept["image"][: 4 * SAMPLES]]
    random = np.random.default_rng(7)
    return [{key: random.standard_normal(SHAPES[name]).astype("float32")} for _ in range(SAMPLES)]


def onnxruntime_by_hand(source: Artifact, folder: Path, feeds: Path) -> Path:
    """As its documentation has it: preprocess, then `quantize_static` with every default."""
    lazy.load("ml_dtypes", extra="quantize")
    tool: Any = lazy.load("onnxruntime.quantization", extra="quantize")
    prepare: Any = lazy.load("onnxruntime.quantization.shape_inference", extra="quantize")
    prepare.quant_pre_process(str(source.graph), str(folder / "prepared.onnx"), skip_symbolic_shape=True)

    class Reader(tool.CalibrationDataReader):  # type: ignore[misc]
        """Hands out feeds."""

        def __init__(self) -> None:
            self._feeds = iter(read_feeds(feeds))

        def get_next(self) -> dict[str, Any] | None:
            return next(self._feeds, None)

    tool.quantize_static(str(folder / "prepared.onnx"), str(folder / "model.onnx"), Reader())
    (folder / "prepared.onnx").unlink()
    return folder / "model.onnx"


def nncf_by_hand(source: Artifact, folder: Path, feeds: Path) -> Path:
    """`nncf.quantize` with every default."""
    nncf: Any = lazy.load("nncf", extra="quantize")
    openvino: Any = lazy.load("openvino", extra="quantize")
    model = openvino.Core().read_model(str(source.graph))
    made = nncf.quantize(model, nncf.Dataset(read_feeds(feeds)))
    openvino.save_model(made, str(folder / "model.xml"), compress_to_fp16=False)
    return folder / "model.xml"


def ours(converter: Any) -> Callable[[Artifact, Path, Path], Path]:
    """What `seatrial quantize` makes."""

    def make(source: Artifact, folder: Path, feeds: Path) -> Path:
        options = {"feeds": str(feeds)}
        return Path(converter.make(source, folder, options=options, progress=lambda _: None))

    return make


MAKERS: Mapping[str, tuple[str, Callable[[Artifact, Path, Path], Path]]] = {
    "onnxruntime int8, by hand": ("onnxruntime", onnxruntime_by_hand),
    "nncf int8, by hand": ("openvino", nncf_by_hand),
    "ours, onnxruntime int8": ("onnxruntime", ours(BY_ONNXRUNTIME)),
    "ours, nncf int8": ("openvino", ours(BY_NNCF)),
}


def variants(name: str, folder: Path, digits: Path) -> tuple[dict[str, tuple[Artifact, str]], list[Any]]:
    """Every model with its runtime, and samples."""
    (folder / "paddle").mkdir(parents=True)
    paddle = exported(name, folder / "paddle", digits)
    feeds = feeds_of(name, paddle, digits)
    write_feeds(folder / "feeds.npz", feeds)
    onnx = convert(paddle, "onnx", folder / "onnx", samples=feeds[:2]).artifact
    found = {
        "paddle float32": (paddle, "paddle"),
        "onnxruntime float32": (onnx, "onnxruntime"),
        "openvino float32": (onnx, "openvino"),
    }
    for place, (label, (runtime, make)) in enumerate(MAKERS.items()):
        target = folder / f"made-{place}"
        target.mkdir()
        found[label] = (open_model(make(onnx, target, folder / "feeds.npz")), runtime)
        print(f"  made {label}", file=sys.stderr)
    return found, feeds


def measured(found: Mapping[str, tuple[Artifact, str]], feeds: Sequence[Any], blocks: int) -> dict[str, Any]:
    """Latency of each in turn on one thread, and how near its answers are to the float model's."""
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(open_session(model, runtime, SessionOptions(timeout=300)))
            for model, runtime in found.values()
        ]
        answers = [np.concatenate([each.run(feed)[0].ravel() for feed in feeds[:8]]) for each in sessions]
        alone = [float(np.median(each.time(feeds[0], repeat=3))) for each in sessions]
        repeat = int(np.clip(0.4 / max(alone), 1, 500))
        with on_one_core(sessions):
            sides = [lambda count, each=each: each.time(feeds[0], repeat=count) for each in sessions]
            times = interleaved(sides, blocks=blocks, repeat=repeat, deadline=time.perf_counter() + 240)
    rows = {}
    for place, (label, (model, _)) in enumerate(found.items()):
        ratio = compare_blocks(times[place], times[0])
        wanted, got = answers[0].astype("float64"), answers[place].astype("float64")
        rows[label] = {
            "ms": 1e3 * float(np.median(np.concatenate(times[place]))),
            "faster": [ratio.ratio, ratio.low, ratio.high],
            "cosine": float(wanted @ got / np.linalg.norm(wanted) / np.linalg.norm(got)),
            "megabytes": model.size / 1e6,
        }
    return {"rows": rows, **best_of(found, times)}


def best_of(found: Mapping[str, Any], times: Sequence[Any]) -> dict[str, Any]:
    """Our fastest int8 against the fastest by hand and the fastest float model, in the same blocks."""
    names = list(found)
    medians = {name: float(np.median(np.concatenate(times[place]))) for place, name in enumerate(names)}

    def fastest(words: str) -> str:
        return min((name for name in names if words in name), key=medians.__getitem__)

    mine, hand, floating = fastest("ours"), fastest("by hand"), fastest("float32")

    def against(other: str) -> list[float]:
        found: BlockComparison = compare_blocks(times[names.index(mine)], times[names.index(other)])
        return [found.ratio, found.low, found.high]

    return {
        "best": {"ours": mine, "by_hand": hand, "float": floating},
        "ours_against_by_hand": against(hand),
        "ours_against_float": against(floating),
    }


def scored(found: Mapping[str, tuple[Artifact, str]], digits: Path) -> dict[str, Any]:
    """Accuracy and drop of each on the held-out set."""
    contract = load_contract(digits / "model" / "contract.yaml")
    scorer = Scorer(contract, read_held_out(digits / "held_out.npz", contract=contract))
    reference = scorer.score(found["paddle float32"][0], runtime="paddle")
    told = {}
    for label, (model, runtime) in found.items():
        score = scorer.score(model, runtime=runtime)
        drop = scorer.drop(reference, score)
        told[label] = {"accuracy": score.value.value, "drop": [drop.value, drop.low, drop.high]}
    return told


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text("utf-8")
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line), "")
    integer = [each for each in ("avx512_vnni", "avx_vnni", "amx_int8") if each in text]
    names = ("paddlepaddle", "onnxruntime", "openvino", "nncf")
    return {
        "processor": model or platform.processor(),
        "integer instructions": ", ".join(integer) or "none",
        **{name: lazy.version(name) for name in names},
    }


def table(name: str, found: Mapping[str, Any]) -> None:
    """Prints one model's rows."""
    print(
        f"\n| {name} | ms | times as fast as Paddle (90 %) | cosine to float | MB | accuracy (drop, 95 %) |"
    )
    print("|---|---|---|---|---|---|")
    for label, row in found["rows"].items():
        low, high = row["faster"][1:]
        score = row.get("accuracy")
        told = f"{score:.4f} ({row['drop'][0]:+.4f}, at most {row['drop'][2]:+.4f})" if score else "-"
        print(
            f"| {label} | {row['ms']:.3g} | {row['faster'][0]:.2f} ({low:.2f} to {high:.2f}) | "
            f"{row['cosine']:.4f} | {row['megabytes']:.2f} | {told} |"
        )
    best = found["best"]
    for key, other in (("ours_against_by_hand", best["by_hand"]), ("ours_against_float", best["float"])):
        ratio, low, high = found[key]
        print(f"{best['ours']}: {ratio:.2f} times as fast as {other} ({low:.2f} to {high:.2f})")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("digits", type=Path, nargs="?")
    parser.add_argument("--only", choices=sorted(SHAPES))
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "quantization.json")
    arguments = parser.parse_args()
    arguments.digits = arguments.digits or trained()
    results: dict[str, Any] = {"machine": machine(), "models": {}}
    print(json.dumps(results["machine"]))
    for name in [arguments.only] if arguments.only else sorted(SHAPES):
        with tempfile.TemporaryDirectory() as scratch:
            found, feeds = variants(name, Path(scratch), arguments.digits)
            told = measured(found, feeds, arguments.blocks)
            if name == "digits":
                for label, more in scored(found, arguments.digits).items():
                    told["rows"][label] |= more
        results["models"][name] = told
        table(name, told)
    if not arguments.only:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--export"]:
        export(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
