"""Compressed bodies (RFC 9110, 8.4.1): taken as far as they unpack to what a plain body may have."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from seatrial.serve.status import Refusal

SMALLEST = 1024  # bytes of an answer that are worth compressing
_LEVEL = 1  # tensors hardly get smaller; what does does so at once
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib's words for the two formats


def unpacked(body: bytes | bytearray, coding: str, most: int) -> bytes:
    """A body as it was before it was compressed.

    Args:
        body: As it came.
        coding: What `Content-Encoding` says.
        most: Bytes that it may unpack to; a bomb is stopped there.

    Raises:
        Refusal: The coding is not known, the body is not in it, or unpacks to more.
    """
    window = _WINDOWS.get(coding.strip().lower())
    if window is None:
        raise Refusal(
            "media-type", f"bodies in '{coding[:80]}' are not taken", hint="use gzip, deflate or neither"
        )
    reader = zlib.decompressobj(window)
    try:
        plain = reader.decompress(body, most + 1)
    except zlib.error as error:
        raise Refusal("malformed", f"the body is no {coding}: {error}") from error
    if len(plain) > most:
        raise Refusal("too-large", f"the body unpacks to more than {most} bytes", hint="send smaller tensors")
    if not reader.eof:
        raise Refusal("malformed", f"the body in {coding} is cut short")
    if reader.unused_data:
        raise Refusal("malformed", f"{len(reader.unused_data)} bytes follow the body in {coding}")
    return plain


def asked(accepts: bytes | None) -> str:
    """The coding that an answer is to have; empty: none.

    Only a client that names one coding means it: what HTTP libraries send unasked is a list, and compressing
    tensors for all of them would cost more than it saves.

    Args:
        accepts: What `Accept-Encoding` says.
    """
    if accepts is None or len(accepts) > 10:
        return ""
    coding = accepts.decode("latin-1").strip().lower()
    return coding if coding in _WINDOWS else ""


def packed(parts: Sequence[bytes], coding: str) -> bytes:
    """An answer, compressed.

    Args:
        parts: Of the answer, one after the other.
        coding: From `asked`.
    """
    writer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOWS[coding])
    return b"".join([*map(writer.compress, parts), writer.flush()])
