"""Archives of plain arrays (`.npz`) from somebody else: read without running what they may carry."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import UsageError

_LARGEST = 16 << 30


def load_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an `.npz` by name.

    Raises:
        UsageError: It is no such archive, it holds objects, or it unpacks to more than memory should take.
        OSError: The file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
        if size > _LARGEST:
            raise UsageError(f"'{path.name}' unpacks to {size >> 30} GiB, more than {_LARGEST >> 30}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (
        ValueError,
        EOFError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
        MemoryError,
        NotImplementedError,
    ) as error:
        raise UsageError(
            f"'{path.name}' is no archive of plain arrays: {error}",
            hint="write it with numpy.savez, without objects: those are pickles, which can run code",
        ) from error


def listed_shapes(arrays: Mapping[str, Array]) -> str:
    """Names and shapes, for a message."""
    return ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
