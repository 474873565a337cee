"""NNCF as we drive it: a transformer's sums become integer first, and stay in float when asked."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import helper

from seatrial import lazy
from seatrial.converters import write_feeds
from seatrial.converters.quantize_openvino import CONVERTER, available, is_transformer
from seatrial.model import Artifact, open_model
from support import quantizable

CLASSES, FEATURES = quantizable.CLASSES, quantizable.FEATURES


@pytest.fixture
def block(tmp_path) -> Artifact:
    """A residual sum and a normalization between two products."""
    random = np.random.default_rng(1)
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"], "first"),
        helper.make_node("Add", ["x", "h"], ["s"], "residual"),
        helper.make_node("LayerNormalization", ["s", "scale", "bias"], ["n"], "norm"),
        helper.make_node("MatMul", ["n", "w2"], ["y"], "second"),
    ]
    weights = {
        "w1": random.normal(size=(FEATURES, FEATURES)).astype("float32"),
        "w2": random.normal(size=(FEATURES, CLASSES)).astype("float32"),
        "scale": np.ones(FEATURES, "float32"),
        "bias": np.zeros(FEATURES, "float32"),
    }
    return open_model(quantizable.saved(quantizable.model(nodes, weights), tmp_path / "block"))


def test_who_has_normalizations_is_a_transformer(block, tmp_path):
    assert is_transformer(block)
    assert not is_transformer(open_model(quantizable.saved(quantizable.sensitive(), tmp_path / "plain")))


@pytest.mark.slow
@pytest.mark.skipif(not available(), reason="nncf is not here: pip install 'seatrial[quantize]'")
def test_between_says_whether_the_sums_are_integer(block, tmp_path):
    values, _ = quantizable.rows(24)
    write_feeds(tmp_path / "feeds.npz", [{"x": each[None]} for each in values])
    found = {}
    for between in (True, False):
        folder = tmp_path / f"between-{between}"
        folder.mkdir()
        options = {"feeds": str(tmp_path / "feeds.npz"), "between": between}
        graph = CONVERTER.make(block, folder, options=options, progress=lambda _: None)
        model = lazy.load("openvino", extra="openvino").Core().read_model(str(graph))
        found[between] = Counter(each.get_type_name() for each in model.get_ops())["FakeQuantize"]
    assert found[True] > found[False] > 0
