"""Laws that steps keep whatever they are given."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from seatrial import extensions
from seatrial.contract import Context
from seatrial.errors import ContractViolation

STEPS = extensions.find("seatrial.contract.steps", "STEP")


def apply(name: str, value: Any, context: Context | None = None, **options: Any) -> Any:
    return STEPS[name].apply(value, context or Context(), **options)


scores = arrays(
    np.float32, array_shapes(max_dims=3, max_side=6), elements=st.floats(-(2.0**99), 2.0**99, width=32)
)
images = st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3])).flatmap(
    lambda shape: arrays(np.uint8, shape)
)


@given(scores)
def test_softmax_sums_to_one_and_keeps_the_order(value: Any) -> None:
    found = apply("softmax", value)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)
    assert (found >= 0).all()
    best = np.take_along_axis(found, value.argmax(axis=-1)[..., None], -1)
    assert (best == found.max(axis=-1, keepdims=True)).all()


@given(scores, st.floats(-100, 100))
def test_softmax_does_not_care_for_a_shift(value: Any, shift: float) -> None:
    small = value.clip(-50, 50).astype(np.float64)
    np.testing.assert_allclose(
        apply("softmax", small + shift), apply("softmax", small), rtol=1e-6, atol=1e-12
    )


@given(scores)
def test_sigmoid_is_symmetric(value: Any) -> None:
    np.testing.assert_allclose(apply("sigmoid", value) + apply("sigmoid", -value), 1, atol=1e-6)


@given(scores, st.randoms())
def test_transposing_back_gives_the_same(value: Any, random: Any) -> None:
    order = list(range(value.ndim))
    random.shuffle(order)
    back = [order.index(axis) for axis in range(value.ndim)]
    np.testing.assert_array_equal(
        apply("transpose", apply("transpose", value, order=order), order=back), value
    )


@given(scores, st.data())
def test_an_axis_added_is_an_axis_dropped(value: Any, data: Any) -> None:
    axis = data.draw(st.integers(0, value.ndim))
    np.testing.assert_array_equal(apply("squeeze", apply("expand", value, axis=axis), axes=[axis]), value)


@given(images, st.integers(0, 9), st.integers(0, 9))
def test_what_is_padded_around_is_cropped_again(image: Any, more: int, wider: int) -> None:
    context = Context()
    size = [image.shape[0] + more, image.shape[1] + wider]
    padded = apply("pad", image, context, axes=[0, 1], to=size, where="center")
    np.testing.assert_array_equal(apply("crop", padded, context, size=image.shape[:2]), image)
    assert context.notes["offset"] == (0, 0)


@given(images)
def test_colours_turned_twice_are_the_same(image: Any) -> None:
    assume(image.shape[2] == 3)
    there = apply("color", image, source="RGB", target="BGR")
    np.testing.assert_array_equal(apply("color", there, source="BGR", target="RGB"), image)


@given(images)
def test_a_png_gives_back_its_pixels(image: Any) -> None:
    stream = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(stream, "PNG")
    found = apply("decode_image", stream.getvalue(), color="GRAY" if image.shape[2] == 1 else "RGB")
    np.testing.assert_array_equal(found, image)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0"]),
)
def test_bytes_that_are_no_image_raise_only_our_error(data: bytes, magic: bytes) -> None:
    with contextlib.suppress(ContractViolation):
        apply("decode_image", magic + data)


@given(images, st.integers(0, 3000), st.integers(0, 255))
def test_a_damaged_image_raises_only_our_error(image: Any, place: int, byte: int) -> None:
    stream = io.BytesIO()
    Image.fromarray(image[:, :, 0]).save(stream, "JPEG")
    data = bytearray(stream.getvalue())
    data[place % len(data)] = byte
    with contextlib.suppress(ContractViolation):
        apply("decode_image", bytes(data), max_pixels=10_000)


@given(
    images,
    st.sampled_from(["nearest", "linear", "cubic", "area", "lanczos"]),
    st.sampled_from(["opencv", "pillow"]),
)
def test_resizing_to_its_own_size_changes_nothing(image: Any, interpolation: str, library: str) -> None:
    found = apply("resize", image, size=image.shape[:2], interpolation=interpolation, library=library)
    np.testing.assert_array_equal(found, image)


@given(images, st.integers(1, 30), st.integers(1, 30), st.sampled_from(["opencv", "pillow"]))
def test_one_colour_stays_one_colour(image: Any, height: int, width: int, library: str) -> None:
    flat = np.full_like(image, 77)
    for interpolation in ("nearest", "linear", "cubic", "area", "lanczos"):
        found = apply("resize", flat, size=[height, width], interpolation=interpolation, library=library)
        assert found.shape == (height, width, image.shape[2])
        assert (found == 77).all()


@given(images, st.integers(1, 200), st.sampled_from(["max", "min", "long"]), st.sampled_from([1, 32]))
def test_both_sides_are_multiples(image: Any, side: int, limit: str, multiple: int) -> None:
    context = Context()
    found = apply("resize_limit", image, context, side=side, limit=limit, multiple=multiple, max_side=512)
    assert found.shape[0] % multiple == found.shape[1] % multiple == 0
    assert min(found.shape[:2]) >= 1
    assert max(found.shape[:2]) <= 512
    np.testing.assert_allclose(np.array(context.notes["scale"]) * image.shape[:2], found.shape[:2])


alphabet = "ab中 文"


@given(
    st.text(alphabet, max_size=12),
    st.lists(st.integers(1, 3), min_size=40, max_size=40),
    st.sampled_from([0, -1, 2]),
)
def test_ctc_gives_back_the_text_that_was_written(text: str, repeats: list[int], blank: int) -> None:
    labels = [each for each in alphabet if each != " "]
    classes = [*labels, " "]
    classes.insert(len(classes) if blank == -1 else blank, "")
    path = [classes.index("")]
    for character, times in zip(text, repeats, strict=False):
        # A blank between equal letters is what keeps them apart.
        path += [classes.index("")] + [classes.index(character)] * times
    rows = np.full((len(path), len(classes)), 0.01, np.float32)
    rows[np.arange(len(path)), path] = 0.95
    found = apply("ctc_decode", rows, Context(labels=labels), blank=blank, space=True)
    assert found["text"] == text
    assert found["confidence"] == pytest.approx(0.95 if text else 0.0)


boxes = st.lists(
    st.tuples(
        st.integers(0, 2), st.floats(0.125, 1, width=32), *[st.integers(0, 40)] * 2, *[st.integers(1, 40)] * 2
    ),
    max_size=25,
).map(
    lambda rows: np.array([[k, s, x, y, x + w, y + h] for k, s, x, y, w, h in rows], np.float32).reshape(
        -1, 6
    )
)


def overlap(one: Any, other: Any) -> float:
    sides = np.minimum(one[4:], other[4:]) - np.maximum(one[2:4], other[2:4])
    shared = max(sides[0], 0) * max(sides[1], 0)
    return float(shared / (np.prod(one[4:] - one[2:4]) + np.prod(other[4:] - other[2:4]) - shared))


@given(boxes, st.sampled_from([0.3, 0.5, 0.7]))
def test_nms_leaves_no_two_that_cover_each_other_and_drops_only_covered_ones(rows: Any, iou: float) -> None:
    kept = apply("nms", rows, iou=iou, keep=1000)
    for place, one in enumerate(kept):
        assert all(one[0] != other[0] or overlap(one, other) <= iou + 1e-6 for other in kept[:place])
    for row in rows:
        assert any((row == each).all() for each in kept) or any(
            each[0] == row[0] and each[1] >= row[1] and overlap(row, each) > iou - 1e-6 for each in kept
        )
    np.testing.assert_array_equal(apply("nms", kept, iou=iou, keep=1000), kept)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=6, unique=True),
    st.sampled_from([(1.0, 1.0), (0.5, 0.5), (2.0, 0.25)]),
)
def test_every_block_of_text_gets_a_box_around_it(
    cells: list[tuple[int, int]], scale: tuple[float, float]
) -> None:
    scores = np.zeros((3 * 64, 4 * 96), np.float32)
    for column, row in cells:
        scores[row * 64 + 20 : row * 64 + 40, column * 96 + 20 : column * 96 + 70] = 0.95
    size = (round(scores.shape[0] / scale[0]), round(scores.shape[1] / scale[1]))
    context = Context(notes={"source_size": size, "scale": scale, "offset": (0.0, 0.0)})
    found = apply("db_boxes", scores, context)
    assert len(found["boxes"]) == len(cells)
    expected = sorted((row, column) for column, row in cells)
    for box, (row, column) in zip(found["boxes"], expected, strict=True):
        low, high = np.min(box, axis=0) * scale[::-1], np.max(box, axis=0) * scale[::-1]
        assert column * 96 <= low[0] <= column * 96 + 21
        assert row * 64 <= low[1] <= row * 64 + 21
        assert column * 96 + 68 <= high[0] <= column * 96 + 96
        assert row * 64 + 38 <= high[1] <= row * 64 + 64
    assert all(score == pytest.approx(0.95, abs=1e-4) for score in found["scores"])


@pytest.mark.parametrize("angle", [0, 10, 30, -30, 60, 89])
def test_a_tilted_line_gets_a_tilted_box(angle: float) -> None:
    import cv2

    corners = cv2.boxPoints(((150.0, 150.0), (120.0, 30.0), angle))
    scores = np.zeros((300, 300), np.float32)
    cv2.fillPoly(scores, [corners.astype(np.int32)], (0.9,))
    found = apply("db_boxes", scores, Context(notes={"source_size": (300, 300)}))
    (box,) = np.array(found["boxes"], float)
    sides = np.linalg.norm(box - np.roll(box, -1, axis=0), axis=1)
    grown = 2 * 120 * 30 * 1.5 / (2 * 150)
    assert sorted(sides)[0] == pytest.approx(30 + grown, abs=4)
    assert sorted(sides)[-1] == pytest.approx(120 + grown, abs=4)
    np.testing.assert_allclose(box.mean(axis=0), 150, atol=2)
    ahead, behind = box[1] - box[0], box[3] - box[0]
    assert ahead[0] * behind[1] - ahead[1] * behind[0] > 0, "the corners go clockwise"


@given(images, st.integers(4, 24))
def test_a_mask_comes_back_in_the_size_of_the_source(image: Any, side: int) -> None:
    context = Context()
    value = apply("decode_image", image, context, color="GRAY" if image.shape[2] == 1 else "RGB")
    value = apply("resize_long", value, context, size=side)
    value = apply("pad", value, context, axes=[0, 1], to=[side, side], where="center")
    classes = np.full(value.shape[:2], 9)
    (top, left), (tall, wide) = context.notes["offset"], np.array(image.shape[:2]) * context.notes["scale"]
    classes[round(top) : round(top + tall), round(left) : round(left + wide)] = 1
    mask = np.array(apply("mask", classes, context)["mask"])
    assert mask.shape == image.shape[:2]
    assert set(np.unique(mask)) == {1}, "the padding did not come through"


def test_cast_refuses_what_wraps_in_silence() -> None:
    with pytest.raises(ContractViolation, match="NaN or infinity"):
        apply("cast", np.array([np.nan], np.float32), dtype="int64")
    with pytest.raises(ContractViolation, match="-1 to 0 does not fit into uint8"):
        apply("cast", np.array([-1, 0]), dtype="uint8")


def test_scores_that_are_no_numbers_stay_visible() -> None:
    assert np.isnan(apply("softmax", np.array([np.nan, 1], np.float32))).all()
    assert np.isnan(apply("softmax", np.array([np.inf, 1], np.float32))).any()


def test_a_side_of_sixteen_thousand_is_the_limit() -> None:
    with pytest.raises(ContractViolation, match="a side is 1 to 16384"):
        apply("resize_long", np.zeros((1, 2, 1), np.uint8), size=20_000)


anything = (
    arrays(
        st.sampled_from([np.uint8, np.int64, np.float32, np.float64, np.float16, np.bool_, np.uint16]),
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
    | st.none()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.floats()
    | st.lists(st.text(max_size=3) | st.floats() | st.integers(), max_size=4)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
    | st.tuples(
        arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5)),
        arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5)),
    )
)
GOLDEN = Path(__file__).parents[1] / "golden" / "steps"
OPTIONS = {
    path.stem: [case["options"] for case in json.loads(path.read_text("utf-8"))]
    for path in GOLDEN.glob("*.json")
}


@pytest.mark.parametrize("name", STEPS)
@given(value=anything, data=st.data())
def test_whatever_a_step_is_given_it_answers_or_refuses(name: str, value: Any, data: Any) -> None:
    """M07: no value may bring anything but an answer or a sentence; nothing warns either."""
    context = Context(labels=("a", "b"), vocabulary=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"))
    if data.draw(st.booleans()):
        context.notes.update(source_size=(7, 5), scale=(0.5, 0.5), offset=(1.0, 0.0), length=3)
    with contextlib.suppress(ContractViolation):
        STEPS[name].apply(value, context, **data.draw(st.sampled_from(OPTIONS[name])))


def test_padding_to_what_no_memory_holds_is_refused() -> None:
    with pytest.raises(ContractViolation, match="numbers"):
        apply("pad", np.zeros((2, 2, 3), np.uint8), Context(), axes=[0, 1], to=[10**6, 10**6])
