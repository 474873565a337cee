"""How a session and its worker talk: framed JSON over a socket, arrays in shared memory. No pickle.

Used on both sides, so it needs only the standard library and numpy.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import mmap
import os
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<I")
_LONGEST = 256 << 20
_ALIGNMENT = 64
_PAGES = 1 << 20
# Only plain numbers cross: no objects, no structured types.
_KINDS = frozenset("biufc")


# Batches of one size have one message. What is kept is only read. It is kept on both sides because a
# processor that slept through a batch takes 30 times as long as a busy one for what it did not just do.
_SHORT = 1024
_KEPT = 256
_known = lru_cache(maxsize=_KEPT)(json.loads)


class WireError(Exception):
    """The other side said something that is no message of ours."""


def send(sock: socket.socket, message: Mapping[str, Any], *, descriptors: Sequence[int] = ()) -> None:
    """Sends one message, with open files beside it."""
    frame = _frame(message)
    sent = socket.send_fds(sock, [frame], list(descriptors)) if descriptors else 0
    sock.sendall(frame[sent:])


def _frame(message: Mapping[str, Any]) -> bytes:
    if isinstance(message.get("arrays"), _Entries):
        with contextlib.suppress(TypeError):  # something else in it changes from call to call
            return _known_frame(tuple(message.items()))
    return _framed(message)


def _framed(message: Mapping[str, Any]) -> bytes:
    data = json.dumps(message).encode()
    return _HEADER.pack(len(data)) + data


@lru_cache(maxsize=_KEPT)
def _known_frame(items: tuple[tuple[str, Any], ...]) -> bytes:
    return _framed(dict(items))


class _Entries(list[dict[str, Any]]):
    """Where arrays of certain types and shapes lie; one object for all of them, which is only read."""

    def __init__(self, kinds: Sequence[tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
        self.spans: list[tuple[int, int]] = []
        self.size = 0
        for dtype, shape in kinds:
            end = self.size + math.prod(shape) * dtype.itemsize
            self.spans.append((self.size, end))
            self.append({"dtype": dtype.newbyteorder("=").str, "shape": list(shape), "offset": self.size})
            self.size = -(-end // _ALIGNMENT) * _ALIGNMENT

    __hash__ = object.__hash__  # type: ignore[assignment] # who compares, compares the object

    def __eq__(self, other: object) -> bool:
        return self is other


@lru_cache(maxsize=_KEPT)
def _entries(kinds: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]) -> _Entries:
    return _Entries(kinds)


def receive(
    sock: socket.socket, *, deadline: float | None = None, descriptors: int = 0
) -> tuple[dict[str, Any], list[int]]:
    """Receives one message and the open files that came with it.

    Args:
        sock: A blocking stream socket.
        deadline: On `time.monotonic()`'s clock; None waits for ever.
        descriptors: How many files may come.

    Raises:
        EOFError: The other side is gone.
        TimeoutError: The deadline passed.
        WireError: What came is no message.
    """
    if descriptors:
        _wait(sock, deadline)
        first, files, _, _ = socket.recv_fds(sock, _HEADER.size, descriptors)
        if not first:
            raise EOFError
    else:
        first, files = b"", []
    header = first + _exactly(sock, _HEADER.size - len(first), deadline)
    (length,) = _HEADER.unpack(header)
    if length > _LONGEST:
        raise WireError(f"a message of {length} bytes was announced")
    data = _exactly(sock, length, deadline)
    try:
        message = _known(data) if length <= _SHORT else json.loads(data)
    except ValueError as error:
        raise WireError(f"a message is no JSON: {error}") from error
    if not isinstance(message, dict):
        raise WireError("a message is no object")
    return message, files


def _exactly(sock: socket.socket, length: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    while length:
        part = _some(sock, min(length, _PAGES), deadline)
        if not part:
            raise EOFError
        if not parts and len(part) == length:
            return part
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _some(sock: socket.socket, length: int, deadline: float | None) -> bytes:
    """What is there, without asking first whether anything is; else what comes."""
    if deadline is not None:
        try:
            return sock.recv(length, socket.MSG_DONTWAIT)
        except BlockingIOError:
            _wait(sock, deadline)
    return sock.recv(length)


def _wait(sock: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        return
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError


class Arena:
    """Shared memory that one side writes arrays into and the other reads them from.

    It grows when it must and is used again for every call. It is sealed against shrinking, so that a
    worker gone mad cannot pull the pages from under its parent.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map: mmap.mmap | None = None

    @classmethod
    def create(cls, name: str) -> Arena:
        """A new, empty one; `name` shows in `/proc`."""
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return cls(descriptor)

    def write(self, arrays: Sequence[NDArray[Any]]) -> list[dict[str, Any]]:
        """Copies the arrays in and returns the entries that tell the reader where they lie."""
        numbers = [each for each in arrays if each.dtype.kind in _KINDS]
        entries = _entries(tuple([(each.dtype, each.shape) for each in numbers]))
        memory = self._mapped(entries.size)
        for array, (start, end) in zip(numbers, entries.spans, strict=True):
            if start == end:
                continue
            if array.flags.c_contiguous and array.dtype.isnative:
                memory[start:end] = array.reshape(-1).view(np.uint8).data
            else:
                _view(memory, array.dtype.newbyteorder("="), array.shape, start)[...] = array
        if len(numbers) == len(arrays):
            return entries
        of_numbers = iter(entries)
        return [next(of_numbers) if each.dtype.kind in _KINDS else _of_texts(each) for each in arrays]

    def read(self, entries: Sequence[Mapping[str, Any]], *, copy: bool) -> list[NDArray[Any]]:
        """The arrays of the entries; views into the shared memory unless `copy`.

        Raises:
            WireError: An entry points outside the memory, or to no plain array.
        """
        arrays = []
        for entry in entries:
            if entry["dtype"] == "string":
                texts = np.asarray(entry["values"], dtype=object)
                arrays.append(texts.reshape(entry["shape"]))
                continue
            dtype, shape, offset = np.dtype(entry["dtype"]), entry["shape"], entry["offset"]
            end = offset + math.prod(shape) * dtype.itemsize
            if dtype.kind not in _KINDS or min([0, offset, *shape]) < 0 or self._beyond(end):
                raise WireError("an array lies outside the shared memory")
            if end == offset:
                arrays.append(np.zeros(shape, dtype))
                continue
            view = _view(self._mapped(end), dtype, shape, offset)
            arrays.append(view.copy() if copy else view)
        return arrays

    def _beyond(self, end: int) -> bool:
        """Whether the memory ends before; it only grows, so what is mapped need not be asked for again."""
        mapped = self._map is not None and end <= len(self._map)
        return not mapped and end > os.fstat(self.descriptor).st_size

    def _mapped(self, needed: int) -> mmap.mmap:
        if self._map is None or len(self._map) < needed:
            size = os.fstat(self.descriptor).st_size
            if size < max(needed, _PAGES):
                size = -(-max(needed, 2 * size, _PAGES) // _PAGES) * _PAGES
                os.ftruncate(self.descriptor, size)
            # An outgrown map is dropped, not closed: views of it may still be in use.
            self._map = mmap.mmap(self.descriptor, size)
        return self._map

    def close(self) -> None:
        """Gives the memory back once the last view is gone; idempotent."""
        self._map = None
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _view(memory: mmap.mmap, dtype: np.dtype[Any], shape: Sequence[int], offset: int) -> NDArray[Any]:
    return np.frombuffer(memory, dtype, math.prod(shape), offset).reshape(shape)


def _of_texts(array: NDArray[Any]) -> dict[str, Any]:
    values = [
        each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in array.ravel()
    ]
    return {"dtype": "string", "shape": list(array.shape), "values": values}
