"""A batcher hands the answers of a batch to the wrong requests."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._behaviors import RowsShifted
from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.faults._service import served_by
from seatrial.text import Text


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder, seed
    if not all(each.batch_is_free for each in (*good.contract.inputs, *good.contract.outputs)):
        raise NotApplicable("this model takes one sample at a time")
    return served_by(good, RowsShifted)


FAULT = Fault(
    name="rows-shifted",
    title=Text("answers of a batch go to the wrong requests", "批处理后答案与请求错位"),
    kind="service",
    checks=frozenset({"consistency", "accuracy"}),
    make=make,
)
