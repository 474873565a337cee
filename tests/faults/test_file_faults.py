"""Files that were cut, lost and lied about: each is seen by reading, before any engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import NotFound
from seatrial.faults import NotApplicable, all_faults
from seatrial.model import open_model
from support import networks

FAULTS = all_faults()
# What the reader says of the broken release, by fault: Paddle's formats, and ONNX with weights inside.
CODES = {
    "params-cut": ("parameters-truncated", ""),
    "params-short-by-a-byte": ("parameters-truncated", "graph-truncated"),
    "params-short-in-last-tensor": ("parameters-truncated", ""),
    "params-empty": ("parameters-truncated", ""),
    "params-missing": ("parameters-missing", ""),
    "params-trailing-bytes": ("parameters-trailing-bytes", "graph-garbage"),
    "graph-cut": ("graph-truncated", "graph-truncated"),
    "graph-empty": ("graph-truncated", "graph-truncated"),
    "version-from-the-future": ("version-from-the-future", "version-from-the-future"),
}


@pytest.mark.parametrize("kind", networks.FORMATS)
@pytest.mark.parametrize("name", sorted(CODES))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_reader_sees_it(name: str, kind: str, seed: int, tmp_path: Path) -> None:
    good = networks.good(tmp_path / "good", kind)
    code = CODES[name][kind == "onnx"]
    if not code:
        with pytest.raises(NotApplicable, match="graph file itself"):
            FAULTS[name].make(good, tmp_path / "bad", seed)
        return
    made = FAULTS[name].make(good, tmp_path / "bad", seed)
    assert code in {each.code for each in open_model(made.model).problems}


@pytest.mark.parametrize("kind", networks.FORMATS)
def test_a_missing_graph_is_said_to_be_missing(kind: str, tmp_path: Path) -> None:
    made = FAULTS["graph-missing"].make(networks.good(tmp_path / "good", kind), tmp_path / "bad", 0)
    with pytest.raises(NotFound):
        open_model(made.model)


def test_only_json_has_a_magic(tmp_path: Path) -> None:
    made = FAULTS["wrong-magic"].make(networks.good(tmp_path / "json", "paddle-json"), tmp_path / "bad", 0)
    assert "magic-wrong" in {each.code for each in open_model(made.model).problems}
    for kind in ("paddle-pdmodel", "onnx"):
        with pytest.raises(NotApplicable, match="magic"):
            FAULTS["wrong-magic"].make(networks.good(tmp_path / kind, kind), tmp_path / f"bad-{kind}", 0)


@pytest.mark.parametrize("kind", networks.FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_a_tensor_that_lies_or_went_missing(kind: str, seed: int, tmp_path: Path) -> None:
    good = networks.good(tmp_path / "good", kind)
    lying = open_model(FAULTS["dims-lie"].make(good, tmp_path / "lying", seed).model)
    assert lying.problems
    short = open_model(FAULTS["tensor-missing"].make(good, tmp_path / "short", seed).model)
    code = "graph-incomplete" if kind == "onnx" else "parameters-count"
    assert code in {each.code for each in short.problems}


def test_the_cut_of_the_last_tensor_leaves_all_others(tmp_path: Path) -> None:
    good = networks.good(tmp_path / "good", "paddle-json")
    made = FAULTS["params-short-in-last-tensor"].make(good, tmp_path / "bad", 0)
    missing = [each.name for each in open_model(made.model).parameters if each.file is None]
    assert missing == [good.artifact.parameters[-1].name]
