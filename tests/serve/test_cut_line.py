"""An engine that died unnoticed, and is noticed by the batch that cannot be handed over."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from seatrial.errors import EngineFailure
from support.sick import sickly


async def test_nobody_listens_to_a_line_that_was_cut() -> None:
    model, engines = await sickly()
    session, loop = engines.sessions[0], asyncio.get_running_loop()
    listened: list[bool] = []

    def begin(_: Any) -> None:
        session.alive = False
        line = session.fileno()
        loop.call_soon(lambda: listened.append(loop.remove_reader(line)))  # before the error is told
        raise EngineFailure("the worker is gone", kind="signal")

    session.begin = begin  # type: ignore[method-assign]
    answer: asyncio.Future[Any] = loop.create_future()
    model.submit({"x": np.ones((1, 1))}, answer.set_result)
    assert (await asyncio.wait_for(answer, 30))[0].item() == 2.0  # of the engine that came after it
    assert model.batcher.tally.deaths == 1
    assert listened == [False]
    await model.batcher.close()
