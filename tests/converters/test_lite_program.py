"""What a program of today's Paddle is given before Paddle Lite sees it."""

from __future__ import annotations

import pytest

from seatrial.converters._lite_program import patched
from seatrial.model.formats import _program as program
from seatrial.model.formats._format import Garbled
from support import models


def op(kind, *, outputs=("Out",), attributes=()):
    slots = [models.block(2, models.block(1, each) + models.block(2, f"{kind}_{each}")) for each in outputs]
    inputs = models.block(1, models.block(1, "X") + models.block(2, "x"))
    named = [models.block(4, models.block(1, each) + models.number(2, 0)) for each in attributes]
    return models.block(4, inputs + b"".join(slots) + models.block(3, kind) + b"".join(named))


def of(*ops):
    return models.block(
        1, models.number(1, 0) + b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"".join(ops)
    )


@pytest.mark.parametrize(
    "kind", ["flatten_contiguous_range", "reshape2", "transpose2", "squeeze2", "unsqueeze2"]
)
def test_the_shape_that_is_no_longer_written_is_given_back(kind):
    data, given = patched(of(op(kind), op("relu")))
    assert given == {kind: 1}
    first, second = program.parse(memoryview(data)).operators
    assert len(first.attributes["out.XShape"]) == 1
    assert first.outputs[-1] == first.attributes["out.XShape"][0]
    assert "out.XShape" not in second.attributes
    # Each has a variable of its own, and a second turn finds nothing to do.
    assert patched(data) == (data, {})


def test_two_operators_get_two_variables():
    data, given = patched(of(op("reshape2"), op("reshape2"), op("squeeze2")))
    assert given == {"reshape2": 2, "squeeze2": 1}
    made = [each.attributes["out.XShape"] for each in program.parse(memoryview(data)).operators]
    assert len(set(made)) == 3


def test_relu6_gets_its_threshold():
    data, given = patched(of(op("relu6")))
    assert given == {"relu6": 1}
    (only,) = program.parse(memoryview(data)).operators
    assert only.attributes["threshold"] == 6.0
    assert patched(of(op("relu6", attributes=["threshold"])))[1] == {}


def test_a_program_that_has_it_all_stays_byte_for_byte():
    data = of(op("reshape2", outputs=("Out", "XShape")), op("conv2d"))
    assert patched(data) == (data, {})


def test_garbage_is_refused():
    with pytest.raises(Garbled):
        patched(b"\x0a\xff\xff")
