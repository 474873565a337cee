"""A served model whose engines can be taken away and given back."""

from __future__ import annotations

import asyncio
from typing import Any

from seatrial.errors import Unavailable
from seatrial.serve.model import ServedModel, ServingOptions
from support.fake_session import FakeSession
from support.served import artifact, contract_for


class Engines:
    """The engines of one model: `broken` ones do not come back.

    Args:
        factor: What they make of their input.
    """

    def __init__(self, factor: float = 2.0) -> None:
        self.sessions: list[FakeSession] = []
        self.broken = False
        self.factor, self.seconds = factor, 0.0

    def open(self) -> FakeSession:
        if self.broken:
            raise Unavailable("there is no device")
        self.sessions.append(FakeSession(self.seconds, factor=self.factor))
        return self.sessions[-1]

    def slow(self, seconds: float) -> None:
        """From now on a batch takes so long."""
        self.seconds = seconds
        for each in self.sessions:
            each.seconds = seconds

    async def take_away(self) -> None:
        """The device is gone, and everybody knows."""
        self.broken = True
        for each in self.sessions:
            if each.theirs.fileno() >= 0:
                each.theirs.send(b"!")
        await asyncio.sleep(0.02)


async def sickly(
    name: str = "double", version: str = "1", *, factor: float = 2.0, **more: Any
) -> tuple[ServedModel, Engines]:
    """A model over such engines, ready."""
    engines = Engines(factor)
    contract = more.pop("contract", None) or contract_for()
    model = ServedModel(
        name,
        version,
        artifact(*contract.inputs),
        contract,
        options=ServingOptions(**more),
        opens=engines.open,
    )
    await model.load()
    for each in engines.sessions:
        each.batches.clear()
    return model, engines
