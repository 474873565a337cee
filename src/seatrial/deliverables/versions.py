"""Version notes: what this release is, and what is different from the one that it replaces."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.contract import Contract, load_contract
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._diff_parts import Change, interface, labels, steps
from seatrial.deliverables._documents.blocks import Page
from seatrial.deliverables._documents.facts import BEFORE, documents
from seatrial.deliverables._documents.trace import Figure, shown
from seatrial.deliverables._documents.writer import CONTRACT, MANIFEST, REPORT, Writer
from seatrial.model.bundle import Bundle
from seatrial.text import Text

_CLIENT = ("inputs", "outputs", "answer", "payload")
_PERFORMANCE = {
    "performance.latency": ("P99 under load, ms", "负载下 P99，毫秒"),
    "performance.knee": ("knee, requests a second", "延迟拐点，请求/秒"),
    "performance.memory": ("peak memory, MB", "峰值内存，MB"),
    "performance.service": ("service time alone, ms", "单请求服务时间，毫秒"),
}
_AREAS = {
    "inputs": ("inputs", "输入"),
    "outputs": ("outputs", "输出"),
    "answer": ("form of the answer", "答案格式"),
    "payload": ("kind of payload", "数据类型"),
    "preprocess": ("preprocessing", "预处理"),
    "postprocess": ("postprocessing", "后处理"),
    "labels": ("labels", "标签"),
    "vocabulary": ("vocabulary", "词表"),
}


def _write(w: Writer, handover: Handover) -> Page:
    _this(w, handover)
    if handover.previous is None:
        w.heading("Changes", "变更")
        w.text("This is the first release: there is nothing to compare with.", "首次发布，没有可比较的版本。")
    else:
        _against(w, handover, handover.previous)
    w.heading("Compare bundles yourself", "自行比较")
    w.text(
        "Every difference of two bundles, with what it means to who uses them; `--run` also asks the new "
        "model for the old test cases:",
        "比较两个交付包的全部差异及其对使用方的影响；`--run` 会让新模型回答旧测试用例：",
    )
    w.listing(f"seatrial bundle diff OLD {handover.name}-{handover.version}")
    lead = w.line(
        "What this release is, and what is different from the one that it replaces.",
        "本版本是什么，与所替代的版本相比有何不同。",
    )
    return w.page("versions", ("Version notes", "版本说明"), lead)


def _this(w: Writer, handover: Handover) -> None:
    w.heading("This release", "本版本")
    rows: list[tuple[Any, Any]] = [
        (w.word("name", "名称"), w.fact(MANIFEST, "name", code=True)),
        (w.word("version", "版本"), w.fact(MANIFEST, "version", code=True)),
        (w.word("checked on", "检查时间"), w.fact(MANIFEST, "created")),
        (w.word("digest of the checked model", "受检模型摘要"), w.report("subject", "model", code=True)),
        (w.word("digest of the contract", "契约摘要"), w.fact(MANIFEST, "contract", code=True)),
        (w.word("digest of the held-out data", "留出数据摘要"), w.report("subject", "data", code=True)),
        (w.word("what the gate said", "门禁结论"), w.said(REPORT, "reason")),
        (
            w.word("data cut-off", "数据截止日期"),
            w.fact(MANIFEST, "said", "data_cutoff")
            if "data_cutoff" in handover.extra
            else w.word("Not stated by the maker.", "制作方未说明。"),
        ),
    ]
    if "changes" in handover.extra:
        rows.append((w.word("what the maker says", "制作方说明"), w.fact(MANIFEST, "said", "changes")))
    w.grid((("item", "项目"), ("value", "值")), rows)


def _against(w: Writer, handover: Handover, previous: Bundle) -> None:
    here = f"{BEFORE}{previous.manifest.release}/"
    changes = list(_contract_changes(handover.contract, previous))
    w.heading("Against the previous release", "与上一版本比较")
    w.grid(
        (("item", "项目"), ("value", "值")),
        [
            (w.word("it replaces", "替代版本"), w.fact(MANIFEST, "previous", "release", code=True)),
            (
                w.word("digest of that bundle", "该交付包摘要"),
                w.fact(MANIFEST, "previous", "digest", code=True),
            ),
        ],
    )
    _meaning(w, handover, here, changes)
    _models(w, handover, here)
    w.heading("Changes of the contract", "契约变更", level=3)
    if changes:
        w.grid(
            (("part", "部分"), ("what", "内容"), ("before", "之前"), ("now", "现在")),
            [_row(w, here, each) for each in changes],
        )
    else:
        w.text("None.", "无。")
    if w.facts.has(here + REPORT):
        _figures(w, here + REPORT)


def _meaning(w: Writer, handover: Handover, here: str, changes: Sequence[Change]) -> None:
    digests = {each["digest"] for each in w.facts.raw(here + MANIFEST, "models")}
    same = all(each.digest in digests for each in handover.models)
    if any(each.area in _CLIENT for each in changes):
        w.callout(
            "stop",
            "**Client code has to be looked at**: what is sent or what comes back has changed.",
            "**需要检查客户端代码**：输入或返回内容发生了变化。",
        )
    elif changes or not same:
        w.callout(
            "warn",
            "**Answers may change**; client code stays as it is.",
            "**答案可能变化**；客户端代码无需修改。",
        )
    else:
        w.callout(
            "note",
            "**Nothing to do**: the models and their contract are the same.",
            "**无需任何改动**：模型与契约均未改变。",
        )


def _models(w: Writer, handover: Handover, here: str) -> None:
    before = {each["format"] for each in w.facts.raw(here + MANIFEST, "models")}
    now = {each.format for each in handover.models}
    rows = []
    for each in sorted(before | now):
        file = MANIFEST if each in now else here + MANIFEST
        rows.append(
            (
                w.fact(file, "models", each, "format", code=True),
                w.fact(here + MANIFEST, "models", each, "digest", code=True) if each in before else "–",
                w.fact(MANIFEST, "models", each, "digest", code=True) if each in now else "–",
            )
        )
    w.heading("Models", "模型", level=3)
    w.grid((("format", "格式"), ("digest before", "之前摘要"), ("digest now", "现在摘要")), rows)


def _contract_changes(contract: Contract, previous: Bundle) -> Iterator[Change]:
    before = _contract_of(previous)
    if before is None:
        return
    yield from interface(before, contract)
    yield from labels("labels", before.labels, contract.labels)
    yield from labels("vocabulary", before.vocabulary, contract.vocabulary)
    yield from steps("preprocess", before.preprocess, contract.preprocess)
    yield from steps("postprocess", before.postprocess, contract.postprocess)


def _contract_of(bundle: Bundle) -> Contract | None:
    """The contract of a bundle, of bytes that are those of its manifest."""
    if bundle.manifest.file(CONTRACT) is None:
        return None
    with tempfile.TemporaryDirectory(prefix="seatrial-contract-") as folder:
        for each in (*bundle.manifest.of_role("contract"), *bundle.manifest.of_role("labels")):
            (Path(folder) / each.path).write_bytes(bundle.read(each.path))
        return load_contract(Path(folder) / CONTRACT)


def _row(w: Writer, here: str, change: Change) -> tuple[Any, ...]:
    area = change.area if change.area in ("inputs", "outputs", "preprocess", "postprocess", "labels") else ""
    where = tuple([area] if area and w.facts.has(CONTRACT, area) else [])
    was = tuple([area] if area and w.facts.has(here + CONTRACT, area) else [])
    return (
        w.word(*_AREAS[change.area]),
        w.quoted(change.name, CONTRACT, *where, code=True),
        "–" if change.before is None else w.quoted(shown(change.before), here + CONTRACT, *was),
        "–" if change.after is None else w.quoted(shown(change.after), CONTRACT, *where),
    )


def _figures(w: Writer, old: str) -> None:
    heads = (("figure", "指标"), ("before", "之前"), ("now", "现在"))
    metrics = ("figures", "accuracy", "metrics")
    names = set(_under(w, old, *metrics)) | set(_under(w, REPORT, *metrics))
    w.heading("Accuracy", "准确性", level=3)
    w.grid(
        heads,
        [
            (_name(w, old, *metrics, name), _value(w, old, *metrics, name), _value(w, REPORT, *metrics, name))
            for name in sorted(names)
        ],
    )
    w.heading("Performance", "性能", level=3)
    w.note(
        "Comparable only when both were measured on the same machine.", "仅当两次在同一台机器上测量时可比。"
    )
    at = ("figures", "performance")
    w.grid(
        heads,
        [
            (w.word(*words), _value(w, old, *at, name), _value(w, REPORT, *at, name))
            for name, words in _PERFORMANCE.items()
            if w.facts.has(old, *at, name) or w.facts.has(REPORT, *at, name)
        ],
    )
    w.heading("Verdicts", "检查结论", level=3)
    rows = []
    for each in w.facts.raw(REPORT, "results"):
        at_check = ("results", each["name"])
        was = w.badge(old, *at_check, "verdict") if w.facts.has(old, *at_check) else "–"
        rows.append((w.said(REPORT, *at_check, "title"), was, w.badge(REPORT, *at_check, "verdict")))
    w.grid((("check", "检查"), ("before", "之前"), ("now", "现在")), rows)


def _under(w: Writer, file: str, *at: str) -> Mapping[str, Any]:
    return w.facts.raw(file, *at) if w.facts.has(file, *at) else {}


def _name(w: Writer, old: str, *at: str) -> Figure:
    return w.key(REPORT if w.facts.has(REPORT, *at) else old, *at)


def _value(w: Writer, file: str, *at: str) -> Any:
    """A figure, and its interval when it has one."""
    if not w.facts.has(file, *at):
        return "–"
    value = w.facts.raw(file, *at)
    if isinstance(value, list) and len(value) == 3:  # value, low, high
        return w.line(
            "{value} ({low} to {high})",
            "{value}（{low} 至 {high}）",
            value=w.fact(file, *at, 0),
            low=w.fact(file, *at, 1),
            high=w.fact(file, *at, 2),
        )
    return w.fact(file, *at)


def _make(handover: Handover) -> Iterator[Item]:
    yield from documents(handover, "versions", _write)


DELIVERABLE = Deliverable(
    name="versions",
    order=133,
    summary=Text("version notes, in English and Chinese", "版本说明（中英文）"),
    make=_make,
)
