"""What bundles are made from, without an engine: the hand-written network, and outputs that are made up."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.checks import Report
from seatrial.contract import Case, Cases, Contract
from seatrial.deliverables import Handover, Vector, write_bundle
from seatrial.deliverables._assembly import _seconds
from seatrial.model import Artifact, open_model
from seatrial.model.bundle import Bundle
from support import networks
from support.sample_report import passing_report


def report_of(artifact: Artifact, contract: Contract) -> Report:
    """A report that says yes to this model."""
    report = passing_report()
    subject = {**report.subject, "model": artifact.digest, "contract": contract.digest()}
    return dataclasses.replace(report, subject=subject, model={**report.model, "digest": artifact.digest})


def npy(array: np.ndarray) -> bytes:
    """The bytes of a `.npy` file."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return out.getvalue()


def network_handover(folder: Path, *, count: int = 12, seed: int = 7, **changes: Any) -> Handover:
    """Of the small network in two formats; its outputs are made up, its pre- and postprocessing are real.

    Args:
        folder: Where the model's files are written.
        count: Of vectors and cases.
        seed: Of the weights and of the outputs.
        changes: Fields of the handover.
    """
    contract = changes.get("contract", networks.contract())
    artifacts = tuple(
        open_model(networks.write_network(folder / each, each, seed=seed)) for each in ("paddle-json", "onnx")
    )
    scores = np.random.default_rng(seed).random((count, 4), np.float32)
    scores /= scores.sum(axis=1, keepdims=True)
    vectors, cases = [], []
    for place, sample in enumerate(networks.held_out(count).samples):
        feeds, context = contract.prepare(sample.payload)
        outputs = {"y": scores[place : place + 1]}
        answer = contract.answer(list(outputs.values()), 0, context)
        payload = npy(np.asarray(sample.payload))
        vectors.append(Vector(f"{place:03}", "array", ".npy", payload, feeds, outputs, answer))
        cases.append(Case(feeds, outputs))
    made = Handover(
        name="network",
        version="1.0.0",
        created=_seconds("2026-11-21T05:20:11+00:00"),
        contract=contract,
        models=artifacts,
        report=report_of(artifacts[0], contract),
        cases=Cases(tuple(cases)),
        vectors=tuple(vectors),
    )
    return dataclasses.replace(made, **changes)


def network_bundle(folder: Path, name: str = "network-1.0.0", **changes: Any) -> Bundle:
    """A bundle of that, written to `folder/name`."""
    return write_bundle(network_handover(folder / f".{name}-made", **changes), folder / name)
