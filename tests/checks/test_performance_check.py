"""The performance check on fakes that are slow, leak, lock, stall, die or mix answers up."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from seatrial.checks import performance
from seatrial.checks._environment import environment_digest, environment_record
from seatrial.checks._finding import Limit, Verdict
from seatrial.checks._performance import baseline, memory, under_load
from seatrial.checks._performance.findings import judge_slo, stall_finding
from seatrial.checks._performance.latency_statistics import BlockComparison, quantile
from seatrial.checks._performance.load import LoadResult
from seatrial.checks._performance.service import Scaling, ServiceTimes
from seatrial.checks._performance.under_load import answers_finding, judge_decay, judge_scaling, knee_finding
from seatrial.checks._trial import Baseline
from seatrial.checks.performance import CHECK, control_problems
from seatrial.errors import EngineFailure
from seatrial.runtimes import Resources
from support.fake_trial import PROFILE, FakePool, FakeSession, make_artifact, make_held_out, make_trial

IMAGES = np.random.default_rng(0).uniform(size=(6, 1, 8, 8)).astype("float32")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The same steps in a tenth of the time."""
    for module, name in (
        (performance, "SERVICE_SECONDS"),
        (under_load, "CLOSED_SECONDS"),
        (under_load, "OPEN_SECONDS"),
        (under_load, "SLO_SECONDS"),
        (under_load, "SCALING_SECONDS"),
        (memory, "SOAK_SECONDS"),
        (baseline, "SECONDS"),
    ):
        monkeypatch.setattr(module, name, {False: 0.05, True: 0.1})
    monkeypatch.setattr(performance, "usable_cores", lambda: 2)


class Timed(FakeSession):
    """Sleeps for its service time, and may leak."""

    seconds = 0.001
    leak = 0

    def __init__(self, artifact, options=None):
        super().__init__(self._answer, artifact, options=options)
        self.requests = 0

    def _answer(self, feeds):
        time.sleep(self.seconds)
        return [feeds["image"].reshape(len(feeds["image"]), -1)[:, :10].copy()]

    def time(self, feeds, *, repeat):
        self.requests += repeat
        time.sleep(min(self.seconds * repeat, 0.02))
        return np.full(repeat, self.seconds)

    def resources(self):
        held = 80_000_000 + self.leak * self.requests
        return Resources(rss=held, uss=held, cpu_seconds=0.0, threads=1)


def pool_of(artifact, kind):
    """A pool that gives each thread a session of its own, as the real one does."""
    pool = FakePool(artifact, {"fake": kind})
    sessions = {}

    def get(_, options=None, *, artifact=None):
        key = (threading.get_ident(), artifact and artifact.digest)
        if key not in sessions or sessions[key].closed:
            sessions[key] = kind(artifact or pool.artifact, options)
        return sessions[key]

    pool.get = get
    return pool


def found_by(tmp_path, kind, *, limits=None, baseline=None):
    artifact = make_artifact(tmp_path / "model", {})
    trial = make_trial(
        tmp_path / "scratch",
        artifact,
        None,
        held_out=make_held_out(IMAGES, [0] * len(IMAGES)),
        profile=replace(PROFILE, limits=limits or {}),
        pool=pool_of(artifact, kind),
        baseline=baseline,
    )
    return trial, {each.id.removeprefix("performance."): each for each in CHECK.run(trial)}


def test_a_good_model_has_no_fail_and_its_control_objects(tmp_path):
    trial, found = found_by(tmp_path, Timed)
    verdicts = {name: each.verdict for name, each in found.items()}
    assert not {Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE} & set(verdicts.values())
    assert set(found) == {
        "environment", "service", "stalls", "scaling", "throughput", "latency", "knee", "answers-under-load",
        "noise", "baseline", "memory", "leak", "leak-shapes",
    }  # fmt: skip
    assert found["baseline"].verdict is Verdict.SKIP
    assert CHECK.control(trial).rejected
    json.dumps(CHECK.record(list(found.values())), allow_nan=False)


def test_limits_of_the_profile_are_held(tmp_path):
    limits = {"performance.p99_ms": 0.1, "performance.memory_mb": 10, "performance.service_ms": 0.5}
    _, found = found_by(tmp_path, Timed, limits=limits)
    assert [found[each].verdict for each in ("latency", "memory", "service")] == [Verdict.FAIL] * 3
    assert found["latency"].limit.source == "profile test"


