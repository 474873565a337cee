"""Versions that are small text files, and how a server's keeper makes fake models of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from seatrial.errors import ModelError
from seatrial.serve.model import ServedModel
from seatrial.serve.repository import Repository
from seatrial.serve.settings import Model
from seatrial.serve.versions.keeper import Keeper
from seatrial.serve.versions.layout import Found
from support.fake_session import FakeSession
from support.served import loaded


class Shelf:
    """A folder of versions; each says in its file `factor` what its model multiplies with.

    A factor of 0 is a version that cannot be loaded.

    Args:
        root: Its folder.
        settings: Of the model `m`, beside its path.
    """

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root / "m"
        self.root.mkdir()
        self.model = Model.model_validate({"path": self.root, **settings})
        self.made: list[tuple[str, float]] = []
        self.sessions: dict[str, list[FakeSession]] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    def put(self, version: str, factor: float) -> None:
        """A version appears, or becomes another one."""
        (self.root / version).mkdir(exist_ok=True)
        new = self.root / version / ".new"
        new.write_text(str(factor))
        new.replace(self.root / version / "factor")  # another file: as deliveries should be

    def remove(self, version: str) -> None:
        """A version goes."""
        (self.root / version / "factor").unlink()
        (self.root / version).rmdir()

    async def load(
        self, name: str, found: Found, model: Model, now: ServedModel | None, *, like: ServedModel | None
    ) -> ServedModel:
        """Stands for `load_version`."""
        factor = float((found.path / "factor").read_text())
        await self.gate.wait()
        self.made.append((found.version, factor))
        if not factor:
            raise ModelError(f"version {found.version} is broken")
        served, self.sessions[found.version] = await loaded(
            name, found.version, factor=factor, max_batch_size=4, max_queue_size=1000
        )
        return served

    def keeper(self, repository: Repository, **more: Any) -> Keeper:
        """That keeps `m`."""
        return Keeper(repository, {"m": self.model}, load=self.load, **more)
