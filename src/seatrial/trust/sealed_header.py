"""How a sealed file begins: what it says of itself before the first chunk. The format is told in `stream`."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import canonical

FORMAT = "seatrial/sealed/1"
ALGORITHM = "AES-256-GCM-STREAM"
MOST_CHUNKS = 1 << 32  # what 32 bits of a nonce can count
MAC = 32
_MAGIC = b"SEASEAL1"
_LARGEST_HEADER = 1 << 16
_LARGEST_CHUNK = 16 << 20
_HINT = "the sealed file is not as it was handed over: ask for it again"


@dataclass(frozen=True)
class Header:
    """What a sealed file says of itself.

    Attributes:
        chunk: Plain bytes of each chunk but the last.
        size: Plain bytes in all.
        salt: Of the derivation of its keys.
        nonce: First bytes of every nonce.
        key: Tells the content key, without giving it away.
        context: What the plain bytes are: `bundle` and `path`.
    """

    chunk: int
    size: int
    salt: bytes
    nonce: bytes
    key: bytes
    context: Mapping[str, str]

    @property
    def chunks(self) -> int:
        """How many there are; at least one."""
        return max(1, -(-self.size // self.chunk))

    def plain(self, number: int) -> tuple[int, int]:
        """Where a chunk begins and ends in the plain bytes."""
        return number * self.chunk, min(self.size, (number + 1) * self.chunk)

    def nonce_of(self, number: int) -> bytes:
        """Of a chunk."""
        return self.nonce + struct.pack(">IB", number, number == self.chunks - 1)

    def to_bytes(self) -> bytes:
        """With what stands before it, as it is authenticated."""
        document = canonical(
            {
                "format": FORMAT,
                "algorithm": ALGORITHM,
                "chunk": self.chunk,
                "size": self.size,
                "salt": self.salt.hex(),
                "nonce": self.nonce.hex(),
                "key": self.key.hex(),
                "context": dict(self.context),
            }
        )
        return _MAGIC + struct.pack(">I", len(document)) + document


def read_start(file: BinaryIO, name: str) -> tuple[bytes, bytes, Header]:
    """What is authenticated, by what, and what it says; nothing of it is believed yet.

    Raises:
        TrustError: It is no sealed file, or its header is damaged.
        UsageError: It is of a version that this Seatrial does not know.
    """
    fixed = file.read(len(_MAGIC) + 4)
    if fixed[: len(_MAGIC)] != _MAGIC:
        raise TrustError(f"header: {name} is no sealed file of Seatrial", hint=_HINT)
    length = int.from_bytes(fixed[len(_MAGIC) :], "big")
    if length > _LARGEST_HEADER:
        raise TrustError(f"header: {name} announces a header of {length:,} bytes", hint=_HINT)
    document, told = file.read(length), file.read(MAC)
    if len(document) != length or len(told) != MAC:
        raise TrustError(f"truncated: {name} ends in its header", hint=_HINT)
    try:
        header = _header(json.loads(document))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TrustError(f"header: that of {name} cannot be read: {error}", hint=_HINT) from error
    if header.to_bytes() != fixed + document:
        raise TrustError(f"header: that of {name} is not in its canonical form", hint=_HINT)
    return fixed + document, told, header


def _header(read: dict[str, Any]) -> Header:
    said = read["format"]
    if said != FORMAT and isinstance(said, str) and said.startswith("seatrial/sealed/"):
        raise UsageError(
            f"the file is of the format {said!r}, and this version reads {FORMAT!r}",
            hint="take the version of Seatrial that sealed it",
        )
    if said != FORMAT or read["algorithm"] != ALGORITHM:
        raise ValueError(f"{said!r} with {read['algorithm']!r} is unknown")
    chunk, size, context = read["chunk"], read["size"], read["context"]
    if type(chunk) is not int or not 0 < chunk <= _LARGEST_CHUNK:
        raise ValueError(f"chunks of {chunk!r} bytes")
    if type(size) is not int or not 0 <= size < chunk * MOST_CHUNKS:
        raise ValueError(f"{size!r} plain bytes")
    if not all(isinstance(each, str) for each in context.values()):
        raise ValueError("the context holds more than text")
    salt, nonce, key = (bytes.fromhex(read[each]) for each in ("salt", "nonce", "key"))
    if (len(salt), len(nonce), len(key)) != (32, 7, 16):
        raise ValueError("salt, nonce or key has another length")
    return Header(chunk, size, salt, nonce, key, context)
