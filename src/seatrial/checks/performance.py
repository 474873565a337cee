"""Check 6: how fast, how many, how much memory, and slower than before by a test that can tell (`M06`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from seatrial.checks._environment import usable_cores
from seatrial.checks._finding import Control, Finding, Limit, Text, Verdict
from seatrial.checks._inference import (
    Feed,
    predictions,
    production_options,
    production_runtime,
    production_session,
)
from seatrial.checks._performance.baseline import against_baseline, judge_slower, noise_finding
from seatrial.checks._performance.findings import environment_finding, judge_slo, service_findings
from seatrial.checks._performance.latency_statistics import compare_blocks, quantile
from seatrial.checks._performance.load import Lanes, Work
from seatrial.checks._performance.memory import memory_findings
from seatrial.checks._performance.service import ServiceTimes, measure_service
from seatrial.checks._performance.under_load import load_findings, scaling_finding
from seatrial.checks._probing import spread
from seatrial.checks._trial import INPUTS, Check, SessionPool, Trial, measured
from seatrial.errors import EngineFailure
from seatrial.runtimes import all_runtimes

SAMPLES = 8
SERVICE_SECONDS = {False: 1.2, True: 8.0}

_services: WeakKeyDictionary[SessionPool, ServiceTimes] = WeakKeyDictionary()


def _run(trial: Trial) -> list[Finding]:
    findings = [environment_finding()]
    known = all_runtimes().get(production_runtime(trial))
    if known is not None and known.emulated:
        return [*findings, _emulated(known.name)]
    try:
        asked = predictions(trial, samples=spread(trial.held_out.samples, SAMPLES))
        feeds = [
            feed for i, feed in enumerate(asked.feeds) if feed is not None and asked.outputs[i] is not None
        ]
        if not feeds:
            why = asked.failures[0].message if asked.failures else "the held-out set is empty"
            return [*findings, _nothing_to_time(why)]
        return findings + _measure(trial, feeds)
    except EngineFailure as error:
        return [*findings, _died(error)]


def _measure(trial: Trial, feeds: Sequence[Feed]) -> list[Finding]:
    session = production_session(trial)
    trial.progress("service time")
    service = measure_service(session, feeds[0], seconds=SERVICE_SECONDS[trial.full])
    _services[trial.pool] = service
    work = Work(feeds, [session.run(each) for each in feeds])
    findings = service_findings(trial, service)
    runtime, options = production_runtime(trial), production_options(trial)
    with Lanes(lambda: trial.pool.get(runtime, options), min(2, usable_cores())) as lanes:
        lanes.parallel(lambda lane, _: lane.time(feeds[0], repeat=5))
        findings.append(scaling_finding(trial, lanes, feeds[0]))
        findings += load_findings(trial, lanes, work, service)
        noise, finding = noise_finding(trial, lanes, feeds[0], service)
        findings.append(finding)
    findings.append(against_baseline(trial, feeds[0], service, noise))
    return findings + memory_findings(trial, session, feeds, service)


def _nothing_to_time(why: str) -> Finding:
    return Finding(
        "performance.service",
        Verdict.ERROR,
        Text(
            f"No sample could be prepared, so nothing was timed: {why}.", f"没有样本可用，无法计时：{why}。"
        ),
        examined=0,
        cause=Text("The held-out set does not fit the contract.", "留出数据与契约不符。"),
        fix=Text("See the checks interface and accuracy.", "请查看接口检查与准确率检查。"),
    )


def _emulated(runtime: str) -> Finding:
    return Finding(
        "performance.service",
        Verdict.NOT_EXERCISED,
        Text(
            f"{runtime} is emulated here: times of an emulated processor say nothing, and none were taken.",
            f"{runtime} 在本机为仿真运行：仿真处理器的耗时毫无意义，因此未计时。",
        ),
        examined=0,
        cause=Text("The processor of the release is not this machine's.", "发布所用的处理器并非本机处理器。"),
        fix=Text(
            "Run this check on the device itself, with its own runtime.",
            "请在设备本身上以其自己的运行时执行此检查。",
        ),
    )


def _died(error: EngineFailure) -> Finding:
    what = error.signal_name or error.kind
    return Finding(
        "performance.endurance",
        Verdict.FAIL,
        Text(
            f"The engine did not survive being timed ({what}): {error.message}",
            f"引擎在计时过程中失败（{what}）：{error.message}",
        ),
        examined=1,
        cause=Text(
            "It crashes, hangs or outgrows its memory under repeated or concurrent requests.",
            "在重复或并发请求下崩溃、挂起或内存超限。",
        ),
        fix=Text(
            "Reproduce it with `seatrial infer` on the same input; use one predictor per thread.",
            "用 `seatrial infer` 以同一输入重现；每个线程使用独立的预测器。",
        ),
    )


def _control(trial: Trial) -> Control:
    """Slows this run's own latencies down: both judgements must object, and not before."""
    service = _services.get(trial.pool)
    series = service.warm if service is not None and len(service.warm) >= 60 else _synthetic(trial.seed)
    problems = control_problems(series, seed=trial.seed)
    if problems:
        said = "; ".join(problems)
        return Control(
            rejected=False, summary=Text(f"Not judged as it must be: {said}.", f"判断有误：{said}。")
        )
    return Control(
        rejected=True,
        summary=Text(
            "Latencies of this run slowed by 25 % were called slower, those above a limit broke it, "
            "and the unchanged copy passed both.",
            "本次运行的延迟放慢 25% 被判为变慢，超过限值的被判为超限，而未改动的副本两项均通过。",
        ),
    )


def control_problems(series: Any, *, seed: int) -> list[str]:
    """What the judgements get wrong on a slowed copy of these latencies; empty when they work."""
    values = np.asarray(series, "float64")
    values = values[: len(values) // 20 * 20]
    shuffled = np.random.default_rng(seed).permutation(values)
    blocks = np.array_split(shuffled, 10)
    others = [np.roll(each, 1) for each in blocks]
    same = compare_blocks(blocks, others)
    slowed = compare_blocks(blocks, [1.25 * each for each in others])
    problems = []
    if judge_slower(slowed, same)[0] is not Verdict.FAIL:
        problems.append("25 % slower was accepted")
    if judge_slower(same, same)[0] is not Verdict.PASS:
        problems.append("an unchanged copy was refused")
    longest = float(values.max())
    bound = Limit(2 * longest * 1e3, "control", "ms")
    if judge_slo(quantile(values + 2 * longest, 0.99), bound) is not Verdict.FAIL:
        problems.append("a latency above its limit was accepted")
    if judge_slo(quantile(values, 0.99), bound) in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        problems.append("half the limit was refused")
    return problems


def _synthetic(seed: int) -> Any:
    return 0.01 * np.random.default_rng(seed).lognormal(0, 0.05, 1000)


def _record(findings: list[Finding]) -> dict[str, Any]:
    figures = measured(findings)
    for each in findings:
        if each.id == "performance.service":
            figures["service_ms"] = each.data.get("quantiles_ms")
    return figures


CHECK = Check(
    name="performance",
    order=6,
    title=Text("Performance", "性能"),
    question=Text(
        "Is it fast enough, does it keep its speed and its memory, and is it no slower than before?",
        "速度是否达标，能否保持速度与内存稳定，且不比之前更慢？",
    ),
    promises=("M06",),
    run=_run,
    control=_control,
    headline="performance.latency",
    record=_record,
    reads=INPUTS - {"delivered", "members"},
)
