"""A bundle as one file, `NAME-VERSION.tar.zst`, and back: equal bundles give equal bytes.

The manifest is the first member. It is read before anything is written, and says what may follow: a member
that it does not list, of another size, a link or a device ends the unpacking, so that neither a path out of
the folder nor a bomb of zeros gets anywhere.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from seatrial.errors import NotFound, TrustError, Unavailable, UsageError
from seatrial.model.bundle import Bundle, is_bundle, open_bundle
from seatrial.model.manifest import MOST_BYTES, NAME, SIGNATURES, Manifest, read_manifest, safe_path

SUFFIX = ".tar.zst"
LEVEL = 3  # weights hardly shrink further: 19 takes a hundred times as long for 5 % on float32
MOST_SIGNATURES = 16 << 20  # bytes of all that lies in `signatures/`, which nothing else bounds
_SLACK = 32 << 20  # bytes of headers beyond what is reckoned for each listed file
_MAGIC = b"\x28\xb5\x2f\xfd"
_PORTION = 1 << 20
_HINT = "what was received is no archive of a bundle, or it was changed: ask for it again"


def pack(bundle: Bundle, out: Path) -> None:
    """Writes a bundle as one file, its signatures included; there whole or not at all.

    Raises:
        TrustError: The bundle is not what its manifest says.
        UsageError: It cannot be written.
    """
    bundle.verify()
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.part")
    try:
        compressor = _zstd().ZstdCompressor(level=LEVEL, threads=2)
        with (
            beside.open("wb") as raw,
            compressor.stream_writer(raw, closefd=False) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_PORTION) as tar,
        ):
            for path, data in _members(bundle):
                _add(tar, f"{_top(bundle.manifest)}/{path}", data)
        beside.replace(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)


def unpack(archive: Path, into: Path) -> Bundle:
    """Unpacks an archive into the folder `into/NAME-VERSION` and verifies it.

    Args:
        archive: What `pack` wrote.
        into: Made when it is not there.

    Raises:
        NotFound: There is no such file.
        TrustError: It is damaged, cut short, or holds what its manifest does not list.
        UsageError: The folder is there already, or cannot be written.
        Unavailable: The disk has not room for what the manifest lists.
    """
    if not archive.is_file():
        raise NotFound(f"there is no archive {archive}")
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".unpacking-") as aside:
            folder = _unpacked(archive, Path(aside))
            open_bundle(folder).verify()
            final = into / folder.name
            if final.exists():
                raise UsageError(f"{final} is there already", hint="give another folder")
            folder.rename(final)
    except OSError as error:
        raise UsageError(f"{archive} cannot be unpacked into {into}: {error.strerror}") from error
    return open_bundle(final)


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """A bundle from its folder or its archive, which is unpacked for as long as it is used.

    Raises:
        NotFound: There is no bundle.
        TrustError: It is damaged.
    """
    if path.is_dir() or not path.exists():
        yield open_bundle(path)
        return
    with tempfile.TemporaryDirectory(prefix="seatrial-bundle-") as folder:
        yield unpack(path, Path(folder))


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive of a bundle does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def holds_a_bundle(path: Path) -> bool:
    """Whether a path is a bundle's folder or archive."""
    return is_bundle(path) if path.is_dir() else is_archive(path)


def _top(manifest: Manifest) -> str:
    return f"{manifest.name}-{manifest.version}"


def _members(bundle: Bundle) -> Iterator[tuple[str, bytes | Path]]:
    yield NAME, bundle.manifest.to_bytes()
    for each in bundle.signatures():
        yield f"{SIGNATURES}/{each.name}", each
    for entry in sorted(bundle.manifest.files, key=lambda entry: entry.path):
        yield entry.path, bundle.path(entry)


def _add(tar: tarfile.TarFile, name: str, data: bytes | Path) -> None:
    told = tarfile.TarInfo(name)
    told.mode = 0o644
    if isinstance(data, Path):
        told.size = data.stat().st_size
        told.mode = 0o755 if data.stat().st_mode & 0o100 else 0o644
        with data.open("rb") as file:
            tar.addfile(told, file)
    else:
        told.size = len(data)
        tar.addfile(told, io.BytesIO(data))


