"""Services that misbehave: each behavior by itself, in a worker, and before the probe for locks."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seatrial import extensions
from seatrial.checks._performance.load import Lanes
from seatrial.checks._performance.lock_probe import STOPS, held_up
from seatrial.contract import TensorSpec
from seatrial.errors import EngineFailure
from seatrial.faults import all_faults
from seatrial.faults._behaviors import (
    Backtracking,
    Behavior,
    CarriedState,
    Crash,
    GlobalLock,
    Jitter,
    Leak,
    Poisoned,
    Pretends,
    RowsShifted,
    SharedBuffer,
    Slower,
    StaleCache,
    Stall,
)
from seatrial.faults._service import Served
from seatrial.runtimes import Pool, SessionOptions, _launch
from seatrial.runtimes._engine import Around, Runtime, Task
from support.artifacts import by_hand
from support.fake_engine import FakeEngine
from support.fake_runtime import ARTIFACT, FAKE

TASK = Task("", "", "fake", ("x",), (), "float32", 1, "float16", True, {}, "")


def feed(*values: float) -> dict[str, np.ndarray]:
    return {"x": np.array(values, "float32").reshape(-1, 2)}


def behaving(behavior: type[Behavior], **options: object) -> Behavior:
    made = behavior(FakeEngine(), **options)  # type: ignore[call-arg]
    made.notes = []
    made.load(TASK)
    return made


def behavior(kind: type[Behavior], **options: object) -> Served:
    return Served(Around(f"{kind.__module__}:{kind.__qualname__}", options))


@pytest.fixture
def fake(monkeypatch):
    find = extensions.find
    monkeypatch.setattr(
        extensions,
        "find",
        lambda room, name: {"fake": FAKE} if room == "seatrial.runtimes" else find(room, name),
    )
    yield
    _launch.end_all()


def test_a_behavior_by_itself_changes_nothing():
    plain, wrapped = FakeEngine(), behaving(Behavior)
    plain.load(TASK)
    np.testing.assert_array_equal(wrapped.run(feed(3, 4))[0], plain.run(feed(3, 4))[0])
    assert wrapped.version() == plain.version()
    assert wrapped.exercise() == plain.exercise()
    assert [each.label for each in wrapped.trace(feed(3, 4))] == ["double:0", "flag:1"]
    assert wrapped.gradients(feed(3, 4), "x", 0, [0]).tolist() == [[2, 2]]
    wrapped.notes.append("seen")
    assert wrapped._engine.notes == ["seen"]


def test_a_leak_keeps_something_of_every_request_or_of_every_change_of_shape():
    every, changes = behaving(Leak, kept=100), behaving(Leak, kept=100, when_shape_changes=True)
    for values in ((3, 4), (3, 4), (3, 4, 5, 6), (3, 4)):
        every.run(feed(*values))
        changes.run(feed(*values))
    assert len(every._kept) == 4
    assert len(changes._kept) == 3
    assert all(len(each) > 100 for each in every._kept)  # the answer and something beside it


@pytest.fixture
def slept(monkeypatch):
    """Seconds that behaviors slept; nobody really sleeps."""
    told = []
    monkeypatch.setattr(time, "sleep", told.append)
    return told


def test_a_stall_comes_after_enough_requests(slept):
    engine = behaving(Stall, seconds=5.0, requests=3, quiet=0.0)
    counts = []
    for _ in range(6):
        engine.run(feed(3, 4))
        counts.append(len(slept))
    assert counts == [0, 0, 1, 1, 1, 2]
    assert min(slept) >= 5.0


def test_a_slow_model_stands_still_for_longer(monkeypatch):
    engine = behaving(Stall, seconds=0.01, requests=2, quiet=0.0)
    monkeypatch.setattr(FakeEngine, "run", lambda _, feeds: time.sleep(0.01) or [feeds["x"]])
    engine.run(feed(3, 4))
    begin = time.perf_counter()
    engine.run(feed(3, 4))
    assert time.perf_counter() - begin >= 0.2


def test_slower_is_slower_by_its_share(monkeypatch):
    engine = behaving(Slower, share=1.0)
    monkeypatch.setattr(FakeEngine, "run", lambda _, feeds: time.sleep(0.03) or [feeds["x"]])
    begin = time.perf_counter()
    engine.run(feed(3, 4))
    assert time.perf_counter() - begin >= 0.06


def test_backtracking_explodes_beyond_the_usual_length_only(slept):
    engine = behaving(Backtracking, usual=2, most=0.2)
    engine.run(feed(3, 4, 5, 6))  # two rows of the usual length
    assert slept == []
    engine.run({"x": np.ones((1, 4), "float32")})
    assert slept == [pytest.approx(0.2)]


def test_poison_stays_after_the_refusal():
    engine = behaving(Poisoned, share=0.25)
    assert engine.run(feed(4, 8))[0].tolist() == [[8, 16]]
    with pytest.raises(ValueError, match="contrast"):
        engine.run(feed(0, 0))
    assert engine.run(feed(4, 8))[0].tolist() == [[6, 12]]


def test_a_stale_cache_answers_what_was_asked_before():
    engine = behaving(StaleCache)
    first = engine.run(feed(1, 2))[0].tolist()
    assert engine.run(feed(5, 6))[0].tolist() == first
    assert engine.run(feed(5, 6, 7, 8))[0].tolist() == [[10, 12], [14, 16]]


def test_state_is_carried_over_where_the_shapes_agree():
    engine = behaving(CarriedState, share=0.5)
    assert engine.run(feed(2, 2))[0].tolist() == [[4, 4]]
    assert engine.run(feed(4, 4))[0].tolist() == [[6, 6]]
    assert engine.run(feed(1, 1, 1, 1))[0].tolist() == [[2, 2], [2, 2]]


def test_rows_are_shifted_in_batches_only():
    engine = behaving(RowsShifted)
    assert engine.run(feed(1, 2))[0].tolist() == [[2, 4]]
    assert engine.run(feed(1, 2, 3, 4))[0].tolist() == [[6, 8], [2, 4]]


def test_jitter_is_small_and_never_twice_the_same():
    engine = behaving(Jitter, share=0.001, seed=1)
    one, other = engine.run(feed(1, 100))[0], engine.run(feed(1, 100))[0]
    assert one.dtype == "float32"
    assert (one != other).any()
    np.testing.assert_allclose(one, [[2, 200]], atol=2)


def test_pretending_says_what_was_asked_and_runs_float32():
    engine = behaving(Pretends)
    assert engine.exercise()["precision"] == "float16"
    assert engine._engine.task.precision == "float32"


@pytest.mark.usefixtures("fake")
def test_a_pool_serves_its_own_artifact_with_the_behavior_and_others_without():
    other = by_hand(Path("other.fake"), "fake", [TensorSpec("x", "float32", ("batch", 2))])
    with Pool(ARTIFACT, behavior=behavior(StaleCache)) as pool:
        own, plain = pool.get("fake"), pool.get("fake", artifact=other)
        assert own.run(feed(1, 2))[0].tolist() == own.run(feed(5, 6))[0].tolist() == [[2, 4]]
        assert plain.run(feed(1, 2))[0].tolist() != plain.run(feed(5, 6))[0].tolist()


@pytest.mark.usefixtures("fake")
def test_a_crash_takes_the_worker_and_nothing_else():
    with Pool(ARTIFACT, behavior=behavior(Crash)) as pool:
        session = pool.get("fake")
        with pytest.raises(EngineFailure) as caught:
            session.run(feed(5, 5))
        assert caught.value.signal_name == "SIGABRT"
        assert pool.get("fake").run(feed(5, 6))[0].tolist() == [[10, 12]]


@pytest.mark.usefixtures("fake")
def test_a_wrapper_that_is_not_there_is_an_engine_that_cannot_load():
    missing = Served(Around("seatrial.faults._behaviors:NoSuch"))
    with Pool(ARTIFACT, behavior=missing) as pool, pytest.raises(EngineFailure, match="NoSuch"):
        pool.get("fake")


@pytest.mark.usefixtures("fake")
def test_a_shared_buffer_mixes_the_answers_of_two_workers(tmp_path):
    mixing = behavior(SharedBuffer, path=str(tmp_path / "answers"))
    with Pool(ARTIFACT, behavior=mixing) as pool, Lanes(lambda: pool.get("fake"), 2) as lanes:
        assert lanes.one(0, lambda session: session.run(feed(1, 2)))[0].tolist() == [[2, 4]]
        start = threading.Barrier(2)

        def ask(session, lane: int) -> int:
            start.wait()
            mine = [[2.0 * lane, 8.0]]
            return sum(session.run(feed(lane, 4))[0].tolist() != mine for _ in range(200))

        assert sum(lanes.parallel(ask)) > 0


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("locked", [False, True])
def test_a_lock_is_found_by_stopping_who_holds_it(tmp_path, locked):
    """However busy this machine is: the fake engine is made slow, so that it is stopped inside a run."""
    runtime = behavior(Stall, seconds=0.02, requests=1, quiet=0.0)

    def served(plain: Runtime) -> Runtime:
        slow = runtime(plain)
        return behavior(GlobalLock, path=str(tmp_path / "lock"))(slow) if locked else slow

    with Pool(ARTIFACT, behavior=served) as pool, Lanes(lambda: pool.get("fake"), 2) as lanes:
        found = held_up(lanes, feed(1, 2))
    assert found > STOPS // 2 if locked else found == 0


def test_sessions_without_a_process_hold_nobody_up():
    class Here:
        options = SessionOptions()

        def close(self):
            """Nothing to close."""

    with Lanes(Here, 2) as lanes:  # type: ignore[arg-type]
        assert held_up(lanes, feed(1, 2)) == 0


def test_faults_of_services_leave_the_model_alone():
    kinds = {name for name, each in all_faults().items() if each.kind == "service"}
    assert {"leak-per-request", "global-lock", "shared-answer-buffer", "poisoned-by-error"} <= kinds
    around = behavior(Leak, kept=1)(replace(FAKE, around=(Around("a:B"),))).around
    assert [each.wrapper for each in around] == ["a:B", "seatrial.faults._behaviors:Leak"]
