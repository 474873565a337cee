"""The ladder: each rung with a sick device, a long queue, a deadline, and what is not degraded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seatrial.contract import Pipeline, StepCall, TensorSpec
from seatrial.errors import ContractViolation, EngineFailure, Unavailable, UsageError
from seatrial.serve.batching.profile import Profile
from seatrial.serve.call import Call
from seatrial.serve.model import Outcome, ServedModel
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Rung
from seatrial.serve.traffic.answers import Answers
from seatrial.serve.traffic.steps import misfit
from support.fake_session import POISON
from support.served import contract_for, loaded
from support.sick import Engines, sickly


class Bench:
    """A model and a smaller one (which triples, so that one sees who answered), with a ladder."""

    def __init__(
        self, service: InferenceService, model: ServedModel, engines: Engines, small: Engines
    ) -> None:
        self.service, self.model, self.engines, self.small = service, model, engines, small

    def rungs(self, *rungs: Rung) -> None:
        self.service.traffic.set_ladder("double", rungs)

    def begin(
        self,
        *values: float,
        call: Call | None = None,
        version: str = "",
        feeds: Mapping[str, Any] | None = None,
    ) -> tuple[asyncio.Future[Outcome], Call, Any]:
        call = call or Call()
        model = self.service.model("double", version, call)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        given = feeds or {"x": np.array(values or (1.0,), float).reshape(-1, 1)}
        cancel = self.service.infer(model, given, answer.set_result, call)
        return answer, call, cancel

    async def ask(self, *values: float, **more: Any) -> tuple[Any, str, str]:
        answer, call, _ = self.begin(*values, **more)
        outcome = await asyncio.wait_for(answer, 30)
        return plain(outcome), call.degraded, call.why


def plain(outcome: Outcome) -> Any:
    return outcome if isinstance(outcome, BaseException) else outcome[0].ravel().tolist()


@pytest.fixture
async def bench() -> Any:
    service = InferenceService(threads=1)
    model, engines = await sickly(max_batch_size=1, max_queue_size=4)
    small, others = await sickly("small", factor=3.0)
    service.repository.add(model)
    service.repository.add(small)
    yield Bench(service, model, engines, others)
    await service.close()


SMALL, CACHED, ERROR = Rung(model="small"), Rung(cached=60), Rung(error="come back at noon")


async def test_a_healthy_model_answers_itself(bench: Bench) -> None:
    bench.rungs(SMALL, CACHED, ERROR)
    assert await bench.ask(1, call=Call(parameters={"timeout": 10_000_000})) == ([2.0], "", "")


async def test_without_a_device_the_smaller_model_answers(bench: Bench) -> None:
    bench.rungs(SMALL, CACHED, ERROR)
    await bench.engines.take_away()
    assert await bench.ask(1) == ([3.0], "model small", "device")


async def test_without_both_an_answer_to_the_same_is_given_again(bench: Bench) -> None:
    bench.rungs(SMALL, CACHED, ERROR)
    assert await bench.ask(5) == ([10.0], "", "")
    await bench.engines.take_away()
    assert await bench.ask(5) == ([15.0], "model small", "device")  # is not kept as the model's own
    await bench.small.take_away()
    assert await bench.ask(5) == ([10.0], "cached", "device")
    outcome, degraded, why = await bench.ask(6)
    assert isinstance(outcome, Unavailable)
    assert (outcome.message, degraded, why) == ("come back at noon", "error", "device")


async def test_an_answer_grows_old(bench: Bench) -> None:
    bench.rungs(CACHED, ERROR)
    clock = bench.model.batcher.clock
    await bench.ask(5)
    await bench.engines.take_away()
    bench.model.batcher.clock = lambda: clock() + 61
    assert (await bench.ask(5))[1] == "error"


async def test_a_long_queue_steps_down_and_a_short_one_does_not(bench: Bench) -> None:
    bench.rungs(Rung(when=("queue",), queue_rows=2, model="small"))
    bench.engines.slow(0.05)
    asked = [bench.begin(1) for _ in range(6)]
    outcomes = [(plain(await answer), call.degraded, call.why) for answer, call, _ in asked]
    assert outcomes[:2] == [([2.0], "", "")] * 2
    assert outcomes[2:] == [([3.0], "model small", "queue")] * 4


async def test_a_full_queue_steps_down_where_no_length_is_said(bench: Bench) -> None:
    bench.rungs(Rung(when=("queue",), error="too many"))
    bench.engines.slow(0.02)
    asked = [bench.begin(1) for _ in range(7)]
    degraded = [(await answer and call.degraded) for answer, call, _ in asked]
    assert degraded == [""] * 4 + ["error"] * 3


async def test_a_deadline_that_cannot_be_met_steps_down_before_it_passes(bench: Bench) -> None:
    bench.rungs(Rung(when=("deadline",), model="small"))
    bench.model.profile = Profile({1: 0.5}, fixed=0.5)
    assert await bench.ask(1, call=Call(parameters={"timeout": 100_000})) == (
        [3.0],
        "model small",
        "deadline",
    )
    assert await bench.ask(1, call=Call(parameters={"timeout": 900_000})) == ([2.0], "", "")


async def test_a_deadline_that_passes_in_the_queue_steps_down(bench: Bench) -> None:
    bench.rungs(Rung(when=("deadline",), error="too late"))
    bench.engines.slow(0.1)
    first = bench.begin(1)
    await asyncio.sleep(0.01)
    outcome, degraded, why = await bench.ask(1, call=Call(parameters={"timeout": 30_000}))
    assert (str(outcome), degraded, why) == ("too late", "error", "deadline")
    assert plain(await first[0]) == [2.0]


async def test_who_waits_for_an_engine_that_died_steps_down_at_once(bench: Bench) -> None:
    bench.rungs(SMALL)
    bench.engines.slow(0.05)
    running, waiting = bench.begin(POISON), bench.begin(1)
    await asyncio.sleep(0.01)
    bench.engines.broken = True
    assert plain(await asyncio.wait_for(waiting[0], 30)) == [3.0]
    assert waiting[1].degraded == "model small"
    assert not running[0].done()  # who was on the engine is asked once more, not handed on
    assert bench.model.batcher.tally.cancelled == 0
    running[2]()


async def test_what_kills_engines_is_not_handed_from_model_to_model(bench: Bench) -> None:
    bench.rungs(SMALL, ERROR)
    outcome, degraded, _ = await bench.ask(POISON)
    assert (str(outcome), degraded) == ("come back at noon", "error")
    assert bench.small.sessions[0].batches == []


async def test_an_engine_that_hangs_steps_down() -> None:
    service = InferenceService(threads=1)
    model, engines = await sickly(timeout=0.05)
    small, _ = await sickly("small", factor=3.0)
    service.repository.add(model)
    service.repository.add(small)
    bench = Bench(service, model, engines, engines)
    bench.rungs(SMALL)
    engines.slow(60)
    outcome = await bench.ask(1)
    assert outcome == ([3.0], "model small", "device")
    await service.close()


async def test_an_error_of_the_request_is_its_own(bench: Bench) -> None:
    bench.rungs(SMALL, ERROR)

    def refuse(_: object) -> None:
        raise EngineFailure("no such numbers", kind="exception")

    bench.engines.sessions[0].begin = refuse  # type: ignore[method-assign]
    outcome, degraded, _ = await bench.ask(1)
    assert isinstance(outcome, EngineFailure)
    assert not degraded
    await bench.engines.take_away()
    with pytest.raises(ContractViolation):  # also while nobody could look at it but a rung
        bench.begin(feeds={"x": np.zeros((1, 2))})


async def test_who_names_a_version_gets_it_or_nothing(bench: Bench) -> None:
    bench.rungs(SMALL, ERROR)
    await bench.engines.take_away()
    answer, call, cancel = bench.begin(1, version="1")
    await asyncio.sleep(0.05)
    assert not answer.done()
    assert not call.degraded
    cancel()


async def test_only_the_reasons_that_are_said_lead_down(bench: Bench) -> None:
    bench.rungs(Rung(when=("queue",), model="small"), Rung(when=("device",), error="no device"))
    await bench.engines.take_away()
    assert (await bench.ask(1))[1:] == ("error", "device")


async def test_when_no_rung_can_help_the_model_is_waited_for(bench: Bench) -> None:
    bench.rungs(SMALL, CACHED)
    await bench.small.take_away()
    await bench.engines.take_away()
    answer, call, _ = bench.begin(1)
    await asyncio.sleep(0.02)
    assert not answer.done()
    bench.engines.broken = False
    assert plain(await asyncio.wait_for(answer, 30)) == [2.0]
    assert not call.degraded


async def test_a_rung_that_fails_is_followed_by_the_next(bench: Bench) -> None:
    bench.rungs(SMALL, ERROR)
    await bench.engines.take_away()
    outcome, degraded, _ = await bench.ask(POISON)  # kills the smaller one, twice
    assert (str(outcome), degraded) == ("come back at noon", "error")


async def test_a_smaller_model_that_is_busy_is_passed_over() -> None:
    service = InferenceService(threads=1)
    model, engines = await sickly()
    small, others = await sickly("small", factor=3.0, max_batch_size=1, max_queue_size=1)
    service.repository.add(model)
    service.repository.add(small)
    bench = Bench(service, model, engines, others)
    bench.rungs(SMALL, ERROR)
    await engines.take_away()
    others.slow(0.05)
    asked = [bench.begin(1) for _ in range(3)]
    assert [(await answer and call.degraded) for answer, call, _ in asked] == [
        "model small",
        "error",
        "error",
    ]
    await service.close()


async def test_who_is_gone_is_not_answered(bench: Bench) -> None:
    bench.rungs(SMALL)
    await bench.engines.take_away()
    bench.small.slow(0.05)
    runs = bench.begin(1)
    await asyncio.sleep(0.01)
    waits = bench.begin(1)
    await asyncio.sleep(0.01)
    waits[2]()
    assert plain(await runs[0]) == [3.0]
    await asyncio.sleep(0.1)
    assert not waits[0].done()
    assert bench.small.sessions[0].batches == [1]


async def test_a_rung_that_breaks_costs_no_answer(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.rungs(SMALL, ERROR)
    ladder = bench.service.traffic.plans["double"].ladder
    assert ladder is not None
    ladder.rungs[0][1].find = lambda: 1 / 0  # type: ignore[union-attr,attr-defined]
    await bench.engines.take_away()
    assert (await bench.ask(1))[1] == "error"
    assert "the rung 'model small' failed" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [{}, {"model": "a", "error": "b"}, {"cached": 0}, {"error": "x", "when": []}, {"remote": "ftp://a"},
     {"remote": "http://user:word@a"}],
    ids=["nothing", "two", "no-age", "never", "no-http", "secret"],
)  # fmt: skip
def test_a_rung_does_one_thing(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Rung.model_validate(wrong)


async def test_a_ladder_to_nowhere_is_refused_at_start(bench: Bench) -> None:
    other, _ = await loaded("other", contract=contract_for(double(shape=("batch", 2))))
    bench.service.repository.add(other)
    for rung, why in (
        (Rung(model="nobody"), "no model 'nobody'"),
        (Rung(model="small:7"), "no version '7'"),
        (Rung(model="double"), "it is that version itself"),
        (Rung(model="other"), r"its input 'x' is float64 \[batch, 2\]"),
    ):
        with pytest.raises(UsageError, match=why):
            bench.rungs(rung)
    assert not bench.service.traffic.plans


def double(**changes: Any) -> TensorSpec:
    return replace(TensorSpec("x", "float64", ("batch", 1), "NC"), **changes)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, ""),
        ({"inputs": (double(shape=("n", None)),)}, ""),
        ({"inputs": (double(dtype="float32"),)}, "input 'x'"),
        ({"inputs": (double(shape=("batch", 2)),)}, "input 'x'"),
        ({"inputs": (double(shape=("batch", 1, 1)),)}, "input 'x'"),
        ({"outputs": (double(), double())}, "2 outputs, not 1"),
        ({"outputs": (double(dtype="int64"),)}, "output 'x'"),
        ({"task": "regression"}, "another task"),
        ({"labels": ("a",)}, "another labels"),
        ({"preprocess": Pipeline((StepCall("cast", {"dtype": "float64"}),))}, "another preprocess"),
    ],
    ids=["same", "wider", "dtype", "shape", "rank", "outputs", "output", "task", "labels", "preprocess"],
)
def test_what_can_stand_in(other: dict[str, Any], why: str) -> None:
    told = misfit(Plain(), Plain(**other))  # type: ignore[arg-type]
    assert (why in told) if why else not told


class Plain:
    """The specs of a model and nothing else."""

    def __init__(self, **changes: Any) -> None:
        self.inputs = changes.pop("inputs", (double(),))
        self.outputs = changes.pop("outputs", (double(name="y"),))
        self.contract = replace(contract_for(), **changes)


def test_kept_answers_are_bounded_by_bytes_and_copied() -> None:
    answers, row = Answers(8 * 800, 10.0), np.ones(100)
    for key in range(10):
        answers.put(key, [row], now=0.0)
    assert len(answers) == 8
    assert answers.size == 8 * 800
    assert answers.get(0, 0.0) is None
    answers.get(2, 0.0)  # used last: stays
    row[:] = 7
    answers.put(10, [row], now=0.0)
    found = answers.get(2, 0.0)
    assert found is not None
    assert found[0].sum() == 100
    found[0][:] = 5
    assert answers.get(2, 0.0)[0].sum() == 100  # type: ignore[index]
    assert answers.get(3, 0.0) is None
    answers.put(11, [np.ones(900)], now=0.0)  # more than its share
    assert answers.get(11, 0.0) is None
    assert answers.get(2, 11.0) is None
    assert answers.size == (len(answers)) * 800


def test_kept_texts_count_what_they_take() -> None:
    answers = Answers(10_000, 10.0)
    answers.put("a", [np.array(["x" * 5000], dtype=object)], now=0.0)
    assert len(answers) == 0
