"""Float16: what overflows or vanishes on real samples stays in float32 (M21)."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from seatrial.converters import halve_onnx
from seatrial.converters._calibration_file import write_feeds
from seatrial.errors import ModelError, UsageError
from seatrial.model import open_model
from seatrial.runtimes import open_session
from support import quantizable


def overflowing():
    """x -> 1e6 x -> 1e-6 of that, plus a product: float16 ends at 65504."""
    weights = {
        "large": np.float32(1e6),
        "small": np.float32(1e-6),
        "w": np.eye(8, 4, dtype="float32") + 0.1,
    }
    nodes = [
        helper.make_node("Mul", ["x", "large"], ["a"], "up"),
        helper.make_node("Mul", ["a", "small"], ["b"], "down"),
        helper.make_node("MatMul", ["b", "w"], ["y"], "product"),
    ]
    return quantizable.model(nodes, weights)


def test_without_samples_it_is_refused(tmp_path):
    source = open_model(quantizable.saved(overflowing(), tmp_path / "m"))
    with pytest.raises(UsageError, match="needs real samples"):
        halve_onnx.CONVERTER.make(source, tmp_path, options={}, progress=print)


@pytest.mark.slow
def test_what_overflows_stays_and_the_rest_is_halved(tmp_path):
    path = quantizable.saved(overflowing(), tmp_path / "m")
    values, _ = quantizable.rows(8)
    write_feeds(tmp_path / "feeds.npz", [{"x": each[None]} for each in values])
    told, out = [], tmp_path / "out"
    out.mkdir()
    options = {"feeds": str(tmp_path / "feeds.npz")}
    graph = halve_onnx.CONVERTER.make(open_model(path), out, options=options, progress=told.append)
    assert any("up stays in float32" in each and "reaches 1" in each for each in told)
    assert any("down stays in float32" in each for each in told)
    assert not any("product stays" in each for each in told)
    kinds = {each.name: each.data_type for each in onnx.load(str(graph)).graph.initializer}
    assert kinds["w"] == onnx.TensorProto.FLOAT16
    with open_session(open_model(path)) as before, open_session(open_model(graph)) as after:
        wanted, got = before.run({"x": values})[0], after.run({"x": values})[0]
    assert got.dtype == np.float32
    assert np.abs(got - wanted).max() < 2e-3 * np.abs(wanted).max()


@pytest.mark.slow
def test_halved_twice_is_refused(tmp_path):
    path = quantizable.saved(quantizable.sensitive(), tmp_path / "m")
    values, _ = quantizable.rows(4)
    write_feeds(tmp_path / "feeds.npz", [{"x": each[None]} for each in values])
    options, out = {"feeds": str(tmp_path / "feeds.npz")}, tmp_path / "out"
    out.mkdir()
    graph = halve_onnx.CONVERTER.make(open_model(path), out, options=options, progress=print)
    with pytest.raises(ModelError, match="no float32 weights"):
        halve_onnx.CONVERTER.make(open_model(graph), tmp_path, options=options, progress=print)
