"""Bundles whose vectors a real engine answered: the hand-written network as ONNX."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from seatrial.deliverables import Handover, write_bundle
from seatrial.deliverables._vectors import make_vectors
from seatrial.model import open_model
from seatrial.model.bundle import Bundle
from support import networks
from support.handovers import network_handover, report_of


def real_handover(folder: Path, *, seed: int = 7, count: int = 12, **changes: Any) -> Handover:
    """A handover of the network, asked for its vectors on every installed runtime.

    Args:
        folder: Where the model is written.
        seed: Of the weights.
        count: Of vectors.
        changes: Fields of the handover.
    """
    contract = changes.get("contract", networks.contract())
    model = open_model(networks.write_network(folder / "onnx", "onnx", seed=seed))
    vectors, cases = make_vectors(contract, [model], networks.held_out(), count)
    made = network_handover(
        folder / "rest",
        models=(model,),
        vectors=vectors,
        cases=cases,
        contract=contract,
        report=report_of(model, contract),
    )
    return dataclasses.replace(made, **changes)


def real_bundle(folder: Path, name: str = "network-1.0.0", **changes: Any) -> Bundle:
    """A bundle of that, written to `folder/name`."""
    return write_bundle(real_handover(folder / f".{name}-made", **changes), folder / name)