def test_a_leak_is_found(tmp_path):
    _, found = found_by(tmp_path, type("Leaking", (Timed,), {"leak": 2048, "seconds": 1e-5}))
    assert found["leak"].verdict is Verdict.FAIL
    assert found["leak"].measured == pytest.approx(2048, rel=0.05)


def test_a_shared_predictor_is_found(tmp_path):
    shared = {}

    class Shared(Timed):
        def _answer(self, feeds):
            shared["x"] = feeds["image"]
            time.sleep(0.001)
            return [shared["x"].reshape(len(shared["x"]), -1)[:, :10].copy()]

    _, found = found_by(tmp_path, Shared)
    assert found["answers-under-load"].verdict is Verdict.FAIL


def test_an_engine_that_dies_is_a_fail_that_names_the_signal(tmp_path):
    class Dying(Timed):
        def time(self, feeds, *, repeat):
            raise EngineFailure("killed", kind="signal", signal_name="SIGSEGV")

    trial, found = found_by(tmp_path, Dying)
    assert found["endurance"].verdict is Verdict.FAIL
    assert "SIGSEGV" in found["endurance"].summary.en
    assert CHECK.control(trial).rejected


def test_nothing_to_time_is_an_error_and_no_pass(tmp_path):
    artifact = make_artifact(tmp_path / "model", {})
    wrong = make_held_out(np.zeros((2, 3), "float64"), [0, 0])
    trial = make_trial(tmp_path / "s", artifact, None, held_out=wrong, pool=pool_of(artifact, Timed))
    assert Verdict.ERROR in {each.verdict for each in CHECK.run(trial)}


def accepted(artifact, environment):
    return Baseline(
        "accepted", artifact.digest, "", "", environment, str(artifact.path), {}, "a person", "first",
        datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "verdicts"),
    [
        (1.0, {Verdict.PASS, Verdict.WARN}),
        (1.5, {Verdict.FAIL}),
    ],
)
def test_a_slower_model_is_found_in_turn_with_the_accepted_one(tmp_path, monkeypatch, ratio, verdicts):
    old = make_artifact(tmp_path / "old", {"w": np.ones(3)})
    monkeypatch.setattr("seatrial.checks._trial.open_model", lambda _: old)
    rng = np.random.default_rng(0)

    class Either(Timed):
        def time(self, feeds, *, repeat):
            mine = 0.001 * (1 if self.artifact.digest == old.digest else ratio)
            return mine * rng.lognormal(0, 0.01, repeat)

    kept = accepted(old, environment_digest(environment_record()))
    _, found = found_by(tmp_path, Either, baseline=kept)
    assert found["baseline"].verdict in verdicts
    assert found["baseline"].measured == pytest.approx(ratio, rel=0.03)


def test_latency_is_never_compared_across_environments(tmp_path):
    old = make_artifact(tmp_path / "old", {"w": np.ones(3)})
    _, found = found_by(tmp_path, Timed, baseline=accepted(old, "sha256:elsewhere"))
    assert found["baseline"].verdict is Verdict.SKIP
    assert "another environment" in found["baseline"].summary.en


def comparison(ratio, half, *, p=0.5, margin=0.02):
    return BlockComparison(ratio, ratio - half, ratio + half, p, margin, 12)


@pytest.mark.parametrize(
    ("found", "noise", "verdict"),
    [
        (comparison(1.10, 0.01, p=0.001), comparison(1.0, 0.01), Verdict.FAIL),
        (comparison(1.00, 0.01), comparison(1.0, 0.01), Verdict.PASS),
        (comparison(1.10, 0.02, p=0.001), comparison(1.0, 0.2), Verdict.INCONCLUSIVE),
        (comparison(1.60, 0.02, p=0.001), comparison(1.0, 0.2), Verdict.FAIL),
        (comparison(0.80, 0.02), comparison(1.0, 0.2), Verdict.PASS),
    ],
)
def test_a_noisy_machine_says_only_what_its_noise_allows(found, noise, verdict):
    assert baseline.judge_slower(found, noise)[0] is verdict


def test_doubt_stops_a_release_and_warns_a_commit():
    assert baseline.doubt(full=True) is Verdict.INCONCLUSIVE
    assert baseline.doubt(full=False) is Verdict.WARN


