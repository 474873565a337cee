"""The load generator: its law, and a stalling server that a closed loop cannot see."""

import threading
import time

import numpy as np
import pytest

from seatrial.checks._performance.load import (
    Lanes,
    LoadResult,
    Work,
    closed_loop,
    knee,
    open_loop,
    poisson_arrivals,
)
from seatrial.errors import EngineFailure
from support.fake_trial import FakeSession, make_artifact

FEED = {"image": np.zeros((1, 1, 8, 8), "float32")}


class VirtualClock:
    """One lane's time: it passes only when somebody sleeps or works."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


@pytest.fixture
def artifact(tmp_path):
    return make_artifact(tmp_path, {})


def server(artifact, clock, service):
    """Answers after `service(number)` seconds of virtual time."""
    numbers = iter(range(10**9))

    def run(_):
        clock.sleep(service(next(numbers)))
        return [np.zeros((1, 10))]

    return Lanes(lambda: FakeSession(run, artifact), 1)


def stalling(number):
    return 0.3 if number % 200 == 199 else 0.005


def test_open_loop_sees_the_stall_that_the_closed_loop_hides(artifact):
    clock = VirtualClock()
    with server(artifact, clock, stalling) as lanes:
        closed = closed_loop(lanes, Work([FEED]), clients=1, seconds=13, clock=clock)
    clock = VirtualClock()
    arrivals = poisson_arrivals(100, 2000, rng=np.random.default_rng(0))
    with server(artifact, clock, stalling) as lanes:
        opened = open_loop(lanes, Work([FEED]), arrivals, limit_seconds=1e9, clock=clock)
    assert np.quantile(closed.latencies, 0.9) < 0.006
    assert np.quantile(opened.latencies, 0.9) > 0.1
    assert np.quantile(opened.service, 0.9) < 0.006


def test_open_loop_follows_the_queue(artifact):
    """Lindley's recursion: an answer is as late as the one before it, less the gap, plus its own work."""
    arrivals = poisson_arrivals(150, 500, rng=np.random.default_rng(1))
    clock = VirtualClock()
    with server(artifact, clock, lambda _: 0.005) as lanes:
        got = open_loop(lanes, Work([FEED]), arrivals, limit_seconds=1e9, clock=clock)
    free, expected = 0.0, []
    for arrival in arrivals:
        free = max(free, arrival) + 0.005
        expected.append(free - arrival)
    np.testing.assert_allclose(got.latencies, expected, atol=1e-9)


def test_poisson_arrivals_have_their_rate_and_their_seed():
    one, two = (poisson_arrivals(50, 5000, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)
    gaps = np.diff(one)
    assert abs(gaps.mean() * 50 - 1) < 0.05
    assert abs(gaps.std() * 50 - 1) < 0.1


def test_overload_is_called_saturated(artifact):
    clock = VirtualClock()
    arrivals = poisson_arrivals(400, 400, rng=np.random.default_rng(0))
    with server(artifact, clock, lambda _: 0.005) as lanes:
        got = open_loop(lanes, Work([FEED]), arrivals, limit_seconds=1.0, clock=clock)
    assert got.saturated
    assert got.unfinished > 0


def test_the_knee_is_below_the_capacity(artifact):
    points = []
    for rate in (40, 80, 120, 160, 190, 230):
        clock = VirtualClock()
        arrivals = poisson_arrivals(rate, 2000, rng=np.random.default_rng(rate))
        with server(artifact, clock, lambda _: 0.005) as lanes:
            points.append(open_loop(lanes, Work([FEED]), arrivals, limit_seconds=1e9, clock=clock))
    found = knee(points)
    assert 100 < found.offered < 200
    assert knee([]) is None
    assert knee([LoadResult(10, np.array([]), np.array([]), 1.0)]) is None


def test_a_shared_predictor_that_mixes_answers_up_is_seen(artifact):
    """Two threads in one predictor: the buffer holds the other's input (`F32`)."""
    shared = {}

    def run(feeds):
        shared["x"] = feeds["image"]
        time.sleep(0.001)
        return [shared["x"].reshape(1, -1)]

    feeds = [{"image": np.full((1, 1, 8, 8), i, "float32")} for i in range(4)]
    work = Work(feeds, [[each["image"].reshape(1, -1)] for each in feeds])
    with Lanes(lambda: FakeSession(run, artifact), 2) as lanes:
        assert closed_loop(lanes, work, clients=1, seconds=0.05).wrong == 0
        assert closed_loop(lanes, work, clients=2, seconds=0.2).wrong > 0


def test_a_lock_shows_as_no_gain_from_a_second_lane(artifact):
    lock = threading.Lock()

    def locked(_):
        with lock:
            time.sleep(0.002)
        return [np.zeros((1, 10))]

    def free(_):
        time.sleep(0.002)
        return [np.zeros((1, 10))]

    gains = {}
    for name, run in (("locked", locked), ("free", free)):
        with Lanes(lambda run=run: FakeSession(run, artifact), 2) as lanes:
            rates = [closed_loop(lanes, Work([FEED]), clients=n, seconds=0.2).achieved for n in (1, 2)]
        gains[name] = rates[1] / rates[0]
    assert gains["locked"] < 1.3 < gains["free"]


def test_a_lane_that_cannot_open_closes_the_others(artifact):
    opened = []

    def open_one():
        if opened:
            raise EngineFailure("out of memory", kind="memory")
        opened.append(FakeSession(lambda _: [], artifact))
        return opened[0]

    with pytest.raises(EngineFailure):
        Lanes(open_one, 2)
    assert opened[0].closed


def test_an_engine_that_dies_under_load_raises(artifact):
    def run(_):
        raise EngineFailure("killed by SIGSEGV", kind="signal", signal_name="SIGSEGV")

    with Lanes(lambda: FakeSession(run, artifact), 2) as lanes, pytest.raises(EngineFailure):
        closed_loop(lanes, Work([FEED]), clients=2, seconds=1)
