"""Sealed files: AES-256-GCM in chunks, so that a model of any size is encrypted and checked piece by piece.

The format `seatrial/sealed/1` (the STREAM construction of Hoang, Reyhanitabar, Rogaway, Vizar, CRYPTO 2015):

    8 bytes    "SEASEAL1"
    4 bytes    length of the header, big-endian
    header     canonical JSON, readable without the key
    32 bytes   HMAC-SHA256 of everything before it
    chunks     each as long as the header says, the last one shorter; each followed by its tag of 16 bytes

    {"format": "seatrial/sealed/1", "algorithm": "AES-256-GCM-STREAM", "chunk": 1048576, "size": 44040192,
     "salt": 64 hex digits, "nonce": 14 hex digits, "key": 32 hex digits,
     "context": {"bundle": "sha256:...", "path": "models/onnx/model.onnx"}}

Keys: HKDF-SHA256(content key, salt) gives each file an encryption key and a header key of its own. The
nonce of a chunk is the 7 random bytes of the header, the chunk's number (32 bits, big-endian) and a byte
that is 1 for the last chunk only; everything before the chunks, the HMAC aside, is authenticated with each
of them. So a chunk opens only in its own file, at its own place, under this header, and the end is where
the last one says. `key` tells a wrong content key from changed bytes. `size` and `context` are what is said
about the plain bytes; an empty file has one empty chunk.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from seatrial.errors import TrustError, UsageError
from seatrial.trust.sealed_header import MAC, MOST_CHUNKS, Header, read_start

CHUNK = 1 << 20
TAG = 16
THREADS = (
    2  # the cipher runs without the interpreter's lock; more threads wait for memory, not for processors
)
_LOOKED_AT = 4096  # chunks that are tried when one does not open, to say that they changed places
_HINT = "the sealed file is not as it was handed over: ask for it again"


@dataclass(frozen=True)
class Written:
    """What `encrypt` made.

    Attributes:
        plain_size: Bytes that went in.
        plain_sha256: `sha256:...` of them.
        size: Bytes of the sealed file.
        sha256: `sha256:...` of them.
    """

    plain_size: int
    plain_sha256: str
    size: int
    sha256: str


def encrypt(
    source: Path,
    target: Path,
    key: bytes,
    context: Mapping[str, str],
    *,
    chunk: int = CHUNK,
    random: Callable[[int], bytes] = os.urandom,
) -> Written:
    """Writes the sealed form of a file; `target` must not exist yet.

    Args:
        source: What is sealed.
        target: Where to.
        key: The content key.
        context: What the plain bytes are; whoever opens the file must expect the same.
        chunk: Plain bytes of a chunk.
        random: Where salt and nonce come from.

    Raises:
        UsageError: The source changed while it was read, or cannot be sealed.
    """
    size = source.stat().st_size
    if size >= MOST_CHUNKS * chunk:
        raise UsageError(f"{source} has {size:,} bytes, more than {MOST_CHUNKS} chunks of {chunk}")
    header = Header(chunk, size, random(32), random(7), _key_check(key), context)
    cipher, mac = _file_keys(key, header.salt)
    start = header.to_bytes()
    start += hmac.digest(mac, start, "sha256")
    associated = start[:-MAC]
    plain, sealed, written = hashlib.sha256(), hashlib.sha256(start), len(start)
    with source.open("rb") as read, target.open("xb") as write, ThreadPoolExecutor(1) as beside:
        write.write(start)
        for number in range(header.chunks):
            begin, end = header.plain(number)
            portion = read.read(end - begin)
            digested = beside.submit(plain.update, portion)
            out = cipher.encrypt(header.nonce_of(number), portion, associated)
            write.write(out)
            sealed.update(out)
            written += len(out)
            digested.result()
            if len(portion) != end - begin:
                raise UsageError(f"{source} became shorter while it was sealed", hint="try again")
        if read.read(1):
            raise UsageError(f"{source} became longer while it was sealed", hint="try again")
    return Written(size, "sha256:" + plain.hexdigest(), written, "sha256:" + sealed.hexdigest())


class SealedFile:
    """A sealed file that is open; its header can be read without the key.

    Args:
        path: Of the file.

    Raises:
        TrustError: It is no sealed file, or its header is damaged.
        UsageError: It is of a version that this Seatrial does not know.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        # Never mapped: a file that somebody makes shorter meanwhile would end this process.
        self._file: BinaryIO = path.open("rb", buffering=0)
        try:
            self._start, self._told, self.header = read_start(self._file, self.name)
            self._size = os.fstat(self._file.fileno()).st_size
            # Two threads take turns at the chunks, which does not look like reading from front to end.
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
        except BaseException:
            self._file.close()
            raise

    def decrypt_into(
        self, buffer: memoryview, key: bytes, context: Mapping[str, str], *, threads: int = THREADS
    ) -> None:
        """Writes the plain bytes into a buffer of exactly `header.size` bytes.

        Nothing may be taken from the buffer when this raises; it was overwritten with zeros.

        Args:
            buffer: Writable, contiguous.
            key: The content key.
            context: What the file must be.
            threads: That decrypt side by side.

        Raises:
            TrustError: It is not what was sealed; the message begins with `wrong key`, `header`, `swapped`,
                `truncated`, `trailing`, `reordered` or `changed`.
        """
        cipher, associated = self._checked(key, context)
        if buffer.nbytes != self.header.size:
            raise ValueError(f"a buffer of {buffer.nbytes} bytes for {self.header.size}")
        work = _Decryption(self._file.fileno(), cipher, associated, self.header, buffer, self._first)
        bad: int | None = -1
        try:
            bad = work.run(threads)
        finally:
            if bad is not None:
                _zero(buffer)
        if bad is not None:
            raise self._explained(bad, cipher, associated)

    def expect(self, context: Mapping[str, str]) -> None:
        """Refuses a file that says it is another one.

        Raises:
            TrustError: It begins with `swapped`.
        """
        if dict(self.header.context) != dict(context):
            raise TrustError(
                f"swapped: {self.name} holds {_said(self.header.context)}, expected {_said(context)}",
                hint=_HINT,
            )

    def close(self) -> None:
        """Closes the file; once more is harmless."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _first(self) -> int:
        return len(self._start) + MAC

    def _checked(self, key: bytes, context: Mapping[str, str]) -> tuple[AESGCM, bytes]:
        header = self.header
        if not hmac.compare_digest(header.key, _key_check(key)):
            raise TrustError(
                f"wrong key: {self.name} was sealed with another content key",
                hint="it belongs to another sealing of the bundle: take file and key from the same one",
            )
        cipher, mac = _file_keys(key, header.salt)
        if not hmac.compare_digest(self._told, hmac.digest(mac, self._start, "sha256")):
            raise TrustError(f"header: {self.name} says something else than when it was sealed", hint=_HINT)
        self.expect(context)
        whole = self._first + header.size + TAG * header.chunks
        if self._size < whole:
            raise TrustError(
                f"truncated: {self.name} has {self._size:,} bytes, expected {whole:,}", hint=_HINT
            )
        if self._size > whole:
            raise TrustError(
                f"trailing: {self.name} has {self._size - whole:,} bytes behind its end", hint=_HINT
            )
        return cipher, self._start

    def _explained(self, number: int, cipher: AESGCM, associated: bytes) -> TrustError:
        """Why a chunk does not open: another one stands there, or its bytes were changed."""
        header = self.header
        begin, end = header.plain(number)
        found = os.pread(self._file.fileno(), end - begin + TAG, self._first + begin + TAG * number)
        for other in range(min(header.chunks, _LOOKED_AT)):
            try:
                cipher.decrypt(header.nonce_of(other), found, associated)
            except InvalidTag:
                continue
            return TrustError(
                f"reordered: in {self.name} chunk {other} stands where chunk {number} belongs", hint=_HINT
            )
        return TrustError(
            f"changed: chunk {number} of {self.name} (plain bytes {begin:,} to {end:,}) is not what was "
            "sealed there",
            hint=_HINT,
        )


class _Decryption:
    """Decrypts the chunks of one file, in whatever order the threads come to them."""

    def __init__(
        self,
        descriptor: int,
        cipher: AESGCM,
        associated: bytes,
        header: Header,
        buffer: memoryview,
        first: int,
    ) -> None:
        self._descriptor, self._cipher, self._associated = descriptor, cipher, associated
        self._header, self._buffer, self._first = header, buffer.cast("B") if buffer.nbytes else buffer, first
        self._bad: list[int] = []

    def run(self, threads: int) -> int | None:
        """Decrypts all; returns the first chunk that does not open, if there is one."""
        count = min(threads, self._header.chunks)
        if count <= 1:
            self._part(0, 1)
        else:
            with ThreadPoolExecutor(count) as pool:
                for each in [pool.submit(self._part, part, count) for part in range(count)]:
                    each.result()
        return min(self._bad, default=None)

    def _part(self, part: int, of: int) -> None:
        """Every so-many-th chunk: neighbours are read one after the other, so the disk reads ahead."""
        header = self._header
        room = memoryview(bytearray(min(header.chunk, header.size) + TAG))
        for number in range(part, header.chunks, of):
            if self._bad:
                return
            begin, end = header.plain(number)
            sealed = room[: end - begin + TAG]
            count = os.preadv(self._descriptor, [sealed], self._first + begin + TAG * number)
            whole = count == len(sealed)  # or it became shorter since it was opened
            if not whole or not self._opened(number, sealed, self._buffer[begin:end]):
                self._bad.append(number)
                return

    def _opened(self, number: int, sealed: memoryview, plain: memoryview) -> bool:
        try:
            self._cipher.decrypt_into(self._header.nonce_of(number), sealed, self._associated, plain)
        except InvalidTag:
            return False
        return True


def _file_keys(key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    derived = HKDF(hashes.SHA256(), 64, salt, b"seatrial sealed file 1").derive(key)
    return AESGCM(derived[:32]), derived[32:]


def _key_check(key: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 16, b"", b"seatrial content key check 1").derive(key)


def _said(context: Mapping[str, str]) -> str:
    return " of ".join(context[each] for each in ("path", "bundle") if each in context) or str(dict(context))


def _zero(buffer: memoryview) -> None:
    zeros = bytes(CHUNK)
    flat = buffer.cast("B") if buffer.nbytes else buffer
    for begin in range(0, flat.nbytes, CHUNK):
        flat[begin : begin + CHUNK] = zeros[: flat.nbytes - begin]
