"""Where the integers of an int8 graph end, and whether two runtimes agree on them to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper

from seatrial.checks._consistency.integer_part import integer_part, same_integers
from seatrial.checks._inference import Predictions
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, open_session
from support.browsers import save_onnx

SCALE = {"s": np.array(0.05, "float32"), "z": np.array(0, "int8")}


def quantized(name):
    """Nodes that make integers of a value and a float of them again: `name` -> `name.f`."""
    return [
        helper.make_node("QuantizeLinear", [name, "s", "z"], [f"{name}.q"]),
        helper.make_node("DequantizeLinear", [f"{name}.q", "s", "z"], [f"{name}.f"]),
    ]


def model(folder, nodes, output, **weights):
    folder.mkdir(exist_ok=True)
    ends = [("y", TensorProto.FLOAT, ["batch", 3])]
    begins = [("x", TensorProto.FLOAT, ["batch", 4])]
    made = [*nodes, helper.make_node(*output)]
    return open_model(save_onnx(folder / "m.onnx", made, begins, ends, {**SCALE, **weights}))


def dense():
    """x -> integers -> product with integer weights -> integers, float again as `h.f`."""
    weights = {"w.q": np.arange(-6, 6, dtype="int8").reshape(4, 3)}
    nodes = [
        *quantized("x"),
        helper.make_node("DequantizeLinear", ["w.q", "s", "z"], ["w.f"]),
        helper.make_node("MatMul", ["x.f", "w.f"], ["h"]),
        *quantized("h"),
    ]
    return nodes, weights


def test_it_ends_with_the_last_integers(tmp_path):
    nodes, weights = dense()
    part = integer_part(
        model(tmp_path / "a", nodes, ("Softmax", ["h.f"], ["y"]), **weights), tmp_path / "cut"
    )
    assert part.after == {"Softmax": 1}
    assert part.artifact.operators == {"QuantizeLinear": 2, "DequantizeLinear": 3, "MatMul": 1}
    x = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    with open_session(part.artifact, "onnxruntime") as session:
        (hidden,) = session.run({"x": x})
    steps = hidden / np.float32(0.05)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_branches_end_where_each_ends(tmp_path):
    nodes, weights = dense()
    nodes.append(helper.make_node("Sigmoid", ["h.f"], ["gate"]))
    part = integer_part(
        model(tmp_path / "a", nodes, ("Mul", ["gate", "h.f"], ["y"]), **weights), tmp_path / "cut"
    )
    assert part.after == {"Mul": 1, "Sigmoid": 1}
    assert len(part.artifact.outputs) == 1


@pytest.mark.parametrize("kind", ["integers to the end", "floats only"])
def test_what_has_no_such_end_has_no_part(tmp_path, kind):
    if kind == "floats only":
        made = model(tmp_path / "a", [], ("MatMul", ["x", "w"], ["y"]), w=np.ones((4, 3), "float32"))
    else:
        nodes, weights = dense()
        *nodes, last = nodes
        made = model(tmp_path / "a", nodes, (last.op_type, list(last.input), ["y"]), **weights)
    assert integer_part(made, tmp_path / "cut") is None
    assert integer_part(replace(made, format="openvino"), tmp_path / "cut") is None


class Pool:
    """Sessions that answer with what they are told."""

    def __init__(self, **answers):
        self.answers = answers

    def get(self, runtime, options=None, *, artifact=None):
        answer = self.answers[runtime]
        return type("Told", (), {"run": staticmethod(lambda feeds: [feeds["x"] + answer])})()


@pytest.mark.parametrize(("off", "same"), [(0.0, True), (1e-6, False)])
def test_one_bit_is_not_the_same(tmp_path, off, same):
    nodes, weights = dense()
    part = integer_part(
        model(tmp_path / "a", nodes, ("Softmax", ["h.f"], ["y"]), **weights), tmp_path / "cut"
    )
    feeds = [{"x": np.zeros((1, 4), "float32")}, None]
    asked = Predictions((), ((), None), (), feeds, (), (), "far", None)
    sides = (("here", SessionOptions()), ("there", SessionOptions()))
    pool = Pool(here=np.float32(0), there=np.float32(off))
    assert same_integers(pool, part, asked, sides=sides) is same
    nothing = replace(asked, outputs=(None, None))
    assert not same_integers(pool, part, nothing, sides=sides)
