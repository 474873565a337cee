"""Pads to a size or to a multiple: after what is there, before it or around it."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps import _geometry
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, axis_of
from seatrial.errors import ContractViolation

LARGEST = 1 << 28  # numbers in what grew: no image and no text needs more, a wrong option may ask for it


def _pad(
    value: Any,
    context: Context,
    /,
    *,
    axes: tuple[int, ...],
    to: tuple[int, ...] = (),
    multiple: int = 1,
    fill: float = 0.0,
    where: Literal["end", "center", "start"] = "end",
) -> Array:
    """Grows each of `axes` to at least the number in `to`, then to the next `multiple`; never cuts."""
    array = as_array(value)
    if to and len(to) != len(axes):
        raise ContractViolation(f"to has {len(to)} numbers and axes {len(axes)}")
    if multiple < 1:
        raise ContractViolation(f"multiple is {multiple} and must be 1 or more")
    widths = [(0, 0)] * array.ndim
    for place, axis in enumerate(axes):
        at = axis_of(array, axis)
        size = max(array.shape[at], to[place] if to else 0)
        more = -(-size // multiple) * multiple - array.shape[at]
        before = {"end": 0, "center": more // 2, "start": more}[where]
        widths[at] = (before, more - before)
    grown = prod(size + sum(more) for size, more in zip(array.shape, widths, strict=True))
    if grown > max(LARGEST, array.size):
        raise ContractViolation(f"the result would hold {grown:,} numbers, more than {LARGEST:,}")
    if where != "end" and len(axes) == 2:
        _geometry.moved(context, *(widths[axis_of(array, axis)][0] for axis in axes))
    return np.pad(array, widths, constant_values=_fitting(fill, array.dtype))


def _fitting(fill: float, dtype: np.dtype[Any]) -> Any:
    """`fill` in the array's own type; 127.5 in a byte image would be cut to 127 in silence."""
    if dtype.kind in "iu" and (fill != int(fill) or not np.iinfo(dtype).min <= fill <= np.iinfo(dtype).max):
        raise ContractViolation(
            f"fill {fill} does not fit into {dtype}", hint="pad after normalize, or cast first"
        )
    return dtype.type(fill)


STEP = FunctionStep("pad", "both", "pads to a size or a multiple, at the end, the start or around", _pad)
