"""A report as the digits model gives one, with every verdict and every kind of evidence in it."""

from __future__ import annotations

import base64
import dataclasses
import io
import math

import numpy as np
from PIL import Image

from seatrial.checks._finding import (
    Chart,
    Control,
    Finding,
    Limit,
    Picture,
    Series,
    Table,
    Text,
    Verdict,
)
from seatrial.checks._report import CheckResult, Report

COMMAND = "seatrial check models/digits --data held_out.npz --members members.npz --profile cpu-server"
PROFILE = "profile cpu-server"
CONTROL = Control(
    rejected=True,
    summary=Text(
        "a copy with one NaN and a copy ten times too large were both rejected",
        "一份含 NaN 的副本和一份放大十倍的副本均被识破",
    ),
)


def sample_report() -> Report:
    """The gate says no: one check fails, and each other verdict occurs once at least."""
    results = (
        _structure(),
        _weights(),
        _interface(),
        _accuracy(),
        _consistency(),
        _performance(),
        _robustness(),
        _security(),
        _explainability(),
        _deployment(),
    )
    return Report(
        model={
            "name": "digits",
            "task": "classification",
            "path": "models/digits",
            "format": "paddle-json",
            "version": "PIR 3",
            "digest": "sha256:" + "9f2c41d07be85a63" * 4,
            "size": 159_233,
            "parameters": 38_666,
            "operators": 27,
        },
        subject={
            "model": "sha256:" + "9f2c41d07be85a63" * 4,
            "data": "sha256:" + "41aa07c9de3355b0" * 4,
            "preprocess": "sha256:" + "c0ffee1285d91a7e" * 4,
            "contract": "sha256:" + "77e0b1240a1bcd94" * 4,
            "environment": "sha256:" + "1b20f94c83aa6d50" * 4,
        },
        verdict=Verdict.FAIL,
        reason=Text(
            "consistency FAIL: a batch of 64 and 64 single requests differ by 0.385 in the same runtime; "
            "at most 1e-5 is allowed (and 1 more: deployment)",
            "consistency FAIL：同一运行时中，64 个样本一批与逐个推理相差 0.385，"
            "最多允许 1e-5（另有 1 项：deployment）",
        ),
        tier="full",
        profile="cpu-server",
        results=results,
        environment={
            "cpu": "AMD EPYC 7763 64-Core Processor",
            "cpu_flags": ["avx", "avx2", "fma"],
            "cores": 2,
            "usable_cores": 2,
            "cpu_quota": None,
            "governor": None,
            "memory_bytes": 16_777_216_000,
            "os": "Linux Debian GNU/Linux 12 (bookworm)",
            "kernel": "6.1.0",
            "machine": "x86_64",
            "python": "3.11.7",
            "packages": {
                "numpy": "2.2.1",
                "paddlepaddle": "3.2.2",
                "onnxruntime": "1.31.1",
                "openvino": "2026.4.1",
            },
            "load_average": [0.4, 0.6, 0.5],
            "steal_percent": 0.02,
        },
        baseline={
            "name": "digits-2026-10",
            "model_digest": "sha256:" + "5d" * 32,
            "accepted_by": "Li Wei",
            "accepted_at": "2026-10-12T08:30:00+00:00",
            "reason": "first release",
        },
        started="2026-11-21T05:20:11+00:00",
        seconds=148.3,
        seatrial="0.1.0",
        seed=7,
        command=COMMAND,
        figures={
            "accuracy": {"accuracy.top1": 0.9903, "per_class": [0.99, 1.0]},
            "performance": {"p99_ms": 12.4},
        },
    )


def passing_report() -> Report:
    """The gate says yes: only what passed or was skipped for a reason."""
    report = sample_report()
    kept = tuple(
        each
        for each in report.results
        if each.verdict in {Verdict.PASS, Verdict.WARN} or each.name == "explainability"
    )
    return dataclasses.replace(
        report,
        results=kept,
        verdict=Verdict.PASS,
        reason=Text(
            "6 checks ran and none failed; read the warnings of weights.",
            "共运行 6 项检查，没有失败项；请查看 weights 的警告。",
        ),
    )


