"""An engine that died unnoticed, and is noticed by the batch that cannot be handed over."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

from seatrial.errors import EngineFailure
from support.sick import sickly


async def test_a_batch_that_cannot_be_handed_over_is_told_once() -> None:
    model, engines = await sickly()
    session, complaints = engines.sessions[0], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    def begin(_: Any) -> None:
        session.alive = False
        session.theirs.close()  # from here on the line is readable, and nothing is to be read
        raise EngineFailure("the worker is gone", kind="signal")

    def finish() -> Any:
        raise RuntimeError("nothing was begun")

    session.begin, session.finish = begin, finish  # type: ignore[method-assign,assignment]
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    model.submit({"x": np.ones((1, 1))}, answer.set_result)
    assert (await asyncio.wait_for(answer, 5))[0].item() == 2.0  # of the engine that came after it
    assert model.batcher.tally.deaths == 1
    assert not complaints
    await model.batcher.close()
