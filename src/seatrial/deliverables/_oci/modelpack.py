"""A bundle as an OCI artifact in the media types of CNCF ModelPack, and back: the same content address.

Every file of a model is a layer of its own, as it is: its digest in the registry is the one in the bundle's
manifest, and a model that did not change is not sent again. The manifest of the bundle is a layer too, whose
digest is therefore the bundle's. What else there is lies in one plain tar archive for each kind.

Source: CNCF ModelPack specification (`model-spec`, v1): media types, `org.cncf.model.filepath`; its
configuration allows no keys of others, so that all else is said in layers and annotations.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from seatrial.deliverables._oci.base import document
from seatrial.deliverables._oci.blob import MANIFEST, Blob, Package, blob_of, json_blob
from seatrial.deliverables._oci.image import BUNDLE_DIGEST, created_text
from seatrial.deliverables._oci.layers import Entry, write_tar
from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.manifest import NAME, SIGNATURES, FileEntry, Manifest, read_manifest

ARTIFACT = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
FILEPATH = "org.cncf.model.filepath"
_TYPE = "application/vnd.cncf.model.{}.v1.{}"
# What each role is in ModelPack's words; the manifest's own roles are kept, in the manifest.
_KINDS: Mapping[str, str] = {
    "contract": "weight.config",
    "labels": "weight.config",
    "config": "weight.config",
    "sample": "dataset",
    "test": "dataset",
    "sdk": "code",
    "deployment": "code",
}
_DOCUMENT = "doc"
_MANIFEST_KIND = "weight.config"
_MOST_SIGNATURES = 16 << 20


class Source(Protocol):
    """Where an artifact is fetched from."""

    def document(self, digest: str) -> bytes:
        """A small blob."""

    def fetch(self, digest: str, size: int, target: Path) -> None:
        """A blob into a file, believed by size and digest."""


def modelpack(bundle: Bundle, folder: Path) -> Package:
    """A verified bundle as an artifact.

    Args:
        bundle: With all its files.
        folder: Where the archives are written.

    Raises:
        TrustError: The bundle is not what its manifest says.
        OSError: An archive cannot be written.
    """
    bundle.verify()
    layers = [
        Blob(_TYPE.format("weight", "raw"), each.sha256, each.size, bundle.path(each), {FILEPATH: each.path})
        for each in bundle.manifest.of_role("model")
    ]
    layers += _archives(bundle, folder)
    layers.append(blob_of(bundle.manifest.to_bytes(), _TYPE.format(_MANIFEST_KIND, "raw"), {FILEPATH: NAME}))
    config = json_blob(_config(bundle.manifest, created_text(bundle), layers), CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": config.descriptor(),
        "layers": [each.descriptor() for each in layers],
        "annotations": {
            "org.opencontainers.image.created": created_text(bundle),
            "org.opencontainers.image.title": bundle.manifest.name,
            "org.opencontainers.image.version": bundle.manifest.version,
            BUNDLE_DIGEST: bundle.digest,
        },
    }
    return Package(json_blob(manifest, MANIFEST), (config, *layers))


def unpack_modelpack(
    manifest: bytes, source: Source, into: Path, *, progress: Callable[[str], None]
) -> Bundle:
    """A bundle from an artifact, in the folder `into/NAME-VERSION`: verified, or not there.

    Args:
        manifest: Of the artifact; the caller has compared it with its digest.
        source: Where its blobs are.
        into: Made when it is not there.
        progress: Told what is done.

    Raises:
        TrustError: What comes is not what the bundle's own manifest lists.
        UsageError: It is no bundle of Seatrial, or the folder is there already.
    """
    said = document(manifest)
    digest = (said.get("annotations") or {}).get(BUNDLE_DIGEST, "")
    if said.get("artifactType") != ARTIFACT or not digest:
        raise UsageError("the artifact is no bundle of Seatrial", hint="seatrial image --artifact makes one")
    listed = read_manifest(source.document(digest))
    into.mkdir(parents=True, exist_ok=True)
    final = into / f"{listed.name}-{listed.version}"
    if final.exists():
        raise UsageError(f"{final} is there already", hint="give another folder")
    with tempfile.TemporaryDirectory(dir=into, prefix=".pulling-") as aside:
        made = Path(aside) / "bundle"
        made.mkdir()
        (made / NAME).write_bytes(listed.to_bytes())
        for each in said.get("layers") or ():
            _take(each, listed, source, made)
            progress(f"{(each.get('annotations') or {}).get(FILEPATH, '?')}")
        bundle = open_bundle(made)
        bundle.verify()
        if bundle.digest != digest:
            raise TrustError(f"the bundle has the digest {bundle.digest}, expected {digest}")
        made.rename(final)
    return open_bundle(final)


def _archives(bundle: Bundle, folder: Path) -> Iterator[Blob]:
    groups: dict[str, list[FileEntry]] = {}
    for each in bundle.manifest.files:
        if each.role != "model":
            groups.setdefault(each.role, []).append(each)
    for role, files in sorted(groups.items()):
        media_type = _TYPE.format(_KINDS.get(role, _DOCUMENT), "tar")
        entries = (
            Entry(each.path, bundle.path(each), executable=bool(bundle.path(each).stat().st_mode & 0o100))
            for each in files
        )
        yield replace(write_tar(entries, folder, media_type), annotations={FILEPATH: role})
    if signatures := bundle.signatures():
        signed = (Entry(f"{SIGNATURES}/{each.name}", each) for each in signatures)
        packed = write_tar(signed, folder, _TYPE.format(_DOCUMENT, "tar"))
        yield replace(packed, annotations={FILEPATH: SIGNATURES})


def _config(manifest: Manifest, created: str, layers: Iterable[Blob]) -> dict[str, Any]:
    return {
        "descriptor": {
            "createdAt": created,
            "name": manifest.name,
            "version": manifest.version,
            "title": manifest.release,
        },
        "modelfs": {"type": "layers", "diffIds": [each.digest for each in layers]},
        "config": {"format": manifest.models[0].format if manifest.models else "other"},
    }


def _take(said: Mapping[str, Any], listed: Manifest, source: Source, made: Path) -> None:
    path = (said.get("annotations") or {}).get(FILEPATH, "")
    media_type, digest, size = str(said.get("mediaType")), str(said.get("digest")), said.get("size")
    if path == NAME or not isinstance(size, int):
        return
    if media_type.endswith(".raw"):
        entry = listed.file(path)
        if entry is None or entry.sha256 != digest or entry.size != size:
            raise TrustError(f"the artifact has a file {str(path)[:100]!r} that its bundle does not list so")
        target = made / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        source.fetch(digest, size, target)
        return
    room = sum(each.size + 4096 for each in listed.files) + _MOST_SIGNATURES
    if size > room:
        raise TrustError(f"the artifact has {size} bytes where its bundle lists less")
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        archive = Path(folder) / "layer.tar"
        source.fetch(digest, size, archive)
        try:
            with tarfile.open(archive, "r:") as tar:
                for each in tar:
                    _unpack(tar, each, listed, made)
        except tarfile.TarError as error:
            raise TrustError(f"a layer of the artifact is damaged: {error}") from error


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, listed: Manifest, made: Path) -> None:
    entry = listed.file(member.name)
    first, _, name = member.name.partition("/")
    signature = first == SIGNATURES and bool(name) and "/" not in name and name not in (".", "..")
    holes = member.issparse()  # would let a few bytes fill a disk
    if not member.isreg() or holes or not (signature or (entry is not None and entry.size == member.size)):
        raise TrustError(f"the artifact has {member.name[:100]!r}, which its bundle does not list so")
    target = made / member.name
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    if content is None:
        raise TrustError(f"the artifact has {member.name[:100]!r} without its bytes")
    with target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(0o755 if member.mode & 0o100 else 0o644)