def _check(
    order: int,
    name: str,
    title: tuple[str, str],
    question: tuple[str, str],
    findings: list[Finding],
    *,
    verdict: Verdict = Verdict.PASS,
    seconds: float = 1.0,
    error: str = "",
    required: bool = True,
    control: Control | None = CONTROL,
) -> CheckResult:
    return CheckResult(
        name=name,
        order=order,
        title=Text(*title),
        question=Text(*question),
        promises=(f"M{order:02d}",),
        required=required,
        verdict=verdict,
        findings=tuple(findings),
        control=control,
        seconds=seconds,
        reproduce=f"{COMMAND} --only {name}",
        error=error,
        examined=sum(each.examined for each in findings),
    )


def _structure() -> CheckResult:
    return _check(
        1,
        "structure",
        ("Structure", "结构"),
        ("Is the exported model complete, and does it load?", "导出的模型是否完整、能否加载？"),
        [
            Finding(
                "structure.bytes",
                Verdict.PASS,
                Text(
                    "all 154,700 bytes of the parameters file are accounted for",
                    "参数文件的 154,700 字节全部有归属",
                ),
                18,
                measured=0,
                limit=Limit(0, "the format", "bytes"),
            ),
            Finding(
                "structure.load",
                Verdict.PASS,
                Text("loads in paddle 3.2.2 within 0.31 s", "在 paddle 3.2.2 中 0.31 秒内加载成功"),
                1,
                measured=0.31,
                limit=Limit(30, "check default: a service must restart quickly", "s"),
            ),
        ],
        seconds=0.42,
    )


def _weights() -> CheckResult:
    return _check(
        2,
        "weights",
        ("Weights", "权重"),
        ("Is every parameter there, of the right shape, and sane?", "每个参数是否齐全、形状正确、数值正常？"),
        [
            Finding(
                "weights.constant",
                Verdict.WARN,
                Text(
                    "1 of 18 tensors holds one value only: batch_norm2d_1.b_0",
                    "18 个张量中有 1 个只含单一数值：batch_norm2d_1.b_0",
                ),
                18,
                measured=1,
                limit=Limit(0, "check default", "tensors"),
                cause=Text("a bias that never got a gradient, or was frozen", "偏置从未得到梯度，或被冻结"),
                fix=Text(
                    "look at the layer in training; when it is meant"
                    ", say so in the contract: weights.constant: 1",
                    "检查训练时的该层；若属有意，在契约中写明 weights.constant: 1",
                ),
                where="batch_norm2d_1.b_0",
                evidence=(
                    Table(
                        Text("Tensors that look odd", "看起来异常的张量"),
                        ("tensor", "dtype", "shape", "min", "max", "zeros"),
                        (("batch_norm2d_1.b_0", "float32", "[32]", 0.0, 0.0, 32),),
                    ),
                ),
            ),
            Finding(
                "weights.non-finite",
                Verdict.PASS,
                Text("38,666 numbers in 18 tensors, all finite", "18 个张量共 38,666 个数，全部为有限值"),
                18,
                measured=0,
                limit=Limit(0, "check default"),
            ),
        ],
        verdict=Verdict.WARN,
        seconds=0.08,
    )


def _interface() -> CheckResult:
    return _check(
        3,
        "interface",
        ("Interface", "接口"),
        (
            "Does the contract say what the model really takes and gives?",
            "契约与模型真实的输入输出是否一致？",
        ),
        [
            Finding(
                "interface.names",
                Verdict.PASS,
                Text(
                    "1 input and 1 output agree in name, dtype, shape and layout",
                    "1 个输入、1 个输出的名称、类型、形状、布局一致",
                ),
                2,
            ),
            Finding(
                "interface.batch",
                Verdict.PASS,
                Text("batches of 1, 2, 7 and 64 are answered", "批大小 1、2、7、64 均有应答"),
                4,
                measured=4,
                limit=Limit(4, "contract"),
            ),
        ],
        seconds=0.35,
    )


