"""Every folded step gives what the step of Python gives, as near as the table of the documents says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from seatrial import extensions
from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec
from seatrial.converters._fold.assemble import check_foldable
from seatrial.converters._fold.emitters import EMITTERS, REASONS
from seatrial.errors import ContractViolation, UnsupportedModel
from support.folding import folded, in_python

STEPS = extensions.find("seatrial.contract.steps", "STEP")
RNG = np.random.default_rng(26)
OUTSIDE = {"file_bytes", "note", "pack"}  # what is left outside of a folded model
SIZES = ((33, 47), (48, 62), (24, 31), (90, 12), (7, 5), (64, 64))
FIVE = ("cat", "dog", "kilo", "newt", "owl")


def test_each_step_is_folded_or_says_why_not() -> None:
    assert set(EMITTERS) | set(REASONS) | OUTSIDE == set(STEPS)
    assert not set(EMITTERS) & set(REASONS)


def image(height: int, width: int, channels: int = 3, dtype: str = "uint8") -> Any:
    pixels = RNG.integers(0, 256, (height, width, channels)).astype(np.uint8)
    return pixels if dtype == "uint8" else (pixels / np.float32(255)).astype(dtype)


RESIZES = (
    ("resize", {"size": [24, 31]}),
    ("resize", {"size": [40, 50], "keep_ratio": True}),
    ("resize_short", {"size": 37}),
    ("resize_long", {"size": 50}),
    ("resize_width", {"height": 19, "base_width": 40, "max_width": 90}),
    ("resize_limit", {"side": 64, "multiple": 8}),
    ("resize_limit", {"side": 64, "limit": "min", "rounding": "up", "max_side": 100, "multiple": 7}),
)
WAYS = [
    ("opencv", "linear", "uint8", 0),
    ("opencv", "cubic", "uint8", 1),
    ("opencv", "linear", "float32", 1e-4),
    ("opencv", "cubic", "float32", 1e-4),
    ("pillow", "nearest", "uint8", 0),
    ("pillow", "linear", "float32", 1e-6),
    ("pillow", "cubic", "float32", 1e-6),
    ("pillow", "area", "float32", 1e-6),
    ("pillow", "lanczos", "float32", 1e-6),
    ("align_corners", "nearest", "uint8", 0),
    ("align_corners", "linear", "uint8", 0),
    ("align_corners", "linear", "float32", 0),
    ("asymmetric", "nearest", "uint8", 0),
    ("asymmetric", "linear", "uint8", 0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("library", "kind", "dtype", "atol"), WAYS)
def test_resizing(library: str, kind: str, dtype: str, atol: float) -> None:
    for name, options in RESIZES:
        calls = [(name, {**options, "library": library, "interpolation": kind})]
        steps = folded(calls, (dtype, (None, None, 3)))
        for height, width in SIZES:
            pixels = image(height, width, dtype=dtype)
            wanted, got = in_python(calls, pixels), steps(pixels)
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape), (calls, pixels.shape)
            np.testing.assert_allclose(got.astype(float), wanted.astype(float), rtol=0, atol=atol)


@pytest.mark.parametrize("kind", ["linear", "cubic", "area", "lanczos"])
def test_pillow_filters_bytes_exactly_where_it_begins_across(kind: str) -> None:
    calls = [("resize", {"size": [40, 30], "library": "pillow", "interpolation": kind})]
    steps = folded(calls, ("uint8", (None, None, 3)))
    for height, width in ((33, 47), (60, 150), (40, 99), (12, 90)):
        pixels = image(height, width)
        np.testing.assert_array_equal(steps(pixels), in_python(calls, pixels))


@pytest.mark.parametrize(("kind", "levels"), [("linear", 1), ("area", 1), ("cubic", 2), ("lanczos", 2)])
def test_pillow_where_it_begins_down(kind: str, levels: int) -> None:
    calls = [("resize", {"size": [90, 160], "library": "pillow", "interpolation": kind})]
    noise = Image.fromarray(image(300, 120))
    soft = np.asarray(noise.filter(ImageFilter.GaussianBlur(1.5)))
    apart = folded(calls, ("uint8", (None, None, 3)))(soft).astype(int) - in_python(calls, soft)
    assert np.abs(apart).max() <= levels


def test_nearest_of_opencv_takes_a_pixel_beside_at_most() -> None:
    """OpenCV itself takes one or the other where a place falls between two, with the vectors it works in."""
    calls = [("resize", {"size": [7, 50], "interpolation": "nearest"})]
    steps = folded(calls, ("uint8", (None, None, 1)))
    ramp = np.tile(np.arange(90, dtype=np.uint8)[None, :, None], (12, 1, 1))
    assert np.abs(steps(ramp).astype(int) - in_python(calls, ramp)).max() <= 1


@settings(max_examples=40)
@given(height=st.integers(1, 70), width=st.integers(1, 70), tall=st.integers(1, 70), wide=st.integers(1, 70))
def test_linear_of_opencv_is_exact_at_any_size(height: int, width: int, tall: int, wide: int) -> None:
    calls = [("resize", {"size": [tall, wide]})]
    pixels = image(height, width)
    steps = folded(calls, ("uint8", (None, None, 3)))
    np.testing.assert_array_equal(steps(pixels), in_python(calls, pixels))


ARRAYS: list[tuple[str, dict[str, Any], Any, float]] = [
    ("color", {"source": "RGB", "target": "BGR"}, image(5, 7), 0),
    ("color", {"source": "GRAY", "target": "RGB"}, image(5, 7, 1), 0),
    ("color", {"source": "RGB", "target": "GRAY"}, image(30, 40), 0),
    ("color", {"source": "BGR", "target": "GRAY"}, image(30, 40), 0),
    ("color", {"source": "BGR", "target": "GRAY"}, image(9, 9, dtype="float32"), 1e-6),
    ("color", {"source": "RGB", "target": "RGB"}, image(5, 7), 0),
    ("crop", {"size": [3, 4]}, image(6, 9), 0),
    ("crop", {"size": [6, 9]}, image(6, 9), 0),
    ("normalize", {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}, image(6, 9), 0),
    ("normalize", {"scale": 1.0, "mean": [127.5], "std": [127.5], "order": "CHW"}, image(3, 8), 0),
    ("transpose", {"order": [2, 0, 1]}, image(6, 9), 0),
    ("expand", {"axis": -1}, image(6, 9), 0),
    ("expand", {}, np.arange(4.0), 0),
    ("squeeze", {"axes": [0, -1]}, np.zeros((1, 3, 1), np.float32), 0),
    ("reshape", {"shape": [2, -1]}, np.arange(12, dtype=np.int64).reshape(3, 4), 0),
    ("cast", {"dtype": "float32"}, image(2, 2), 0),
    ("cast", {"dtype": "int64"}, np.array([1.9, -1.9, 0.0]), 0),
    ("cast", {"dtype": "uint8"}, np.array([0, 255], np.int64), 0),
    ("cast", {"dtype": "float16"}, np.array([0.1, 7.0], np.float32), 0),
    ("pad", {"axes": [2], "to": [16]}, np.ones((3, 4, 5), np.float32), 0),
    ("pad", {"axes": [0, 1], "multiple": 32, "fill": 7, "where": "center"}, image(33, 20), 0),
    ("pad", {"axes": [0, 1], "to": [8, 9], "where": "start"}, image(6, 9), 0),
    ("pad", {"axes": [0], "to": [32], "multiple": 32}, np.arange(5), 0),
    ("softmax", {}, RNG.normal(0, 9, (3, 7)).astype(np.float32), 1e-7),
    ("softmax", {"axis": 0}, RNG.normal(0, 9, (3, 7)), 1e-15),
    ("sigmoid", {}, (RNG.normal(0, 99, 50)).astype(np.float32), 1e-7),
    ("argmax", {}, np.array([[1, 3, 3], [2, 2, 1]], np.float32), 0),
    ("argmax", {"axis": 0}, np.array([[1, 3, 3], [2, 2, 1]], np.int32), 0),
]


@pytest.mark.parametrize(
    ("name", "options", "value", "atol"), ARRAYS, ids=[f"{n}-{each[0]}" for n, each in enumerate(ARRAYS)]
)
@pytest.mark.parametrize("known", [True, False])
def test_arrays(name: str, options: dict[str, Any], value: Any, atol: float, known: bool) -> None:
    sizes = value.shape if known else (*([None] * (value.ndim - 1)), value.shape[-1])
    if name == "squeeze" or (name == "normalize" and options.get("order") == "CHW"):
        sizes = value.shape
    got = folded([(name, options)], (value.dtype.name, sizes))(value)
    wanted = in_python([(name, options)], value)
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=atol)


BATCHES: list[tuple[str, dict[str, Any], tuple[int, ...], tuple[str, ...]]] = [
    ("cast", {"dtype": "float64"}, (2, 3), ()),
    ("transpose", {"order": [1, 0]}, (2, 3), ()),
    ("expand", {"axis": -1}, (2, 3), ()),
    ("expand", {"axis": 0}, (2, 3), ()),
    ("squeeze", {"axes": [1]}, (2, 1, 3), ()),
    ("reshape", {"shape": [3, -1]}, (2, 3), ()),
    ("pad", {"axes": [1], "to": [5]}, (2, 3), ()),
    ("pad", {"axes": [0, 1], "multiple": 4, "where": "center"}, (2, 3), ()),
    ("normalize", {"mean": [0.1, 0.2], "std": [2.0]}, (3, 4, 2), ()),
    ("softmax", {"axis": 0}, (2, 3), ()),
    ("sigmoid", {}, (3,), ()),
    ("argmax", {"axis": -1}, (2, 3), ()),
    ("topk", {"k": 2}, (5,), FIVE),
    ("topk", {}, (5,), ()),
    ("threshold", {}, (1,), ()),
    ("threshold", {}, (2,), FIVE),
    ("number", {"scale": 3.0}, (1,), ()),
]


@pytest.mark.parametrize(
    ("name", "options", "shape", "labels"), BATCHES, ids=[f"{n}-{each[0]}" for n, each in enumerate(BATCHES)]
)
def test_each_row_of_a_batch_is_a_sample(
    name: str, options: dict[str, Any], shape: tuple[int, ...], labels: tuple[str, ...]
) -> None:
    batch = RNG.random((4, *shape)).astype(np.float32)
    steps = folded([(name, options)], ("float32", shape), labels=labels, lead=1)
    for row, got in zip(batch, steps.rows(batch), strict=True):
        wanted = in_python([(name, options)], row, labels=labels)
        if isinstance(wanted, dict):
            assert got == wanted
        else:
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-7)


def test_indices_of_a_batch() -> None:
    steps = folded([("label_map", {})], ("int64", ()), labels=FIVE, lead=1)
    assert [each["class"] for each in steps.rows(np.array([4, 0, 2]))] == ["owl", "cat", "kilo"]


def test_every_step_of_a_batch_is_tried() -> None:
    tried = {name for name, *_ in BATCHES} | {"label_map", "select"}
    assert tried == {name for name, each in EMITTERS.items() if each.batched}


REFUSED: list[tuple[str, dict[str, Any], Any]] = [
    ("crop", {"size": [7, 4]}, image(6, 9)),
    ("cast", {"dtype": "uint8"}, np.array([0.0, 256.0])),
    ("cast", {"dtype": "int64"}, np.array([0.0, np.nan])),
    ("cast", {"dtype": "uint8"}, np.array([-1], np.int64)),
]


@pytest.mark.parametrize(("name", "options", "value"), REFUSED, ids=["crop", "large", "nan", "below"])
def test_what_python_refuses_is_refused_with_its_reason(name: str, options: Any, value: Any) -> None:
    with pytest.raises(ContractViolation):
        in_python([(name, options)], value)
    steps = folded([(name, options)], (value.dtype.name, (None,) * value.ndim))
    with pytest.raises(Exception, match="refused: "):
        steps(value)


ANSWERS: list[tuple[str, dict[str, Any], Any, tuple[str, ...]]] = [
    ("topk", {}, np.array([0.1, 0.4, 0.4, 0.1, 0.0], np.float32), FIVE),
    ("topk", {"k": 3}, np.array([0.1, 0.4, 0.4, 0.1, 0.0], np.float32), FIVE),
    ("topk", {"k": 9}, np.array([0.1, 0.4, 0.4]), ()),
    ("label_map", {}, np.array([3]), FIVE),
    ("label_map", {}, np.array(2.0, np.float32), ()),
    ("threshold", {}, np.array([0.5]), FIVE),
    ("threshold", {"at": 0.7}, np.array([0.31, 0.69], np.float32), ()),
    ("number", {"scale": 2.5, "offset": -1.0}, np.array([0.3], np.float32), ()),
    ("number", {"digits": 2}, np.array([0.12345]), ()),
]


@pytest.mark.parametrize(
    ("name", "options", "value", "labels"), ANSWERS, ids=[f"{n}-{each[0]}" for n, each in enumerate(ANSWERS)]
)
def test_answers(name: str, options: dict[str, Any], value: Any, labels: tuple[str, ...]) -> None:
    got = folded([(name, options)], (value.dtype.name, value.shape), labels=labels)(value)
    assert got == in_python([(name, options)], value, labels=labels)


@pytest.mark.parametrize("options", [{}, {"space": False, "blank": -1}, {"merge": False}])
@settings(max_examples=15)
@given(path=st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_text_of_a_ctc_head(options: dict[str, Any], path: list[int]) -> None:
    labels = ("a", "中", "é", *(() if options.get("space", True) else ("z",)))
    scores = RNG.random((len(path), 5)).astype(np.float32)
    scores[np.arange(len(path)), path] += 2
    got = folded([("ctc_decode", options)], ("float32", (None, 5)), labels=labels)(scores)
    wanted = in_python([("ctc_decode", options)], scores, labels=labels)
    assert got["text"] == wanted["text"]
    assert got["confidence"] == pytest.approx(wanted["confidence"], abs=1e-12)


WORDS = ("[PAD]", "[UNK]", "a", "b", "ab", "中", "国", "!", "1", "é", "ß")
TOKENIZERS: list[tuple[str, dict[str, Any]]] = [
    ("tokenize_chars", {}),
    ("tokenize_chars", {"lower": True, "spaces": False, "form": "NFKC"}),
    ("tokenize_chars", {"spaces": False}),
    ("tokenize_words", {}),
    ("tokenize_words", {"lower": True}),
    ("tokenize_words", {"form": "NFKC"}),
]
LOOKUPS: list[dict[str, Any]] = [
    {},
    {"max_length": 4},
    {"max_length": 6, "pad": "[PAD]"},
    {"max_length": 6, "pad": "[PAD]", "side": "start", "dtype": "int32"},
]
TEXTS = [
    "",
    " ",
    "ab",
    "AB b\tab\n中国　！",
    "Éé ﬁ ½ ㎏",
    "a" * 40,
    "\u200b\x00é\U0001f600",
    "\xa0ab\x85b\u2028",
]


@pytest.mark.parametrize("place", range(len(TOKENIZERS)))
def test_text_to_ids(place: int) -> None:
    for options in LOOKUPS:
        calls = [TOKENIZERS[place], ("lookup", options)]
        steps = folded(calls, ("string", ()), vocabulary=WORDS)
        for text in TEXTS:
            wanted, got = in_python(calls, text, vocabulary=WORDS), steps(np.array(text, object))
            assert (got.dtype, got.tolist()) == (wanted.dtype, wanted.tolist()), (calls, text)


@settings(max_examples=60)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Mn", "Mc", "Lm"]), max_size=12))
def test_any_text_is_cut_alike(text: str) -> None:
    if "Σ" in text:  # its lower case depends on its neighbors
        return
    calls = [("tokenize_chars", {"lower": True, "spaces": False}), ("lookup", {})]
    steps = _any_text()
    assert steps(np.array(text, object)).tolist() == in_python(calls, text, vocabulary=WORDS).tolist()


def _any_text(known: list[Any] = []) -> Any:  # noqa: B006 - one session for all examples
    if not known:
        calls = [("tokenize_chars", {"lower": True, "spaces": False}), ("lookup", {})]
        known.append(folded(calls, ("string", ()), vocabulary=WORDS))
    return known[0]


def test_a_token_that_must_be_known() -> None:
    calls = [("tokenize_words", {}), ("lookup", {"unknown": None})]
    steps = folded(calls, ("string", ()), vocabulary=WORDS)
    assert steps(np.array("ab b", object)).tolist() == [4, 3]
    with pytest.raises(Exception, match="refused: a token is not in the vocabulary"):
        steps(np.array("ab zz", object))


def boxes(count: int, *, classes: int, ties: bool) -> Any:
    corners = RNG.uniform(0, 60, (count, 2))
    sizes = RNG.uniform(5, 30, (count, 2))
    scores = RNG.choice([0.05, 0.2, 0.5, 0.9], count) if ties else RNG.random(count)
    kinds = RNG.integers(-1, classes, count)
    return np.column_stack([kinds, scores, corners, corners + sizes]).astype(np.float32)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("options", [{}, {"iou": 0.3, "score": 0.2, "keep": 5}, {"candidates": 3}])
def test_suppression_keeps_the_same_boxes(options: dict[str, Any], ties: bool) -> None:
    rows = folded([("nms", options)], ("float32", (None, 6)))
    both = folded([("nms", options)], ("float32", (None, 4)), ("float32", (3, None)))
    for count in (1, 7, 60):
        given = boxes(count, classes=3, ties=ties)
        np.testing.assert_array_equal(rows(given), in_python([("nms", options)], given))
        corners, scores = given[:, 2:], RNG.random((3, count)).astype(np.float32)
        np.testing.assert_array_equal(both(corners, scores), in_python([("nms", options)], [corners, scores]))


GEOMETRY = {"source_size": (80, 60), "scale": (0.5, 0.25), "offset": (3.0, 0.0)}


@pytest.mark.parametrize("options", [{}, {"score": 0.2, "coordinates": "model"}, {"order": "yx"}])
def test_rows_of_a_detector(options: dict[str, Any]) -> None:
    for count in (0, 1, 30):
        given = boxes(count, classes=5, ties=True).reshape(count, 6)
        calls = [("detection_rows", options)]
        got = folded(calls, ("float32", (None, 6)), labels=FIVE, notes=GEOMETRY)(given)
        wanted = in_python(calls, given, labels=FIVE, notes=GEOMETRY)
        assert got["classes"] == wanted["classes"]
        np.testing.assert_allclose(got["scores"], wanted["scores"], rtol=0, atol=0)
        np.testing.assert_allclose(
            np.reshape(got["boxes"], (-1, 4)), np.reshape(wanted["boxes"], (-1, 4)), atol=1e-9
        )


def test_classes_by_pixel() -> None:
    for value in (RNG.random((4, 43, 15)).astype(np.float32), RNG.integers(0, 3, (1, 43, 15))):
        calls: list[Any] = [("mask", {})]
        got = folded(calls, (value.dtype.name, value.shape), notes=GEOMETRY)(value)
        assert got == in_python(calls, value, notes=GEOMETRY)


def test_one_of_several_outputs() -> None:
    arrays = [np.array([1.0, 2.0]), np.array([3, 4])]
    steps = folded([("select", {"output": 1})], ("float64", (2,)), ("int64", (2,)))
    assert steps(*arrays).tolist() == [3, 4]


def test_what_goes_into_which_input() -> None:
    calls = [
        ("decode_image", {}),
        ("resize", {"size": [8, 10]}),
        ("feed", {"inputs": {"image": "value", "factor": "scale_factor", "size": "im_shape"}}),
    ]
    pixels = image(16, 40)
    steps, wanted = folded(calls, ("uint8", (None, None, 3))), in_python(calls, pixels)
    session = steps.session.run(None, {"in0": pixels})
    for name, found in zip(steps.keys, session, strict=True):
        assert found.dtype == wanted[name].dtype
        np.testing.assert_array_equal(found, wanted[name])


def contract(*calls: str) -> Contract:
    spec = TensorSpec("x", "float32", ("batch", 3))
    after = Pipeline(tuple(StepCall(name) for name in calls))
    return Contract("net", "tensor", (spec,), (spec,), postprocess=after)


@pytest.mark.parametrize("step", sorted(REASONS))
def test_a_step_that_is_not_folded_is_named_with_its_reason(step: str) -> None:
    with pytest.raises(
        UnsupportedModel, match=f"step '{step}' of the postprocessing cannot be folded: "
    ) as caught:
        check_foldable(contract("softmax", step), "both")
    assert "with its contract" in caught.value.hint
    check_foldable(contract("softmax"), "both")


@pytest.mark.parametrize("kind", ["area", "lanczos"])
def test_a_way_of_resampling_that_is_not_folded(kind: str) -> None:
    with pytest.raises(UnsupportedModel, match="'resize' cannot be folded: OpenCV's"):
        folded([("resize", {"size": [4, 4], "interpolation": kind})], ("uint8", (None, None, 3)))
