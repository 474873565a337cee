"""Bundles into registries and layouts, and back: `bundle push` and `bundle pull`."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from seatrial.deliverables._oci.base import MOST_DOCUMENT
from seatrial.deliverables._oci.blob import MANIFEST, believed
from seatrial.deliverables._oci.layout import unpacked
from seatrial.deliverables._oci.line import line_to
from seatrial.deliverables._oci.making import REGISTRY
from seatrial.deliverables._oci.modelpack import modelpack, unpack_modelpack
from seatrial.deliverables._oci.reference import reference
from seatrial.deliverables._oci.registry import Registry
from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle

_HINT = "fetch it again"


def push_bundle(bundle: Bundle, target: str, *, plain_http: bool, progress: Callable[[str], None]) -> str:
    """Sends a bundle to a registry as a ModelPack artifact, and gives the digest of that.

    Args:
        bundle: It is verified first.
        target: `HOST/PATH:TAG`.
        plain_http: Whether the registry is spoken to without TLS.
        progress: Told what is done.

    Raises:
        SeatrialError: The bundle is not whole, or the registry does not take it.
    """
    where = reference(target, host=os.environ.get(REGISTRY, ""))
    with (
        tempfile.TemporaryDirectory(prefix="seatrial-push-") as folder,
        Registry(where, line_to(where.host, plain_http=plain_http)) as registry,
    ):
        return registry.push(modelpack(bundle, Path(folder)), progress=progress)


def pull_bundle(source: str, into: Path, *, plain_http: bool, progress: Callable[[str], None]) -> Bundle:
    """Fetches a bundle from a registry into the folder `into/NAME-VERSION`: verified, or not there.

    Args:
        source: `HOST/PATH:TAG` or `HOST/PATH@sha256:...`; or `oci:LAYOUT`, a folder or a tar archive.
        into: Made when it is not there.
        plain_http: Whether the registry is spoken to without TLS.
        progress: Told what is done.

    Raises:
        TrustError: What came is not what its digests say.
        SeatrialError: There is no such bundle, or it cannot be written.
    """
    try:
        if source.startswith("oci:"):
            with unpacked(Path(source.removeprefix("oci:"))) as folder:
                layout = _Layout(folder)
                return unpack_modelpack(layout.manifest(), layout, into, progress=progress)
        where = reference(source, host=os.environ.get(REGISTRY, ""))
        with Registry(where, line_to(where.host, plain_http=plain_http)) as registry:
            return unpack_modelpack(registry.manifest(where.address), registry, into, progress=progress)
    except OSError as error:
        raise UsageError(f"{source} cannot be written to {into}: {error.strerror or error}") from error


class _Layout:
    """An artifact in an OCI layout, read as one in a registry is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def manifest(self) -> bytes:
        try:
            listed = json.loads((self._folder / "index.json").read_bytes())["manifests"]
            fitting = [each["digest"] for each in listed if each.get("mediaType") == MANIFEST]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"the OCI layout is damaged: {error}", hint=_HINT) from error
        if len(fitting) != 1:
            raise UsageError(f"the OCI layout has {len(fitting)} manifests, expected one")
        return self.document(fitting[0])

    def document(self, digest: str) -> bytes:
        path = self._path(digest)
        if path.stat().st_size > MOST_DOCUMENT:
            raise UsageError(f"{digest} is larger than any manifest: {path.stat().st_size} bytes")
        return believed(path.read_bytes(), digest, "a blob of the layout")

    def fetch(self, digest: str, size: int, target: Path) -> None:
        path = self._path(digest)
        if path.stat().st_size != size:
            raise TrustError(
                f"the blob {digest} has {path.stat().st_size} bytes, expected {size}", hint=_HINT
            )
        shutil.copyfile(path, target)

    def _path(self, digest: str) -> Path:
        path = self._folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
        if path.parent.name != "sha256" or not path.name.isalnum() or not path.is_file():
            raise UsageError(f"the OCI layout has no blob {digest[:100]!r}", hint=_HINT)
        return path
