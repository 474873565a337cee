"""Puts a server together from its settings: the one place where the parts meet."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.errors import SeatrialError
from seatrial.serve.keeper import Keeper
from seatrial.serve.limits import Limits
from seatrial.serve.loading import choice_lines
from seatrial.serve.observing import observe
from seatrial.serve.repository import Repository
from seatrial.serve.rest.front import RestFront
from seatrial.serve.server import Server
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Bounds, Settings

Told = Callable[[str], None]

_log = logging.getLogger("seatrial.serve")


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
        keeper, settings = self.service.keeper, self.settings
        keeper.told = lambda model: told("\n".join(choice_lines(model)))
        try:
            await keeper.start()
            self.service.traffic.take(settings.models)
            if settings.watch_seconds:
                keeper.begin(keeper.watch(settings.watch_seconds))
            return await self.server.start(settings.host, settings.port)
        except BaseException:
            await self.service.close()
            raise

    def reload(self, settings: Settings) -> None:
        """Begins to make the models what new settings and the files say; nothing that serves is interrupted.

        What is no model (addresses, access, limits) stays as it was until the next start.
        """
        self.service.keeper.begin(self._reload(settings))

    async def _reload(self, settings: Settings) -> None:
        await self.service.keeper.reload(settings.models)
        try:
            self.service.traffic.take(settings.models)
        except SeatrialError as error:
            _log.warning("routes and ladders stay as they were: %s (%s)", error.message, error.hint)


def assemble(settings: Settings) -> Assembly:
    """Builds what `settings` describe; nothing is loaded and nothing listens yet.

    Call it in the event loop that the server will run in.

    Raises:
        UsageError: The settings contradict each other, or name files that are not there.
    """
    repository = Repository()
    service = InferenceService(repository, keeper=Keeper(repository, settings.models))
    front = RestFront(service, limits=limits_of(settings.limits))
    observe(front.instruments, settings.log)
    return Assembly(settings, repository, service, front, Server(service, front))


def limits_of(bounds: Bounds) -> Limits:
    """What a client may take, in the units of the code."""
    return Limits(body=bounds.body_mebibytes << 20, idle=bounds.idle_seconds, slow=bounds.slow_seconds)
