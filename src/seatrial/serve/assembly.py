"""Puts a server together from its settings: the one place where the parts meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.serve.limits import Limits
from seatrial.serve.loading import choice_lines, open_version, serving_options
from seatrial.serve.model import ServedModel
from seatrial.serve.repository import Repository
from seatrial.serve.rest.front import RestFront
from seatrial.serve.server import Server
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Bounds, Model, Settings

Told = Callable[[str], None]


@dataclass(frozen=True)
class Assembly:
    """A server and its parts, before it listens.

    Attributes:
        settings: What it was made from.
        repository: The models.
        service: What fronts speak to.
        front: REST.
        server: Their life.
    """

    settings: Settings
    repository: Repository
    service: InferenceService
    front: RestFront
    server: Server

    async def start(self, told: Told) -> str:
        """Loads the models, then listens; returns the address.

        Args:
            told: Each line for people.

        Raises:
            SeatrialError: A model cannot be loaded, or the address cannot be had.
        """
        try:
            for name, model in self.settings.models.items():
                await self._load(name, model, told)
            return await self.server.start(self.settings.host, self.settings.port)
        except BaseException:
            await self.service.close()
            raise

    async def _load(self, name: str, model: Model, told: Told) -> None:
        artifact, contract, source = await asyncio.to_thread(open_version, model.path)
        served = ServedModel(name, "1", artifact, contract, options=serving_options(model.options))
        self.repository.add(served)
        told(f"{name}: contract {source}")
        await served.load()
        for line in choice_lines(served):
            told(line)


def assemble(settings: Settings) -> Assembly:
    """Builds what `settings` describe; nothing is loaded and nothing listens yet.

    Call it in the event loop that the server will run in.

    Raises:
        UsageError: The settings contradict each other, or name files that are not there.
    """
    repository = Repository()
    service = InferenceService(repository)
    front = RestFront(service, limits=limits_of(settings.limits))
    return Assembly(settings, repository, service, front, Server(service, front))


def limits_of(bounds: Bounds) -> Limits:
    """What a client may take, in the units of the code."""
    return Limits(body=bounds.body_mebibytes << 20, idle=bounds.idle_seconds, slow=bounds.slow_seconds)