def test_a_noisy_machine_is_a_warning():
    limit = Limit(0.02, "test")
    assert baseline.judge_noise(comparison(1.0, 0.2), limit).verdict is Verdict.WARN
    assert baseline.judge_noise(comparison(1.0, 0.01), limit).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (np.full(1000, 0.009), Verdict.PASS),
        (np.full(1000, 0.011), Verdict.FAIL),
        (np.full(20, 0.009), Verdict.WARN),
        (np.r_[np.full(985, 0.005), np.full(15, 0.02)], Verdict.INCONCLUSIVE),
    ],
)
def test_a_limit_is_judged_by_the_interval(values, verdict):
    assert judge_slo(quantile(values, 0.99), Limit(10, "test", "ms")) is verdict


@pytest.mark.parametrize(
    ("efficiency", "machine", "verdict"),
    [
        (0.95, 1.0, Verdict.PASS),
        (0.5, 1.0, Verdict.FAIL),
        (0.3, 0.5, Verdict.WARN),
        (0.45, 0.5, Verdict.PASS),
    ],
)
def test_a_lock_fails_and_a_busy_machine_does_not(efficiency, machine, verdict):
    assert judge_scaling(Scaling(2, efficiency, machine, 3), Limit(0.65, "test")).verdict is verdict


def test_sessions_that_hold_each_other_up_fail_on_any_machine():
    limit = Limit(0.65, "test")
    assert judge_scaling(Scaling(2, 0.9, 0.5, 1), limit, held=1).verdict is Verdict.PASS
    assert judge_scaling(Scaling(2, 0.9, 0.5, 1), limit, held=2).verdict is Verdict.FAIL


@pytest.mark.parametrize(("count", "verdict"), [(0, Verdict.PASS), (2, Verdict.WARN), (5, Verdict.FAIL)])
def test_stalls(tmp_path, count, verdict):
    artifact = make_artifact(tmp_path, {})
    warm = np.full(1000, 0.005)
    warm[:count] = 0.3
    service = ServiceTimes(0.1, warm, 1, tuple(range(count)), 0, 1.0, 0)
    assert stall_finding(make_trial(tmp_path / "s", artifact, None), service).verdict is verdict


def load(count, seconds=1.0, *, wrong=0, offered=0.0):
    return LoadResult(offered, np.full(count, 0.01), np.full(count, 0.01), seconds, wrong=wrong)


def test_throughput_that_breaks_down_is_a_warning():
    limit = Limit(0.7, "test")
    assert judge_decay([load(100), load(190), load(195), load(190)], limit).verdict is Verdict.PASS
    assert judge_decay([load(100), load(190), load(120), load(60)], limit).verdict is Verdict.WARN


def test_one_wrong_answer_or_none_at_all_is_a_fail():
    assert answers_finding([load(10)]).verdict is Verdict.PASS
    assert answers_finding([load(10), load(10, wrong=1)]).verdict is Verdict.FAIL
    assert answers_finding([load(0)]).verdict is Verdict.FAIL


def test_a_required_rate_is_held(tmp_path):
    trial = make_trial(tmp_path / "s", make_artifact(tmp_path, {}), None)
    trial = replace(trial, profile=replace(PROFILE, limits={"performance.minimum_rate": 150}))
    points = [load(100, offered=100), load(120, offered=200)]
    assert knee_finding(trial, points, 120).verdict is Verdict.FAIL
    assert knee_finding(trial, [load(200, offered=200)], 250).verdict is Verdict.PASS


@pytest.mark.parametrize("n", [60, 200, 5000])
def test_the_control_works_on_latencies_of_any_shape(n):
    """A busy machine gives tails a hundred times the median; that is no fault of the judgement."""
    rng = np.random.default_rng(n)
    for tail in (1, 10, 1000):
        series = rng.lognormal(-8, 0.5, n)
        series[rng.integers(0, n, 3)] *= tail
        assert control_problems(series, seed=n) == []


def test_the_control_knows_a_broken_judgement(monkeypatch):
    series = np.random.default_rng(0).lognormal(-5, 0.1, 400)
    assert control_problems(series, seed=0) == []
    monkeypatch.setattr(performance, "judge_slower", lambda *_: (Verdict.PASS, ""))
    assert control_problems(series, seed=0) == ["25 % slower was accepted"]
    monkeypatch.setattr(performance, "judge_slo", lambda *_: Verdict.PASS)
    assert len(control_problems(series, seed=0)) == 2