def _accuracy() -> CheckResult:
    rate = [10 ** (each / 8 - 4) for each in range(33)]
    return _check(
        4,
        "accuracy",
        ("Accuracy", "准确率"),
        (
            "Is it as good as what was accepted, on the same samples?",
            "在相同样本上，是否不差于已认可的版本？",
        ),
        [
            Finding(
                "accuracy.top1",
                Verdict.PASS,
                Text(
                    "top-1 is 99.03% (95% interval 98.0 to 99.6) on 719 samples; the baseline had 98.89%",
                    "719 个样本上 top-1 为 99.03%（95% 区间 98.0–99.6），基线为 98.89%",
                ),
                719,
                measured=99.03,
                limit=Limit(97.89, "baseline digits-2026-10, less 1 point", "%"),
                evidence=(
                    Chart(
                        Text("ROC, one against the rest", "ROC 曲线（一对多）"),
                        "step",
                        "false positive rate",
                        "true positive rate",
                        (
                            Series(
                                "micro average",
                                tuple(rate),
                                tuple(1 - 0.35 * (1 - each) ** 9 * math.exp(-30 * each) for each in rate),
                            ),
                            Series(
                                "worst class: 8",
                                tuple(rate),
                                tuple(1 - 0.8 * (1 - each) ** 6 * math.exp(-12 * each) for each in rate),
                            ),
                        ),
                        x_log=True,
                    ),
                    Chart(
                        Text("F1 by class", "各类别 F1"),
                        "bar",
                        "class",
                        "F1",
                        (
                            Series(
                                "candidate",
                                tuple(map(str, range(10))),
                                (1.0, 0.98, 1.0, 0.993, 0.99, 0.98, 1.0, 1.0, 0.965, 0.985),
                            ),
                            Series(
                                "baseline",
                                tuple(map(str, range(10))),
                                (1.0, 0.97, 1.0, 0.98, 0.99, 0.985, 1.0, 0.99, 0.96, 0.98),
                            ),
                        ),
                        limit=0.95,
                    ),
                ),
            ),
            Finding(
                "accuracy.slice",
                Verdict.INCONCLUSIVE,
                Text(
                    "the slice 'scanner B' has 23 samples; 180 are needed to see a loss of 2 points",
                    "切片“scanner B”只有 23 个样本；要看出 2 个百分点的下降至少需要 180 个",
                ),
                23,
                measured=23,
                limit=Limit(180, "check default: power 0.8 at the margin", "samples"),
                cause=Text("the held-out set was not drawn for this slice", "留出集未针对该切片采样"),
                fix=Text("add 157 labelled samples of the slice", "为该切片补充 157 个带标签的样本"),
            ),
        ],
        verdict=Verdict.INCONCLUSIVE,
        required=False,
        seconds=2.1,
    )


def _consistency() -> CheckResult:
    operators = (
        "conv2d_0",
        "batch_norm_0",
        "relu_0",
        "conv2d_1",
        "batch_norm_1",
        "relu_1",
        "pool2d_0",
        "matmul_0",
        "softmax_0",
    )
    error = (3e-8, 0.231, 0.231, 0.48, 0.52, 0.52, 0.44, 0.61, 0.385)
    return _check(
        5,
        "consistency",
        ("Consistency", "一致性"),
        (
            "The same answer on every runtime, batch, order and thread count?",
            "不同运行时、批大小、顺序、线程数下结果是否一致？",
        ),
        [
            Finding(
                "consistency.batch-invariance",
                Verdict.FAIL,
                Text(
                    "a batch of 64 and 64 single requests differ by 0."
                    "385 in the same runtime; at most 1e-5 is allowed",
                    "同一运行时中，64 个样本一批与逐个推理相差 0.385，最多允许 1e-5",
                ),
                64,
                measured=0.385,
                limit=Limit(1e-5, "tolerance float32 probabilities"),
                cause=Text(
                    "batch normalization was exported in training mode: it uses the statistics of the batch",
                    "批归一化以训练模式导出：它使用当前批次的统计量",
                ),
                fix=Text(
                    "call model.eval() before paddle.jit.save, export again and run this check again",
                    "在 paddle.jit.save 之前调用 model.eval()，重新导出后再运行此项检查",
                ),
                where="batch_norm_0 (operator 2 of 27)",
                evidence=(
                    Chart(
                        Text(
                            "Largest difference by operator, batch against single",
                            "逐算子最大差异（整批对单个）",
                        ),
                        "bar",
                        "operator",
                        "max abs error",
                        (Series("max |a-b|", operators, error),),
                        y_log=True,
                        limit=1e-5,
                    ),
                    Table(
                        Text("The first operators that diverge", "最先出现差异的算子"),
                        ("operator", "type", "max abs", "L2", "first bad index"),
                        tuple(
                            (
                                name,
                                name.rsplit("_", 1)[0],
                                value,
                                round(value * 3.1, 4),
                                f"[{place}, 3, 1, 1]",
                            )
                            for place, (name, value) in enumerate(zip(operators, error, strict=True))
                        ),
                    ),
                ),
                data={"runtime": "paddle", "threads": 1},
            ),
            Finding(
                "consistency.bf16",
                Verdict.NOT_EXERCISED,
                Text(
                    "bf16 was asked of openvino and every bit equals float32: this processor has no bf16",
                    "要求 openvino 以 bf16 运行，但结果与 float32 逐位相同：该处理器不支持 bf16",
                ),
                64,
                measured="float32 kernels",
                limit=Limit("bfloat16", PROFILE),
                cause=Text("the engine fell back without a word", "引擎悄悄退回到 float32"),
                fix=Text(
                    "run on a processor with avx512_bf16 or amx", "在支持 avx512_bf16 或 amx 的处理器上运行"
                ),
            ),
            Finding(
                "consistency.onnxruntime",
                Verdict.PASS,
                Text(
                    "onnxruntime agrees within 4.8e-7 on 719 samples, top-1 on all",
                    "onnxruntime 在 719 个样本上差异不超过 4.8e-7，top-1 全部一致",
                ),
                719,
                measured=4.8e-7,
                limit=Limit(1e-5, "tolerance float32 probabilities"),
            ),
        ],
        verdict=Verdict.FAIL,
        seconds=9.7,
    )


