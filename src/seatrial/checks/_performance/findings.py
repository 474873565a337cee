"""Findings about one session alone: service time, stalls, and the machine it ran on (`M06`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seatrial.checks._environment import environment_record
from seatrial.checks._finding import Chart, Finding, Limit, Series, Table, Text, Verdict
from seatrial.checks._performance.latency_statistics import Quantile, samples_needed
from seatrial.checks._performance.service import ServiceTimes
from seatrial.checks._trial import Trial

MOST_STEAL = 5.0  # percent; beyond it the hypervisor decides the latencies


def environment_finding() -> Finding:
    """The machine as it is now; a busy one is a warning, because every figure below depends on it."""
    record = environment_record()
    load = (record["load_average"] or [0.0])[0]
    steal = record["steal_percent"] or 0.0
    busy = load > record["usable_cores"] or steal > MOST_STEAL
    rows = tuple((name, _cell(value)) for name, value in record.items())
    return Finding(
        "performance.environment",
        Verdict.WARN if busy else Verdict.PASS,
        Text(
            f"{record['cpu']}, {record['usable_cores']} cores, load {load:g}, steal {steal:g} %.",
            f"{record['cpu']}，{record['usable_cores']} 核，负载 {load:g}，被占用时间 {steal:g}%。",
        ),
        examined=len(record),
        measured=load,
        limit=Limit(record["usable_cores"], "cores of this machine"),
        evidence=(Table(Text("Environment", "环境"), ("item", "value"), rows),),
        cause=Text("Something else is running on this machine.", "本机上还有其他任务在运行。")
        if busy
        else None,
        fix=Text("Measure again on a quiet machine.", "请在空闲的机器上重新测量。") if busy else None,
    )


def _cell(value: Any) -> str | int | float | None:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def milliseconds(seconds: float) -> float | None:
    """Milliseconds with four digits; None for a bound that does not exist."""
    if not math.isfinite(seconds):
        return None
    return float(f"{seconds * 1e3:.4g}")


def quantile_rows(quantiles: Sequence[Quantile]) -> tuple[tuple[Any, ...], ...]:
    """Rows `quantile, ms, from, to, n` of a table."""
    return tuple(
        (
            f"P{each.q * 100:g}",
            milliseconds(each.value),
            milliseconds(each.low),
            milliseconds(each.high),
            each.n,
        )
        for each in quantiles
    )


QUANTILE_COLUMNS = ("quantile", "ms", "95 % from", "95 % to", "n")


def judge_slo(found: Quantile, limit: Limit) -> Verdict:
    """A latency quantile against an absolute limit in milliseconds.

    FAIL when even the lower bound is above, PASS when even the upper bound is below. Between them the
    estimate decides whether the doubt is a WARN (looks good, too few requests) or INCONCLUSIVE.
    """
    bound = limit.number / 1e3
    if found.low > bound:
        return Verdict.FAIL
    if found.high <= bound:
        return Verdict.PASS
    return Verdict.WARN if found.value <= bound else Verdict.INCONCLUSIVE


def cdf(name: str, seconds: Any, points: int = 120) -> Series:
    """Distribution function as a step series in milliseconds."""
    values = np.asarray(seconds, "float64")
    shares = np.linspace(0, 1, min(points, len(values)))
    xs = np.quantile(values, shares, method="inverted_cdf") * 1e3
    return Series(name, tuple(float(f"{x:.4g}") for x in xs), tuple(float(round(y, 4)) for y in shares))


def service_findings(trial: Trial, service: ServiceTimes) -> list[Finding]:
    """Service time of one session, and its stalls."""
    return [_service(trial, service), stall_finding(trial, service)]


def _service(trial: Trial, service: ServiceTimes) -> Finding:
    p50, p90, p99 = service.quantiles()
    limit = trial.limit("performance.service_ms", None, unit="ms")
    verdict = Verdict.PASS if limit.value is None else judge_slo(p50, limit)
    too_slow = verdict is not Verdict.PASS
    count, warm_up = len(service.warm), service.warm_up
    return Finding(
        "performance.service",
        verdict,
        Text(
            f"Alone: P50 {milliseconds(p50.value)} ms, P90 {milliseconds(p90.value)} ms, P99 "
            f"{milliseconds(p99.value)} ms over {count} runs; first run {milliseconds(service.first)} ms; "
            f"{service.cores:.2f} cores in use.",
            f"单独运行：P50 {milliseconds(p50.value)} ms，P90 {milliseconds(p90.value)} ms，P99 "
            f"{milliseconds(p99.value)} ms，共 {count} 次；首次 {milliseconds(service.first)} ms；"
            f"占用 {service.cores:.2f} 个核。",
        ),
        examined=count,
        measured=milliseconds(p50.value),
        limit=limit if limit.value is not None else None,
        evidence=(
            Table(Text("Service time", "服务时间"), QUANTILE_COLUMNS, quantile_rows((p50, p90, p99))),
            _warm_up_chart(service),
        ),
        cause=Text("The model is too large for this machine.", "模型对于这台机器而言过大。")
        if too_slow
        else None,
        fix=Text("Tune threads, runtime and precision, or prune.", "调整线程数、运行时与精度，或进行剪枝。")
        if too_slow
        else None,
        data={
            "quantiles_ms": {f"p{each.q * 100:g}": milliseconds(each.value) for each in (p50, p90, p99)},
            "warm_up": warm_up,
            "cores": round(service.cores, 3),
            "p99_needs": samples_needed(0.99),
        },
    )


def _warm_up_chart(service: ServiceTimes) -> Chart:
    series = service.warm[:: max(1, len(service.warm) // 200)][:200]
    step = max(1, len(service.warm) // 200)
    return Chart(
        Text("Time of each run", "每次运行的时间"),
        "scatter",
        "run",
        "ms",
        (
            Series(
                "run",
                tuple(float(i * step) for i in range(len(series))),
                tuple(float(x * 1e3) for x in series),
            ),
        ),
    )


def stall_finding(trial: Trial, service: ServiceTimes) -> Finding:
    """Runs that hung while the machine did not: three or more, or half a percent of them, is a FAIL."""
    limit = trial.limit("performance.stalls", 2, reason="one or two may be the machine's")
    count, runs = len(service.stalls), len(service.warm)
    longest = max((float(service.warm[i]) for i in service.stalls), default=0.0)
    verdict = Verdict.PASS if count == 0 else Verdict.WARN if count <= limit.number else Verdict.FAIL
    text = f", longest {milliseconds(longest)} ms" if count else ""
    text_zh = f"，最长 {milliseconds(longest)} ms" if count else ""
    return Finding(
        "performance.stalls",
        verdict,
        Text(
            f"{count} stalls in {runs} runs{text} ({service.machine_stalls} more were the machine's own).",
            f"{runs} 次运行中有 {count} 次停顿{text_zh}（另有 {service.machine_stalls} 次属于机器自身）。",
        ),
        examined=runs,
        measured=count,
        limit=limit,
        cause=None
        if verdict is Verdict.PASS
        else Text(
            "A lock, a garbage collection, a rebuilt cache or a flushed log holds the engine now and then.",
            "垃圾回收、锁、缓存重建或日志刷盘不时阻塞引擎。",
        ),
        fix=None
        if verdict is Verdict.PASS
        else Text(
            "Look at what happens at the distance between the stalls shown in the chart of the runs.",
            "请根据运行时间图中停顿的间隔查找对应事件。",
        ),
        data={"places": list(service.stalls[:50])},
    )
