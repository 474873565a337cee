"""What images and artifacts are made of: blobs with a digest, and a manifest that lists them.

Source: OCI Image Format Specification 1.1, `descriptor.md` and `manifest.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.errors import TrustError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
PORTION = 1 << 20


@dataclass(frozen=True)
class Blob:
    """Bytes with their digest, in memory or in a file.

    Attributes:
        media_type: Such as `application/vnd.oci.image.layer.v1.tar+gzip`.
        digest: `sha256:...` of the bytes.
        size: Bytes.
        content: The bytes, or the file that holds nothing else.
        annotations: What the manifest says of it.
    """

    media_type: str
    digest: str
    size: int
    content: bytes | Path = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def descriptor(self) -> dict[str, Any]:
        """How a manifest speaks of it."""
        said: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return said | ({"annotations": dict(self.annotations)} if self.annotations else {})


@dataclass(frozen=True)
class Layer:
    """A layer of an image.

    Attributes:
        blob: As it is stored and moved.
        diff_id: `sha256:...` of the tar archive before it was compressed.
        what: For the image's history.
    """

    blob: Blob
    diff_id: str
    what: str


@dataclass(frozen=True)
class Package:
    """An image or an artifact, ready to be written or pushed.

    Attributes:
        manifest: Says what belongs to it.
        blobs: Its configuration first, then the layers.
        architecture: Of an image; empty for an artifact.
    """

    manifest: Blob
    blobs: tuple[Blob, ...]
    architecture: str = ""

    @property
    def digest(self) -> str:
        """The address: of the manifest."""
        return self.manifest.digest

    @property
    def size(self) -> int:
        """Bytes that are moved when nothing is there yet."""
        return self.manifest.size + sum({each.digest: each.size for each in self.blobs}.values())


def blob_of(data: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> Blob:
    """Bytes in memory as a blob."""
    return Blob(media_type, digest_of(data), len(data), data, annotations or {})


def json_blob(document: Any, media_type: str) -> Blob:
    """A document as a blob: equal documents have equal bytes."""
    return blob_of(canonical(document), media_type)


def canonical(document: Any) -> bytes:
    """JSON with sorted keys and no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(data: bytes) -> str:
    """`sha256:...` of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def believed(data: bytes, digest: str, what: str) -> bytes:
    """Bytes that have the digest they were asked for by.

    Raises:
        TrustError: They have another.
    """
    found = digest_of(data)
    if found != digest:
        raise TrustError(f"{what} has the digest {found}, expected {digest}", hint="fetch it again")
    return data
