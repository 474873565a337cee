"""Shadow traffic: what it counts, and that nobody notices it."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import Pipeline, StepCall
from seatrial.errors import NotFound, UsageError
from seatrial.serve.call import Call
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Route, Rung, Shadow
from seatrial.serve.traffic import shadow as shadow_module
from seatrial.serve.traffic.compare import compare
from seatrial.serve.traffic.shadow import ShadowTally
from support.fake_session import POISON
from support.served import contract_for
from support.sick import Engines, sickly


class Pair:
    """Version 1 answers, version 2 is asked besides and makes `factor` times of its input."""

    def __init__(self, service: InferenceService, real: Engines, other: Engines) -> None:
        self.service, self.real, self.other = service, real, other
        self.draws = 0.0

    def shadow(self, **more: Any) -> None:
        route = Route(weights={"1": 1}, shadow=Shadow(version="2", **more))
        self.service.traffic.set_route("double", route)

    @property
    def tally(self) -> ShadowTally:
        line = self.service.traffic.plans["double"].shadow
        assert line is not None
        return line.tally

    def begin(self, value: float = 1.0, version: str = "", log_id: str = "") -> tuple[Any, Any]:
        call = Call(log_id=log_id)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        model = self.service.model("double", version, call)
        cancel = self.service.infer(model, {"x": np.array([[value]], float)}, answer.set_result, call)
        return answer, cancel

    async def ask(self, value: float = 1.0, version: str = "", log_id: str = "") -> Any:
        outcome = await asyncio.wait_for(self.begin(value, version, log_id)[0], 30)
        return outcome if isinstance(outcome, BaseException) else outcome[0].ravel().tolist()

    async def counted(self, **wanted: int) -> None:
        """Waits until so much was counted, and insists on nothing else."""
        names = ("agreed", "differed", "failed", "dropped")
        goal = {name: wanted.get(name, 0) for name in names}
        for _ in range(200):
            found = {name: getattr(self.tally, name) for name in names}
            if sum(found.values()) >= sum(goal.values()):
                break
            await asyncio.sleep(0.005)
        assert found == goal


@pytest.fixture
async def pair() -> Any:
    service = InferenceService(threads=1)
    real, engines = await sickly(version="1", max_batch_size=1)
    other, others = await sickly(version="2", factor=2.0, max_batch_size=1, max_queue_size=4)
    service.repository.add(real)
    service.repository.add(other)
    made = Pair(service, engines, others)
    service.traffic._draw = lambda: made.draws
    yield made
    await service.close()


async def test_equal_answers_agree_and_take_their_time(pair: Pair) -> None:
    pair.shadow()
    pair.other.slow(0.03)
    assert [await pair.ask(each) for each in (1, 2, 3)] == [[2.0], [4.0], [6.0]]
    await pair.counted(agreed=3)
    assert pair.tally.compared == 3
    assert pair.tally.latency_ratio > 1
    assert pair.tally.max_difference == 0


async def test_other_answers_are_counted_and_remembered(pair: Pair) -> None:
    pair.shadow()
    pair.other.sessions[0].factor = 2.5
    assert await pair.ask(4, log_id="abc") == [8.0]
    await pair.counted(differed=1)
    told = pair.service.traffic.shadow("double")
    assert (told["compared"], told["differed"], told["max_difference"]) == (1, 1, 2.0)
    (one,) = told["differing"]
    assert one["log_id"] == "abc"
    assert one["max_difference"] == 2.0
    assert one["input"].startswith("blake2b:")
    for each in range(40):
        await pair.ask(float(each + 1))
    assert len(pair.service.traffic.shadow("double")["differing"]) == shadow_module.KEPT


async def test_what_is_near_enough_agrees(pair: Pair) -> None:
    pair.shadow(tolerance=0.1)
    pair.other.sessions[0].factor = 2.1
    await pair.ask(1)
    await pair.counted(agreed=1)


async def test_its_failure_is_nobodys_failure(pair: Pair) -> None:
    pair.shadow()
    pair.real.sessions[0].begin = _answers(pair.real)  # this one bears what kills the other
    assert await pair.ask(POISON) == [7.0]
    await pair.counted(failed=1)
    assert "SIGSEGV" in pair.service.traffic.shadow("double")["differing"][0]["why"]


def _answers(engines: Engines) -> Any:
    session = engines.sessions[0]

    def begin(_: object) -> None:
        session._answer = [np.array([[7.0]])]
        session._reply()

    return begin


async def test_the_real_answer_does_not_wait(pair: Pair) -> None:
    pair.shadow()
    pair.other.slow(3)
    began = asyncio.get_running_loop().time()
    await pair.ask()
    assert asyncio.get_running_loop().time() - began < 2


async def test_it_is_dropped_when_half_the_queue_is_full(pair: Pair) -> None:
    pair.shadow()
    pair.other.slow(0.05)
    for each in range(8):
        await pair.ask(float(each))
    # One runs, three wait (more than half of four), the others are not asked.
    await pair.counted(agreed=4, dropped=4)


async def test_it_waits_behind_everybody_else(pair: Pair) -> None:
    pair.shadow()
    pair.other.slow(0.03)
    asked: list[str] = []
    await pair.ask(1)
    await pair.ask(2)
    own = pair.begin(9, version="2")[0]  # for the second version itself; comes last, goes first
    own.add_done_callback(lambda _: asked.append(f"{pair.tally.compared}"))
    await own
    assert asked == ["1"]
    await pair.counted(agreed=2)


async def test_a_shadow_without_an_engine_is_not_asked(pair: Pair) -> None:
    pair.shadow()
    await pair.other.take_away()
    assert await pair.ask() == [2.0]
    await pair.counted(dropped=1)


async def test_only_the_share_is_asked(pair: Pair) -> None:
    pair.shadow(share=0.25)
    for pair.draws in (0.1, 0.2, 0.25, 0.9):
        await pair.ask()
    await pair.counted(agreed=2)


async def test_neither_itself_nor_a_named_version_is_shadowed(pair: Pair) -> None:
    pair.service.traffic.set_route("double", Route(shadow=Shadow(version="2")))
    await pair.ask()  # the newest is the shadow itself
    await pair.ask(version="1")
    await asyncio.sleep(0.02)
    await pair.counted()
    assert pair.other.sessions[0].batches == [1]


async def test_who_goes_takes_his_shadow_along(pair: Pair) -> None:
    pair.shadow()
    pair.real.slow(0.05)
    pair.other.slow(0.05)
    begun = [pair.begin(float(each)) for each in range(3)]
    await asyncio.sleep(0.01)
    for _, cancel in begun[1:]:
        cancel()
    await pair.counted(agreed=1, dropped=2)
    assert len(pair.other.sessions[0].batches) == 1


async def test_a_degraded_answer_is_not_compared(pair: Pair) -> None:
    pair.shadow()
    small, _ = await sickly("small", factor=3.0)
    pair.service.repository.add(small)
    pair.service.traffic.set_ladder("double", [Rung(when=("queue",), queue_rows=1, model="small")])
    pair.real.slow(0.03)
    first, _ = pair.begin()
    await asyncio.sleep(0.01)
    answers = [pair.begin()[0] for _ in range(2)]
    assert [(await each)[0].item() for each in (first, *answers)] == [2.0, 2.0, 3.0]
    await pair.counted(agreed=2, dropped=1)


async def test_large_answers_are_compared_in_a_thread(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_module, "LARGEST_INLINE", 0)
    monkeypatch.setattr(shadow_module, "MOST_COMPARING", 2)
    pair.shadow()
    await asyncio.gather(*(pair.ask(float(each)) for each in range(2)))
    await pair.counted(agreed=2)


async def test_a_shadow_that_stays_goes_on_counting(pair: Pair) -> None:
    pair.shadow()
    await pair.ask()
    await pair.counted(agreed=1)
    traffic = pair.service.traffic
    traffic.set_route("double", traffic.route("double").model_copy(update={"weights": {"1": 2, "2": 1}}))
    await pair.counted(agreed=1)
    traffic.set_route("double", Route(weights={"1": 1}))
    with pytest.raises(NotFound, match="has no shadow"):
        traffic.shadow("double")


async def test_a_shadow_that_prepares_otherwise_is_refused(pair: Pair) -> None:
    steps = Pipeline((StepCall("cast", {"dtype": "float64"}),))
    third, _ = await sickly(version="3", contract=contract_for(preprocess=steps))
    pair.service.repository.add(third)
    with pytest.raises(UsageError, match="version 3 prepares its input otherwise than 1"):
        pair.service.traffic.set_route("double", Route(weights={"1": 1}, shadow=Shadow(version="3")))
    assert not pair.service.traffic.plans


def scores(*rows: list[float]) -> list[Any]:
    return [np.array(rows, np.float32)]


def test_a_class_is_the_answer_where_the_task_says_so() -> None:
    one, other = scores([0.9, 0.1], [0.2, 0.8]), scores([0.7, 0.3], [0.4, 0.6])
    found = compare(one, other, task="classification", tolerance=1e-3)
    assert found.agrees
    assert found.top1 == 1.0
    assert found.max_difference == pytest.approx(0.2)
    assert not compare(one, other, task="detection", tolerance=1e-3).agrees
    turned = compare(one, scores([0.7, 0.3], [0.6, 0.4]), task="classification", tolerance=1e-3)
    assert (turned.agrees, turned.top1, turned.why) == (False, 0.5, "a class")


def test_what_cannot_be_compared_differs() -> None:
    nan, number = scores([np.nan]), scores([1.0])
    assert compare(nan, nan, task="tensor", tolerance=0).agrees
    assert not compare(nan, number, task="tensor", tolerance=1e9).agrees
    assert compare(number, scores([1.0], [1.0]), task="tensor", tolerance=1).why.endswith("shapes")
    texts = [np.array(["a"], object)], [np.array(["b"], object)]
    assert compare(*texts, task="tensor", tolerance=1).why == "texts"
    assert compare(scores([np.inf]), scores([np.inf]), task="tensor", tolerance=0).agrees


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.floats(0, 1e-3))
def test_every_answer_agrees_with_itself(values: list[float], tolerance: float) -> None:
    found = compare([np.array(values)], [np.array(values)], task="tensor", tolerance=tolerance)
    assert found.agrees
    assert found.max_difference == 0
