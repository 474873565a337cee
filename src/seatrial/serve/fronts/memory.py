"""Shared memory for large tensors between a front and the hub: one writes, the other reads in place.

A tensor through a socket is copied twice by the kernel, 64 KiB at a time; through shared memory it is copied
once. The writer owns the places: one is used again when the reader says that nothing looks at it any more.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import weakref
from bisect import bisect_left
from collections.abc import Callable

import numpy as np

from seatrial.contract.sample import Array

SIZE = 256 << 20  # of address space; memory is taken page by page when it is first used
_ALIGNMENT = 64


class Places:
    """Which parts of a stretch are taken: first fit, so that the same pages are used again.

    Args:
        size: Of the stretch.
    """

    def __init__(self, size: int) -> None:
        self._free: list[tuple[int, int]] = [(0, size)]  # start and end, in order, never touching
        self._taken: dict[int, int] = {}

    @property
    def taken(self) -> int:
        """How many places are in use."""
        return len(self._taken)

    def take(self, size: int) -> int | None:
        """Where `size` bytes may be put; None: nowhere now."""
        needed = max(_ALIGNMENT, -(-size // _ALIGNMENT) * _ALIGNMENT)
        for index, (start, end) in enumerate(self._free):
            if end - start < needed:
                continue
            if end - start == needed:
                del self._free[index]
            else:
                self._free[index] = (start + needed, end)
            self._taken[start] = start + needed
            return start
        return None

    def give(self, start: int) -> None:
        """Takes a place back; one that is not taken is ignored."""
        end = self._taken.pop(start, None)
        if end is None:
            return
        index = bisect_left(self._free, (start, end))
        if index < len(self._free) and self._free[index][0] == end:
            end = self._free.pop(index)[1]
        if index and self._free[index - 1][1] == start:
            index -= 1
            start = self._free.pop(index)[0]
        self._free.insert(index, (start, end))


def create(name: str, size: int = SIZE) -> int:
    """A descriptor of new shared memory that can neither shrink nor grow; `name` shows in `/proc`."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return descriptor


class Writer:
    """The side that puts tensors in.

    Args:
        descriptor: From `create`.
    """

    def __init__(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        self._map = mmap.mmap(descriptor, size)
        self.places = Places(size)

    def put(self, data: memoryview | bytes) -> int | None:
        """Copies bytes in; returns where, or None when there is no room."""
        start = self.places.take(len(data))
        if start is not None:
            self._map[start : start + len(data)] = data
        return start


class Reader:
    """The side that reads them where they are.

    Args:
        descriptor: From `create`.
        freed: Told each start that nothing looks at any more.
    """

    def __init__(self, descriptor: int, freed: Callable[[int], None]) -> None:
        self._map = mmap.mmap(descriptor, os.fstat(descriptor).st_size, prot=mmap.PROT_READ)
        self._freed = freed
        self._watched: dict[int, weakref.ref[Array]] = {}

    def view(self, start: int, size: int) -> Array:
        """The bytes as an array; its views keep the place, and the last one that goes frees it.

        Raises:
            ValueError: They lie outside.
        """
        flat = np.frombuffer(self._map, np.uint8, size, start)

        def gone(_: weakref.ref[Array]) -> None:
            del self._watched[start]
            self._freed(start)

        self._watched[start] = weakref.ref(flat, gone)
        return flat
