"""Findings about memory: how much, and whether it grows on and on (`M06`, fault F29)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seatrial.checks._finding import Chart, Finding, Limit, Series, Text, Verdict
from seatrial.checks._inference import Feed
from seatrial.checks._performance.service import ServiceTimes
from seatrial.checks._performance.soak import Soak, soak
from seatrial.checks._trial import Trial
from seatrial.contract.feeds import join
from seatrial.runtimes import Session

SOAK_SECONDS = {False: 1.0, True: 8.0}
BATCHES = (1, 2, 3, 4)
SLOW, FEW_SHAPES = 0.03, 3  # from so many seconds a call on, so many shapes: a round must not take long


def memory_findings(
    trial: Trial, session: Session, feeds: Sequence[Feed], service: ServiceTimes
) -> list[Finding]:
    """Peak, growth on one shape, growth on changing shapes."""
    limit = trial.limit(
        "performance.leak_bytes", 256, unit="B", reason="a quarter of the smallest leak that hurts"
    )
    trial.progress("memory over many requests")
    seconds = SOAK_SECONDS[trial.full]
    steady = soak(session, feeds[:1], seconds=seconds)
    findings = [judge_leak("leak", Text("One shape", "固定形状"), steady, limit)]
    changing = shapes(trial, feeds)
    if float(np.median(session.time(feeds[0], repeat=3))) > SLOW:
        changing = changing[:FEW_SHAPES]
    if len(changing) > 1:
        churn = soak(session, changing, seconds=seconds)
        label = Text(f"{len(changing)} shapes in turn", f"{len(changing)} 种形状轮换")
        findings.append(judge_leak("leak-shapes", label, churn, limit))
    return [peak_finding(trial, session, service), *findings]


def shapes(trial: Trial, feeds: Sequence[Feed]) -> list[Feed]:
    """Feeds of different shapes: those of the samples, and several batch sizes where the batch is free."""
    found: dict[object, Feed] = {}
    for feed in feeds:
        found.setdefault(tuple((name, value.shape) for name, value in feed.items()), feed)
    distinct = list(found.values())[:4]
    if trial.contract.batches_freely:
        distinct += [join([feeds[0]] * size) for size in BATCHES[1:]]
    return distinct


def peak_finding(trial: Trial, session: Session, service: ServiceTimes) -> Finding:
    """Largest resident set of the worker, engine included."""
    limit = trial.limit("performance.memory_mb", None, unit="MB")
    peak = max(service.peak_rss, session.resources().rss) / 1e6
    too_much = isinstance(limit.value, (int, float)) and peak > float(limit.value)
    return Finding(
        "performance.memory",
        Verdict.FAIL if too_much else Verdict.PASS,
        Text(f"Peak memory of one session: {peak:.0f} MB.", f"单个会话的内存峰值：{peak:.0f} MB。"),
        examined=1,
        measured=round(peak, 1),
        limit=limit if limit.value is not None else None,
        cause=Text("The model or its activations are too large.", "模型或其激活占用过大。")
        if too_much
        else None,
        fix=Text("Lower the batch size, quantise or prune.", "减小批大小、量化或剪枝。")
        if too_much
        else None,
    )


def judge_leak(name: str, label: Text, found: Soak, limit: Limit) -> Finding:
    """FAIL when memory surely grows on and on; SKIP when too few requests were sent to tell."""
    requests = found.requests[-1]
    slope = found.last
    leaks = found.leaks(limit.number)
    verdict = Verdict.FAIL if leaks else Verdict.PASS if found.enough else Verdict.SKIP
    few = "" if found.enough else "; too few requests to tell a leak from a cache"
    few_zh = "" if found.enough else "；请求太少，无法区分泄漏与缓存"
    return Finding(
        f"performance.{name}",
        verdict,
        Text(
            f"{label.en}: {slope.value:.0f} bytes a request (95 % {slope.low:.0f} to {slope.high:.0f}) over "
            f"{requests} requests; a leak of {found.detectable:.0f} bytes would have been seen{few}.",
            f"{label.zh}：{requests} 个请求中每请求 {slope.value:.0f} 字节（95% 区间 {slope.low:.0f} 至 "
            f"{slope.high:.0f}）；可发现 {found.detectable:.0f} 字节以上的泄漏{few_zh}。",
        ),
        examined=requests if verdict is not Verdict.SKIP else 0,
        measured=round(slope.value, 1),
        limit=limit,
        evidence=(_chart(found),),
        cause=Text(
            "Something is kept for every request: results, shapes or logs.",
            "每个请求都有内容被保留：结果、形状或日志。",
        )
        if leaks
        else None,
        fix=Text(
            "Bound the cache, or restart workers after a number of requests until the leak is found.",
            "限制缓存大小，或在定位泄漏前按请求数定期重启工作进程。",
        )
        if leaks
        else None,
        data={"detectable_bytes": float(np.round(found.detectable, 1)), "growth_bytes": found.growth},
    )


def _chart(found: Soak) -> Chart:
    return Chart(
        Text("Memory over requests", "内存随请求数的变化"),
        "line",
        "requests",
        "unique set, MB",
        (
            Series(
                "USS", tuple(float(each) for each in found.requests), tuple(each / 1e6 for each in found.uss)
            ),
        ),
    )
