"""OCI image layouts: as a folder, and as one tar archive that `docker load` takes as well.

Source: OCI Image Format Specification 1.1, `image-layout.md`. The archive has, besides the layout, the
`manifest.json` that Docker reads, naming the same blobs.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seatrial.deliverables._oci.blob import INDEX, Blob, Package, blob_of, canonical
from seatrial.deliverables._oci.layers import Entry, write_tar
from seatrial.errors import UsageError

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_REF = "org.opencontainers.image.ref.name"
_CONTAINERD = "io.containerd.image.name"


def write_archive(package: Package, out: Path, name: str, *, docker: bool = True) -> None:
    """Writes an image as one tar archive, there whole or not at all.

    Args:
        package: The image.
        out: The file.
        name: What `docker load` will call it, such as `digits:1.0.0`.
        docker: Whether it is an image, which Docker can load.

    Raises:
        UsageError: It cannot be written.
    """
    with aside(out) as folder:
        blob = write_tar(_members(package, name, docker=docker), folder, "application/x-tar")
        if not isinstance(blob.content, Path):
            raise TypeError("a blob that was written is a file")
        blob.content.replace(out)


def write_folder(package: Package, out: Path, name: str) -> None:
    """Writes an image or artifact as a layout in a folder, there whole or not at all.

    Raises:
        UsageError: The folder is there and not empty, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already", hint="give another folder")
    with aside(out) as folder:
        made = folder / "layout"
        for each in _members(package, name, docker=False):
            path = made / each.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(each.content, Path):
                shutil.copyfile(each.content, path)
            else:
                path.write_bytes(each.content or b"")
        if out.exists():
            out.rmdir()
        made.rename(out)


@contextmanager
def aside(out: Path) -> Iterator[Path]:
    """A folder beside a result that is being made, gone at the end.

    Raises:
        UsageError: There is no room, or no right to write there.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            yield Path(folder)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            f"{out} cannot be written: {why}",
            hint="nothing half-written is left behind; make room or give another place",
        ) from error


def _members(package: Package, name: str, *, docker: bool) -> list[Entry]:
    config, *layers = package.blobs
    members = {f"blobs/sha256/{_hex(each)}": each.content for each in (*package.blobs, package.manifest)}
    members |= {"oci-layout": LAYOUT, "index.json": _index(package, name).content}
    if docker:
        members["manifest.json"] = canonical(
            [
                {
                    "Config": f"blobs/sha256/{_hex(config)}",
                    "RepoTags": [name],
                    "Layers": [f"blobs/sha256/{_hex(each)}" for each in layers],
                }
            ]
        )
    return [Entry(path, content) for path, content in members.items()]


def _index(package: Package, name: str) -> Blob:
    said = package.manifest.descriptor()
    said["annotations"] = {_REF: name.rpartition(":")[2], _CONTAINERD: name}
    if package.architecture:
        said["platform"] = {"architecture": package.architecture, "os": "linux"}
    return blob_of(canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": [said]}), INDEX)


def _hex(blob: Blob) -> str:
    return blob.digest.removeprefix("sha256:")


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A layout as a folder, wherever it lies: itself, or its archive unpacked for as long as it is used.

    Only plain files under the names that a layout has are taken from an archive.

    Raises:
        UsageError: There is none.
    """
    if path.is_dir():
        yield path
        return
    if not path.is_file():
        raise UsageError(f"there is no OCI layout {path}", hint="give a folder or a tar archive")
    with tempfile.TemporaryDirectory(prefix="seatrial-layout-") as folder:
        try:
            _take_out(path, Path(folder))
        except (tarfile.TarError, EOFError) as error:
            raise UsageError(f"{path} is no OCI archive: {error}") from error
        yield Path(folder)


def _take_out(archive: Path, folder: Path) -> None:
    (folder / "blobs" / "sha256").mkdir(parents=True)
    with tarfile.open(archive, "r:*") as tar:
        for each in tar:
            name = os.path.normpath(each.name)
            start, _, last = name.rpartition("/")
            wanted = name in ("index.json", "oci-layout") or (start == "blobs/sha256" and last.isalnum())
            if not wanted or not each.isreg():
                continue  # such as the `manifest.json` of Docker, and anything that leads elsewhere
            source = tar.extractfile(each)
            if source is not None:
                with (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
