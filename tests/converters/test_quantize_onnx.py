"""Integers made of weights: within half a step, in 7 bits by default, and never of what has none (M21)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from seatrial import tune
from seatrial.converters import _onnx_costs as costs
from seatrial.converters import _onnx_quantizing as tool
from seatrial.converters import all_converters
from seatrial.converters._calibration_file import read_feeds, write_feeds
from seatrial.converters.quantize_onnx import CONVERTER, layer_costs
from seatrial.errors import ModelError, UnsupportedModel, UsageError
from seatrial.model import open_model
from support import quantizable

RANGES = {"x": (-1.0, 1.0), "y": (-8.0, 8.0)}


@pytest.fixture(autouse=True)
def heard(monkeypatch):
    """The tool silences all logging, for its own process."""
    monkeypatch.setattr(tool.logging, "disable", lambda _: None)


def quantized(weight, **how):
    made = tool.static(quantizable.dense(weight), RANGES, tool.Recipe(**how))
    kept = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}
    name = next(each for each in kept if each.startswith("w_quantized"))
    return kept[name], kept["w_scale"], kept["w_zero_point"]


@settings(max_examples=25)
@given(
    st.lists(st.floats(-100, 100, width=32), min_size=24, max_size=24).filter(any),
    st.booleans(),
    st.booleans(),
)
def test_what_was_rounded_is_within_half_a_step(values, per_channel, reduce_range):
    weight = np.array(values, "float32").reshape(8, 3)
    got, scale, zero = quantized(weight, per_channel=per_channel, reduce_range=reduce_range)
    assert not np.any(zero)
    back = got.astype("float64") * scale.astype("float64")
    # The last step of the range is one whole number short where a sign has no partner.
    assert np.all(np.abs(back - weight) <= 0.5 * scale + 1e-6 * np.abs(weight).max())
    assert np.abs(got.astype(int)).max() <= (64 if reduce_range else 127)


def test_seven_bits_are_the_default_of_all_who_ask():
    """Eight saturate on an x86 without VNNI: one file, two answers."""
    assert CONVERTER.options["reduce_range"] is True
    assert tune.Recipe().reduce_range is True
    weight = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
    assert np.abs(quantized(weight)[0].astype(int)).max() == 64


def test_a_kept_node_stays_in_float():
    made = tool.static(
        quantizable.sensitive(),
        {**RANGES, "h": (0, 2), "r": (0, 2), "s": (0, 3)},
        tool.Recipe(keep=("first",)),
    )
    readers = {node.name: node for node in made.graph.node}
    assert list(readers["first"].input) == ["x", "w1"]
    assert readers["second"].input[1].endswith("DequantizeLinear_Output")


def test_layers_are_the_nodes_with_weights():
    assert [node.name for node in tool.layers_of(quantizable.sensitive())] == ["first", "second"]


def test_nodes_get_names_of_their_own():
    made = quantizable.sensitive()
    for node in made.graph.node:
        node.name = "same"
    tool.name_nodes(made.graph)
    assert len({node.name for node in made.graph.node}) == 4


def test_the_table_of_costs_names_the_layer_that_loses_all():
    values, _ = quantizable.rows(12, outlier=4000.0)
    feeds = [{"x": each[None]} for each in values]
    ranges = {"x": (0.0, 4000.0), "h": (0, 1.3), "r": (0, 1.3), "s": (0, 1.4)}
    found = costs.layer_costs(quantizable.sensitive(), ranges, feeds, tool.Recipe(), seconds=60)
    by_name = {each["name"]: each for each in found}
    assert by_name["first"]["sqnr"] < 15 < 30 < by_name["second"]["sqnr"]
    assert by_name["first"]["agree"] < 1.0 == by_name["second"]["agree"]


def test_layers_beyond_the_time_have_no_figures():
    found = costs.layer_costs(
        quantizable.sensitive(), {}, [{"x": np.ones((1, 8), "float32")}], tool.Recipe(), seconds=0
    )
    assert [sorted(each) for each in found] == [["name", "type", "weights"]] * 2


def test_noise_in_decibels():
    assert costs.decibels(100.0, 1.0) == pytest.approx(20)
    assert costs.decibels(1.0, 0.0) == 200
    one = [[np.array([[3.0, 4.0]])]]
    assert costs.judged(one, one) == {"sqnr": 200.0, "agree": 1.0}
    assert costs.judged(one, [[np.array([[3.0, np.nan]])]])["agree"] == 0.0


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), min_size=1, max_size=12))
def test_feeds_come_back_in_their_order(tmp_path_factory, shapes):
    path = tmp_path_factory.mktemp("feeds") / "feeds.npz"
    feeds = [
        {"b/c": np.full(shape, place, "float32"), "a": np.arange(place + 1)}
        for place, shape in enumerate(shapes)
    ]
    write_feeds(path, feeds)
    for before, after in zip(feeds, read_feeds(path), strict=True):
        assert sorted(before) == sorted(after)
        assert all(np.array_equal(before[name], after[name]) for name in before)


def test_no_feeds_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no calibration samples"):
        write_feeds(tmp_path / "feeds.npz", [])
    with pytest.raises(UsageError, match="same inputs"):
        write_feeds(tmp_path / "feeds.npz", [{"a": np.ones(1)}, {"b": np.ones(1)}])


def artifact(made, folder):
    return open_model(quantizable.saved(made, folder))


def feeds_of(folder, **how):
    values, _ = quantizable.rows(24, **how)
    write_feeds(folder / "feeds.npz", [{"x": each[None]} for each in values])
    return str(folder / "feeds.npz")


def test_it_is_found_and_keeps_the_format():
    for name in ("quantize_onnx", "halve_onnx", "quantize_openvino", "quantize_paddle"):
        assert all_converters()[name].name == name
    assert CONVERTER.target in CONVERTER.sources


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs calibration samples"),
        ({"mode": "weekly"}, "mode is static or dynamic"),
        ({"calibration": "guess", "mode": "dynamic"}, "calibration is minmax"),
    ],
    ids=["no-feeds", "mode", "calibration"],
)
def test_bad_options_are_refused_before_anything_runs(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        CONVERTER.make(
            artifact(quantizable.sensitive(), tmp_path / "m"), tmp_path, options=options, progress=print
        )


def test_over_two_gigabytes_is_refused(tmp_path):
    source = artifact(quantizable.sensitive(), tmp_path)
    huge = replace(source, files=(replace(source.files[0], size=3 << 30),))
    for name in ("quantize_onnx", "halve_onnx", "quantize_openvino", "quantize_paddle"):
        with pytest.raises(UnsupportedModel, match="over 2 GB"):
            all_converters()[name].make(huge, tmp_path, options={"feeds": "x"}, progress=print)


@pytest.mark.slow
def test_the_same_bytes_each_time_and_7_bits(tmp_path):
    source = artifact(quantizable.sensitive(), tmp_path / "m")
    feeds, made = feeds_of(tmp_path), []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        options = {"feeds": feeds, "ranges": str(tmp_path / "ranges.json")}  # measured once, read once
        made.append(CONVERTER.make(source, tmp_path / name, options=options, progress=print).read_bytes())
    assert made[0] == made[1]
    weights = [numpy_helper.to_array(each) for each in onnx.load_from_string(made[0]).graph.initializer]
    integers = [each for each in weights if each.dtype == np.int8 and each.size > 1]
    assert integers
    assert max(np.abs(each.astype(int)).max() for each in integers) <= 64
    text = made[0].decode("latin-1")
    assert str(tmp_path) not in text
    assert source.digest in text


@pytest.mark.slow
def test_an_old_opset_is_raised_and_costs_come_from_a_child(tmp_path):
    source = artifact(quantizable.dense(np.eye(8, 4) + 0.01, opset=11), tmp_path / "m")
    found = layer_costs(source, options={"feeds": feeds_of(tmp_path)}, samples=4)
    assert [each.type for each in found] == ["MatMul"]
    assert found[0].sqnr is not None
    assert found[0].sqnr > 20


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["static", "dynamic"])
def test_nothing_to_quantize_is_named(tmp_path, mode):
    made = quantizable.model([helper.make_node("Softmax", ["x"], ["y"], "s")], {}, outputs=8)
    with pytest.raises(ModelError, match=r"no operator that can become integer; it has Softmax"):
        CONVERTER.make(
            artifact(made, tmp_path / "m"),
            tmp_path,
            options={"mode": mode, "feeds": feeds_of(tmp_path)},
            progress=print,
        )


@pytest.mark.slow
def test_quantized_twice_and_unknown_nodes_are_refused(tmp_path):
    source = artifact(quantizable.sensitive(), tmp_path / "m")
    options = {"feeds": feeds_of(tmp_path)}
    (tmp_path / "out").mkdir()
    once = CONVERTER.make(source, tmp_path / "out", options={"mode": "dynamic"}, progress=print)
    with pytest.raises(ModelError, match="quantized already"):
        CONVERTER.make(open_model(once), tmp_path, options=options, progress=print)
    with pytest.raises(ModelError, match="no node 'third'"):
        CONVERTER.make(source, tmp_path, options={**options, "keep": ("third",)}, progress=print)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_samples_of_many_shapes_set_ranges(tmp_path, method):
    values, _ = quantizable.rows(12)
    feeds = [{"x": values[: 1 + place % 3]} for place in range(6)]
    tool.prepare(quantizable.saved(quantizable.sensitive(), tmp_path), tmp_path / "prepared.onnx")
    found = tool.ranges_of(tmp_path / "prepared.onnx", feeds, method, tmp_path)
    low, high = found["x"]
    assert low <= 0.0 < 0.9 < high <= values.max() * 1.01


def test_what_lies_between_layers_can_stay_in_float():
    ranges = {**RANGES, "h": (0, 2), "r": (0, 2), "s": (0, 3)}
    random = np.random.default_rng(0)
    weights = {"w1": random.normal(size=(8, 4)), "w2": random.normal(size=(4, 4)), "c": np.ones(4)}
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"], "first"),
        helper.make_node("Add", ["h", "c"], ["r"], "sum"),
        helper.make_node("MatMul", ["r", "w2"], ["y"], "second"),
    ]
    made = quantizable.model(nodes, {name: value.astype("float32") for name, value in weights.items()})

    def constant_of_sum(**how):
        graph = tool.static(made, ranges, tool.Recipe(**how)).graph
        return next(node for node in graph.node if node.name == "sum").input[1]

    assert constant_of_sum() != "c"
    assert constant_of_sum(between=False) == "c"
