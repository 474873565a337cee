"""Folds a pipeline into an ONNX model, in a process of its own: `python -m ... request.json answer.json`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.contract import load_contract, save_contract
from seatrial.converters._answering import answer
from seatrial.converters._fold.assemble import Entry, assemble
from seatrial.converters._fold.contract import folded_contract


def fold(request: Mapping[str, Any]) -> dict[str, Any]:
    """Reads model and contract, writes the folded ones beside each other."""
    onnx: Any = lazy.load("onnx", extra="onnx")
    contract = load_contract(Path(request["contract"]))
    model = onnx.load(request["graph"])
    entry = Entry(**{**request["entry"], "shape": tuple(request["entry"]["shape"])})
    made = assemble(model, contract, entry, request["part"], request["metadata"])
    target = Path(request["target"])
    target.write_bytes(made.model.SerializeToString(deterministic=True))
    save_contract(folded_contract(contract, made, entry, request["part"]), target.parent / "contract.yaml")
    return {
        "nodes": len(made.model.graph.node),
        "batched": made.batched,
        "domains": sorted({each.domain for each in made.model.opset_import}),
    }


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], fold))
