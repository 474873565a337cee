"""Findings about several sessions under load: scaling, throughput, latency, the knee (`M06`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seatrial.checks._finding import Chart, Finding, Limit, Series, Table, Text, Verdict
from seatrial.checks._performance.findings import (
    QUANTILE_COLUMNS,
    cdf,
    judge_slo,
    milliseconds,
    quantile_rows,
)
from seatrial.checks._performance.latency_statistics import Quantile, quantile
from seatrial.checks._performance.load import (
    Lanes,
    LoadResult,
    Work,
    closed_loop,
    knee,
    open_loop,
    poisson_arrivals,
)
from seatrial.checks._performance.lock_probe import STOPS, held_up
from seatrial.checks._performance.service import Scaling, ServiceTimes, measure_scaling
from seatrial.checks._trial import Trial

CLIENTS = (1, 2, 4, 8)
SHARES = (0.2, 0.4, 0.6, 0.8, 0.95, 1.1)  # of the capacity seen in the closed loop
CLOSED_SECONDS = {False: 0.3, True: 2.0}
OPEN_SECONDS = {False: 0.3, True: 3.0}
SLO_SECONDS = {False: 1.2, True: 8.0}
SCALING_SECONDS = {False: 0.3, True: 1.0}


def scaling_finding(trial: Trial, lanes: Lanes, feed: Any) -> Finding:
    """Whether a second session works beside the first, or waits for it."""
    limit = trial.limit("performance.scaling", 0.65, reason="a lock gives 0.5, two free sessions about 1")
    if len(lanes) < 2:
        return Finding(
            "performance.scaling",
            Verdict.SKIP,
            Text(
                "One core: two sessions cannot run side by side here.", "只有一个核：无法并行运行两个会话。"
            ),
            examined=0,
        )
    trial.progress("two sessions side by side")
    held = held_up(lanes, feed)
    found = measure_scaling(lanes, feed, seconds=SCALING_SECONDS[trial.full], enough=limit.number)
    return judge_scaling(found, limit, held=held)


def judge_scaling(found: Scaling, limit: Limit, *, held: int = 0) -> Finding:
    """FAIL when sessions wait for each other, or do not scale on a machine that does; else WARN.

    Args:
        found: Throughput.
        limit: Smallest relative efficiency.
        held: How often a session could not answer while the other stood still.
    """
    locked = held > STOPS // 2
    enough = found.relative >= limit.number and not locked
    sure = locked or found.machine >= 0.8
    verdict = Verdict.PASS if enough else Verdict.FAIL if sure else Verdict.WARN
    finding = Finding(
        "performance.scaling",
        verdict,
        Text(
            f"{found.sessions} sessions give {found.efficiency * found.sessions:.2f} times the work of one "
            f"(plain arithmetic: {found.machine * found.sessions:.2f} times); with one of them stopped, the "
            f"other was held up {held} of {STOPS} times.",
            f"{found.sessions} 个会话的吞吐量是单个的 {found.efficiency * found.sessions:.2f} 倍"
            f"（纯计算为 {found.machine * found.sessions:.2f} 倍）；"
            f"暂停其中一个会话时，另一个被阻塞 {held}/{STOPS} 次。",
        ),
        examined=found.attempts,
        measured=round(found.relative, 3),
        limit=limit,
        data={
            "efficiency": round(found.efficiency, 3),
            "machine": round(found.machine, 3),
            "held": held,
        },
    )
    if verdict is Verdict.PASS:
        return finding
    if verdict is Verdict.WARN:
        return replace(
            finding,
            cause=Text("This machine is busy and does not scale itself.", "机器繁忙，自身也无法线性扩展。"),
            fix=Text("Measure again on a quiet machine.", "请在空闲的机器上重新测量。"),
        )
    return replace(
        finding,
        cause=Text(
            "A lock is held around the engine (Paddle 3.3.1 holds Python's), or memory bandwidth is full.",
            "引擎外有全局锁（Paddle 3.3.1 会持有解释器锁），或内存带宽已饱和。",
        ),
        fix=Text(
            "Serve with one process per core, and pin a runtime that frees the lock (paddlepaddle 3.2.2).",
            "每核使用一个进程提供服务，并锁定会释放锁的运行时版本（如 paddlepaddle 3.2.2）。",
        ),
    )


def load_findings(trial: Trial, lanes: Lanes, work: Work, service: ServiceTimes) -> list[Finding]:
    """Throughput by concurrency, latency at a rate, the knee, and whether answers stayed right."""
    rng = np.random.default_rng(trial.seed)
    trial.progress("throughput under rising concurrency")
    closed = [closed_loop(lanes, work, clients=each, seconds=CLOSED_SECONDS[trial.full]) for each in CLIENTS]
    capacity = max(each.achieved for each in closed)
    trial.progress("open loop: sweep to the knee")
    points = [
        _at_rate(lanes, work, share * capacity, seconds=OPEN_SECONDS[trial.full], rng=rng) for share in SHARES
    ]
    asked = trial.limit("performance.rate", None, unit="1/s")
    rate = float(asked.value) if isinstance(asked.value, (int, float)) else 0.5 * capacity
    slo = _at_rate(lanes, work, rate, seconds=SLO_SECONDS[trial.full], rng=rng)
    return [
        judge_decay(closed, trial.limit("performance.decay", 0.7, reason="a queue costs little")),
        latency_finding(trial, slo, service),
        knee_finding(trial, points, capacity),
        answers_finding([*closed, *points, slo]),
    ]


def _at_rate(
    lanes: Lanes, work: Work, rate: float, *, seconds: float, rng: np.random.Generator
) -> LoadResult:
    count = int(np.clip(rate * seconds, 10, 5000))
    return open_loop(lanes, work, poisson_arrivals(rate, count, rng=rng), limit_seconds=3 * seconds + 2)


def judge_decay(closed: Sequence[LoadResult], limit: Limit) -> Finding:
    """Throughput with many clients against its best: it must not break down when more queue up."""
    rates = [each.achieved for each in closed]
    best, last = max(rates), rates[-1]
    kept = last / best if best > 0 else 0.0
    verdict = Verdict.PASS if kept >= limit.number else Verdict.WARN
    rows = tuple(
        (
            clients,
            round(each.achieved, 1),
            milliseconds(_q(each, 0.5)),
            milliseconds(_q(each, 0.99)),
            len(each.latencies),
        )
        for clients, each in zip(CLIENTS, closed, strict=True)
    )
    return Finding(
        "performance.throughput",
        verdict,
        Text(
            f"Up to {best:.4g} requests/s; {kept:.0%} of it with {CLIENTS[-1]} clients.",
            f"最高每秒 {best:.4g} 个请求；{CLIENTS[-1]} 个客户端时保持 {kept:.0%}。",
        ),
        examined=sum(len(each.latencies) for each in closed),
        measured=round(kept, 3),
        limit=limit,
        evidence=(
            Table(
                Text("Throughput by clients", "吞吐量与并发"),
                ("clients", "1/s", "P50 ms", "P99 ms", "n"),
                rows,
            ),
            Chart(
                Text("Throughput under rising concurrency", "并发上升时的吞吐量"),
                "line",
                "clients",
                "requests/s",
                (Series("throughput", tuple(float(each) for each in CLIENTS), tuple(rates)),),
            ),
        ),
        cause=None
        if verdict is Verdict.PASS
        else Text(
            "More clients cost throughput: they compete for cores or caches.",
            "客户端增多时吞吐量下降：它们在争抢核或缓存。",
        ),
        fix=None
        if verdict is Verdict.PASS
        else Text("Limit the number of requests in flight.", "限制同时在途的请求数。"),
        data={"kept": round(kept, 3)},
    )


def _q(found: LoadResult, q: float) -> float:
    return float(np.quantile(found.latencies, q)) if len(found.latencies) else float("nan")


def latency_finding(trial: Trial, found: LoadResult, service: ServiceTimes) -> Finding:
    """P50, P90 and P99 as users see them, from the intended time; P99 against its limit, if any."""
    limit = trial.limit("performance.p99_ms", None, unit="ms")
    if not len(found.latencies):
        return Finding(
            "performance.latency",
            Verdict.FAIL,
            Text("No request was answered under load.", "负载下没有任何请求得到响应。"),
            examined=1,
        )
    quantiles = [quantile(found.latencies, q) for q in (0.5, 0.9, 0.99)]
    p99 = quantiles[2]
    verdict = Verdict.PASS if limit.value is None else judge_slo(p99, limit)
    p50_ms, p90_ms, p99_ms = (milliseconds(each.value) for each in quantiles)
    doubt = _doubt(p99, verdict)
    return Finding(
        "performance.latency",
        verdict,
        Text(
            f"At {found.offered:.4g} requests/s, open loop: P50 {p50_ms} ms, P90 {p90_ms} ms, "
            f"P99 {p99_ms} ms{doubt.en}.",
            f"开环每秒 {found.offered:.4g} 个请求：P50 {p50_ms} ms，P90 {p90_ms} ms，"
            f"P99 {p99_ms} ms{doubt.zh}。",
        ),
        examined=len(found.latencies),
        measured=milliseconds(p99.value),
        limit=limit if limit.value is not None else None,
        evidence=(
            Table(
                Text("Latency from the intended time", "自应发时刻起的延迟"),
                QUANTILE_COLUMNS,
                quantile_rows(quantiles),
            ),
            Chart(
                Text("Latency distribution", "延迟分布"),
                "step",
                "ms",
                "share of requests",
                (cdf("open loop", found.latencies), cdf("alone", service.warm)),
                x_log=True,
            ),
        ),
        cause=None
        if verdict is Verdict.PASS
        else Text(
            "Service time and queueing exceed the limit at this rate.", "该速率下服务时间与排队超出限值。"
        ),
        fix=None
        if verdict is Verdict.PASS
        else Text(
            "Add sessions, lower the rate per instance, or use a faster runtime or precision.",
            "增加会话数、降低单实例速率，或换用更快的运行时或精度。",
        ),
        data={"offered": round(found.offered, 2), "achieved": round(found.achieved, 2)},
    )


def _doubt(p99: Quantile, verdict: Verdict) -> Text:
    if verdict is Verdict.WARN:
        return Text(
            f" (only {p99.n} requests: no upper bound below the limit)",
            f"（仅 {p99.n} 个请求，上界无法低于限值）",
        )
    if verdict is Verdict.INCONCLUSIVE:
        return Text(
            f" (too close to the limit for {p99.n} requests)", f"（{p99.n} 个请求不足以判定是否超限）"
        )
    return Text("", "")


def knee_finding(trial: Trial, points: Sequence[LoadResult], capacity: float) -> Finding:
    """The highest rate before latency takes off."""
    limit = trial.limit("performance.minimum_rate", None, unit="1/s")
    found = knee(points)
    rate = found.offered if found is not None else 0.0
    enough = not isinstance(limit.value, (int, float)) or rate >= float(limit.value)
    rows = tuple(
        (
            round(each.offered, 1),
            round(each.achieved, 1),
            *(milliseconds(_q(each, q)) for q in (0.5, 0.9, 0.99)),
            each.unfinished,
        )
        for each in points
    )
    xs = tuple(float(f"{each.offered:.4g}") for each in points)
    return Finding(
        "performance.knee",
        Verdict.PASS if enough else Verdict.FAIL,
        Text(
            f"Latency takes off above {rate:.4g} requests/s ({rate / capacity:.0%} of the maximum)."
            if capacity
            else "Nothing was answered.",
            f"超过每秒 {rate:.4g} 个请求后延迟急剧上升（最大吞吐量的 {rate / capacity:.0%}）。"
            if capacity
            else "没有任何响应。",
        ),
        examined=sum(len(each.latencies) for each in points),
        measured=round(rate, 2),
        limit=limit if limit.value is not None else None,
        evidence=(
            Table(
                Text("Open-loop sweep", "开环扫描"),
                ("offered 1/s", "achieved 1/s", "P50 ms", "P90 ms", "P99 ms", "not started"),
                rows,
            ),
            Chart(
                Text("Latency by offered rate", "延迟与请求速率"),
                "line",
                "offered requests/s",
                "ms",
                tuple(
                    Series(f"P{q * 100:g}", xs, tuple(1e3 * _q(each, q) for each in points))
                    for q in (0.5, 0.9, 0.99)
                ),
                y_log=True,
            ),
        ),
        cause=None if enough else Text("The machine is too small for this rate.", "机器不足以支撑该速率。"),
        fix=None if enough else Text("Add cores or instances.", "增加核数或实例数。"),
    )


def answers_finding(loads: Sequence[LoadResult]) -> Finding:
    """Every answer under load is the one the request gets alone (`F32`)."""
    wrong, count = sum(each.wrong for each in loads), sum(len(each.latencies) for each in loads)
    return Finding(
        "performance.answers-under-load",
        Verdict.PASS if wrong == 0 and count else Verdict.FAIL,
        Text(
            f"{wrong} of {count} answers under load differ from those given alone.",
            f"负载下 {count} 个答案中有 {wrong} 个与单独运行时不同。",
        ),
        examined=count,
        measured=wrong,
        limit=Limit(0, "check default: load must not change an answer"),
        cause=None
        if wrong == 0
        else Text("Threads share one predictor and its buffers.", "多个线程共用一个预测器及其缓冲区。"),
        fix=None
        if wrong == 0
        else Text("Use one predictor or clone per thread.", "每个线程使用独立的预测器或克隆。"),
    )
