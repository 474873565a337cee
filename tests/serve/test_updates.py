"""Versions come and go under load: each caller gets its own rows, from one version, and nobody is failed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.serve.call import Call
from seatrial.serve.repository import Repository
from seatrial.serve.service import InferenceService
from support.shelf import Shelf

REQUESTS = 400


class Client:
    """Sends rows that nobody else sends, and looks at what comes back.

    A row of version `v` is `v` times what was sent; all numbers are primes' worth apart, so that a row of
    another request or a mixture of versions is no whole multiple.
    """

    def __init__(self, service: InferenceService, rng: np.random.Generator) -> None:
        self.service, self.rng = service, rng
        self.answered, self.cancelled, self.versions = 0, 0, set[str]()

    async def ask(self, identity: int) -> None:
        rows = int(self.rng.integers(1, 4))
        sent = np.array([[identity * 1000.0 + row] for row in range(1, rows + 1)])
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = Call()
        model = self.service.model("m", "", call)
        if self.rng.random() < 0.3:
            cancel = self.service.predict(model, sent[0], answer.set_result, call)
            expected: Any = sent[0].tolist()
        else:
            cancel = self.service.infer(model, {"x": sent}, answer.set_result, call)
            expected = sent.tolist()
        if self.rng.random() < 0.15:
            await asyncio.sleep(0)
            cancel()
            self.cancelled += 1
            return
        outcome = await asyncio.wait_for(answer, 30)
        assert not isinstance(outcome, BaseException), outcome
        got = outcome[0] if isinstance(outcome[0], np.ndarray) else np.array(outcome)
        np.testing.assert_array_equal(got, np.array(expected) * float(call.version))
        self.answered += 1
        self.versions.add(call.version)


@pytest.mark.parametrize("seed", range(5))
async def test_every_request_is_answered_by_exactly_one_version(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    service = InferenceService(repository, keeper=shelf.keeper(repository), threads=2)
    await service.keeper.start()
    client = Client(service, rng)
    asking: list[asyncio.Task[None]] = []
    version = 1
    for identity in range(1, REQUESTS + 1):
        asking.append(asyncio.create_task(client.ask(identity)))
        if identity % 50 == 0:
            version += 1
            shelf.put(str(version), float(version))
            service.keeper.begin(service.keeper.load("m"))
        if rng.random() < 0.4:
            await asyncio.sleep(0)
        if rng.random() < 0.02:
            await asyncio.sleep(0.01)
    await asyncio.gather(*asking)
    assert client.answered + client.cancelled == REQUESTS
    while service.keeper._tasks:
        await asyncio.sleep(0)
    assert repository.versions("m") == [str(version)]
    assert len(client.versions) > 1
    alive = [each.alive for name, made in shelf.sessions.items() if name != str(version) for each in made]
    assert not any(alive)
    assert not service.preparing
    await service.close()


async def test_a_payload_in_preparation_ends_on_the_version_it_began_on(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    service = InferenceService(repository, keeper=shelf.keeper(repository), threads=1)
    await service.keeper.start()
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    busy = asyncio.Event()
    block = loop.run_in_executor(service.pool, _wait_for, loop, busy)
    call = Call()
    service.predict(service.model("m", "", call), np.array([7.0]), answer.set_result, call)
    shelf.put("2", 2)
    await service.keeper.load("m")
    assert repository.versions("m") == ["2"]
    assert [each.state for each in service.keeper.index() if each.version == "1"] == ["UNLOADING"]
    busy.set()
    await block
    assert await asyncio.wait_for(answer, 30) == [7.0]
    assert call.version == "1"
    while service.keeper._tasks:
        await asyncio.sleep(0)
    assert not any(each.alive for each in shelf.sessions["1"])
    await service.close()


def _wait_for(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    asyncio.run_coroutine_threadsafe(event.wait(), loop).result(10)


async def test_payloads_that_are_given_up_or_wrong_do_not_hold_a_version(tmp_path: Path) -> None:
    shelf, repository = Shelf(tmp_path), Repository()
    shelf.put("1", 1)
    service = InferenceService(repository, keeper=shelf.keeper(repository), threads=1)
    await service.keeper.start()
    model = repository.model("m")
    told: list[Any] = []
    service.predict(model, np.array([1.0]), told.append, Call())()
    service.predict(model, "no number", told.append, Call())
    service.predict(model, np.full(1, np.nan), told.append, Call())  # refused when it is submitted
    await service.keeper.unload("m")
    while service.keeper._tasks:
        await asyncio.sleep(0)
    assert [isinstance(each, Exception) for each in told] == [True, True]
    assert not any(each.alive for each in shelf.sessions["1"])
    await service.close()
