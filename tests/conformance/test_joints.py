"""What every joint must do, asked of each one that lies in the folder (M40)."""

from __future__ import annotations

import inspect
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seatrial import extensions
from seatrial.contract.answer import plain
from seatrial.errors import ContractViolation
from seatrial.serve.flow.declaration import Reference, Stage
from seatrial.serve.flow.values import HOLE, joined
from seatrial.serve.joints._joint import Joint
from seatrial.serve.joints._kind import Kind

FOUND = extensions.find("seatrial.serve.joints", "JOINT")
JOINTS = [pytest.param(each, id=name) for name, each in FOUND.items()]
every = pytest.mark.parametrize("joint", JOINTS)

PICTURE = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
BOXES = [[[2, 2], [30, 2], [30, 12], [2, 12]], [[40, 4], [48, 4], [48, 34], [40, 34]]]
ROWS = [{"box": BOXES[1], "confidence": 0.9}, {"box": BOXES[0], "confidence": 0.2}]


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, "PNG")
    return buffer.getvalue()


# What each joint is tried with: values, options, and how many items come out (None: not a list).
SAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any], int | None]] = {
    "at_least": ({"rows": ROWS}, {"minimum": 0.5}, 1),
    "crop_quads": ({"picture": PICTURE, "boxes": BOXES}, {}, 2),
    "decode_image": ({"data": _png()}, {}, None),
    "reading_order": ({"rows": ROWS}, {}, 2),
    "rotate_by_class": (
        {"pictures": [PICTURE, PICTURE], "classes": ["0", "180"], "confidences": [1.0, 0.95]}, {}, 2,
    ),
    "rows": ({"text": ["a", "b"], "box": BOXES}, {}, 2),
}  # fmt: skip


def stage_of(joint: Joint, options: dict[str, Any]) -> Stage:
    takes = {name: Reference("request") for name in SAMPLES[joint.name][0]}
    return Stage("it", takes, joint=joint, options=joint.filled(options))


@every
def test_it_says_what_it_is(joint: Joint) -> None:
    assert joint.name in SAMPLES, "add a sample of what it takes to this file"
    assert joint.summary
    parameters = inspect.signature(joint.function).parameters
    taken = {n for n, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD}
    assert taken | ({"*"} if joint.open else set()) == set(joint.takes)
    for text in (*joint.takes.values(), joint.gives):
        assert str(Kind.of(text)) == text
    assert (joint.function.__doc__ or "").strip()


@every
def test_it_gives_what_it_says(joint: Joint) -> None:
    values, options, count = SAMPLES[joint.name]
    result = joined(stage_of(joint, options), values)
    kind = Kind.of(joint.gives)
    assert isinstance(result, list) == bool(kind.depth)
    if count is not None:
        assert len(result) == count
    for each in result if kind.depth else [result]:
        if kind.base == "picture":
            assert each.dtype == np.uint8
            assert each.ndim == 3
            assert each.flags.c_contiguous
        else:
            plain(each)  # what is no picture can go into the answer


@every
def test_it_leaves_what_it_takes_as_it_is(joint: Joint) -> None:
    values, options, _ = SAMPLES[joint.name]
    before = repr(values)
    joined(stage_of(joint, options), values)
    assert repr(values) == before


@every
def test_the_same_gives_the_same(joint: Joint) -> None:
    values, options, _ = SAMPLES[joint.name]
    stage = stage_of(joint, options)
    first, second = joined(stage, values), joined(stage, values)
    np.testing.assert_equal(first, second)


@every
def test_nothing_in_nothing_out(joint: Joint) -> None:
    values, options, count = SAMPLES[joint.name]
    if count is None:
        pytest.skip("it takes no list")
    empty = {name: [] if isinstance(each, list) else each for name, each in values.items()}
    assert joined(stage_of(joint, options), empty) == []


@every
def test_dropped_items_never_reach_it(joint: Joint) -> None:
    values, options, count = SAMPLES[joint.name]
    if count is None:
        assert joined(stage_of(joint, options), dict.fromkeys(values, HOLE)) is HOLE
        return
    lists = {name: each for name, each in values.items() if isinstance(each, list)}
    holed = {**values, **{name: [HOLE, *each[1:]] for name, each in lists.items()}}
    whole, left = (joined(stage_of(joint, options), each) for each in (values, holed))
    if joint.one_for_one:
        assert left[0] is HOLE
        np.testing.assert_equal(left[1:], whole[1:])
    else:
        assert HOLE not in left
        assert len(left) <= len(whole)


@every
def test_options_are_checked(joint: Joint) -> None:
    with pytest.raises(ContractViolation, match=f"joint '{joint.name}' has no option 'no_such_option'"):
        joint.filled({"no_such_option": 1})


def test_crops_lie_straight_and_tall_ones_are_turned() -> None:
    wide, tall = FOUND["crop_quads"].function(PICTURE, BOXES)
    np.testing.assert_array_equal(wide, PICTURE[2:12, 2:30])
    np.testing.assert_array_equal(tall, np.rot90(PICTURE[4:34, 40:48]))
    with pytest.raises(ContractViolation, match=r"boxes\[0\] is 0 x 0 pixels"):
        FOUND["crop_quads"].function(PICTURE, [[[1, 1]] * 4])
    with pytest.raises(ContractViolation, match=r"boxes\[0\] has shape \[2, 2\]"):
        FOUND["crop_quads"].function(PICTURE, [[[1, 1], [2, 2]]])


def test_only_what_is_surely_turned_is_turned_back() -> None:
    rotate = FOUND["rotate_by_class"].function
    pictures = [PICTURE] * 3
    same, unsure, turned = rotate(pictures, ["0", "180", "180"], [1.0, 0.9, 0.91])
    np.testing.assert_array_equal(same, PICTURE)
    np.testing.assert_array_equal(unsure, PICTURE)
    np.testing.assert_array_equal(turned, PICTURE[::-1, ::-1])
    np.testing.assert_array_equal(rotate([PICTURE], ["180"])[0], PICTURE[::-1, ::-1])


def test_rows_are_of_one_length_and_ordered_as_people_read() -> None:
    with pytest.raises(ContractViolation, match="text 2, box 1"):
        FOUND["rows"].function(text=["a", "b"], box=[1])
    ordered = FOUND["reading_order"].function(ROWS)
    assert [each["confidence"] for each in ordered] == [0.2, 0.9]
    corners = [{"box": [50, 3, 60, 9]}, {"box": [5, 9, 9, 12]}, {"box": [1, 40, 9, 50]}]
    assert [each["box"][0] for each in FOUND["reading_order"].function(corners)] == [5, 50, 1]
    assert [each["box"][0] for each in FOUND["reading_order"].function(corners, same_line=2)] == [50, 5, 1]


@pytest.mark.parametrize("text", ["picture[", "bytes", "number[][", "[]"])
def test_kinds_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no kind"):
        Kind.of(text)
