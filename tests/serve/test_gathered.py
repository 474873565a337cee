"""Requests that are handed on together: each has its own answer, error, log id and place, as if alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import TensorSpec
from seatrial.errors import ContractViolation, Unavailable
from seatrial.runtimes import FeedCheck, Portion, joined
from seatrial.serve import v2
from seatrial.serve.access.apikeys import add_key, made
from seatrial.serve.access.guard import Gate
from seatrial.serve.fronts.frames import Kind
from seatrial.serve.model import ServedModel
from seatrial.serve.rest.forms import MOST_FORMS, Forms
from support.fake_session import POISON
from support.fronted import fronted
from support.served import Answer, Line, Rest, X, artifact, contract_for, infer_body, loaded, rest

INFER = "/v2/models/double/infer"


@asynccontextmanager
async def one_process(*models: ServedModel) -> AsyncIterator[tuple[Rest, list[int]]]:
    """A server, and of how many requests each lot was."""
    async with rest(*models) as server:
        lots: list[int] = []
        gatherer = server.front._gatherer
        send = gatherer._send

        def spied(target: Any, lot: Any, members: Any) -> None:
            lots.append(len(members))
            send(target, lot, members)

        gatherer._send = spied
        yield server, lots


@asynccontextmanager
async def with_a_front(*models: ServedModel) -> AsyncIterator[tuple[Rest, list[int]]]:
    """The same with its front apart."""
    async with fronted(*models, count=1) as [pair]:
        lots: list[int] = []
        send = pair.line.send

        def spied(kind: Kind, *args: Any, **more: Any) -> None:
            if kind == Kind.INFER:
                lots.append(len(json.loads(more["said"])))
            send(kind, *args, **more)

        pair.line.send = spied  # type: ignore[method-assign]
        yield pair.rest, lots


both = pytest.mark.parametrize("served", [one_process, with_a_front], ids=["one process", "a front"])


async def together(server: Rest, asked: Sequence[tuple[str, Any, dict[str, str]]]) -> list[Answer]:
    """Sends requests on a connection each, so that the server reads them in one turn of its loop."""
    lines = [await server.line() for _ in asked]
    await asyncio.sleep(0.02)
    for line, (path, body, headers) in zip(lines, asked, strict=True):
        line.ask("POST", path, body, headers)
    try:
        return [await line.answer() for line in lines]
    finally:
        for line in lines:
            line.writer.close()


def values_of(answer: Answer) -> Any:
    return answer.json["outputs"][0]["data"]


@both
async def test_requests_of_one_turn_travel_together_and_keep_their_own(served: Any) -> None:
    model, sessions = await loaded(max_batch_size=16, seconds=0.01)
    asked = [(INFER, infer_body(n + 0.5, id=f"id-{n}"), {"X-Log-Id": f"log-{n}"}) for n in range(12)]
    async with served(model) as (server, lots):
        answers = await together(server, asked)
        assert sum(lots) == 12
        assert max(lots) > 6
        assert max(sessions[0].batches) > 6
        for n, answer in enumerate(answers):
            assert (answer.status, values_of(answer)) == (200, [2 * n + 1])
            assert (answer.headers["x-log-id"], answer.json["id"]) == (f"log-{n}", f"id-{n}")
            assert answer.json["outputs"][0]["shape"] == [1, 1]
        text = (await server.ask("GET", "/metrics")).body.decode()
        counted = 'seatrial_requests_total{model="double",version="1",route="infer",code="200"} 12'
        assert counted in text
        assert 'seatrial_queue_seconds_count{model="double",version="1"} 12' in text or served is one_process


@both
async def test_models_and_shapes_do_not_mix(served: Any) -> None:
    wide = TensorSpec("x", "float64", ("batch", "width"), "NC")
    model, _ = await loaded(contract=contract_for(wide), max_batch_size=16)
    other, _ = await loaded("treble", factor=3.0, max_batch_size=16)
    draw = np.random.default_rng(5)
    asked, wanted = [], []
    for turn in range(24):
        rows, width = int(draw.integers(1, 4)), int(draw.integers(1, 4))
        name, factor = ("double", 2) if turn % 3 else ("treble", 3)
        width = width if name == "double" else 1
        values = draw.standard_normal(rows * width).round(3)
        entry = {"name": "x", "datatype": "FP64", "shape": [rows, width], "data": values.tolist()}
        asked.append((f"/v2/models/{name}/infer", {"inputs": [entry]}, {}))
        wanted.append((name, [rows, width], (factor * values).tolist()))
    async with served(model, other) as (server, lots):
        answers = await together(server, asked)
        assert len(lots) < 24
        for answer, (name, shape, values) in zip(answers, wanted, strict=True):
            assert (answer.json["model_name"], answer.json["outputs"][0]["shape"]) == (name, shape)
            assert values_of(answer) == values


@both
async def test_one_that_breaks_the_specs_is_refused_alone(served: Any) -> None:
    bounded = replace(X, low=-10.0, high=10.0)
    model, sessions = await loaded(contract=contract_for(bounded), max_batch_size=16)
    asked = [(INFER, infer_body(99.0 if n == 3 else n + 0.5), {}) for n in range(8)]
    async with served(model) as (server, lots):
        answers = await together(server, asked)
        assert [each.status for each in answers] == [400 if n == 3 else 200 for n in range(8)]
        assert "the largest allowed is 10" in answers[3].json["error"]
        assert [values_of(each) for n, each in enumerate(answers) if n != 3] == [
            [2 * n + 1] for n in range(8) if n != 3
        ]
        assert max(lots) > 3
        assert sum(sessions[0].batches) == 7


@both
async def test_one_that_kills_the_engine_fails_alone(served: Any) -> None:
    model, _ = await loaded(max_batch_size=16, seconds=0.01)
    asked = [(INFER, infer_body(POISON if n == 2 else n + 0.5), {}) for n in range(6)]
    async with served(model) as (server, lots):
        answers = await together(server, asked)
        assert max(lots) > 3
        assert [each.status for each in answers] == [500 if n == 2 else 200 for n in range(6)]
        assert [values_of(answers[n]) for n in (0, 1, 3, 4, 5)] == [[1], [3], [7], [9], [11]]


@both
async def test_outputs_without_rows_are_asked_for_one_by_one(served: Any) -> None:
    model, sessions = await loaded(max_batch_size=16, whole=True, seconds=0.01)
    model.batcher.queue.policy = replace(model.batcher.queue.policy, max_batch_size=16)
    async with served(model) as (server, _):
        answers = await together(server, [(INFER, infer_body(n + 0.5), {}) for n in range(5)])
        assert [values_of(each) for each in answers] == [[1], [3], [5], [7], [9]]
        assert max(sessions[0].batches) > 1


@both
async def test_one_whose_client_leaves_is_not_run(served: Any) -> None:
    model, sessions = await loaded(max_batch_size=4, seconds=0.1)
    async with served(model) as (server, lots):
        lines: list[Line] = [await server.line() for _ in range(8)]
        for place, line in enumerate(lines):
            line.ask("POST", INFER, infer_body(place + 0.5))
        await asyncio.sleep(0.05)  # four are on the device, four wait
        for line in lines[5:7]:
            line.writer.close()
        answers = [await lines[place].answer() for place in (0, 1, 2, 3, 4, 7)]
        assert [values_of(each) for each in answers] == [[1], [3], [5], [7], [9], [15]]
        assert max(lots) > 4
        assert sum(sessions[0].batches) == 6
        assert model.batcher.tally.cancelled == 2
        for line in lines:
            line.writer.close()


@both
async def test_a_deadline_is_one_requests_own(served: Any) -> None:
    model, _ = await loaded(max_batch_size=2, seconds=0.1)
    late = {"parameters": {"timeout": 20_000}}
    asked = [(INFER, infer_body(n + 0.5, **(late if n == 4 else {})), {}) for n in range(6)]
    async with served(model) as (server, _):
        first = asyncio.create_task(server.ask("POST", INFER, infer_body(0.5)))
        await asyncio.sleep(0.02)
        answers = await together(server, asked)
        assert [each.status for each in answers] == [504 if n == 4 else 200 for n in range(6)]
        assert (await first).status == 200


@both
async def test_a_full_queue_refuses_those_that_find_no_room(served: Any) -> None:
    model, _ = await loaded(max_batch_size=2, max_queue_size=4, seconds=0.1)
    async with served(model) as (server, _):
        answers = await together(server, [(INFER, infer_body(n + 0.5), {}) for n in range(9)])
        refused = [n for n, each in enumerate(answers) if each.status == 503]
        assert 3 <= len(refused) <= 5
        assert model.batcher.tally.rejected == len(refused)
        assert all(values_of(each) == [2 * n + 1] for n, each in enumerate(answers) if n not in refused)


class _Guard:
    """A license that permits so many rows, and warns."""

    notice = "ends soon"

    def __init__(self, rows: int) -> None:
        self.left, self.taken = rows, []

    def take(self, rows: int) -> None:
        if rows > self.left:
            raise Unavailable("no rows are left")
        self.left -= rows
        self.taken.append(rows)

    def give(self, rows: int) -> None:
        self.left += rows


@both
async def test_a_license_is_asked_for_each_and_its_notice_told(served: Any) -> None:
    model, _ = await loaded(max_batch_size=16)
    model.guard = guard = _Guard(5)  # type: ignore[assignment]
    async with served(model) as (server, lots):
        answers = await together(server, [(INFER, infer_body(n + 0.5), {}) for n in range(8)])
        assert max(lots) > 3
        assert [each.status for each in answers].count(200) == 5
        assert guard.taken == [1] * 5
        for each in answers:
            if each.status == 200:
                assert each.headers["x-seatrial-license"] == "ends soon"


@both
async def test_a_version_that_came_meanwhile_is_asked_with_what_it_takes(served: Any) -> None:
    model, _ = await loaded()
    newer, _ = await loaded(version="2", contract=contract_for(replace(X, low=-1.0, high=1.0)), factor=5.0)
    async with served(model) as (server, _):
        assert values_of(await server.ask("POST", INFER, infer_body(4.0))) == [8]
        for left in server.service.repository.publish("double", [newer]):  # a front is not told yet
            await left.drain()
        answers = await together(server, [(INFER, infer_body(value), {}) for value in (0.5, 4.0, -0.5)])
        assert [each.status for each in answers] == [200, 400, 200]
        assert [values_of(answers[0]), values_of(answers[2])] == [[2.5], [-2.5]]


async def test_a_head_with_a_key_is_not_kept(tmp_path: Path) -> None:
    key = made("shop", today=date(2026, 11, 21))
    add_key(tmp_path / "keys.yaml", key.key)
    model, _ = await loaded()
    gate = Gate(tmp_path / "keys.yaml")
    async with rest(model, gate=gate) as server, await server.line() as line:
        for value in (1.5, 2.5):
            line.ask("POST", INFER, infer_body(value), {"Authorization": f"Bearer {key.secret}"})
            assert values_of(await line.answer()) == [2 * value]
        assert not server.front._heads.known
        for _ in range(2):  # a head that is known is led through the gate like any other
            async with await server.line() as other:
                other.ask("GET", "/v2/health/live")
                assert (await other.answer()).status == 200
                other.ask("GET", "/v2")
                assert (await other.answer()).status == 401


async def test_a_known_head_in_pieces_and_in_a_row_is_read_all_the_same() -> None:
    model, _ = await loaded()
    body = json.dumps(infer_body(1.5)).encode()
    whole = b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % (INFER.encode(), len(body)) + body
    async with rest(model) as server, await server.line() as line:
        for _ in range(2):
            line.send(whole)
            assert values_of(await line.answer()) == [3]
        assert len(server.front._heads.known) == 1
        line.send(whole[:-7])
        await asyncio.sleep(0.02)
        line.send(whole[-7:] + whole + whole[:30])
        await asyncio.sleep(0.02)
        line.send(whole[30:])
        assert [values_of(await line.answer()) for _ in range(3)] == [[3], [3], [3]]
        line.send(whole)
        assert values_of(await line.answer()) == [3]
        line.send(whole.replace(b"Host: t", b"Host: t\r\nConnection: close"))
        assert (await line.answer()).headers["connection"] == "close"
        assert await line.closed()
        assert server.front.room.taken == 0


# -- bunches -------------------------------------------------------------------------------------------------
@asynccontextmanager
async def waiting_bunch(count: int, **more: Any) -> AsyncIterator[tuple[Any, Any, Any, list[Line]]]:
    """A pair of front and hub, the model and its engine, and requests that wait as one behind another."""
    model, sessions = await loaded(max_batch_size=16, seconds=0.15, **more)
    async with fronted(model, count=1) as [pair]:
        lines: list[Line] = [await pair.rest.line() for _ in range(count)]
        first = asyncio.create_task(pair.rest.ask("POST", INFER, infer_body(100.5)))
        await asyncio.sleep(0.05)
        for place, line in enumerate(lines):
            line.ask("POST", INFER, infer_body(place + 0.5))
        await asyncio.sleep(0.03)
        assert len({id(each) for each in pair.hub.asked.values()}) == 2  # the first one, and the bunch
        yield pair, model, sessions[0], lines
        assert (await first).status in (200, 503)
        for line in lines:
            line.writer.close()
        await asyncio.sleep(0.02)
        assert not pair.hub.waiting


async def test_a_bunch_is_one_in_the_queue_and_counted_by_its_requests() -> None:
    async with waiting_bunch(6) as (pair, model, session, lines):
        assert len(model.batcher.queue) == 1
        assert model.batcher.queue.rows == 6
        assert [values_of(await line.answer()) for line in lines] == [[2 * n + 1] for n in range(6)]
        assert session.batches == [1, 6]
        text = (await pair.rest.ask("GET", "/metrics")).body.decode()
        assert 'seatrial_requests_total{model="double",version="1",route="infer",code="200"} 7' in text
        assert 'seatrial_request_seconds_count{model="double",version="1",route="infer"} 7' in text
        assert 'seatrial_queue_seconds_count{model="double",version="1"} 7' in text


async def test_who_leaves_a_bunch_that_waits_is_not_run() -> None:
    async with waiting_bunch(6) as (_, model, session, lines):
        for line in (lines[1], lines[4]):
            line.writer.close()
        await asyncio.sleep(0.02)
        answers = [await lines[place].answer() for place in (0, 2, 3, 5)]
        assert [values_of(each) for each in answers] == [[1], [5], [7], [11]]
        assert session.batches == [1, 4]
        assert model.batcher.tally.cancelled == 2


async def test_who_leaves_a_bunch_that_runs_costs_the_others_nothing() -> None:
    async with waiting_bunch(6) as (pair, model, session, lines):
        await asyncio.sleep(0.12)  # it is on the device now
        lines[0].writer.close()
        lines[3].writer.close()
        answers = [await lines[place].answer() for place in (1, 2, 4, 5)]
        assert [values_of(each) for each in answers] == [[3], [5], [9], [11]]
        assert session.batches == [1, 6]
        assert model.batcher.tally.cancelled == 0
        text = (await pair.rest.ask("GET", "/metrics")).body.decode()
        assert 'route="infer",code="200"} 5' in text
        assert 'route="infer",code="499"} 2' in text


async def test_a_bunch_of_a_front_that_is_lost_is_cancelled() -> None:
    model, sessions = await loaded(max_batch_size=16, seconds=0.15)
    async with fronted(model, count=2) as [pair, other]:
        first = asyncio.create_task(other.rest.ask("POST", INFER, infer_body(100.5)))
        await asyncio.sleep(0.05)
        lines = [await pair.rest.line() for _ in range(5)]
        for line in lines:
            line.ask("POST", INFER, infer_body(0.5))
        await asyncio.sleep(0.03)
        assert pair.hub.waiting == 5
        pair.line._transport.abort()
        await asyncio.sleep(0.03)
        assert (pair.hub.waiting, model.batcher.tally.cancelled) == (0, 5)
        assert (await first).status == 200
        assert sessions[0].batches == [1]
        for line in lines:
            line.writer.close()


async def test_a_bunch_is_told_that_the_server_shuts_down() -> None:
    async with waiting_bunch(3) as (_, model, _, lines):
        await model.batcher.close()
        answers = [await line.answer() for line in lines]
        assert [each.status for each in answers] == [503] * 3
        assert len({each.headers["x-log-id"] for each in answers}) == 3


async def test_who_listens_is_told_of_each_request() -> None:
    model, _ = await loaded(max_batch_size=16)
    async with fronted(model, count=1) as [pair]:
        heard: list[tuple[str, Any, int]] = []
        pair.rest.front.instruments.listen(
            lambda call, code, _: heard.append((call.log_id, code, call.stages[0][1].rows))
        )
        await together(pair.rest, [(INFER, infer_body(0.5), {"X-Log-Id": f"n{n}"}) for n in range(5)])
        assert sorted(heard) == [(f"n{n}", 200, 1) for n in range(5)]


async def test_an_output_that_cannot_cross_fails_each_of_a_bunch() -> None:
    async with waiting_bunch(3) as (_, _, session, lines):
        await asyncio.sleep(0.12)  # it is on the device now
        real = session.finish
        session.finish = lambda: [*real(), np.ones((3, 1))]  # one more than the graph has
        assert [(await line.answer()).status for line in lines] == [500] * 3
        session.finish = real


# -- forms ---------------------------------------------------------------------------------------------------
SPECS = (
    TensorSpec("a", "float32", ("batch", "n")),
    TensorSpec("b", "int64", ("batch", 2), low=-5, high=1 << 60),
)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(1 << 70), 1 << 70),
    st.integers(-6, 6),
    st.booleans(),
    st.none(),
    st.text(max_size=2),
    st.lists(st.floats(-1, 1), max_size=2),
)
SIZES = st.one_of(st.integers(0, 3), st.booleans(), st.just(1.0), st.just("1"))


@given(st.data())
def test_what_is_read_the_short_way_is_read_the_same_the_long_way(data: st.DataObject) -> None:
    forms, check = Forms(FeedCheck(SPECS)), FeedCheck(SPECS)
    for _ in range(3):
        entries = []
        for name, kind in (("a", "FP32"), ("b", "INT64")):
            shape = data.draw(st.one_of(st.just([1, 2]), st.lists(SIZES, max_size=3)))
            plain = st.floats(-9, 9, width=32) if kind == "FP32" else st.integers(-5, 9)
            values = data.draw(st.lists(st.one_of(plain, plain, plain, NUMBERS), max_size=4))
            more = data.draw(st.sampled_from([{}, {}, {"parameters": {}}, {"parameters": None}]))
            entries.append({"name": name, "datatype": kind, "shape": shape, "data": values, **more})
        asked = {"inputs": data.draw(st.permutations(entries))}
        body = json.dumps(asked).encode()
        found = forms.read(body)
        if found is None:
            continue
        form, given_id, packed = found
        lot = form.lot([packed])
        request = v2.read_request(body, None)
        assert given_id == request.id
        passed = check.quick(request.feeds)
        assert (lot is None) == (passed is None)
        if lot is not None and passed is not None:
            assert list(lot.portion(0)) == list(passed)
            for name, array in passed.items():
                assert lot.feeds[name].dtype == array.dtype
                assert np.array_equal(lot.feeds[name], array)
            assert (lot.rows, lot.shape) == (passed.rows, passed.shape)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"inputs": 1}', b'{"inputs": []}', b'{"inputs": [1]}', b'{"inputs": {"0": 1}}',
        b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 1], "data": "1"}]}',
        b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 1], "data": []}]}',
        b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [true, 1], "data": [1.5]}]}',
        b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1.0, 1], "data": [1.5]}]}',
        b'{"inputs": [{"name": "y", "datatype": "FP64", "shape": [1, 1], "data": [1.5]}]}',
        b'{"inputs": [{"name": ["x"], "datatype": "FP64", "shape": [1, 1], "data": [1.5]}]}',
        b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.5]}]}',
        b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 1], "data": [1.5]}], "parameters": {}}',
    ],
)  # fmt: skip
def test_what_is_no_plain_request_is_left_to_the_long_way(body: bytes) -> None:
    forms = Forms(FeedCheck((X,)))
    good = json.dumps(infer_body(1.5)).encode()
    assert forms.read(good) is not None
    assert forms.read(body) is None


def test_forms_are_not_kept_without_end() -> None:
    forms = Forms(FeedCheck((replace(X, shape=("batch", "n")),)))
    for width in range(1, 2 * MOST_FORMS):
        entry = {"name": "x", "datatype": "FP64", "shape": [1, width], "data": [0.5] * width}
        found = forms.read(json.dumps({"inputs": [entry]}).encode())
        assert (found is None) == (width > MOST_FORMS)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.booleans())
def test_portions_are_joined_as_their_copies_would_be(places: list[int], lonely: bool) -> None:
    check = FeedCheck((X,))
    lots = [check.lot({"x": np.arange(20.0).reshape(20, 1) + 100 * turn}, 2) for turn in range(2)]
    feeds: list[Any] = [lots[place % 2].portion(place) for place in places]  # type: ignore[union-attr]
    if lonely:
        feeds.insert(1, {"x": np.array([[7.5]])})
    wanted = np.concatenate([each["x"] for each in feeds])
    rows = [each.rows for each in feeds if type(each) is Portion]
    assert np.array_equal(joined(feeds)["x"], wanted)
    assert rows == [2] * len(places)  # they themselves are as they were
    stricter = replace(X, high=0.0)
    check_of_another = FeedCheck((stricter,), artifact(stricter))
    with pytest.raises(ContractViolation, match="the largest allowed is 0"):
        check_of_another(feeds[0])
