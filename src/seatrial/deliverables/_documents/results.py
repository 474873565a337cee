"""What the ten checks found, as sections of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seatrial.deliverables._documents.blocks import Badge, Line
from seatrial.deliverables._documents.trace import Figure, Kind
from seatrial.deliverables._documents.writer import REPORT, TERMS, Writer

MOST_ROWS = 14
# Of tables that are wider than a page: what a reader needs; the report has the rest.
_KEPT = {"Every variant": ("variant", "verdict", "relative", "top-1 changed", "answers same", "exercised")}
_COLUMNS = {
    "metric": "指标",
    "value": "数值",
    "low": "95% 下限",
    "high": "95% 上限",
    "class": "类别",
    "samples": "样本数",
    "recall": "召回率",
    "times answered": "被预测次数",
    "truth": "真实类别",
    "answer": "预测结果",
    "slice": "切片",
    "score": "得分",
    "variant": "运行方式",
    "verdict": "结论",
    "max abs": "最大绝对误差",
    "relative": "相对误差",
    "RMS": "均方根误差",
    "cosine": "余弦相似度",
    "KL": "KL 散度",
    "top-1 changed": "top-1 变化数",
    "answers same": "答案一致率",
    "exercised": "实际运行环境",
    "quantile": "分位",
    "ms": "毫秒",
    "95 % from": "95% 下限",
    "95 % to": "95% 上限",
    "n": "次数",
    "clients": "客户端数",
    "1/s": "请求/秒",
    "P50 ms": "P50 毫秒",
    "P90 ms": "P90 毫秒",
    "P99 ms": "P99 毫秒",
    "offered 1/s": "计划请求/秒",
    "achieved 1/s": "实际请求/秒",
    "not started": "未发出",
    "measure": "指标",
    "low 95 %": "95% 下限",
    "high 95 %": "95% 上限",
    "limit": "限值",
    "patch": "贴片",
    "target class": "目标类别",
    "share": "比例",
}


def findings(w: Writer, check: str) -> Iterator[tuple[str | int, dict[str, Any]]]:
    """(how it is named in a source, what it is) of each finding of a check."""
    if not w.facts.has(REPORT, "results", check):
        return
    items = w.facts.raw(REPORT, "results", check, "findings")
    names = [each["id"] for each in items]
    for place, each in enumerate(items):
        yield (each["id"] if names.count(each["id"]) == 1 else place), each


def headline(w: Writer, check: str) -> None:
    """Verdict and question of a check, and the finding that speaks for it."""
    if not w.facts.has(REPORT, "results", check):
        w.callout(
            "warn",
            "This was not checked: the report has no answer to it.",
            "此项未检查：报告中没有相应结论。",
        )
        return
    w.text(
        "{badge} {question}",
        "{badge} {question}",
        badge=w.badge(REPORT, "results", check, "verdict"),
        question=w.said(REPORT, "results", check, "question"),
    )
    if w.facts.raw(REPORT, "results", check, "error"):
        w.callout(
            "stop",
            "The check itself broke: {why}",
            "检查本身出错：{why}",
            why=w.report("results", check, "error"),
        )


def found(w: Writer, check: str, *, leave_out: Sequence[str] = ()) -> None:
    """What a check found, one line each, worst first."""
    rows = []
    for part, each in findings(w, check):
        if each["id"] in leave_out:
            continue
        at = ("results", check, "findings", part)
        rows.append(
            (w.badge(REPORT, *at, "verdict"), w.said(REPORT, *at, "summary"), w.report(*at, "examined"))
        )
    w.grid((("verdict", "结论"), ("finding", "发现"), ("examined", "检查数")), rows)


def tables(w: Writer, check: str, *titles: str) -> None:
    """The evidence of a check with these titles, in English; all of it without titles."""
    for part, each in findings(w, check):
        for place, evidence in enumerate(each["evidence"]):
            if evidence["kind"] == "table" and (not titles or evidence["title"]["en"].startswith(titles)):
                _table(w, check, part, place, evidence)


def _table(w: Writer, check: str, part: str | int, place: int, evidence: dict[str, Any]) -> None:
    at: tuple[str | int, ...] = ("results", check, "findings", part, "evidence", place)
    names, rows = evidence["columns"], evidence["rows"]
    kept = next((few for title, few in _KEPT.items() if evidence["title"]["en"].startswith(title)), names)
    columns = [column for column, name in enumerate(names) if name in kept]
    heads = [(names[each], _COLUMNS.get(names[each], names[each])) for each in columns]
    made = [
        [_cell(w, names[column], *at, "rows", row, column) for column in columns]
        for row in range(min(len(rows), MOST_ROWS))
    ]
    w.grid(_known(heads), made, caption=(w.said(REPORT, *at, "title"),))
    if len(rows) > MOST_ROWS:
        w.note(
            "The other rows are in [the report](../../report/report.html).",
            "其余各行见[检查报告](../../report/report.zh.html)。",
        )


def _cell(w: Writer, column: str, *at: str | int) -> Figure | Badge:
    return w.badge(REPORT, *at) if column == "verdict" else w.report(*at)


def _known(heads: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Heads of a foreign table may hold a number that is none of ours: it is left out of what we say."""
    return [
        (en, zh) if not any(each.isdigit() for each in TERMS.sub("", f"{en} {zh}")) else ("value", "数值")
        for en, zh in heads
    ]


