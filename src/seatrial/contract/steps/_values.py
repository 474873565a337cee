"""What steps take: the guards that turn a wrong value into a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation


def as_array(value: Any, *, rank: int | None = None, what: str = "an array") -> Array:
    """The value as an array of numbers.

    Args:
        value: What the step before gave.
        rank: The number of axes it must have, or None for any.
        what: What the step takes, for the error.

    Raises:
        ContractViolation: It is something else, or of another rank.
    """
    if isinstance(value, int | float | list | tuple | np.generic) and not isinstance(value, str):
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ContractViolation(f"takes {what}, and the nested list it was given is ragged") from error
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise ContractViolation(f"takes {what}, not {describe(value)}")
    if rank is not None and value.ndim != rank:
        raise ContractViolation(f"takes {what} of {rank} axes, not one of shape {list(value.shape)}")
    return value


def as_image(value: Any) -> Array:
    """The value as an image: height, width, channels, none of them zero.

    Raises:
        ContractViolation: It is something else.
    """
    image = as_array(value, rank=3, what="an image (height, width, channels)")
    if 0 in image.shape:
        raise ContractViolation(f"takes an image with pixels, not one of shape {list(image.shape)}")
    return image


def to_float(array: Array, target: DTypeLike) -> Array:
    """The array in a floating type.

    Raises:
        ContractViolation: A finite number would become infinity.
    """
    with np.errstate(over="ignore"):
        result = array.astype(target)
    if result.size and np.isinf(result).sum() != np.isinf(array.astype(np.float64)).sum():
        raise ContractViolation(f"holds numbers too large for {result.dtype}")
    return result


def axis_of(array: Array, axis: int) -> int:
    """`axis` counted from the front.

    Raises:
        ContractViolation: The array has no such axis.
    """
    if not -array.ndim <= axis < array.ndim:
        raise ContractViolation(f"axis {axis} does not exist in shape {list(array.shape)}")
    return axis % array.ndim


def describe(value: Any) -> str:
    """A value in few words, for an error: its type, and its shape where it has one."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {list(value.shape)}"
    if isinstance(value, str):
        return "text"
    return f"a value of type {type(value).__name__}"
