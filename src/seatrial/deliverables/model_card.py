"""The model card: what the model is for, what it was judged on and where it ends; nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._documents import interface, results
from seatrial.deliverables._documents.blocks import Page
from seatrial.deliverables._documents.facts import documents
from seatrial.deliverables._documents.settings import hyperparameters
from seatrial.deliverables._documents.writer import CONTRACT, MANIFEST, REPORT, VECTORS, Writer
from seatrial.text import Text

# What only the maker can say: `--say KEY=TEXT`.
_SAID = {
    "intended_use": ("Intended use", "预期用途"),
    "users": ("Intended users", "预期使用者"),
    "out_of_scope": ("Out of scope", "不适用范围"),
}


def _write(w: Writer, handover: Handover) -> Page:
    w.heading("The model", "模型")
    if "description" in handover.extra:
        w.text("{said}", "{said}", said=w.fact(MANIFEST, "said", "description"))
    results.cards(w)
    rows: list[tuple[Any, Any]] = [
        (w.word("task", "任务"), w.fact(CONTRACT, "task", code=True)),
        (w.word("released", "发布时间"), w.fact(MANIFEST, "created")),
        (w.word("digest", "摘要"), w.report("subject", "model", code=True)),
    ]
    for key, en, zh in (("license", "license", "许可"), ("contact", "contact", "联系方式")):
        rows.append((w.word(en, zh), _said(w, handover, key)))
    w.grid((("item", "项目"), ("value", "值")), rows)
    for key, words in _SAID.items():
        w.heading(*words)
        w.text("{said}", "{said}", said=_said(w, handover, key))
    _data(w, handover)
    w.heading("Training", "训练")
    hyperparameters(w, handover)
    _figures(w)
    w.heading("Limits", "局限")
    if "limitations" in handover.extra:
        w.text("{said}", "{said}", said=w.fact(MANIFEST, "said", "limitations"))
    w.text("What the checks did not pass or did not look at:", "检查中未通过或没有检查的项目：")
    results.limits(w)
    w.heading("Ethical considerations", "伦理考量")
    w.text("{said}", "{said}", said=_said(w, handover, "ethics"))
    w.heading("Inputs and labels", "输入与标签")
    interface.tensors(w, handover, "inputs")
    interface.labels(w, handover)
    lead = w.line(
        "What this model is for, what it was judged on, and where it ends. What nobody said is left open.",
        "模型的用途、评测依据与边界。制作方没有说明的内容一律留空，不作推断。",
    )
    return w.page("model-card", ("Model card", "模型卡"), lead)


def _said(w: Writer, handover: Handover, key: str) -> Any:
    if key in handover.extra:
        return w.fact(MANIFEST, "said", key)
    return w.word("Not stated by the maker.", "制作方未说明。")


def _data(w: Writer, handover: Handover) -> None:
    w.heading("Data", "数据")
    w.text("{said}", "{said}", said=_said(w, handover, "data"))
    rows: list[tuple[Any, Any]] = [
        (w.word("digest of the held-out data", "留出数据摘要"), w.report("subject", "data", code=True)),
        (w.word("data cut-off", "数据截止日期"), _said(w, handover, "data_cutoff")),
    ]
    if w.facts.has(REPORT, "figures", "accuracy", "samples", "n"):
        count = w.report("figures", "accuracy", "samples", "n")
        rows.insert(0, (w.word("held-out samples it was judged on", "评测所用留出样本数"), count))
    if handover.vectors:
        rows.append((w.word("samples in this bundle", "交付包所含样本数"), w.count(VECTORS, "vectors")))
    w.grid((("item", "项目"), ("value", "值")), rows)
    contaminated = [
        w.said(REPORT, "results", "accuracy", "findings", part, "summary")
        for part, each in results.findings(w, "accuracy")
        if each["id"] in ("accuracy.contamination", "accuracy.duplicates")
    ]
    w.bullets([(each,) for each in contaminated])


def _figures(w: Writer) -> None:
    w.heading("Metrics", "指标")
    results.headline(w, "accuracy")
    rows = []
    for name in results.metrics(w):
        figure, between = results.metric(w, name)
        rows.append((w.key(REPORT, "figures", "accuracy", "metrics", name), figure, between or "–"))
    w.grid((("metric", "指标"), ("value", "数值"), ("how sure", "置信区间")), rows)
    results.tables(w, "accuracy", "Recall by", "Slices", "Score by", "By slice")
    w.heading("What the ten checks said", "各项检查结论", level=3)
    results.verdicts(w)


def _make(handover: Handover) -> Iterator[Item]:
    yield from documents(handover, "model-card", _write)


DELIVERABLE = Deliverable(
    name="model_card",
    order=134,
    summary=Text("the model card, in English and Chinese", "模型卡（中英文）"),
    make=_make,
)
