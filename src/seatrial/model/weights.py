"""The numbers in the weights: mapped, never copied whole, never run.

A checkpoint of many gigabytes is read in portions of `PORTION` elements, so memory does not grow with it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.errors import ModelError
from seatrial.model.artifact import Artifact, Parameter
from seatrial.model.formats._bytes import our_errors
from seatrial.model.formats._graph import ITEM_SIZES

Array = NDArray[Any]

PORTION = 1 << 20
_FLOATING = ("float16", "bfloat16", "float32", "float64")
_SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


def read_parameter(parameter: Parameter) -> Array:
    """The values of one parameter, read-only.

    Returns:
        A memory map of the file in the parameter's shape and dtype; bfloat16 comes as a float32 copy, and the
        8-bit floats, which NumPy does not have, as their raw bytes (uint8).

    Raises:
        ModelError: Its bytes are not there, or are not as many as its shape asks for.
    """
    raw = _mapped(parameter)
    if parameter.dtype == "bfloat16":
        wide = _widened(raw.view("<u2")).reshape(parameter.shape)
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


def sha256(parameter: Parameter) -> str:
    """sha256 of a parameter's bytes in hexadecimal: the same tensor has the same one in every file."""
    raw = _mapped(parameter)
    digest = hashlib.sha256()
    for start in range(0, len(raw), PORTION):
        digest.update(raw[start : start + PORTION].data)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of one parameter.

    Attributes:
        count: Elements.
        low: Smallest finite value; 0 when there is none, as the next three.
        high: Largest finite value.
        mean: Of the finite values.
        std: Of the finite values (population).
        nan: How many are NaN.
        inf: How many are infinite.
        zero: How many are exactly zero.
        denormal: How many are too small for full precision.
        constant: Whether there are at least two elements, all finite and the same.
        dead_channels: Output channels that are all zero: rows along axis 0 where there are three axes or more
            (convolution), columns along axis 1 where there are two (Paddle's linear layer).
    """

    count: int
    low: float
    high: float
    mean: float
    std: float
    nan: int
    inf: int
    zero: int
    denormal: int
    constant: bool
    dead_channels: int


def statistics(parameter: Parameter) -> Statistics:
    """The figures of one parameter in one pass and in constant memory.

    Raises:
        ModelError: Its bytes are not there, or its dtype has no numbers (text, complex, 4- and 8-bit floats).
    """
    tally = _Tally(parameter)
    raw = _mapped(parameter)
    width = ITEM_SIZES.get(parameter.dtype, 0)
    if not width or parameter.dtype.startswith(("complex", "float8")):
        raise ModelError(f"'{parameter.name}' is {parameter.dtype}: no figures are taken of it")
    for start in range(0, len(raw), PORTION * width):
        tally.add(_numbers(raw[start : start + PORTION * width], parameter.dtype))
    return tally.result()


class _Tally:
    """Figures of what was seen so far; the variance is merged by Chan's rule."""

    def __init__(self, parameter: Parameter) -> None:
        self.tiny = _SMALLEST_NORMAL.get(parameter.dtype, 0.0)
        self.shape = parameter.shape
        self.channels = prod(parameter.shape[:1]) if len(parameter.shape) > 2 else 0
        if len(parameter.shape) == 2:
            self.channels = parameter.shape[1]
        self.alive = np.zeros(self.channels, dtype=bool)
        self.count = self.finite = self.nan = self.inf = self.zero = self.denormal = 0
        self.low, self.high = math.inf, -math.inf
        self.mean = self.squares = 0.0

    def add(self, values: Array) -> None:
        """Takes the next values in row-major order, float64."""
        nan, inf = np.isnan(values), np.isinf(values)
        self._channels(values)
        self.count += values.size
        self.nan += int(nan.sum())
        self.inf += int(inf.sum())
        self.zero += int((values == 0).sum())
        self.denormal += int(((np.abs(values) < self.tiny) & (values != 0)).sum())
        finite = values[~(nan | inf)]
        if not finite.size:
            return
        self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(finite.mean())
            squares = float(((finite - mean) ** 2).sum())
        total, gap = self.finite + finite.size, mean - self.mean
        self.squares += squares + gap * gap * self.finite * finite.size / total
        self.mean += gap * finite.size / total
        self.finite = total

    def _channels(self, values: Array) -> None:
        """Marks the channels that have anything but zero among the next values."""
        if not self.channels:
            return
        places = np.flatnonzero(values) + self.count
        if len(self.shape) == 2:
            self.alive[places % self.channels] = True
        else:
            self.alive[places // prod(self.shape[1:])] = True

    def result(self) -> Statistics:
        """The figures."""
        known = self.finite > 0
        return Statistics(
            count=self.count,
            low=self.low if known else 0.0,
            high=self.high if known else 0.0,
            mean=self.mean if known else 0.0,
            std=math.sqrt(max(self.squares, 0.0) / self.finite) if known else 0.0,
            nan=self.nan,
            inf=self.inf,
            zero=self.zero,
            denormal=self.denormal,
            constant=self.count > 1 and self.finite == self.count and self.low == self.high,
            dead_channels=int(self.channels - self.alive.sum()) if self.count else 0,
        )


def _mapped(parameter: Parameter) -> NDArray[np.uint8]:
    """The bytes of a parameter, shape (n,), read-only and not in memory yet."""
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


def _widened(halves: NDArray[np.uint16]) -> NDArray[np.float32]:
    """bfloat16 as float32: its bits are the upper half."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


def _numbers(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.float64]:
    if dtype == "bfloat16":
        return _widened(raw.view("<u2")).astype(np.float64)
    return raw.view(np.dtype(dtype).newbyteorder("<")).astype(np.float64)