def _unpacked(archive: Path, aside: Path) -> Path:
    zstd = _zstd()
    try:
        with (
            archive.open("rb") as raw,
            zstd.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw, closefd=False) as stream,
            tarfile.open(
                fileobj=cast("IO[bytes]", bounded := _Bounded(stream)), mode="r|", bufsize=_PORTION
            ) as tar,
        ):
            return _take(tar, bounded, aside)
    except (zstd.ZstdError, tarfile.TarError, EOFError, ValueError) as error:
        raise TrustError(f"{archive.name} is damaged: {error}", hint=_HINT) from error


class _Bounded:
    """A stream that says no to more than there can be: a header, of whatever size, is read whole."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.left = MOST_BYTES + _SLACK

    def read(self, count: int) -> bytes:
        data = self._stream.read(count)
        self.left -= len(data)
        if self.left < 0:
            raise TrustError("the archive holds more than its manifest lists", hint=_HINT)
        return data


def _take(tar: tarfile.TarFile, bounded: _Bounded, aside: Path) -> Path:
    members = iter(tar)  # one of them: each begins anew
    manifest = _first(tar, next(members, None))
    needed = sum(each.size for each in manifest.files)
    free = shutil.disk_usage(aside).free
    if needed > free:
        raise Unavailable(f"the bundle holds {needed} bytes, and the disk has {free} left", hint="make room")
    bounded.left += needed + MOST_SIGNATURES + sum(4096 + 4 * len(each.path) for each in manifest.files)
    folder = aside / _top(manifest)
    folder.mkdir()
    (folder / NAME).write_bytes(manifest.to_bytes())
    left, signatures = {each.path: each.size for each in manifest.files}, MOST_SIGNATURES
    for member in members:
        path = _inside(member, _top(manifest))
        if path.split("/")[0] == SIGNATURES and path.count("/") == 1:
            signatures -= member.size
            if signatures < 0:
                raise TrustError(f"more than {MOST_SIGNATURES} bytes of signatures", hint=_HINT)
        elif left.pop(path, None) != member.size:
            raise TrustError(f"{path} is not listed with {member.size} bytes, or is there twice", hint=_HINT)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        if source is None or target.exists():
            raise TrustError(f"{path} is there twice", hint=_HINT)
        _copy(source, target, member.size)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
    if left:
        raise TrustError(f"missing: {sorted(left)[0]} and {len(left) - 1} more files", hint=_HINT)
    return folder


def _first(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    if member is None or not member.isreg() or PurePosixPath(member.name).name != NAME:
        raise TrustError(f"the archive does not begin with {NAME}", hint=_HINT)
    if member.size > MOST_BYTES:
        raise TrustError(f"{NAME} has {member.size} bytes, more than {MOST_BYTES}", hint=_HINT)
    source = tar.extractfile(member)
    manifest = read_manifest(source.read() if source is not None else b"")
    if member.name != f"{_top(manifest)}/{NAME}":
        raise TrustError(f"the archive's folder is not {_top(manifest)}", hint=_HINT)
    return manifest


def _inside(member: tarfile.TarInfo, top: str) -> str:
    if not member.isreg():
        raise TrustError(f"link: {member.name} is no plain file", hint=_HINT)
    head, _, path = member.name.partition("/")
    if head != top:
        raise TrustError(f"{member.name} does not lie in {top}", hint=_HINT)
    try:
        return safe_path(path)
    except ValueError as error:
        raise TrustError(str(error), hint=_HINT) from error


def _copy(source: IO[bytes], target: Path, size: int) -> None:
    with target.open("xb") as file:
        shutil.copyfileobj(source, file, _PORTION)
        if file.tell() != size:
            raise TrustError(f"{target.name} is cut short", hint=_HINT)


def _zstd() -> Any:
    import zstandard  # not needed by who opens a folder

    return zstandard