def _performance() -> CheckResult:
    chance = np.random.default_rng(7)
    mine = np.sort(chance.lognormal(2.0, 0.18, 160)).round(3)
    theirs = np.sort(chance.lognormal(2.08, 0.2, 160)).round(3)
    share = tuple(float(each) for each in np.linspace(1 / 160, 1, 160).round(4))
    offered = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0)
    rss = tuple(
        float(each)
        for each in (182 + 3 * (1 - np.exp(-np.arange(120) / 9)) + chance.normal(0, 0.12, 120)).round(2)
    )
    return _check(
        6,
        "performance",
        ("Performance", "性能"),
        (
            "Fast enough, under load, without a leak, and no slower than before?",
            "负载下是否够快、不泄漏、不比以前慢？",
        ),
        [
            Finding(
                "performance.p99",
                Verdict.PASS,
                Text(
                    "P99 is 12.4 ms at 80 requests a second (intended-time, 2,000 requests)",
                    "每秒 80 个请求时 P99 为 12.4 ms（按计划发送时间计，2,000 个请求）",
                ),
                2000,
                measured=12.4,
                limit=Limit(50, PROFILE, "ms"),
                evidence=(
                    Chart(
                        Text("Latency, cumulative", "延迟累积分布"),
                        "step",
                        "latency [ms]",
                        "share of requests",
                        (
                            Series("candidate", tuple(map(float, mine)), share),
                            Series("baseline digits-2026-10", tuple(map(float, theirs)), share),
                        ),
                    ),
                    Chart(
                        Text(
                            "P99 under rising load: the knee is at 140/s",
                            "负载上升时的 P99：拐点在 140 次/秒",
                        ),
                        "line",
                        "offered load [1/s]",
                        "P99 [ms]",
                        (
                            Series(
                                "candidate", offered, (8.1, 8.4, 9.2, 12.4, 15.3, 21.8, 39.0, 210.0, 940.0)
                            ),
                            Series(
                                "baseline", offered, (8.6, 9.0, 10.1, 14.0, 19.9, 41.0, 260.0, 1100.0, 2300.0)
                            ),
                        ),
                        y_log=True,
                        limit=50.0,
                    ),
                ),
            ),
            Finding(
                "performance.leak",
                Verdict.PASS,
                Text(
                    "memory grows by 0.02 MB a minute after warm-up (95% interval -0.03 to 0.07)",
                    "预热后内存每分钟增长 0.02 MB（95% 区间 -0.03 至 0.07）",
                ),
                120,
                measured=0.02,
                limit=Limit(1.0, "check default", "MB/min"),
                evidence=(
                    Chart(
                        Text("Resident memory", "常驻内存"),
                        "line",
                        "time [s]",
                        "RSS [MB]",
                        (Series("worker", tuple(float(each) for each in range(120)), rss),),
                    ),
                ),
            ),
            Finding(
                "performance.regression",
                Verdict.PASS,
                Text(
                    "7.9% faster than the baseline (95% interval 6.1 to 9.4, 24 interleaved pairs)",
                    "比基线快 7.9%（95% 区间 6.1–9.4，24 对交错测量）",
                ),
                24,
                measured=0.921,
                limit=Limit(1.02, "baseline digits-2026-10, 2 % margin", "×"),
            ),
        ],
        seconds=61.4,
    )


