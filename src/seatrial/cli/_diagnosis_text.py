"""A diagnosis on the terminal: the sentence first, then what was tried."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from unicodedata import east_asian_width

import click

from seatrial.checks import one_line
from seatrial.cli._diagnosis_document import Document, Tried
from seatrial.text import Text

ROWS = 8
# What a line is not broken within: a word, or a Chinese character with the stops that follow it.
_UNITS = re.compile(r"(?:[!-~]+|[^\s])[，。；：、）”]*\s*|\s+")
_WORDS = {
    "agree": Text("They agree", "两边一致"),
    "cause": Text("Cause found", "找到原因"),
    "none-found": Text("No cause found", "没有找到原因"),
    "hypothesis": Text("hypothesis", "假设"),
    "change": Text("change", "改动"),
    "agreement": Text("agreement", "一致率"),
    "closeness": Text("closeness", "接近程度"),
    "p": Text("p", "p 值"),
    "colon": Text(": ", "："),
    "fix": Text("fix: ", "修改："),
    "also": Text("does as well on these samples: ", "在这些样本上同样有效："),
    "stages": Text("stages compared", "逐段比较"),
    "same": Text("same", "相同"),
    "differs": Text("differs", "不同"),
    "first": Text("first difference: ", "最先出现差异："),
    "deployed": Text("deployed", "部署侧"),
    "reference": Text("reference", "参考侧"),
    "tried": Text(
        "{0} changes of {1} hypotheses tried in {2:.1f} s", "{2:.1f} 秒内试验了 {1} 个假设的 {0} 种改动"
    ),
    "screened": Text("screened", "仅初筛"),
    "note": Text("note: ", "说明："),
    "pictures": Text("What the model was fed", "模型实际得到的输入"),
    "title": Text("Diagnosis", "差异诊断"),
    "samples": Text("samples", "样本数"),
    "table": Text("What was tried", "试验过的改动"),
    "partial": Text("It explains a part only.", "只能解释一部分差异。"),
    "contract": Text("contract", "契约"),
    "before": Text("before", "改前"),
    "after": Text("after", "改后"),
    "stage": Text("stage", "环节"),
    "detail": Text("what was seen", "比较结果"),
    "run": Text("run", "运行信息"),
    "command": Text("command", "命令"),
    "fix_title": Text("What to do", "如何修改"),
    "outside": Text("outside the contract", "契约之外"),
    "scale": Text(
        "Both on the scale of the corrected input: wrong scaling shows as black or white.",
        "两侧都按改正后输入的取值范围显示，缩放错误会表现为全黑或全白。",
    ),
    "p_about": Text(
        "p is that of the paired sign test, before correction for everything that was tried.",
        "p 为配对符号检验的值，尚未按试验次数校正。",
    ),
}
STAGES = {
    "decoded": Text("decoded sample", "解码后的样本"),
    "preprocessed": Text("preprocessed tensor", "预处理后的张量"),
    "operators": Text("operators", "模型算子"),
    "outputs": Text("raw outputs", "原始输出"),
    "answers": Text("answers", "最终答案"),
}


def word(name: str, language: str) -> str:
    """A fixed word of the renderings."""
    return _WORDS[name].in_language(language)


def stage_name(stage: str, language: str) -> str:
    """A stage for people."""
    return STAGES[stage].in_language(language) if stage in STAGES else stage


def change_name(tried: Tried) -> str:
    """The names of the changes that were tried together."""
    return " + ".join(each.name for each in tried.changes)


def title_of(tried: Tried, language: str) -> str:
    """The titles of the hypotheses that were tried together."""
    return " + ".join(each.title.in_language(language) for each in tried.changes)


def p_text(value: float | None, language: str) -> str:
    """A p-value for people."""
    if value is None:
        return word("screened", language)
    return "<1e-9" if value < 1e-9 else f"{value:.2g}"


def to_terminal(document: Document, *, language: str, width: int, color: bool) -> str:
    """The diagnosis in lines."""
    return "\n".join(_lines(document, language, width, color=color))


def _lines(document: Document, language: str, width: int, *, color: bool) -> Iterator[str]:
    def strong(text: str, ink: str | None = None) -> str:
        return click.style(text, bold=True, fg=ink) if color else text

    ink = {"agree": "green", "cause": "yellow"}.get(document.verdict, "red")
    yield strong(word(document.verdict, language), ink)
    yield from wrapped(document.sentence.in_language(language), width)
    yield ""
    if document.parting is not None:
        head = word("first", language) + stage_name(document.parting.stage, language)
        at = f" {document.parting.operator}" if document.parting.operator else ""
        yield from wrapped(
            f"{strong(head)}{at}{word('colon', language)}{document.parting.detail.in_language(language)}",
            width,
        )
        yield ""
    if document.attempts:
        yield from _table(document.attempts[:ROWS], language, width)
        yield ""
    if document.proof is not None:
        for each in document.proof.tried.changes:
            where = each.where.in_language(language)
            told = where + word("colon", language) * bool(where) + each.fix.in_language(language)
            yield from wrapped(strong(word("fix", language)) + told, width)
        if document.proof.also:
            yield from wrapped(
                word("also", language) + ", ".join(change_name(each) for each in document.proof.also), width
            )
        yield ""
    yield f"{word('deployed', language)}: {one_line(document.deployed)}"
    yield f"{word('reference', language)}: {one_line(document.reference)}"
    if document.tried:
        yield word("tried", language).format(document.tried, len(document.hypotheses), document.seconds)
    for note in document.notes:
        yield from wrapped(word("note", language) + note, width)


def _table(attempts: Sequence[Tried], language: str, width: int) -> Iterator[str]:
    head = [word(each, language) for each in ("hypothesis", "change", "agreement", "closeness", "p")]
    rows = [
        [
            title_of(each, language),
            change_name(each),
            f"{each.before:.1%} -> {each.after:.1%}",
            f"{each.closer_before:.3f} -> {each.closer:.3f}",
            p_text(each.p_value, language),
        ]
        for each in attempts
    ]
    widths = [max(columns(row[at]) for row in [head, *rows]) for at in range(len(head))]
    room = max(12, width - sum(widths[2:]) - 2 * len(widths) - min(widths[0], 28))
    widths[0], widths[1] = min(widths[0], 28), min(widths[1], room)
    for row in [head, *rows]:
        cells = [fitted(cell, size) for cell, size in zip(row, widths, strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()


def columns(text: str) -> int:
    """Columns a text takes on a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def fitted(text: str, size: int) -> str:
    """A text cut or padded to a number of columns."""
    if columns(text) > size:
        while text and columns(text) > size - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (size - columns(text))


def wrapped(text: str, width: int) -> list[str]:
    """Lines no longer than the terminal: between words, and between Chinese characters."""
    lines, line = [], ""
    for each in _UNITS.findall(text):
        if line and columns((line + each).rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += each
    return [*lines, line.rstrip()]
