"""What fronts and the hub say to each other: frames of a fixed head, a layout, some JSON and tensors.

A frame is a multiple of 8 bytes long and so are its parts, so that tensors lie where their types want them.
The layout (names, types, shapes) is the same for most requests of a model: it is packed and unpacked once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from seatrial.contract.sample import Array
from seatrial.errors import SeatrialError
from seatrial.serve import v2
from seatrial.serve.fronts.memory import Reader, Writer

SHARED = 64 << 10  # bytes from which a tensor goes through shared memory
_HEAD = struct.Struct("<IIIIId4x")  # length, kind, number, layout's length, JSON's length, stamp
_CHUNK = struct.Struct(
    "<QQ"
)  # size, and where: 0 right behind, else one more than the place in shared memory
_LONGEST = 1 << 31


class Kind(IntEnum):
    """What a frame says."""

    INFER = 1  # front: tensors for a model, of one request or of some that are alike
    WHOLE = 2  # front: a request as it came
    CANCEL = 3  # front: this client is gone
    COUNT = 4  # front: an answer that it gave by itself
    ANSWER = 5  # hub: tensors, likewise
    RESPONSE = 6  # hub: the bytes of a response
    FREE = 7  # either: nothing looks at a place in your shared memory any more
    SETTINGS = 8  # hub: how to listen
    LISTENING = 9  # front: it does, or why it cannot
    MODELS = 10  # hub: what may be asked, and with what tensors
    DRAIN = 11  # hub: finish, then end


class BrokenLine(SeatrialError):
    """The other side said something that is no frame."""


@dataclass(slots=True)
class Frame:
    """One frame as it came.

    Attributes:
        kind: What it says.
        number: Of the request.
        stamp: Seconds on `time.monotonic`'s clock, which all processes of a machine share.
        layout: As `layout_of` made it.
        said: JSON, not decoded.
        chunks: Tensors, as flat bytes.
    """

    kind: int
    number: int = 0
    stamp: float = 0.0
    layout: bytes = b""
    said: bytes = b""
    chunks: Sequence[Array] = field(default=())

    def told(self) -> Any:
        """The decoded JSON."""
        return orjson.loads(self.said)

    def tensors(self, count: int = 0) -> tuple[tuple[Any, ...], list[str], list[Array]]:
        """What the layout is about, and the tensors with their names.

        Args:
            count: Requests whose tensors stand one behind the other; each array has an axis for them in
                front. 0: there is no such axis.

        Raises:
            BrokenLine: The bytes do not fit the layout.
        """
        about, entries = _unpacked(self.layout)
        arrays: list[Array] = []
        try:
            for (name, dtype, each), flat in zip(entries, self.chunks, strict=True):
                shape = (count, *each) if count else each
                if dtype is None:
                    arrays.append(v2.from_bytes(flat.data, "BYTES", shape, name))
                else:
                    arrays.append(flat.view(dtype).reshape(shape))
        except ValueError as error:
            raise BrokenLine(f"tensors do not fit their layout: {error}") from error
        return about, [each[0] for each in entries], arrays


Key = tuple[tuple[str, str, tuple[int, ...]], ...]
Entry = tuple[str, np.dtype[Any] | None, tuple[int, ...]]


def layout_of(about: tuple[Any, ...], names: Sequence[str], arrays: Sequence[Array]) -> bytes:
    """The bytes that say what the tensors are and what they are for.

    Args:
        about: Text and numbers.
        names: Of the tensors.
        arrays: The tensors.
    """
    key = tuple([(name, each.dtype.str, each.shape) for name, each in zip(names, arrays, strict=True)])
    return _packed(about, key)


@lru_cache(maxsize=4096)
def _packed(about: tuple[Any, ...], key: Key) -> bytes:
    data = orjson.dumps([about, key])
    return data + b" " * (-len(data) % 8)


@lru_cache(maxsize=4096)
def _unpacked(layout: bytes) -> tuple[tuple[Any, ...], tuple[Entry, ...]]:
    about, entries = orjson.loads(layout)
    plain = tuple(
        (name, None if dtype[1] in "OUS" else np.dtype(dtype), tuple(shape)) for name, dtype, shape in entries
    )
    return tuple(about), plain


def chunk_of(array: Array) -> bytes | memoryview:
    """A tensor's bytes."""
    if array.dtype.kind in "OUS":
        return v2.to_bytes(array)
    if array.nbytes < SHARED or not array.flags.c_contiguous:
        return array.tobytes()
    return array.reshape(-1).view(np.uint8).data


def pack(
    frame: Frame, chunks: Sequence[bytes | memoryview], memory: Writer | None
) -> list[bytes | memoryview]:
    """A frame's bytes, in parts to be sent one after the other.

    Args:
        frame: Without its chunks.
        chunks: Bytes of the tensors.
        memory: Where large ones go; they go along when there is none, or no room.
    """
    said = frame.said + b" " * (-len(frame.said) % 8)
    parts: list[bytes | memoryview] = [b"", frame.layout, said]
    length = _HEAD.size + len(frame.layout) + len(said)
    for chunk in chunks:
        size = len(chunk)
        place = memory.put(chunk) if memory is not None and size >= SHARED else None
        length += _CHUNK.size
        if place is not None:
            parts.append(_CHUNK.pack(size, place + 1))
            continue
        parts += (_CHUNK.pack(size, 0), chunk)
        gap = -size % 8
        if gap:
            parts.append(bytes(gap))
        length += size + gap
    parts[0] = _HEAD.pack(length, frame.kind, frame.number, len(frame.layout), len(said), frame.stamp)
    return parts


class Unpacker:
    """Frames from the bytes of a stream, in whatever pieces they come.

    Args:
        memory: Where the other side puts what is large; None: nowhere.
    """

    def __init__(self, memory: Reader | None) -> None:
        self._memory = memory
        self._rest: list[bytes] = []
        self._held = self._needed = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now.

        Raises:
            BrokenLine: It is no frame.
        """
        if self._rest:
            self._rest.append(data)
            self._held += len(data)
            if self._held < self._needed:
                return
            data, self._rest = b"".join(self._rest), []
        offset, end = 0, len(data)
        while True:
            left = end - offset
            length = _HEAD.unpack_from(data, offset)[0] if left >= _HEAD.size else _HEAD.size
            if not _HEAD.size <= length < _LONGEST or length % 8:
                raise BrokenLine(f"a frame of {length} bytes")
            if left < length:
                break
            yield self._frame(data, offset)
            offset += length
        if left:
            self._rest, self._held, self._needed = [data[offset:]], left, length

    def _frame(self, data: bytes, start: int) -> Frame:
        length, kind, number, layout, said, stamp = _HEAD.unpack_from(data, start)
        end, at = start + length, start + _HEAD.size
        between = at + layout
        frame = Frame(kind, number, stamp, data[at:between], data[between : between + said])
        at = between + said
        if at == end:
            return frame
        chunks: list[Array] = []
        while at + _CHUNK.size <= end:
            size, place = _CHUNK.unpack_from(data, at)
            at += _CHUNK.size
            try:
                chunks.append(
                    self._shared(size, place - 1) if place else np.frombuffer(data, np.uint8, size, at)
                )
            except ValueError as error:
                raise BrokenLine(f"a tensor lies outside its frame: {error}") from error
            at += 0 if place else size + -size % 8
        if at != end:
            raise BrokenLine("a frame ends within a tensor")
        frame.chunks = chunks
        return frame

    def _shared(self, size: int, start: int) -> Array:
        if self._memory is None:
            raise BrokenLine("there is no shared memory")
        return self._memory.view(start, size)
