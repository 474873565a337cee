"""The smallest bundle around a model, to be sealed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from seatrial.model import Artifact
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.formats._digest import sha256_of
from seatrial.model.manifest import NAME, FileEntry, Manifest, ModelEntry


def bundle_of(artifact: Artifact, folder: Path) -> Bundle:
    """A bundle with that model and nothing else."""
    home = folder / "models" / artifact.format
    home.mkdir(parents=True)
    entries = []
    for each in artifact.files:
        path = home / each.path.name
        shutil.copy(each.path, path)
        name = path.relative_to(folder).as_posix()
        entries.append(
            FileEntry(name, "model", "application/octet-stream", each.size, f"sha256:{sha256_of(path)}")
        )
    model = ModelEntry(artifact.format, entries[0].path, artifact.digest)
    manifest = Manifest("m", "1.0.0", datetime(2026, 11, 21, tzinfo=UTC), (model,), tuple(entries))
    (folder / NAME).write_bytes(manifest.to_bytes())
    return open_bundle(folder)
