"""The technical document: what the model is and what was measured of it, each number with its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._documents import interface, results
from seatrial.deliverables._documents.blocks import Page
from seatrial.deliverables._documents.facts import documents
from seatrial.deliverables._documents.samples import answer_listing
from seatrial.deliverables._documents.settings import hyperparameters
from seatrial.deliverables._documents.trace import Figure
from seatrial.deliverables._documents.writer import CONTRACT, MANIFEST, REPORT, VECTORS, Writer
from seatrial.text import Text

MOST_OPERATORS = 40


def _write(w: Writer, handover: Handover) -> Page:
    _summary(w, handover)
    _files(w, handover)
    _operators(w, handover)
    _interface(w, handover)
    w.heading("Training hyper-parameters", "训练超参数")
    hyperparameters(w, handover)
    _accuracy(w)
    _consistency(w)
    _performance(w)
    _rest(w)
    w.heading("Versions it was checked with", "检查时的软件版本")
    results.packages(w)
    w.note(
        "Checked with Seatrial {version}, tier {tier}, profile {profile}, seed {seed}.",
        "由 Seatrial {version} 检查，档位 {tier}，部署目标 {profile}，随机种子 {seed}。",
        version=w.report("seatrial"),
        tier=w.report("tier"),
        profile=w.report("profile"),
        seed=w.report("seed"),
    )
    lead = w.line(
        "What this model is, what goes in and out, and what was measured of it.",
        "模型是什么、输入输出如何定义，以及检查中测得的全部结果。",
    )
    return w.page("technical", ("Technical document", "技术文档"), lead)


def _summary(w: Writer, handover: Handover) -> None:
    w.heading("At a glance", "概览")
    if "description" in handover.extra:
        w.text("{said}", "{said}", said=w.fact(MANIFEST, "said", "description"))
    results.cards(w)
    rows: list[tuple[Any, Any]] = [
        (w.word("task", "任务"), w.fact(CONTRACT, "task", code=True)),
        (
            w.word("formats, the preferred one first", "格式（首选在前）"),
            tuple(_joined([w.fact(MANIFEST, "models", place, "format", code=True)
                           for place in range(len(handover.models))])),
        ),
        (w.word("digest of the checked model", "受检模型摘要"), w.report("subject", "model", code=True)),
        (w.word("digest of the contract", "契约摘要"), w.fact(MANIFEST, "contract", code=True)),
        (w.word("checked on", "检查时间"), w.fact(MANIFEST, "created")),
        (w.word("what the gate said", "门禁结论"), w.said(REPORT, "reason")),
    ]  # fmt: skip
    for key, en, zh in (("license", "license", "许可"), ("contact", "contact", "联系方式")):
        if key in handover.extra:
            rows.append((w.word(en, zh), w.fact(MANIFEST, "said", key)))
    w.grid((("item", "项目"), ("value", "值")), rows)
    if "despite" in handover.extra:
        w.callout(
            "stop",
            "**Handed over although the gate does not say yes.** The reason given: {why}",
            "**门禁未通过仍然交付。**所述理由：{why}",
            why=w.fact(MANIFEST, "said", "despite"),
        )


def _joined(figures: list[Figure]) -> Iterator[Any]:
    for place, each in enumerate(figures):
        if place:
            yield ", "
        yield each


def _files(w: Writer, handover: Handover) -> None:
    w.heading("Formats and files", "格式与文件")
    w.grid(
        (("format", "格式"), ("version", "版本"), ("graph", "图文件"), ("digest of the model", "模型摘要")),
        [
            (
                w.fact(MANIFEST, "models", place, "format", code=True),
                w.fact(f"models/{each.format}/{each.graph.name}", "version"),
                w.fact(MANIFEST, "models", place, "graph", code=True),
                w.fact(MANIFEST, "models", place, "digest", code=True),
            )
            for place, each in enumerate(handover.models)
        ],
    )
    paths = [each["path"] for each in w.facts.raw(MANIFEST, "files")]
    w.grid(
        (("file", "文件"), ("bytes", "字节"), ("SHA-256", "SHA-256")),
        [
            (
                w.fact(MANIFEST, "files", path, "path", code=True),
                w.fact(MANIFEST, "files", path, "size"),
                w.fact(MANIFEST, "files", path, "sha256", code=True),
            )
            for path in paths
        ],
    )
    w.note(
        "`manifest.json` lists every other file of the bundle likewise; `seatrial verify` compares them.",
        "`manifest.json` 以同样方式列出交付包中的其余文件；`seatrial verify` 逐一比对。",
    )


def _operators(w: Writer, handover: Handover) -> None:
    w.heading("Operators", "算子")
    for each in handover.models:
        file = f"models/{each.format}/{each.graph.name}"
        names = list(w.facts.raw(file, "operators"))
        told: list[Any] = []
        for name in names[:MOST_OPERATORS]:
            told += [", "] if told else []
            told += [w.key(file, "operators", name), " × ", w.fact(file, "operators", name)]
        w.text(
            "{format}: {told}",
            "{format}：{told}",
            format=w.fact(MANIFEST, "models", each.format, "format"),
            told=tuple(told),
        )
        if len(names) > MOST_OPERATORS:
            w.note(
                "Rarer ones are left out here; `seatrial inspect` tells all.",
                "次数更少的算子未列出；`seatrial inspect` 可查看全部。",
            )


def _interface(w: Writer, handover: Handover) -> None:
    w.heading("Inputs", "输入")
    interface.tensors(w, handover, "inputs")
    w.note("A name in a shape stands for any size.", "形状中的名称表示可以取任意大小。")
    w.heading("Outputs", "输出")
    interface.tensors(w, handover, "outputs")
    w.heading("Preprocessing", "预处理")
    w.text(
        "From the sample to the tensors, in this order, with every constant:",
        "从样本到张量，按以下顺序执行（列出全部常量）：",
    )
    interface.steps(w, handover, "preprocess")
    w.heading("Postprocessing", "后处理")
    w.text("From the outputs to the answer:", "从模型输出到最终答案：")
    interface.steps(w, handover, "postprocess")
    interface.labels(w, handover)
    if handover.vectors:
        w.text("The answer to sample {name} of this bundle:", "本交付包中样本 {name} 的答案：",
               name=w.fact(VECTORS, "vectors", 0, "name", code=True))  # fmt: skip
        answer_listing(w)


def _accuracy(w: Writer) -> None:
    w.heading("Accuracy", "准确性")
    results.headline(w, "accuracy")
    rows: list[tuple[Any, ...]] = []
    for name in results.metrics(w):
        figure, between = results.metric(w, name)
        rows.append((w.key(REPORT, "figures", "accuracy", "metrics", name), figure, between or "–"))
    w.grid((("metric", "指标"), ("value", "数值"), ("how sure", "置信区间")), rows)
    results.tables(w, "accuracy", "Recall by", "Slices", "Score by", "By slice", "Most frequent", "F1")
    results.found(w, "accuracy")


def _consistency(w: Writer) -> None:
    w.heading("Consistency between runtimes", "运行时一致性")
    results.headline(w, "consistency")
    results.tables(w, "consistency", "Every variant")
    results.found(w, "consistency")


def _performance(w: Writer) -> None:
    w.heading("Latency, throughput, memory", "延迟、吞吐与内存")
    results.headline(w, "performance")
    results.tables(w, "performance", "Service time", "Throughput", "Latency", "Open-loop")
    results.found(w, "performance")
    w.heading("Where this was measured", "测量环境", level=3)
    w.text("Figures of speed hold for this machine and for no other:", "性能数字只对以下机器有效：")
    results.environment(w)


def _rest(w: Writer) -> None:
    for check, en, zh in (
        ("robustness", "Robustness", "健壮性"),
        ("security", "Security", "安全"),
        ("explainability", "What decisions rest on", "决策依据"),
    ):
        w.heading(en, zh)
        results.headline(w, check)
        if check == "security":
            results.tables(w, check, "membership")
        results.found(w, check)
    w.heading("All checks", "全部检查")
    results.verdicts(w)
    w.heading("Known limits", "已知限制")
    w.text("Everything that did not pass, or was not looked at:", "以下项目未通过，或没有检查：")
    results.limits(w)


def _make(handover: Handover) -> Iterator[Item]:
    yield from documents(handover, "technical", _write, files=True)


DELIVERABLE = Deliverable(
    name="technical",
    order=130,
    summary=Text("the technical document, in English and Chinese", "技术文档（中英文）"),
    make=_make,
)
