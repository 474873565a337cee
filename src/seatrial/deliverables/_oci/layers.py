"""Layers, written so that equal contents give equal bytes: sorted, no times, no names of users, two modes.

Source: OCI Image Format Specification 1.1, `layer.md`; POSIX.1-2001 pax archives.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seatrial.deliverables._oci.blob import LAYER, PORTION, Blob, Layer
from seatrial.deliverables._oci.compression import SUFFIXES, Compression, compressed
from seatrial.errors import UsageError

_BLOCK = 512


@dataclass(frozen=True)
class Entry:
    """One file, link or folder of a layer.

    Attributes:
        path: In the image, without the leading `/`.
        content: Bytes or the file to copy; None for a folder or a link.
        target: Of a symbolic link; empty when it is none.
        executable: Whether a file is one to start.
        mode: When it is not the usual one of a file (0644, 0755) or folder (0755).
    """

    path: str
    content: bytes | Path | None = None
    target: str = ""
    executable: bool = False
    mode: int | None = None


def write_layer(entries: Iterable[Entry], folder: Path, what: str, *, compression: Compression) -> Layer:
    """Writes one layer into a folder; the file is named by its digest.

    Args:
        entries: In any order; the folders above each are added.
        folder: Where the blob goes.
        what: For the image's history.
        compression: Of the blob.

    Raises:
        UsageError: A path is there twice or leads out of the image, or a file changed while it was read.
        OSError: It cannot be written.
    """
    plain = _Sum()
    stream = plain.of(_tar(_complete(entries)))
    blob = write_blob(compressed(stream, compression), folder, LAYER + SUFFIXES[compression])
    return Layer(blob, plain.digest, what)


def write_blob(stream: Iterable[bytes], folder: Path, media_type: str) -> Blob:
    """Writes a stream as a blob into a folder, named by its digest."""
    packed = _Sum()
    handle, name = tempfile.mkstemp(dir=folder, prefix=".blob-")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=PORTION) as file:
            for portion in packed.of(stream):
                file.write(portion)
        path = folder / packed.digest.removeprefix("sha256:")
        beside.chmod(0o644)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return Blob(media_type, packed.digest, packed.size, path)


def whole(blob: Path) -> bool:
    """Whether a blob that was kept is there and still has the bytes that it is named by."""
    if not blob.is_file():
        return False
    with blob.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == blob.name


def write_tar(entries: Iterable[Entry], folder: Path, media_type: str) -> Blob:
    """Writes entries as a plain tar archive, folders not told, for artifacts."""
    return write_blob(_tar(sorted(entries, key=_order)), folder, media_type)


def below(folder: Path, top: str, *, keep: Callable[[str], bool] = lambda _path: True) -> Iterator[Entry]:
    """The files and links under a folder, as entries under `top` of the image.

    Args:
        folder: To walk; links are told and not followed.
        top: In the image.
        keep: Whether a path, relative to the folder, is wanted.
    """
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as found:
            for each in found:
                path = Path(each.path)
                name = path.relative_to(folder).as_posix()
                if each.is_dir(follow_symlinks=False):
                    pending.append(path)
                elif keep(name):
                    yield _entry(path, f"{top}/{name}" if top else name)


def _entry(path: Path, name: str) -> Entry:
    if path.is_symlink():
        return Entry(name, target=str(path.readlink()))
    return Entry(name, path, executable=bool(path.stat().st_mode & 0o100))


class _Sum:
    """Digest and size of a stream, taken while it passes."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self.size = 0

    def of(self, stream: Iterable[bytes]) -> Iterator[bytes]:
        for portion in stream:
            self._sum.update(portion)
            self.size += len(portion)
            yield portion

    @property
    def digest(self) -> str:
        return "sha256:" + self._sum.hexdigest()


def _complete(entries: Iterable[Entry]) -> list[Entry]:
    """The entries sorted, each after the folders it lies in."""
    found: dict[str, Entry] = {}
    for each in entries:
        checked_path(each.path)
        if each.path in found:
            raise UsageError(f"/{each.path} is in the layer twice")
        found[each.path] = each
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            found.setdefault(str(parent), Entry(str(parent)))
    found.pop(".", None)
    return sorted(found.values(), key=_order)


def checked_path(path: str) -> str:
    """A path that stays in the image.

    Raises:
        UsageError: It does not.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == ".":
        raise UsageError(f"the path {path!r} does not stay in the image")
    return path


def _order(entry: Entry) -> tuple[str, ...]:
    return PurePosixPath(entry.path).parts


def _tar(entries: Iterable[Entry]) -> Iterator[bytes]:
    for each in entries:
        told = _header(each)
        yield told.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        if isinstance(each.content, bytes):
            yield each.content
        elif each.content is not None:
            yield from _bytes_of(each.content, told.size)
        yield bytes(-told.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def _header(entry: Entry) -> tarfile.TarInfo:
    told = tarfile.TarInfo(entry.path)
    told.mode = 0o755 if entry.mode is None else entry.mode
    if entry.target:
        told.type, told.linkname, told.mode = tarfile.SYMTYPE, entry.target, 0o777
    elif entry.content is None:
        told.type = tarfile.DIRTYPE
    else:
        told.mode = (0o755 if entry.executable else 0o644) if entry.mode is None else entry.mode
        is_file = isinstance(entry.content, Path)
        told.size = entry.content.stat().st_size if is_file else len(entry.content)  # type: ignore[union-attr, arg-type] # told apart the line before
    return told


def _bytes_of(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb", buffering=0) as file:
        while portion := file.read(PORTION):
            left -= len(portion)
            if left < 0:
                break
            yield portion
    if left:
        raise UsageError(f"{path} changed while it was read", hint="build again when nothing writes to it")
