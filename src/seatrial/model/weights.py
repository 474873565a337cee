"""The numbers in the weights: mapped, never copied whole, never run."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import ModelError
from seatrial.model.artifact import Artifact, Parameter
from seatrial.model.formats._bytes import our_errors
from seatrial.model.formats._graph import ITEM_SIZES

Array = NDArray[Any]


def read_parameter(parameter: Parameter) -> Array:
    """The values of one parameter, read-only.

    Returns:
        A memory map of the file in the parameter's shape and dtype; bfloat16 comes as a float32 copy, and the
        8-bit floats, which NumPy does not have, as their raw bytes (uint8).

    Raises:
        ModelError: Its bytes are not there, or are not as many as its shape asks for.
    """
    raw = bytes_of(parameter)
    if parameter.dtype == "bfloat16":
        wide = widened(raw.view("<u2")).reshape(parameter.shape)
        wide.flags.writeable = False
        return wide
    if parameter.dtype.startswith("float8"):
        return raw.reshape(parameter.shape)
    return raw.view(np.dtype(parameter.dtype).newbyteorder("<")).reshape(parameter.shape)


def iter_weights(artifact: Artifact) -> Iterator[tuple[Parameter, Array]]:
    """Every parameter whose bytes are there, with its values, in the artifact's order.

    Parameters without bytes are passed over; the artifact's problems name them.
    """
    for each in artifact.parameters:
        if each.file is not None and (each.dtype in ITEM_SIZES or each.dtype.startswith("float8")):
            yield each, read_parameter(each)


def bytes_of(parameter: Parameter) -> NDArray[np.uint8]:
    """The bytes of a parameter, shape (n,), read-only and not in memory yet.

    Raises:
        ModelError: They are not there, or are not as many as its shape asks for.
        UsageError: The file is gone or too short.
    """
    if parameter.file is None:
        raise ModelError(
            f"the bytes of '{parameter.name}' are not there",
            hint="see the artifact's problems for the reason",
        )
    width = 1 if parameter.dtype.startswith("float8") else ITEM_SIZES.get(parameter.dtype, 0)
    if width and prod(parameter.shape) * width != parameter.nbytes:
        raise ModelError(
            f"'{parameter.name}' has {parameter.nbytes:,} bytes, its shape asks for another number"
        )
    if parameter.nbytes == 0:
        return np.zeros(0, np.uint8)
    with our_errors(parameter.file):
        return np.memmap(parameter.file, np.uint8, "r", parameter.offset, (parameter.nbytes,))


def widened(halves: NDArray[np.uint16]) -> NDArray[np.float32]:
    """bfloat16 as float32: its bits are the upper half."""
    return (halves.astype(np.uint32) << 16).view(np.float32)
