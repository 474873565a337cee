"""Slower than before? First the model against itself, then in turn with the accepted one (`M06`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seatrial.checks._environment import environment_digest, environment_record
from seatrial.checks._finding import Chart, Finding, Limit, Text, Verdict
from seatrial.checks._inference import Feed, production_options, production_runtime
from seatrial.checks._performance.findings import cdf
from seatrial.checks._performance.latency_statistics import FEWEST_PAIRS, BlockComparison, compare_blocks
from seatrial.checks._performance.load import Lanes
from seatrial.checks._performance.service import ServiceTimes, interleaved, on_one_core
from seatrial.checks._trial import Baseline, Trial, accepted_model
from seatrial.errors import SeatrialError
from seatrial.model.artifact import Artifact

PAIRS = {False: 12, True: 20}
SECONDS = {False: 1.5, True: 6.0}


def margin_of(trial: Trial) -> Limit:
    """Slowdown that is still accepted."""
    return trial.limit("performance.margin", 0.02, reason="less is not worth a release")


def noise_finding(
    trial: Trial, lanes: Lanes, feed: Feed, service: ServiceTimes
) -> tuple[BlockComparison | None, Finding]:
    """Two sessions of one model in turn (A/A): what this machine cannot tell apart today."""
    trial.progress("the model against itself")
    limit = margin_of(trial)
    other = 1 if len(lanes) > 1 else 0
    with on_one_core([lanes.one(lane, lambda session: session) for lane in (0, other)]):
        blocks = interleaved(
            [
                lambda repeat: lanes.one(0, lambda session: session.time(feed, repeat=repeat)),
                lambda repeat: lanes.one(other, lambda session: session.time(feed, repeat=repeat)),
            ],
            blocks=PAIRS[trial.full],
            repeat=_repeat(trial, service, sides=2),
            deadline=time.perf_counter() + 2 * SECONDS[trial.full],
        )
    if len(blocks[0]) < FEWEST_PAIRS:
        return None, _too_slow(limit)
    found = compare_blocks(blocks[0], blocks[1], margin=limit.number)
    return found, judge_noise(found, limit)


def _repeat(trial: Trial, service: ServiceTimes, *, sides: int) -> int:
    each = float(np.median(service.warm))
    return int(np.clip(SECONDS[trial.full] / (sides * PAIRS[trial.full]) / max(each, 1e-6), 1, 5000))


def _too_slow(limit: Limit) -> Finding:
    return Finding(
        "performance.noise",
        Verdict.SKIP,
        Text(
            "One run takes so long that this tier has no time to compare the model with itself; use --full.",
            "单次运行耗时过长，快速档没有时间做自身对照；请使用 --full。",
        ),
        examined=0,
        limit=limit,
    )


def judge_noise(found: BlockComparison, limit: Limit) -> Finding:
    """A machine that sees a difference between a model and itself cannot judge a regression of that size."""
    noisy = found.spread > limit.number
    return Finding(
        "performance.noise",
        Verdict.WARN if noisy else Verdict.PASS,
        Text(
            f"The model against itself: ratio {found.ratio:.3f} (90 % {found.low:.3f} to {found.high:.3f}); "
            f"differences below {found.spread:.1%} cannot be told here.",
            f"模型与自身对照：比值 {found.ratio:.3f}（90% 区间 {found.low:.3f} 至 {found.high:.3f}）；"
            f"本机分辨不出 {found.spread:.1%} 以下的差异。",
        ),
        examined=found.pairs,
        measured=round(found.spread, 4),
        limit=limit,
        cause=Text("The machine is shared, throttled or busy.", "机器被共享、降频或繁忙。")
        if noisy
        else None,
        fix=Text(
            "Measure on a quiet machine with a fixed clock, or with --full.",
            "请在空闲且频率固定的机器上测量，或使用 --full。",
        )
        if noisy
        else None,
    )


def against_baseline(
    trial: Trial, feed: Feed, service: ServiceTimes, noise: BlockComparison | None
) -> Finding:
    """Runs the accepted model in turn with this one, on the machine it was accepted on."""
    reason, accepted = _accepted(trial)
    if accepted is None or trial.baseline is None:
        return Finding("performance.baseline", Verdict.SKIP, reason, examined=0)
    trial.progress("in turn with the accepted model")
    limit = margin_of(trial)
    runtime, options = production_runtime(trial), production_options(trial)
    try:
        before = trial.pool.get(runtime, options, artifact=accepted)
        now = trial.pool.get(runtime, options)
        before.time(feed, repeat=5)
        now.time(feed, repeat=5)
        with on_one_core([before, now]):
            blocks = interleaved(
                [lambda n: before.time(feed, repeat=n), lambda n: now.time(feed, repeat=n)],
                blocks=PAIRS[trial.full],
                repeat=_repeat(trial, service, sides=2),
                deadline=time.perf_counter() + 4 * SECONDS[trial.full],
            )
    except SeatrialError as error:
        why = Text(
            f"The accepted model could not be run beside this one: {error.message}",
            f"无法同时运行已批准的模型：{error.message}",
        )
        return Finding("performance.baseline", Verdict.SKIP, why, examined=0)
    if len(blocks[0]) < FEWEST_PAIRS or noise is None:
        return Finding(
            "performance.baseline",
            doubt(full=trial.full),
            Text(
                "Too few runs fit in the time of this tier; use --full.",
                "该档位时间内运行次数太少；请使用 --full。",
            ),
            examined=len(blocks[0]),
        )
    found = compare_blocks(blocks[0], blocks[1], margin=limit.number)
    return _finding(trial.baseline, found, noise, limit, blocks, full=trial.full)


def _accepted(trial: Trial) -> tuple[Text, Artifact | None]:
    """The accepted model, or why nothing is compared; latency never crosses environments."""
    kept = trial.baseline
    if kept is None:
        return Text("No baseline was named, so nothing is compared.", "未指定基线，不做比较。"), None
    if kept.environment_digest != environment_digest(environment_record()):
        return Text(
            f"Baseline {kept.name} was made in another environment; latencies are not comparable.",
            f"基线 {kept.name} 来自不同的环境，延迟不可比。",
        ), None
    if kept.model_digest == trial.artifact.digest:
        return Text("This is the accepted model itself.", "待检模型就是已批准的模型本身。"), None
    gone = Text(
        f"The files of baseline {kept.name} are gone or changed, so the two cannot be run in turn.",
        f"基线 {kept.name} 的文件已不在或已改动，无法交替运行。",
    )
    return gone, accepted_model(kept)


def doubt(*, full: bool) -> Verdict:
    """What a comparison that noise has drowned is worth.

    The fast tier runs on every commit, on machines that are shared: there it is a WARN, and only a slowdown
    larger than the noise stops it. The long tier is asked before a release: there it is INCONCLUSIVE.
    """
    return Verdict.INCONCLUSIVE if full else Verdict.WARN


def judge_slower(found: BlockComparison, noise: BlockComparison) -> tuple[Verdict, str]:
    """PASS, FAIL or INCONCLUSIVE; a machine noisier than the margin may only say what its noise allows.

    Args:
        found: Accepted model (A) against this one (B), with the margin.
        noise: The model against itself on the same machine.
    """
    if noise.spread <= found.margin:
        return (Verdict.FAIL, "slower") if found.slower else (Verdict.PASS, "not slower")
    if found.low > 1 + found.margin + noise.spread:
        return Verdict.FAIL, "slower by more than the noise"
    if found.high <= 1 + found.margin:
        return Verdict.PASS, "not slower"
    return Verdict.INCONCLUSIVE, "within the noise"


def _finding(
    baseline: Baseline,
    found: BlockComparison,
    noise: BlockComparison,
    limit: Limit,
    blocks: Sequence[Sequence[Any]],
    *,
    full: bool,
) -> Finding:
    verdict, _ = judge_slower(found, noise)
    if verdict is Verdict.INCONCLUSIVE:
        verdict = doubt(full=full)
    finding = Finding(
        "performance.baseline",
        verdict,
        Text(
            f"Against {baseline.name}: {found.ratio:.3f} times its latency (90 % {found.low:.3f} to "
            f"{found.high:.3f}, {found.pairs} paired blocks, p = {found.p_slower:.3g} beyond the margin).",
            f"与 {baseline.name} 相比：延迟为其 {found.ratio:.3f} 倍（90% 区间 {found.low:.3f} 至 "
            f"{found.high:.3f}，{found.pairs} 对交替块，超出容许幅度的 p 值 {found.p_slower:.3g}）。",
        ),
        examined=found.pairs,
        measured=round(found.ratio, 4),
        limit=replace(limit, value=1 + limit.number),
        evidence=(
            Chart(
                Text("Latency of both models, in turn", "两个模型交替运行的延迟"),
                "step",
                "ms",
                "share of runs",
                (cdf(baseline.name, np.concatenate(blocks[0])), cdf("this model", np.concatenate(blocks[1]))),
                x_log=True,
            ),
        ),
        data={"low": found.low, "high": found.high, "p": found.p_slower, "noise": noise.spread},
    )
    if verdict is Verdict.PASS:
        return finding
    if verdict is not Verdict.FAIL:
        return replace(
            finding,
            cause=Text("The machine's own noise is larger than the margin.", "机器自身的波动大于容许幅度。"),
            fix=Text(
                "Measure again on a quiet machine, or with --full.", "请在空闲的机器上重测，或使用 --full。"
            ),
        )
    return replace(
        finding,
        cause=Text(
            "More operators, a lost fusion, another precision, or an engine switch that changed.",
            "算子增多、融合失效、精度变化，或引擎开关发生了改变。",
        ),
        fix=Text(
            "Compare the operators of both reports; accept it as the new baseline only with a reason.",
            "对比两份报告中的算子；如确需接受为新基线，请说明理由。",
        ),
    )