def verdicts(w: Writer) -> None:
    """The ten checks, one line each."""
    rows = []
    for each in w.facts.raw(REPORT, "results"):
        at = ("results", each["name"])
        rows.append(
            (
                w.said(REPORT, *at, "title"),
                w.badge(REPORT, *at, "verdict"),
                w.said(REPORT, *at, "question"),
                w.report(*at, "examined"),
            )
        )
    w.grid((("check", "检查"), ("verdict", "结论"), ("question", "问题"), ("examined", "检查数")), rows)


def limits(w: Writer) -> int:
    """Everything that did not pass, with what usually causes it; how many there are."""
    count = 0
    for result in w.facts.raw(REPORT, "results"):
        lines: list[Line] = []
        for part, each in findings(w, result["name"]):
            if each["verdict"] == "PASS":
                continue
            at = ("results", result["name"], "findings", part)
            line = w.line(
                "{badge} {summary}",
                "{badge} {summary}",
                badge=w.badge(REPORT, *at, "verdict"),
                summary=w.said(REPORT, *at, "summary"),
            )
            for key, en, zh in (("cause", "Usual cause", "常见原因"), ("fix", "What to do", "处理办法")):
                if each[key]:
                    line += (w.word(f" {en}: ", f" {zh}："), w.said(REPORT, *at, key))
            lines.append(line)
        if lines:
            w.heading("", "", level=3, fact=w.said(REPORT, "results", result["name"], "title"))
            w.bullets(lines)
            count += len(lines)
    if not count:
        w.text("None: every finding of every check that was run passed.", "无：所运行检查的全部发现均通过。")
    return count


def metrics(w: Writer) -> list[str]:
    """Names of the accuracy figures, the primary one first."""
    kept = w.facts.raw(REPORT, "figures").get("accuracy", {})
    names = sorted(kept.get("metrics", {}))
    primary = kept.get("primary")
    return sorted(names, key=lambda each: each != primary)


def metric(w: Writer, name: str, *, interval: bool = True) -> tuple[Line, Line]:
    """A figure of accuracy, and its interval when it has one."""
    at = ("figures", "accuracy", "metrics", name)
    value = w.facts.raw(REPORT, *at)
    if not isinstance(value, list):
        return (w.report(*at),), ()
    between = w.line(
        "95 % interval {low} to {high}",
        "95% 区间 {low} 至 {high}",
        low=w.report(*at, 1),
        high=w.report(*at, 2),
    )
    return (w.report(*at, 0),), between if interval and len(value) > 2 else ()


def cards(w: Writer) -> None:
    """The figures that one asks for first, as far as they were measured."""
    made: list[tuple[Line, Line, Line]] = []
    names = metrics(w)
    if names:
        figure, between = metric(w, names[0])
        made.append(
            ((w.key(REPORT, "figures", "accuracy", "metrics", names[0], code=False),), figure, between)
        )
    kept: list[tuple[str, str, str, str, str]] = [
        ("performance.latency", "P99 under load", "负载下 P99", " ms", " ms"),
        ("performance.knee", "load it carries", "可承受负载", " /s", " /s"),
        ("performance.memory", "peak memory", "峰值内存", " MB", " MB"),
    ]
    for name, en, zh, unit, einheit in kept:
        if w.facts.has(REPORT, "figures", "performance", name):
            figure = (w.report("figures", "performance", name), w.word(unit, einheit))
            made.append(((w.word(en, zh),), figure, _condition(w, name)))
    if w.facts.has(REPORT, "model", "parameters"):
        rest: Line = ()
        if w.facts.has(REPORT, "model", "size"):
            rest = w.line("{size} on disk", "文件 {size}", size=w.report("model", "size", kind="megabytes"))
        made.append(((w.word("parameters", "参数量"),), (w.report("model", "parameters"),), rest))
    w.cards(made)


def _condition(w: Writer, name: str) -> Line:
    at = ("results", "performance", "findings", name, "data", "offered")
    if name == "performance.latency" and w.facts.has(REPORT, *at):
        return w.line("at {rate} requests/s", "每秒 {rate} 个请求时", rate=w.report(*at))
    return ()


def environment(w: Writer) -> None:
    """The machine that the figures were measured on."""
    here = w.facts.raw(REPORT, "environment")
    names = {
        "cpu": ("processor", "处理器"),
        "cpu_flags": ("instruction sets", "指令集"),
        "cores": ("cores", "核数"),
        "usable_cores": ("usable cores", "可用核数"),
        "memory_bytes": ("memory", "内存"),
        "machine": ("architecture", "架构"),
        "os": ("operating system", "操作系统"),
        "kernel": ("kernel", "内核"),
        "governor": ("frequency governor", "调频策略"),
        "python": ("Python", "Python"),
    }
    rows = []
    for key, words in names.items():
        value = here.get(key)
        if value in (None, "", []):
            continue
        kind: Kind = "megabytes" if key == "memory_bytes" else "plain"
        if isinstance(value, list):
            cell: list[Any] = []
            for place in range(len(value)):
                cell += [", "] if cell else []
                cell.append(w.report("environment", key, place))
            rows.append(((w.word(*words),), tuple(cell)))
        else:
            rows.append(((w.word(*words),), (w.report("environment", key, kind=kind),)))
    w.grid((("item", "项目"), ("value", "值")), rows)


def packages(w: Writer) -> None:
    """Versions of the runtimes that the model was checked with."""
    rows = [
        (w.key(REPORT, "environment", "packages", name), w.report("environment", "packages", name))
        for name in sorted(w.facts.raw(REPORT, "environment").get("packages") or {})
    ]
    w.grid((("package", "软件包"), ("version", "版本")), rows)
