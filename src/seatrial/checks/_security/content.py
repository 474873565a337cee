"""Walks files and what is packed inside them, telling kinds by content and never by name (`M08`)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 4
MAX_MEMBER = 256 << 20
MAX_UNPACKED = 1 << 30
MAX_RATIO = 200
MAX_MEMBERS = 20_000
# What the unpackers raise on damage; zipfile also a RuntimeError for a password and for an unknown method.
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    OSError,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    ValueError,
    RuntimeError,
)
_TRUSTED_RATIO_BELOW = 10 << 20  # a small file may shrink a lot: ten megabytes of zeros are no bomb


@dataclass(frozen=True, slots=True)
class ArchiveThreat:
    """An archive that would do more than unpack: `slip`, `link`, `device`, `bomb`, `unreadable`."""

    code: str
    where: str
    what: str


@dataclass(frozen=True)
class Blob:
    """One file, or one member of an archive, as bytes.

    Attributes:
        where: `weights.zip!inner/data.pkl`.
        stream: Seekable, at its start.
        size: Bytes.
        suffix: Of its name, lower case.
    """

    where: str
    stream: IO[bytes]
    size: int
    suffix: str

    def head(self, count: int = 512) -> bytes:
        """The first bytes; the stream stays at its start."""
        self.stream.seek(0)
        data = self.stream.read(count)
        self.stream.seek(0)
        return data


@dataclass
class Walk:
    """A walk over delivered files; `threats` fills while `blobs` is consumed."""

    threats: list[ArchiveThreat] = field(default_factory=list)
    unpacked: int = 0

    def blobs(self, paths: tuple[Path, ...]) -> Iterator[Blob]:
        """Every file, then every member of every archive among them."""
        for path in paths:
            with path.open("rb") as stream:
                yield from self._inside(Blob(path.name, stream, path.stat().st_size, path.suffix.lower()), 0)

    def _inside(self, blob: Blob, depth: int) -> Iterator[Blob]:
        yield blob
        if depth >= MAX_DEPTH:
            self.threats.append(ArchiveThreat("bomb", blob.where, f"nested {depth} archives deep"))
            return
        for inner in self._members(blob):
            yield from self._inside(inner, depth + 1)

    def _members(self, blob: Blob) -> Iterator[Blob]:
        """What is packed in a blob; empty for a plain file."""
        kind = kind_of(blob.head())
        reader = {
            "zip": self._zip,
            "tar": self._tar,
            "gzip": self._packed,
            "bzip2": self._packed,
            "xz": self._packed,
        }
        if kind not in reader:
            return
        try:
            yield from reader[kind](blob)
        except _UNREADABLE as error:
            self.threats.append(ArchiveThreat("unreadable", blob.where, f"{kind}: {str(error)[:120]}"))

    def _zip(self, blob: Blob) -> Iterator[Blob]:
        with zipfile.ZipFile(blob.stream) as archive:
            for count, info in enumerate(archive.infolist()):
                if not self._countable(count, blob.where):
                    return
                where = f"{blob.where}!{info.filename}"
                self._judge_name(info.filename, where)
                if stat.S_ISLNK(info.external_attr >> 16):
                    self.threats.append(ArchiveThreat("link", where, "a symbolic link"))
                elif not info.is_dir() and self._affordable(info.file_size, info.compress_size, where):
                    with archive.open(info) as member:  # no more than announced, whatever lies there
                        yield self._blob(where, member.read(info.file_size + 1))

    def _tar(self, blob: Blob) -> Iterator[Blob]:
        with tarfile.open(fileobj=blob.stream, mode="r:*") as archive:
            for count, info in enumerate(archive):
                if not self._countable(count, blob.where):
                    return
                where = f"{blob.where}!{info.name}"
                self._judge_name(info.name, where)
                if info.issym() or info.islnk():
                    outside = _escapes(str(PurePosixPath(info.name).parent / info.linkname))
                    if outside or info.linkname.startswith("/"):
                        self.threats.append(ArchiveThreat("link", where, f"a link to {info.linkname[:120]}"))
                elif info.isdev():
                    self.threats.append(ArchiveThreat("device", where, "a device file"))
                elif info.isfile() and self._affordable(info.size, info.size, where):
                    member = archive.extractfile(info)
                    yield self._blob(where, member.read() if member else b"")

    def _packed(self, blob: Blob) -> Iterator[Blob]:
        data = _unpack(kind_of(blob.head()), blob.stream)
        where = f"{blob.where}!"
        if self._affordable(len(data), blob.size, where):
            yield self._blob(where, data)

    def _blob(self, where: str, data: bytes) -> Blob:
        self.unpacked += len(data)
        return Blob(where, io.BytesIO(data), len(data), PurePosixPath(where.rstrip("!")).suffix.lower())

    def _judge_name(self, name: str, where: str) -> None:
        if _escapes(name) or "\x00" in name:
            self.threats.append(ArchiveThreat("slip", where, f"would be written to {name[:120]}"))

    def _countable(self, count: int, where: str) -> bool:
        """Whether one more member is looked at; what lies behind the last one must not go unseen."""
        if count == MAX_MEMBERS:
            self.threats.append(ArchiveThreat("bomb", where, f"more than {MAX_MEMBERS} members"))
        return count < MAX_MEMBERS

    def _affordable(self, size: int, packed: int, where: str) -> bool:
        """Whether a member may be unpacked here; one that may not is a bomb for others too."""
        ratio = size / max(packed, 1)
        greedy = size > _TRUSTED_RATIO_BELOW and ratio > MAX_RATIO
        if greedy or size > MAX_MEMBER or self.unpacked + size > MAX_UNPACKED:
            self.threats.append(ArchiveThreat("bomb", where, f"{packed} bytes unpack to {size} or more"))
            return False
        return True


def _escapes(name: str) -> bool:
    """Whether a member's name leads out of the folder it is unpacked in."""
    plain = name.replace("\\", "/")
    depth = 0
    for part in plain.split("/"):
        depth += {"..": -1, "": 0, ".": 0}.get(part, 1)
        if depth < 0:
            return True
    return plain.startswith("/") or plain[1:2] == ":"


def kind_of(head: bytes) -> str:
    """The kind by its first bytes: `zip`, `tar`, `gzip`, `npy`, `elf`, `script`, `text`, `binary`..."""
    for magic, kind in (
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x93NUMPY", "npy"),
        (b"\x7fELF", "elf"),
        (b"MZ\x90", "pe"),
        (b"#!", "script"),
    ):
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    return "binary" if b"\x00" in head else "text"


def _unpack(kind: str, stream: IO[bytes]) -> bytes:
    """The plain bytes of one packed file, up to a byte more than may be."""
    if kind == "gzip":
        with gzip.open(stream) as plain:
            return plain.read(MAX_MEMBER + 1)
    if kind == "bzip2":
        with bz2.open(stream) as plain:
            return plain.read(MAX_MEMBER + 1)
    with lzma.open(stream) as plain:
        return plain.read(MAX_MEMBER + 1)
