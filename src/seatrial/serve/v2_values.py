"""Tensors from the JSON of the Open Inference Protocol v2: numbers and texts, not bent to fit."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation

_SHOWN = 80


def from_json(data: Any, kind: str, dtype: np.dtype[Any] | None, shape: Sequence[int], where: str) -> Array:
    """A tensor from a list, nested or flat.

    Args:
        data: As JSON has it.
        kind: The protocol's name of the datatype.
        dtype: NumPy's; None: texts.
        shape: That it must have.
        where: In the request, for messages.

    Raises:
        ContractViolation: The values are of another kind, lie outside its range, or are not as many.
    """
    if not isinstance(data, list):
        raise ContractViolation(f"{where}.data: expected a list")
    if dtype is None:
        return _texts(data, shape, where)
    try:
        array = _real(data, kind, dtype) if dtype.kind == "f" else _whole(data, kind, dtype)
        return array.reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        flat = np.asarray(data, dtype=object).ravel() if _even(data) else None
        if flat is not None and len(flat) != math.prod(shape):
            raise ContractViolation(
                f"{where}.data: {len(flat)} values for shape {list(shape)}, which takes {math.prod(shape)}"
            ) from error
        raise ContractViolation(f"{where}.data: no {kind} tensor of shape {list(shape)}: {error}") from error


def _even(data: Any) -> bool:
    """Whether nested lists have one length a level."""
    try:
        np.array(data, dtype=float)
    except (ValueError, TypeError):
        return False
    return True


def _real(data: list[Any], kind: str, dtype: np.dtype[Any]) -> Array:
    """Real numbers; text that looks like one and null are none."""
    code = _PACKED.get(kind)
    if code is not None and 0 < len(data) <= _FEW and type(data[0]) is float:
        try:
            return np.frombuffer(_packer(code, len(data)).pack(*data), dtype)
        except (struct.error, OverflowError):  # nested, or no numbers, or too large: looked at closely
            pass
    loose = np.array(data)
    if loose.dtype.kind not in "fiu" and loose.size:
        raise ValueError(f"values of type {loose.dtype} are no numbers")
    with np.errstate(over="ignore"):  # what becomes infinite is refused by name when the feeds are checked
        return loose.astype(dtype)


# A flat list of few floats, the usual request, is packed in a tenth of the time that NumPy looks at it.
_PACKED = {"FP32": "f", "FP64": "d"}
_FEW = 4096


@lru_cache(maxsize=256)
def _packer(code: str, count: int) -> struct.Struct:
    return struct.Struct(f"<{count}{code}")


def _whole(data: list[Any], kind: str, wanted: np.dtype[Any]) -> Array:
    """Whole numbers and truths, without silent rounding."""
    loose = np.array(data)
    if kind == "UINT64" and loose.dtype.kind == "f":  # what NumPy makes of 0 beside 2 ** 63
        loose = _exact(data)
    if loose.dtype.kind not in ("b" if kind == "BOOL" else "iub") and loose.size:
        raise ValueError(f"values of type {loose.dtype} are not {kind}")
    if kind != "BOOL" and loose.size:
        info = np.iinfo(wanted)
        if int(loose.min()) < info.min or int(loose.max()) > info.max:
            raise ValueError(f"a value lies outside {info.min} to {info.max}")
    return loose.astype(wanted)


def _exact(data: list[Any]) -> Array:
    exact = np.array(data, dtype=object)
    if not all(type(each) is int and each >= 0 for each in exact.flat):
        raise ValueError("not all values are whole numbers from 0 on")
    return exact.astype(np.uint64)


def _texts(data: list[Any], shape: Sequence[int], where: str) -> Array:
    flat: list[str] = []
    waiting = list(reversed(data))
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(reversed(each))
        elif isinstance(each, str):
            flat.append(each)
        else:
            raise ContractViolation(f"{where}.data: expected text, not {short(each)}")
    return shaped(flat, shape, where)


def shaped(texts: list[Any], shape: Sequence[int], where: str) -> Array:
    """Texts as a tensor.

    Raises:
        ContractViolation: They are not as many as the shape asks for.
    """
    if len(texts) != math.prod(shape):
        raise ContractViolation(f"{where}: {len(texts)} texts for shape {list(shape)}")
    return reshaped(np.array(texts, dtype=object), shape, where)


def reshaped(array: Array, shape: Sequence[int], where: str) -> Array:
    """A flat tensor in its shape.

    Raises:
        ContractViolation: NumPy has no such shape.
    """
    try:
        return array.reshape(shape)
    except ValueError as error:  # nothing in it, and still too large for NumPy: [0, 1 << 40, 1 << 40]
        raise ContractViolation(f"{where}.shape: {short(list(shape))}: {error}") from error


def short(value: Any) -> str:
    """A value for a message: what a client sent may be of any length."""
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
