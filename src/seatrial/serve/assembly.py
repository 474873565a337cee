"""Puts a server together from its settings: the one place where the parts meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from seatrial import lazy
from seatrial.errors import SeatrialError, UsageError
from seatrial.serve.access.doors import gate_of, tls_of
from seatrial.serve.access.guard import exposure
from seatrial.serve.access.licensing import Key, Licensing
from seatrial.serve.access.tls import Tls
from seatrial.serve.flow.declaration import load_flow
from seatrial.serve.flow.pipeline import ServedPipeline, pipeline_line
from seatrial.serve.fronts.pool import FrontsServer
from seatrial.serve.limits import Limits
from seatrial.serve.repository import Repository
from seatrial.serve.rest.front import RestFront
from seatrial.serve.server import Server
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Bounds, Settings
from seatrial.serve.traffic.remote import entries_of
from seatrial.serve.versions.bundles import Opener
from seatrial.serve.versions.keeper import Keeper
from seatrial.serve.versions.loading import choice_lines, load_version
from seatrial.serve.watching.observing import observe

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
        licensing: What permits to serve.
        tls: What connections are wrapped in; None: nothing.
    """

    settings: Settings
    repository: Repository
    service: InferenceService
    front: RestFront
    server: Server
    licensing: Licensing
    tls: Tls | None = None

    async def start(self, told: Told) -> str:
        """Loads the models, then listens; returns the address.

        Args:
            told: Each line for people.

        Raises:
            SeatrialError: A model cannot be loaded, a pipeline does not fit its models, or the address
                cannot be had.
        """
        keeper, settings = self.service.keeper, self.settings
        exposed = exposure(
            settings.host,
            keys=self.front.gate.closed,
            tls=self.tls is not None,
            mutual=self.tls is not None and self.tls.mutual,
        )
        if exposed:
            _log.warning("%s; see docs/how-to/serve-safely.md", exposed)
        for line in self.licensing.lines():
            told(line)
        keeper.told = lambda model: told("\n".join(choice_lines(model)))
        try:
            flows = {name: load_flow(path) for name, path in settings.pipelines.items()}
            await keeper.start()
            for name, flow in flows.items():
                self.service.pipelines[name] = ServedPipeline(name, flow, self.repository)
                told(pipeline_line(name, flow))
            self.service.traffic.take(settings.models)
            if settings.watch_seconds:
                keeper.begin(keeper.watch(settings.watch_seconds))
            if settings.grpc_port is not None:
                told(await self._start_grpc(settings.host, settings.grpc_port))
            return await self.server.start(settings.host, settings.port)
        except BaseException:
            await self.server.stop(0)
            raise

    async def _start_grpc(self, host: str, port: int) -> str:
        lazy.load("grpc", extra="serve")
        from seatrial.serve.rpc.front import GrpcFront

        credentials = None
        if self.tls is not None:
            from seatrial.serve.rpc.credentials import credentials_of

            credentials = credentials_of(self.tls)
        front = GrpcFront(
            self.service,
            self.front.instruments,
            limits=self.front.limits,
            credentials=credentials,
            gate=self.front.gate,
            room=self.front.room,
        )
        self.server.also(front)
        return f"gRPC: {await front.start(host, port)}"

    def reload(self, settings: Settings) -> None:
        """Begins to make the models what new settings and the files say; nothing that serves is interrupted.

        What is no model (addresses, access, limits) stays as it was until the next start.
        """
        self.service.keeper.begin(self._reload(settings))

    async def _reload(self, settings: Settings) -> None:
        try:
            fresh = await asyncio.to_thread(self.licensing.reopened, settings.license)
        except SeatrialError as error:
            _log.warning("licenses stay as they were: %s (%s)", error.message, error.hint)
        else:
            self.licensing.take_over(fresh, self.service.models)
        await self.service.keeper.reload(settings.models)
        try:
            self.service.traffic.take(settings.models)
        except SeatrialError as error:
            _log.warning("routes and ladders stay as they were: %s (%s)", error.message, error.hint)
        await self.service.keeper.look()  # versions that no route names any more may go


def assemble(settings: Settings, *, opener: Opener | None = None, key: Key | None = None) -> Assembly:
    """Builds what `settings` describe; nothing is loaded and nothing listens yet, but licenses are opened.

    Call it in the event loop that the server will run in.

    Args:
        settings: Of the server.
        opener: Gives the content keys of sealed bundles; None: only licenses do.
        key: Gives the customer's private key, for licenses that are for it and not for a device.

    Raises:
        UsageError: The settings contradict each other, or name files that are not there.
        TrustError: A license does not permit to serve here.
    """
    twice = sorted(set(settings.pipelines) & set(settings.models))
    if twice:
        raise UsageError(
            f"pipelines.{twice[0]}: there is a model of this name", hint="name one of them otherwise"
        )
    licensing = Licensing(settings.license, key=key)
    try:
        return _assembled(settings, licensing, opener)
    except BaseException:
        licensing.close()
        raise


def _assembled(settings: Settings, licensing: Licensing, opener: Opener | None) -> Assembly:
    repository = Repository()
    limits = limits_of(settings.limits)
    load = licensing.load_with(partial(load_version, opener=licensing.opener(opener)))
    keeper = Keeper(repository, settings.models, load=load)
    service = InferenceService(repository, keeper=keeper, limits=limits)
    service.traffic.entries = entries_of(settings.remotes)
    front = RestFront(service, limits=limits, gate=gate_of(settings.access))
    observe(front.instruments, settings.log)
    if settings.license.files:
        for family in licensing.families():
            front.instruments.add(family)
    front.instruments.at_end(licensing.close)
    tls = tls_of(settings.access)
    server = _server(service, front, settings, tls)
    return Assembly(settings, repository, service, front, server, licensing, tls)


def _server(service: InferenceService, front: RestFront, settings: Settings, tls: Tls | None) -> Server:
    if settings.fronts > 1:
        return FrontsServer(service, front, count=settings.fronts, access=settings.access, tls=tls)
    return Server(service, front, tls=tls)


def limits_of(bounds: Bounds) -> Limits:
    """What a client may take, in the units of the code."""
    return Limits(
        body=bounds.body_mebibytes << 20,
        idle=bounds.idle_seconds,
        slow=bounds.slow_seconds,
        connections=bounds.connections,
        memory=bounds.memory_mebibytes << 20,
        text=bounds.text_characters,
        pixels=int(bounds.image_megapixels * 1e6),
    )
