"""The race on made-up machines: what it finds against the truth, and what it costs against measuring all."""

from types import SimpleNamespace

import numpy as np
import pytest

from seatrial.errors import EngineFailure, UsageError
from seatrial.tune._record import Block
from seatrial.tune.goal import parse_goal
from seatrial.tune.search import Race
from seatrial.tune.space import Point

EXHAUSTIVE = (40, 10)  # blocks, runs in each: as benchmarks/tuning.py measures every point


class Setup:
    """A stand-in that has what the race asks of one."""

    def __init__(self, name):
        self.name, self.key = name, (name,)

    def __str__(self):
        return self.name


class Machine:
    """A made-up machine: points of known speed, noise from run to run, load that comes and goes."""

    def __init__(self, seed, *, setups=11, batches=6, spread=1.0, memory=None):
        self.rng = np.random.default_rng(seed)
        self.now = 0.0
        self.truth = {}
        self.points = []
        self.calls = []
        self.memory = memory or {}
        for place in range(setups):
            base = 1e-3 * float(np.exp(self.rng.normal(0, spread)))
            gain = float(self.rng.uniform(0.3, 1.0))
            setup = Setup(f"s{place}")
            for power in range(batches):
                batch = 2**power
                point = Point(setup, batch)
                self.points.append(point)
                # A fixed part of each call, and a part that each row adds.
                self.truth[point] = base * ((1 - gain) + gain * batch)

    def load(self):
        """Slow drift, the same for whoever is measured at this moment."""
        return 1 + 0.15 * np.sin(self.now / 1.7) + 0.1 * np.sin(self.now / 0.23)

    def measure(self, point, repeat):
        self.calls.append((point, repeat))
        noise = np.exp(self.rng.normal(0, 0.06, repeat))
        spikes = np.where(self.rng.random(repeat) < 0.01, 4.0, 1.0)
        seconds = self.truth[point] * self.load() * noise * spikes
        self.now += float(seconds.sum()) + 2e-4
        return Block(seconds, memory=self.memory.get(point, 1e8))

    def exhaustive_seconds(self):
        blocks, runs = EXHAUSTIVE
        return sum(blocks * (runs * each + 2e-4) for each in self.truth.values())

    def race(self, goal, **given):
        options = {"judge": lambda _: "", "budget": 1e6} | given
        return Race(
            self.points, parse_goal(goal), measure=self.measure, clock=lambda: self.now, **options
        ).run()


def throughput_lost(machine, winner):
    best = max(point.batch / seconds for point, seconds in machine.truth.items())
    return 1 - winner.point.batch / machine.truth[winner.point] / best


def latency_lost(machine, winner):
    return machine.truth[winner.point] / min(machine.truth.values()) - 1


@pytest.mark.parametrize(
    ("goal", "lost", "spread"),
    [("max throughput", throughput_lost, 1.0), ("min latency", latency_lost, 0.4)],
    ids=["throughput", "latency"],
)
def test_the_winner_is_near_the_best_at_a_fraction_of_the_time(goal, lost, spread):
    losses, shares = [], []
    for seed in range(100):
        machine = Machine(seed, setups=8, batches=4, spread=spread)
        outcome = machine.race(goal, seed=seed)
        losses.append(lost(machine, outcome.winner))
        shares.append(outcome.seconds / machine.exhaustive_seconds())
    assert np.mean(np.array(losses) <= 0.05) >= 0.95, sorted(losses)[-10:]
    assert max(shares) <= 0.25, sorted(shares)[-10:]


def two(first, second, *, seed=1):
    """A machine with two points of known seconds."""
    machine = Machine(seed, setups=2, batches=1)
    machine.truth = dict(zip(machine.points, (first, second), strict=True))
    return machine


def test_a_point_is_out_only_when_it_is_surely_worse_or_surely_no_better():
    for seed in range(60):
        machine = two(1.0e-3, 1.02e-3, seed=seed)
        outcome = machine.race("min latency", seed=seed)
        truth = machine.truth[outcome.winner.point]
        for each in outcome.records:
            if each.worse:
                assert "slower" in each.out
        assert truth <= 1.02e-3


def test_answers_that_are_bad_win_nothing_and_what_they_pushed_out_comes_back():
    machine = two(1e-4, 1e-3)
    fast, slow = machine.points
    outcome = machine.race("min latency", judge=lambda point: "drops 12 % accuracy" if point == fast else "")
    assert outcome.winner.point == slow
    record = next(each for each in outcome.records if each.point == fast)
    assert record.out == "drops 12 % accuracy"


def test_only_judged_points_win_whatever_the_seed():
    for seed in range(30):
        machine = Machine(seed, setups=4, batches=2)
        judged = []

        def judge(point, judged=judged):
            judged.append(point.setup.key)
            return "bad answers" if point.setup.name == "s0" else ""

        outcome = machine.race("max throughput", judge=judge, seed=seed)
        assert outcome.winner.point.setup.key in judged
        assert outcome.winner.point.setup.name != "s0"


def test_a_leader_that_dies_gives_back_the_race():
    machine = two(1e-4, 1e-3)
    fast, slow = machine.points
    whole = machine.measure

    def dying(point, repeat):
        if point == fast and len(machine.calls) > 8:
            raise EngineFailure("the worker was killed", kind="signal")
        return whole(point, repeat)

    machine.measure = dying
    outcome = machine.race("min p99")
    assert outcome.winner.point == slow
    assert [each.why for each in outcome.refused] == ["the worker was killed"]


def test_a_bound_on_p99_is_held_with_enough_runs_behind_it():
    machine = Machine(3, setups=5, batches=6)
    outcome = machine.race("p99<8ms")
    winner = outcome.winner.figures()
    assert winner.p99.value < 8
    assert winner.runs >= 368
    assert np.isfinite(winner.p99.high)


def test_a_goal_that_nobody_reaches_names_who_comes_nearest():
    machine = two(1e-3, 3e-3)
    outcome = machine.race("p50<0.1ms")
    assert outcome.winner is None
    assert outcome.nearest.point == machine.points[0]
    assert all("misses p50<0.1ms" in each.out for each in outcome.records)


def test_memory_bounds_and_objectives():
    machine = two(1e-3, 3e-3)
    fast, slow = machine.points
    machine.memory = {fast: 9e8, slow: 1e8}
    assert machine.race("min memory").winner.point == slow
    assert machine.race("memory<500MB and min latency").winner.point == slow
    assert machine.race("memory<1GB and min latency").winner.point == fast


def test_a_budget_that_is_too_small_says_how_much_is_needed():
    with pytest.raises(UsageError, match="too small") as caught:
        Machine(5).race("max throughput", budget=0.2)
    needed = float(caught.value.hint.split("about ")[1].split(" s")[0])
    machine = Machine(5)
    assert machine.race("max throughput", budget=needed).winner is not None


def test_a_call_that_would_eat_the_budget_is_listed_and_not_raced():
    machine = Machine(6, setups=2, batches=4)
    for point in machine.points:
        machine.truth[point] = 0.01 * point.batch
    outcome = machine.race("max throughput", budget=6)
    assert {each.point.batch for each in outcome.records} == {1, 2}
    assert all("too long to be compared" in each.why for each in outcome.refused)


def test_a_race_without_anything_that_runs_says_why():
    def broken(*_):
        raise EngineFailure("no such operator", kind="exception")

    machine = SimpleNamespace(points=[Point(Setup("s"), 1)])
    race = Race(machine.points, parse_goal("min latency"), broken, lambda _: "", clock=lambda: 0.0, budget=1)
    with pytest.raises(UsageError, match=r"nothing could be measured.*no such operator"):
        race.run()
