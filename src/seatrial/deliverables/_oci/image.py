"""A bundle as a container image that serves it, written without an engine and equal each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any

from seatrial.deliverables._oci import contents
from seatrial.deliverables._oci.base import HOME, Base
from seatrial.deliverables._oci.blob import CONFIG, MANIFEST, Layer, Package, json_blob
from seatrial.deliverables._oci.compression import Compression
from seatrial.deliverables._oci.layers import Entry, write_layer
from seatrial.errors import TrustError
from seatrial.model.bundle import Bundle

USER = "10001:10001"
BUNDLE_DIGEST = "seatrial.bundle.digest"
_ROLE = "seatrial.layer"
_SECOND = 1_000_000_000  # Docker counts nanoseconds

_HEALTH = {"Interval": 30 * _SECOND, "Timeout": 10 * _SECOND, "StartPeriod": 120 * _SECOND, "Retries": 3}
_ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONNOUSERSITE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "OPENVINO_TELEMETRY_OPT_OUT": "1",
    "DO_NOT_TRACK": "1",
    "HOME": "/tmp",  # noqa: S108 - the one place of a read-only root that may be written
}


@dataclass(frozen=True)
class Parts:
    """What an image is made of.

    Attributes:
        bundle: What is served.
        base: What it stands on.
        dependencies: What the server imports.
        choice: Which model, by which runtime.
        compression: Of the layers.
    """

    bundle: Bundle
    base: Base
    dependencies: Layer
    choice: contents.Choice
    compression: Compression = "gzip"


def build_image(parts: Parts, folder: Path, *, progress: Callable[[str], None]) -> Package:
    """Puts an image together out of a verified bundle.

    Args:
        parts: What it is made of.
        folder: Where the new layers are written.
        progress: Told what is done.

    Returns:
        The image; its blobs lie in `folder` and where base and dependencies have theirs.

    Raises:
        TrustError: The bundle is not what its manifest says.
        OSError: A layer cannot be written.
    """
    parts.bundle.verify()
    bundle, choice = parts.bundle, parts.choice

    def layer(entries: Iterable[Entry], role: str, what: str) -> Layer:
        made = write_layer(entries, folder, what, compression=parts.compression)
        progress(f"{role}: {what}, {made.blob.size / 1e6:.1f} MB")
        return _named(made, role)

    layers = [
        *(_named(each, "base") for each in parts.base.layers),
        _named(parts.dependencies, "dependencies"),
        layer(contents.server(parts.base), "server", "seatrial"),
        layer(contents.models(bundle), "model", f"models of {bundle.manifest.release}"),
        layer(
            contents.config(bundle, choice),
            "config",
            f"{bundle.manifest.release} {bundle.digest}",
        ),
    ]
    _unchanged(bundle)
    return _package(parts, layers)


def _unchanged(bundle: Bundle) -> None:
    """What was packed is what was verified: somebody may have written to the bundle between."""
    try:
        bundle.verify()
    except TrustError as error:
        raise TrustError(
            f"the bundle changed while the image was made: {error.message}", hint=error.hint
        ) from error


def _package(parts: Parts, layers: list[Layer]) -> Package:
    created = created_text(parts.bundle)
    config = json_blob(
        {
            "architecture": parts.base.architecture,
            "os": "linux",
            "created": created,
            "config": _config(parts),
            "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
            "history": [
                {"created": created, "created_by": f"seatrial image: {each.what}"} for each in layers
            ],
        },
        CONFIG,
    )
    blobs = (config, *(each.blob for each in layers))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": [each.descriptor() for each in blobs[1:]],
        "annotations": _labels(parts),
    }
    return Package(json_blob(manifest, MANIFEST), blobs, parts.base.architecture)


def _config(parts: Parts) -> dict[str, Any]:
    run = [f"/{contents.PROGRAM}"]
    ready = [*run, "client", "ready", f"http://127.0.0.1:{contents.PORT}", "--timeout", "8", "--retries", "0"]
    return {
        "User": USER,
        "Env": _environment(parts.base.config),
        "Entrypoint": [*run, "serve", "--config", f"/{contents.SETTINGS}"],
        "Cmd": [],
        "WorkingDir": f"/{contents.BUNDLE}",
        "ExposedPorts": {f"{port}/tcp": {} for port in (contents.PORT, contents.GRPC_PORT)},
        "Labels": {**(parts.base.config.get("Labels") or {}), **_labels(parts)},
        "StopSignal": "SIGTERM",
        "Healthcheck": {"Test": ["CMD", *ready], **_HEALTH},
    }


def _environment(base: Mapping[str, Any]) -> list[str]:
    said = dict(each.partition("=")[::2] for each in base.get("Env") or ())
    said.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    said["PATH"] = f"/{HOME}/bin:{said['PATH']}"
    return [f"{name}={value}" for name, value in sorted({**said, **_ENVIRONMENT}.items())]


def _labels(parts: Parts) -> dict[str, str]:
    manifest = parts.bundle.manifest
    return {
        "org.opencontainers.image.title": manifest.name,
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.created": created_text(parts.bundle),
        "org.opencontainers.image.base.name": parts.base.name,
        "org.opencontainers.image.base.digest": parts.base.digest,
        BUNDLE_DIGEST: parts.bundle.digest,
        "seatrial.runtime": parts.choice.runtime,
    }


def _named(layer: Layer, role: str) -> Layer:
    return replace(layer, blob=replace(layer.blob, annotations={_ROLE: role}))


def created_text(bundle: Bundle) -> str:
    """The one time that is written: when the bundle was made (RFC 3339)."""
    return bundle.manifest.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def default_name(bundle: Bundle) -> str:
    """`digits:1.0.0`: a bundle's name as registries and engines take it (distribution specification, 1.1)."""
    words = re.sub(r"[^a-z0-9]+", "-", bundle.manifest.name.lower()).strip("-")
    return f"{words or 'model'}:{bundle.manifest.version}"


def facts(package: Package) -> dict[str, Any]:
    """What is said of an image when it is done: its addresses and sizes."""
    return {
        "digest": package.digest,
        "image_id": package.blobs[0].digest,
        "size": package.size,
        "layers": [{**each.descriptor()} for each in package.blobs[1:]],
    }
