"""Leaks, stalls and locks on fake sessions that have them."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks._performance.load import Lanes
from seatrial.checks._performance.service import (
    interleaved,
    machine_scaling,
    measure_scaling,
    measure_service,
)
from seatrial.checks._performance.soak import from_series, soak
from seatrial.runtimes import Resources
from support.fake_trial import FakeSession, make_artifact

FEEDS = [{"image": np.zeros((n, 1, 8, 8), "float32")} for n in (1, 2, 3)]


@pytest.fixture
def artifact(tmp_path):
    return make_artifact(tmp_path, {})


class Growing(FakeSession):
    """Memory follows `held(requests, shapes)`, in pages as the kernel counts them."""

    def __init__(self, artifact, held):
        super().__init__(lambda _: [np.zeros((1, 10))], artifact)
        self.requests, self.shapes, self.held = 0, set(), held

    def time(self, feeds, *, repeat):
        self.requests += repeat
        self.shapes.add(feeds["image"].shape)
        return np.full(repeat, 1e-4)

    def resources(self):
        held = int(self.held(self.requests, len(self.shapes)))
        return Resources(rss=held, uss=held // 4096 * 4096, cpu_seconds=0.0, threads=1)


def test_a_kilobyte_a_request_is_a_leak(artifact):
    found = soak(Growing(artifact, lambda n, _: 80e6 + 1024 * n), FEEDS[:1], seconds=0.1, most=4000)
    assert found.leaks(256)
    assert abs(found.last.value - 1024) < 100
    assert found.detectable < 1024


def test_flat_memory_a_filling_cache_and_a_cache_by_shape_are_no_leak(artifact):
    def cache(n, _):
        return 80e6 + 30e6 * (1 - np.exp(-n / 300))

    for held in (lambda *_: 80e6, cache, lambda _, shapes: 80e6 + 3e6 * shapes):
        assert not soak(Growing(artifact, held), FEEDS, seconds=0.1, most=6000).leaks(256)


def test_one_late_step_is_no_leak(artifact):
    found = soak(
        Growing(artifact, lambda n, _: 80e6 + (4e6 if n > 3000 else 0)), FEEDS, seconds=0.1, most=6000
    )
    assert not found.leaks(256)


@given(st.integers(300, 4096), st.integers(0, 1000))
def test_every_steady_leak_above_the_limit_is_found(leak, seed):
    requests = np.arange(0, 41) * 250
    noise = np.random.default_rng(seed).integers(0, 4096, len(requests))
    assert from_series(list(requests), list(80_000_000 + leak * requests + noise)).leaks(256)


def test_too_few_requests_prove_nothing():
    few = from_series(list(range(41)), [80_000_000 + 100_000 * i for i in range(41)])
    assert not few.enough
    assert not few.leaks(256)


def test_a_leak_of_tensors_is_plain_in_few_requests():
    requests, base = list(range(41)), 80_000_000
    assert from_series(requests, [base + 1_000_000 * i for i in requests]).leaks(256)
    filling = [base + min(1_000_000 * i, 20_000_000) for i in requests]  # a cache that is full at last
    assert not from_series(requests, filling).leaks(256)
    one_step = [base + (40_000_000 if i > 25 else 0) for i in requests]
    assert not from_series(requests, one_step).leaks(256)


def timed(artifact, seconds):
    numbers = iter(range(10**9))
    return FakeSession(
        lambda _: [], artifact, clock=lambda repeat: [seconds(next(numbers)) for _ in range(repeat)]
    )


def test_stalls_are_counted_and_warm_up_is_not(artifact):
    session = timed(artifact, lambda n: 0.3 if n > 100 and n % 200 == 0 else 0.05 if n < 40 else 0.005)
    found = measure_service(session, FEEDS[0], seconds=0.05, fewest=1500)
    assert len(found.stalls) >= 5
    assert found.warm_up > 20
    assert abs(found.quantiles()[0].value - 0.005) < 1e-9


def test_jitter_is_no_stall(artifact):
    rng = np.random.default_rng(0)
    found = measure_service(timed(artifact, lambda _: 0.001 * rng.lognormal(0, 0.5)), FEEDS[0], seconds=0.02)
    assert found.stalls == ()


class Locked(FakeSession):
    lock = threading.Lock()

    def time(self, feeds, *, repeat):
        for _ in range(repeat):
            with self.lock:
                time.sleep(0.002)
        return np.full(repeat, 0.002)


class Free(FakeSession):
    def time(self, feeds, *, repeat):
        for _ in range(repeat):
            time.sleep(0.002)
        return np.full(repeat, 0.002)


@pytest.mark.parametrize(("kind", "low", "high"), [(Locked, 0.3, 0.65), (Free, 0.7, 1.2)])
def test_a_global_lock_halves_the_second_session(artifact, kind, low, high):
    with Lanes(lambda: kind(lambda _: [], artifact), 2) as lanes:
        found = measure_scaling(lanes, FEEDS[0], seconds=0.1, enough=0.7, machine=lambda _: 1.0)
    assert low < found.efficiency < high
    assert found.attempts == (3 if kind is Locked else found.attempts)


def test_the_machine_scales_between_nothing_and_everything():
    assert 0 < machine_scaling(2, megabytes=1) <= 1


def test_blocks_alternate_and_turn_round():
    seen = []
    sides = [lambda repeat, name=name: seen.append(name) or np.ones(repeat) for name in "AB"]
    blocks = interleaved(sides, blocks=4, repeat=3, deadline=float("inf"))
    assert "".join(seen) == "ABBAABBA"
    assert [len(each) for each in blocks] == [4, 4]
    assert interleaved(sides, blocks=4, repeat=3, deadline=0) == [[], []]
