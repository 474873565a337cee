"""A result whose free dimensions were fixed is compared on what it takes, and the rest is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seatrial.contract import TensorSpec
from seatrial.converters._verify import Answered, _fitting
from support.artifacts import by_hand


def asked(shape, sizes):
    """A source's batches of some heights, and a result of a shape."""
    source = SimpleNamespace(
        notes=[],
        answers=lambda: [Answered(f"height {size}", {"x": np.zeros((2, size))}, []) for size in sizes],
        made_for=lambda result: f"made for {result.inputs[0].shape}",
    )
    return source, _fitting(source, by_hand(Path("m"), "web", [TensorSpec("x", "float32", shape)]))


@pytest.mark.parametrize("shape", [("batch", None), (None, "h"), ()], ids=["free", "named", "unknown"])
def test_what_is_free_takes_everything(shape):
    source, fitting = asked(shape, [32, 48])
    assert len(fitting) == 2
    assert not source.notes


def test_batches_of_other_sizes_are_told_and_left_out():
    source, fitting = asked(("batch", 48), [32, 48, 96])
    assert [each.case for each in fitting] == ["height 48"]
    assert source.notes == [
        "not compared, since the web result takes x ['batch', 48] only: height 32, height 96"
    ]


def test_where_none_fits_some_are_made_up():
    assert asked(("batch", 64), [32, 48])[1] == "made for ('batch', 64)"
