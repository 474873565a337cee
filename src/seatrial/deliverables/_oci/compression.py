"""Layers are compressed in chunks side by side, and equal input gives equal bytes however many threads.

gzip is one member (RFC 1952) whose deflate blocks (RFC 1951) are made chunk by chunk: each chunk knows the
last 32 KiB before it as its dictionary and ends on a byte boundary, so that the chunks can be made at once
and put together in order, with hardly any loss. The header carries no time and no name.

The bytes are those of one zlib: another version of zlib may compress otherwise. What a layer holds is
addressed by its `diff_id`, which does not depend on it.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from seatrial import lazy

Compression = Literal["gzip", "zstd", "none"]
SUFFIXES: dict[Compression, str] = {"gzip": "+gzip", "zstd": "+zstd", "none": ""}

LEVEL = 6
ZSTD_LEVEL = 3
THREADS = 2
CHUNK = 1 << 20
_WINDOW = 32 << 10
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no name, no time, unknown system
_END = b"\x03\x00"  # an empty last block


def compressed(stream: Iterable[bytes], how: Compression) -> Iterator[bytes]:
    """A stream of bytes, compressed.

    Args:
        stream: In portions of any size.
        how: `none` gives the stream itself.
    """
    if how == "gzip":
        return _gzip(_chunks(stream))
    if how == "zstd":
        return _zstd(stream)
    return iter(stream)


def _gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield _HEADER
    sum32 = size = 0
    before = b""
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        for chunk in chunks:
            waiting.append(pool.submit(_deflated, chunk, before))
            sum32, size, before = zlib.crc32(chunk, sum32), size + len(chunk), chunk[-_WINDOW:]
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    yield _END + struct.pack("<II", sum32, size & 0xFFFFFFFF)


def _deflated(chunk: bytes, before: bytes) -> bytes:
    if before:
        deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=before)
    else:
        deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(chunk) + deflate.flush(zlib.Z_SYNC_FLUSH)


def _zstd(stream: Iterable[bytes]) -> Iterator[bytes]:
    compressor = lazy.load("zstandard", extra="all").ZstdCompressor(level=ZSTD_LEVEL).compressobj()
    for portion in stream:
        yield compressor.compress(portion)
    yield compressor.flush()


def _chunks(stream: Iterable[bytes]) -> Iterator[bytes]:
    """The stream cut at multiples of `CHUNK`, so that portions do not show in the result."""
    held = bytearray()
    for portion in stream:
        held += portion
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)
