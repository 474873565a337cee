"""Weights of an ONNX model that lie in files beside it, handed to engines where they are.

Engines open such files themselves and insist that they lie in the model's folder, links followed. Files that
are in memory only lie in none, so here they are mapped, and the engine is given the mapped bytes.
Imported in the worker: nothing but the standard library and numpy.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Types that NumPy lacks, by what their bytes are called meanwhile and their number in ONNX.
_LENT = {"bfloat16": ("uint16", 16)}


@dataclass(frozen=True)
class External:
    """One tensor in a file beside its graph.

    Attributes:
        name: Of the initializer.
        dtype: NumPy's spelling.
        shape: Dimensions.
        file: Where its bytes are.
        offset: Of the first one.
        nbytes: How many.
    """

    name: str
    dtype: str
    shape: Sequence[int]
    file: str
    offset: int
    nbytes: int


class Mapped:
    """The external tensors of one model, mapped for as long as this object lives.

    Args:
        tensors: All of them.
    """

    def __init__(self, tensors: Sequence[External]) -> None:
        self._tensors = tensors
        self._files = {file: _mapping(file) for file in dict.fromkeys(each.file for each in tensors)}

    def values(self, ort: Any) -> tuple[list[str], list[Any]] | None:
        """Names and values for ONNX Runtime, which computes with them where they are; None: it cannot."""
        names, values = [], []
        for each in self._tensors:
            lent, number = _LENT.get(each.dtype, (each.dtype, 0))
            try:
                kind = np.dtype(lent)
            except TypeError:  # 4 and 8 bits: no such numbers in NumPy
                return None
            if each.nbytes != math.prod(each.shape) * kind.itemsize:
                return None
            array = self._bytes(each).view(kind).reshape(each.shape)
            names.append(each.name)
            make = ort.OrtValue
            values.append(
                make.ortvalue_from_numpy_with_onnx_type(array, number)
                if number
                else make.ortvalue_from_numpy(array)
            )
        return names, values

    def files(self, folder: str) -> tuple[list[str], list[Any], list[int]]:
        """Locations as the model has them, bytes and lengths of whole files, for engines that copy them."""
        names = [os.path.relpath(file, folder) for file in self._files]
        return (
            names,
            [memoryview(each) for each in self._files.values()],
            [len(each) for each in self._files.values()],
        )

    def address(self, file: str) -> int:
        """Where a file's first byte is in this process."""
        return int(np.frombuffer(self._files[file], np.uint8).__array_interface__["data"][0])

    def _bytes(self, each: External) -> NDArray[np.uint8]:
        return np.frombuffer(self._files[each.file], np.uint8, each.nbytes, each.offset)


def _mapping(file: str) -> mmap.mmap:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # All pages at once: met one by one, a gigabyte of them costs more time than the decryption.
        return mmap.mmap(descriptor, 0, mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ)
    finally:
        os.close(descriptor)
