"""Tiny bases for images, written with nothing of ours: OCI layouts with a Python and a C library in name."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

PYTHON = [("usr/bin/python3.11", b"#!python"), ("lib/x86_64-linux-gnu/libc.so.6", b"libc")]


def tar_of(members: Iterable[tuple[str, bytes] | tarfile.TarInfo]) -> bytes:
    """A tar archive of files, and of members that are told in full."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for each in members:
            if isinstance(each, tarfile.TarInfo):
                tar.addfile(each)
                continue
            told = tarfile.TarInfo(each[0])
            told.size = len(each[1])
            tar.addfile(told, io.BytesIO(each[1]))
    return out.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI layout that is put together blob by blob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data: bytes, media_type: str, **said: Any) -> dict[str, Any]:
        (self.folder / "blobs" / "sha256" / digest(data).removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **said}

    def image(
        self,
        layers: Iterable[Iterable[tuple[str, bytes] | tarfile.TarInfo]],
        *,
        architecture: str = "amd64",
        config: dict[str, Any] | None = None,
        layer_type: str = LAYER,
        **changes: Any,
    ) -> dict[str, Any]:
        """An image, and how an index speaks of it.

        Args:
            layers: From the bottom.
            architecture: Told in the configuration and in the index.
            config: The `config` in it.
            layer_type: Of every layer.
            changes: Of the configuration, to make it lie.
        """
        tars = [tar_of(each) for each in layers]
        said = {
            "architecture": architecture,
            "os": "linux",
            "config": config or {"Env": ["PATH=/usr/bin", "LANG=C.UTF-8"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in tars]},
            **changes,
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(json.dumps(said).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [self.blob(gzip.compress(each, mtime=0), layer_type) for each in tars],
        }
        platform = {"architecture": architecture, "os": "linux"}
        return self.blob(json.dumps(manifest).encode(), MANIFEST, platform=platform)

    def index(self, *manifests: dict[str, Any]) -> Path:
        """Writes `index.json`, and gives the folder."""
        said = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests)}
        (self.folder / "index.json").write_text(json.dumps(said))
        return self.folder


def tiny_base(folder: Path, **changes: Any) -> Path:
    """A base of one layer that can be used."""
    layout = Layout(folder)
    return layout.index(layout.image([PYTHON], **changes))
