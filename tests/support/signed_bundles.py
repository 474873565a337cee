"""Small bundles to sign and to attack: a model of a few bytes with the report of a gate that looked at it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.manifest import NAME, FileEntry, Manifest, ModelEntry
from seatrial.trust.gate import listed_digest

CREATED = datetime(2026, 11, 21, tzinfo=UTC)
MODEL = "models/onnx/model.onnx"
GRAPH = b"a graph that nobody runs"


def small_bundle(
    folder: Path,
    *,
    name: str = "digits",
    version: str = "1.0.0",
    graph: bytes = GRAPH,
    report: Mapping[str, Any] | None = None,
    files: Mapping[str, tuple[str, bytes]] | None = None,
) -> Bundle:
    """A bundle whose report says that its model passed.

    Args:
        folder: Where to.
        name: Of the model.
        version: Of the bundle.
        graph: Bytes of the model.
        report: What the report says otherwise; a `subject` in it replaces the true one.
        files: What else it holds: role and bytes by path.
    """
    content = {MODEL: ("model", graph), "docs/en/guide.md": ("document", b"# guide\n"), **(files or {})}
    digest = _model_digest(content)
    said = {
        "schema": "seatrial/report/1", "verdict": "PASS", "partial": False, "tier": "full",
        "profile": "default",
        "subject": {"model": digest, "data": "sha256:" + "d" * 64}, "reason": {"en": "ten of ten", "zh": ""},
        **(report or {}),
    }  # fmt: skip
    content["report/report.json"] = ("report", json.dumps(said).encode())
    for path, (_, data) in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    models = (ModelEntry("onnx", MODEL, digest),)
    manifest = Manifest(name, version, CREATED, models, _entries(content))
    (folder / NAME).write_bytes(manifest.to_bytes())
    return open_bundle(folder)


def rewrite(bundle: Bundle, path: str, data: bytes) -> Bundle:
    """What a thief does who knows the format: changes a file and makes the manifest fit."""
    (bundle.folder / path).write_bytes(data)
    old = bundle.manifest
    entries = {each.path: each for each in old.files}
    entries[path] = _entry(path, entries[path].role, data)
    models = tuple(
        ModelEntry(each.format, each.graph, listed_digest(_with(old, entries), each)) for each in old.models
    )
    manifest = Manifest(old.name, old.version, old.created, models, tuple(entries.values()), old.extra)
    (bundle.folder / NAME).write_bytes(manifest.to_bytes())
    return open_bundle(bundle.folder)


def _with(old: Manifest, entries: Mapping[str, FileEntry]) -> Manifest:
    return Manifest(old.name, old.version, old.created, old.models, tuple(entries.values()))


def _model_digest(content: Mapping[str, tuple[str, bytes]]) -> str:
    model = ModelEntry("onnx", MODEL, "sha256:" + "0" * 64)
    return listed_digest(Manifest("a", "1", CREATED, (model,), _entries(content)), model)


def _entries(content: Mapping[str, tuple[str, bytes]]) -> tuple[FileEntry, ...]:
    return tuple(_entry(path, role, data) for path, (role, data) in sorted(content.items()))


def _entry(path: str, role: str, data: bytes) -> FileEntry:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return FileEntry(path, role, "application/octet-stream", len(data), digest)
