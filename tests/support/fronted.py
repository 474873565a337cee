"""Fronts and a hub in the test's own event loop, joined by real sockets and real shared memory."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from seatrial.serve.fronts.frames import Frame, Kind
from seatrial.serve.fronts.front import ForwardingFront
from seatrial.serve.fronts.hub import Hub
from seatrial.serve.fronts.line import Line as HubLine
from seatrial.serve.fronts.memory import create
from seatrial.serve.fronts.models import Offer, targets
from seatrial.serve.limits import Limits
from seatrial.serve.model import ServedModel
from seatrial.serve.rest.front import RestFront
from seatrial.serve.service import InferenceService
from support.served import Rest


@dataclass
class Pair:
    """One front and the hub it speaks to.

    Attributes:
        front: Clients are met by it.
        line: Its end of the line.
        hub: Of the server.
        rest: How to ask it; `rest.front` counts.
        kinds: What the front was sent and sent, by kind of frame.
    """

    front: ForwardingFront
    line: HubLine
    hub: Hub
    rest: Rest
    kinds: list[Kind] = field(default_factory=list)


@asynccontextmanager
async def fronted(
    *models: ServedModel, count: int = 2, limits: Limits | None = None, size: int = 1 << 20
) -> AsyncIterator[list[Pair]]:
    """Fronts of a server of these models, each on a port of its own."""
    service = InferenceService(threads=2)
    for each in models:
        service.repository.add(each)
    counting = RestFront(service, limits=limits)
    service.repository.watch(counting.instruments.watch)
    pairs = [await _pair(service, counting, limits or Limits(), size) for _ in range(count)]
    try:
        yield pairs
    finally:
        for pair in pairs:
            pair.rest.server.close()
            for each in list(pair.front.connections):
                each.abort()
            pair.line.close()
        await asyncio.sleep(0)
        await service.close()


async def _pair(service: InferenceService, counting: RestFront, limits: Limits, size: int) -> Pair:
    loop = asyncio.get_running_loop()
    requests, answers = create("test-requests", size), create("test-answers", size)
    offer, kinds = Offer(service.repository), []

    def received(frame: Frame) -> None:
        kinds.append(Kind(frame.kind))
        if frame.kind == Kind.MODELS:
            front.targets = targets(frame.said)
        else:
            front.answered(frame)

    line = HubLine(received, lambda: None, ours=requests, theirs=answers)
    front = ForwardingFront(line, limits=limits)
    hub = Hub(
        service, counting, offer, listening=lambda _: None, lost=lambda: None, ours=answers, theirs=requests
    )
    for each in (requests, answers):
        os.close(each)
    ours, theirs = socket.socketpair()
    await loop.create_unix_connection(lambda: hub.line, sock=ours)
    await loop.create_unix_connection(lambda: line, sock=theirs)
    front.targets = targets(offer.table())
    server = await loop.create_server(front.protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    return Pair(front, line, hub, Rest(service, counting, server, port), kinds)  # type: ignore[arg-type]