def _robustness() -> CheckResult:
    return _check(
        7,
        "robustness",
        ("Robustness", "健壮性"),
        (
            "Does hostile input get an answer or a clear error, never a crash?",
            "恶意输入是否得到应答或明确报错，而不会崩溃？",
        ),
        [],
        verdict=Verdict.ERROR,
        seconds=3.0,
        error="EngineFailure: the worker died of SIGSEGV at the input 'empty batch'\n"
        'Traceback (most recent call last):\n  File "robustness.py", line 88, in run\n    session.run(feeds)',
        control=None,
    )


def _security() -> CheckResult:
    chance = np.random.default_rng(3)
    return _check(
        8,
        "security",
        ("Security", "安全"),
        (
            "Does it leak who it was trained on, secrets, paths or code?",
            "是否泄露训练成员、密钥、路径或代码？",
        ),
        [
            Finding(
                "security.membership-inference",
                Verdict.PASS,
                Text(
                    "an attacker tells members apart with AUC 0.512;"
                    " the same attack finds a known leak with 0.634",
                    "攻击者区分训练成员的 AUC 为 0.512；同一攻击对已知泄漏模型为 0.634",
                ),
                1200,
                measured=0.512,
                limit=Limit(0.55, "check default"),
                evidence=(
                    Chart(
                        Text("Loss of members and others", "成员与非成员的损失"),
                        "scatter",
                        "confidence",
                        "loss",
                        (
                            Series(
                                "members",
                                tuple(chance.uniform(0.4, 1, 90).round(3).tolist()),
                                tuple(chance.lognormal(-4, 1.2, 90).round(6).tolist()),
                            ),
                            Series(
                                "others",
                                tuple(chance.uniform(0.35, 1, 90).round(3).tolist()),
                                tuple(chance.lognormal(-3.9, 1.2, 90).round(6).tolist()),
                            ),
                        ),
                        y_log=True,
                    ),
                ),
            ),
            Finding(
                "security.secrets",
                Verdict.PASS,
                Text(
                    "no key, token, password or private address in 6 delivered files",
                    "交付的 6 个文件中没有密钥、令牌、口令或内网地址",
                ),
                6,
                measured=0,
                limit=Limit(0, "check default"),
            ),
        ],
        seconds=12.2,
    )


def _explainability() -> CheckResult:
    pictures = tuple(
        Picture(
            Text(f"Sample {place}: a {place}", f"样本 {place}：数字 {place}"),
            png(place),
            Text(
                f"attribution of sample {place}; the strokes carry it", f"样本 {place} 的归因图，主要依据笔画"
            ),
        )
        for place in range(6)
    )
    return _check(
        9,
        "explainability",
        ("Explainability", "可解释性"),
        ("What does the decision rest on?", "决策依据是什么？"),
        [
            Finding(
                "explainability.faithfulness",
                Verdict.PASS,
                Text(
                    "deleting what it rests on costs 0.71 of the confidence, deleting at random 0.18",
                    "删去其依据使置信度下降 0.71，随机删除仅下降 0.18",
                ),
                32,
                measured=3.94,
                limit=Limit(1.5, "check default", "×"),
                evidence=pictures,
            ),
            Finding(
                "explainability.attention",
                Verdict.SKIP,
                Text("the model has no attention", "模型没有注意力层"),
                0,
            ),
        ],
        seconds=6.6,
    )


def _deployment() -> CheckResult:
    return _check(
        10,
        "deployment",
        ("Deployment", "部署包"),
        ("Will it start on the target machine?", "在目标机器上能否启动？"),
        [
            Finding(
                "deployment.glibc",
                Verdict.SKIP,
                Text(
                    "no binary is delivered, so there is no GLIBC floor to compare",
                    "未交付二进制文件，无需比较 GLIBC 版本",
                ),
                0,
            )
        ],
        verdict=Verdict.SKIP,
        required=False,
        seconds=0.01,
    )


def png(seed: int, *, side: int = 64) -> str:
    """A heat map of a digit-like stroke, as base64 of a PNG."""
    ys, xs = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    ring = np.exp(-(((np.hypot(xs, ys * (0.7 + 0.08 * seed)) - 0.5) / 0.14) ** 2))
    ring *= 0.55 + 0.45 * np.cos(np.arctan2(ys, xs) * (1 + seed % 3) + seed)
    pixels = np.stack([255 - 190 * ring, 255 - 120 * ring, 255 - 40 * ring], -1).astype("uint8")
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()
