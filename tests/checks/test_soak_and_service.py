"""Leaks, stalls and locks on fake sessions that have them."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks._performance import service
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


class TimedLanes:
    """Two sessions in a time of their own: how long a run takes alone, and how long beside another one."""

    def __init__(self, artifact, monkeypatch, *, together):
        self.now, self.cost, self.together = 0.0, 0.002, together
        self.session = FakeSession(lambda _: [], artifact, clock=self._ran)
        monkeypatch.setattr(service, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def _ran(self, repeat):
        self.now += self.cost * repeat
        return [self.cost] * repeat

    def __len__(self):
        return 2

    def one(self, _, work):
        return work(self.session)

    def parallel(self, work):
        self.cost *= self.together
        rates = [work(self.session, lane) for lane in range(2)]
        self.cost /= self.together
        return rates


@pytest.mark.parametrize(
    ("together", "efficiency", "attempts"), [(2.0, 0.5, 3), (1.0, 1.0, 1)], ids=["locked", "free"]
)
def test_a_global_lock_halves_the_second_session(artifact, monkeypatch, together, efficiency, attempts):
    lanes = TimedLanes(artifact, monkeypatch, together=together)
    found = measure_scaling(lanes, FEEDS[0], seconds=0.1, enough=0.7, machine=lambda _: 1.0)
    assert found.efficiency == pytest.approx(efficiency)
    assert found.attempts == attempts


def test_the_best_of_some_attempts_counts(artifact, monkeypatch):
    lanes = TimedLanes(artifact, monkeypatch, together=2.0)
    machine = iter([1.0, 0.55, 0.5])  # a neighbour takes a core away: what is left is used well
    found = measure_scaling(lanes, FEEDS[0], seconds=0.1, enough=0.9, machine=lambda _: next(machine))
    assert (found.attempts, found.machine) == (2, 0.55)


def test_the_machine_scales_between_nothing_and_everything():
    assert 0 < machine_scaling(2, megabytes=1) <= 1


def test_blocks_alternate_and_turn_round():
    seen = []
    sides = [lambda repeat, name=name: seen.append(name) or np.ones(repeat) for name in "AB"]
    blocks = interleaved(sides, blocks=4, repeat=3, deadline=float("inf"))
    assert "".join(seen) == "ABBAABBA"
    assert [len(each) for each in blocks] == [4, 4]
    assert interleaved(sides, blocks=4, repeat=3, deadline=0) == [[], []]
