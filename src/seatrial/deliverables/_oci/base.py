"""What an image stands on: layers with a Python and a C library, looked through before they are believed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from seatrial import lazy
from seatrial.deliverables._oci.blob import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    LAYER,
    MANIFEST,
    PORTION,
    Blob,
    Layer,
    believed,
)
from seatrial.deliverables._oci.compression import SUFFIXES
from seatrial.deliverables._oci.layout import unpacked
from seatrial.deliverables._oci.registry import Registry
from seatrial.errors import TrustError, UsageError

MOST_BYTES = 64 << 30  # of one layer unpacked; larger is a bomb
MOST_DOCUMENT = 8 << 20  # of a manifest or configuration
HOME = "opt/seatrial"  # in the image: a virtual environment of the base's Python
OLDEST_PYTHON = (3, 11)
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

_LAYERS = {LAYER + suffix: LAYER + suffix for suffix in SUFFIXES.values()} | {
    # Docker's names for the same bytes.
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER + "+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
}
_PYTHON = re.compile(r"(usr/local/bin|usr/bin|opt/[\w.-]+/bin)/python(3)\.(\d+)")
_HINT = "take a base that was made whole, such as one fetched by its digest"


@dataclass(frozen=True)
class Base:
    """What the other layers are put on.

    Attributes:
        name: For people and for the annotation `org.opencontainers.image.base.name`.
        digest: Of its manifest.
        layers: From the bottom.
        config: The `config` of the image: environment and the like.
        architecture: `amd64` or `arm64`.
        python: Path of its interpreter, such as `/usr/bin/python3.11`.
        version: Of the interpreter.
    """

    name: str
    digest: str
    layers: tuple[Layer, ...]
    config: Mapping[str, Any]
    architecture: str
    python: str
    version: tuple[int, int]

    @property
    def packages(self) -> str:
        """Where the packages of our own environment go (PEP 405), apart from what the base has."""
        return f"{HOME}/lib/python{self.version[0]}.{self.version[1]}/site-packages"


def base_from_layout(path: Path, architecture: str, folder: Path, *, digest: str = "") -> Base:
    """A base from an OCI layout, a folder or a tar archive.

    Args:
        path: Of the layout.
        architecture: That the image is for.
        folder: Where the blobs are copied to.
        digest: Of the image in it, when there are several.

    Raises:
        UsageError: It is no layout, has no such image, no Python, or is for another machine.
        TrustError: A blob is not what its digest says, or a path leads out of the image.
    """
    with unpacked(path) as layout:

        def read(wanted: str) -> bytes:
            file = _blob_path(layout, wanted)
            if file.stat().st_size > MOST_DOCUMENT:
                raise UsageError(f"{wanted} is larger than any manifest: {file.stat().st_size} bytes")
            return believed(file.read_bytes(), wanted, f"a blob of {path}")

        try:
            index = json.loads((layout / "index.json").read_bytes())
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} is no OCI layout: {error}") from error
        wanted = digest or chosen(index, architecture, read)
        manifest = manifest_for(wanted, architecture, read)
        config = document(read(_digest(manifest["config"])))

        def fetch(blob: Mapping[str, Any]) -> Path:
            target = folder / _digest(blob).removeprefix("sha256:")
            shutil.copyfile(_blob_path(layout, _digest(blob)), target)
            return target

        layers = tuple(_layer(each, fetch(each)) for each in manifest["layers"])
    return looked_through(f"{path.name}", wanted, layers, config, architecture)


def base_from_registry(registry: Registry, name: str, digest: str, architecture: str, folder: Path) -> Base:
    """A base fetched by its digest.

    Args:
        registry: Where it lies.
        name: For people.
        digest: Of its manifest, or of the index that lists it.
        architecture: That the image is for.
        folder: Where the blobs are written.

    Raises:
        UsageError: It cannot be used.
        TrustError: What came is not what its digest says.
        Unavailable: The registry does not answer.
    """
    manifest = manifest_for(digest, architecture, registry.manifest)
    config = document(registry.document(_digest(manifest["config"])))
    layers = []
    for each in manifest["layers"]:
        target = folder / _digest(each).removeprefix("sha256:")
        registry.fetch(_digest(each), int(each.get("size", -1)), target)
        layers.append(_layer(each, target))
    return looked_through(name, digest, tuple(layers), config, architecture)


def document(data: bytes) -> dict[str, Any]:
    """JSON that must be an object.

    Raises:
        UsageError: It is none.
    """
    try:
        read = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the base has a damaged manifest: {error}", hint=_HINT) from error
    if not isinstance(read, dict):
        raise UsageError("the base has a manifest that is no object", hint=_HINT)
    return read


def chosen(index: Mapping[str, Any], architecture: str, read: Any) -> str:
    """The digest of the image for an architecture that an index lists, following indexes of indexes.

    Raises:
        UsageError: It lists none.
    """
    listed = [each for each in index.get("manifests") or () if isinstance(each, Mapping)]
    fitting = [each for each in listed if each.get("platform", {}).get("architecture") == architecture]
    silent = [each for each in listed if not each.get("platform")]
    for each in fitting or (silent if len(silent) == 1 else []):
        if each.get("mediaType") in (INDEX, DOCKER_INDEX):
            return chosen(document(read(_digest(each))), architecture, read)
        return _digest(each)
    told = ", ".join(sorted({each.get("platform", {}).get("architecture", "unsaid") for each in listed}))
    raise UsageError(
        f"the base has no image for {architecture}; it lists: {told or 'nothing'}",
        hint="give another --arch or another --base",
    )


def manifest_for(digest: str, architecture: str, read: Any) -> dict[str, Any]:
    """The manifest of an image, found through an index where the digest is of one.

    Raises:
        UsageError: It is no image, or none for this architecture.
    """
    found = document(read(digest))
    kind = found.get("mediaType", MANIFEST)
    if kind in (INDEX, DOCKER_INDEX) or "manifests" in found:
        return manifest_for(chosen(found, architecture, read), architecture, read)
    fits = isinstance(found.get("config"), dict) and isinstance(found.get("layers"), list)
    if kind not in (MANIFEST, DOCKER_MANIFEST) or not fits:
        raise UsageError(f"{digest} is no image but {str(kind)[:100]!r}", hint=_HINT)
    strange = [each.get("mediaType") for each in found["layers"] if each.get("mediaType") not in _LAYERS]
    if strange:
        raise UsageError(f"the base has a layer of the kind {strange[0]!r}, which cannot be passed on")
    return found


def looked_through(
    name: str, digest: str, layers: tuple[Layer, ...], config: Mapping[str, Any], architecture: str
) -> Base:
    """A base whose every layer was read to its end.

    Raises:
        UsageError: It is for another machine, or has no Python that can run Seatrial.
        TrustError: A layer is not the one that the configuration speaks of, or leads out of the image.
    """
    if config.get("architecture") != architecture or config.get("os", "linux") != "linux":
        raise UsageError(
            f"the base is for {config.get('os')}/{config.get('architecture')}, expected linux/{architecture}",
            hint="give another --arch or another --base",
        )
    diff_ids = config.get("rootfs", {}).get("diff_ids", [])
    if len(diff_ids) != len(layers):
        raise TrustError(f"the base has {len(layers)} layers and speaks of {len(diff_ids)}", hint=_HINT)
    paths: set[str] = set()
    checked = []
    for layer, diff_id in zip(layers, diff_ids, strict=True):
        found = _read_layer(layer.blob, paths)
        if found != diff_id:
            raise TrustError(f"a layer of the base has the content {found}, expected {diff_id}", hint=_HINT)
        checked.append(replace(layer, diff_id=found))
    python, version = _interpreter(paths, architecture)
    return Base(name, digest, tuple(checked), config.get("config") or {}, architecture, python, version)


def _interpreter(paths: set[str], architecture: str) -> tuple[str, tuple[int, int]]:
    if not any(PurePosixPath(path).name == "libc.so.6" for path in paths):
        raise UsageError(
            "the base has no GNU C library, which the wheels of the engines need",
            hint="take one of Debian's family, not Alpine's",
        )
    found = sorted(
        (int(match[3]), match[1] != "usr/bin", path)
        for path in paths
        if (match := _PYTHON.fullmatch(path)) and int(match[3]) >= OLDEST_PYTHON[1]
    )
    if not found:
        raise UsageError(
            f"the base has no Python of at least {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} for {architecture}",
            hint="take --base debian, or an image of Python itself",
        )
    minor, _, path = found[-1]
    return f"/{path}", (3, minor)


def _read_layer(blob: Blob, paths: set[str]) -> str:
    """Reads a layer to its end, applies it to the paths below it, and gives its `diff_id`."""
    if not isinstance(blob.content, Path):
        raise TypeError("a layer of a base lies in a file")
    with blob.content.open("rb") as file:
        stream = _Plain(file, blob)
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as tar:
                for each in tar:
                    _apply(each, paths)
            while stream.read(PORTION):
                pass
        except (tarfile.TarError, zlib.error, EOFError) as error:
            raise TrustError(f"a layer of the base is damaged: {error}", hint=_HINT) from error
    if stream.packed.hexdigest() != blob.digest.removeprefix("sha256:"):
        raise TrustError(
            f"a layer of the base has the digest sha256:{stream.packed.hexdigest()}, expected {blob.digest}",
            hint=_HINT,
        )
    return "sha256:" + stream.plain.hexdigest()


def _apply(member: tarfile.TarInfo, paths: set[str]) -> None:
    """One member on top of what lies below; whiteouts remove (`layer.md`, Whiteouts)."""
    path = _inside(member.name)
    if member.islnk():
        _inside(member.linkname)
    folder, _, name = path.rpartition("/")
    if name == ".wh..wh..opq":
        paths.difference_update({each for each in paths if each.startswith(f"{folder}/" if folder else "")})
    elif name.startswith(".wh."):
        gone = f"{folder}/{name[4:]}".lstrip("/")
        paths.difference_update({each for each in paths if each == gone or each.startswith(f"{gone}/")})
    elif not member.isdir():
        paths.add(path)


def _inside(name: str) -> str:
    pure = PurePosixPath(name.lstrip("/") if name.startswith("./") else name)
    if pure.is_absolute() or ".." in pure.parts:
        raise TrustError(
            f"a layer of the base has the path {name!r}, which leads out of the image", hint=_HINT
        )
    return str(pure)


class _Plain:
    """The tar archive inside a blob, as a stream that sums both."""

    def __init__(self, file: IO[bytes], blob: Blob) -> None:
        self._file, self._held = file, b""
        self.packed, self.plain, self._size = hashlib.sha256(), hashlib.sha256(), 0
        self._portions = self._decompressed(blob.media_type)

    def read(self, count: int) -> bytes:
        while len(self._held) < count:
            portion = next(self._portions, None)
            if portion is None:
                break
            self.plain.update(portion)
            self._size += len(portion)
            if self._size > MOST_BYTES:
                raise TrustError(f"a layer of the base has more than {MOST_BYTES} bytes", hint=_HINT)
            self._held += portion
        given, self._held = self._held[:count], self._held[count:]
        return given

    def _decompressed(self, media_type: str) -> Iterator[bytes]:
        if media_type.endswith("zip"):
            return self._gunzipped()
        if media_type.endswith("zstd"):
            zstd = lazy.load("zstandard", extra="all").ZstdDecompressor().decompressobj()
            return (zstd.decompress(portion) for portion in self._raw())
        return self._raw()

    def _raw(self) -> Iterator[bytes]:
        while portion := self._file.read(PORTION):
            self.packed.update(portion)
            yield portion

    def _gunzipped(self) -> Iterator[bytes]:
        gunzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        for portion in self._raw():
            left = portion
            while left:  # a bomb unpacks portion by portion, and a file may have several members
                yield gunzip.decompress(left, PORTION)
                left = gunzip.unconsumed_tail
                if gunzip.eof:
                    left = gunzip.unused_data
                    gunzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        yield gunzip.flush()


def _layer(said: Mapping[str, Any], path: Path) -> Layer:
    blob = Blob(_LAYERS[str(said["mediaType"])], _digest(said), path.stat().st_size, path)
    return Layer(blob, "", "base")


def _digest(said: Mapping[str, Any]) -> str:
    digest = said.get("digest")
    if not isinstance(digest, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise UsageError(f"{str(digest)[:100]!r} is no digest", hint=_HINT)
    return digest


def _blob_path(layout: Path, digest: str) -> Path:
    path = layout / "blobs" / "sha256" / _digest({"digest": digest}).removeprefix("sha256:")
    if not path.is_file():
        raise UsageError(f"the layout has no blob {digest}", hint=_HINT)
    return path
