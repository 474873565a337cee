"""A difference of two bundles for people: Markdown that reads well on a terminal too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from seatrial.deliverables._diff import BundleDiff, FileChange, Verdict
from seatrial.deliverables._diff_parts import Change
from seatrial.deliverables._diff_run import Run
from seatrial.text import Text

MOST_LINES = 40  # of one area; JSON has all of them
MOST_OF_A_FOLDER = 4  # files told one by one

_VERDICTS: dict[Verdict, Text] = {
    "identical": Text("identical", "完全相同"),
    "compatible": Text("compatible", "兼容"),
    "answers change": Text("answers change", "答案会变化"),
    "needs new client code": Text("needs new client code", "需要修改客户端代码"),
}
_AREAS = {
    "release": Text("Release", "版本信息"),
    "inputs": Text("Inputs", "输入"),
    "outputs": Text("Outputs", "输出"),
    "payload": Text("Payload", "数据类型"),
    "answer": Text("Form of the answers", "答案格式"),
    "preprocess": Text("Preprocessing", "预处理"),
    "postprocess": Text("Postprocessing", "后处理"),
    "labels": Text("Labels", "标签"),
    "vocabulary": Text("Vocabulary", "词表"),
    "accuracy": Text("Accuracy (value, 95 % interval)", "准确性（数值与 95% 区间）"),
    "performance": Text("Performance", "性能"),
    "verdicts": Text("Verdicts of the checks", "各项检查结论"),
    "formats": Text("Formats and digests", "格式与摘要"),
    "model size": Text("Model size", "模型大小"),
    "model version": Text("Version of the format", "格式版本"),
    "operators": Text("Operators", "算子"),
    "hyper-parameters": Text("Hyper-parameters", "超参数"),
    "limits": Text("Limits", "限值"),
    "deployment": Text("How it is best run", "推荐的运行方式"),
    "tolerance": Text("Tolerance of the test cases", "测试用例容差"),
    "checked with": Text("What the report was made with", "报告依据"),
}
_BYTES = frozenset({"model size"})


def told(diff: BundleDiff, language: str = "en") -> str:
    """The whole difference as Markdown.

    Args:
        diff: Of `bundle_diff`.
        language: `en` or `zh`.
    """
    return "\n".join(_lines(diff, language)) + "\n"


def _lines(diff: BundleDiff, language: str) -> Iterator[str]:
    verdict = _VERDICTS[diff.verdict].in_language(language)
    yield f"# {diff.old} → {diff.new}: {verdict}"
    yield ""
    yield from (f"- {each.in_language(language)}" for each in diff.reasons)
    if diff.run is not None:
        yield from _run(diff.run, language)
    for area, title in _AREAS.items():
        changes = diff.of_area(area)
        if changes:
            yield from ("", f"## {title.in_language(language)}", "")
            yield from _cut([_line(each) for each in changes], language)
    if diff.files:
        total = Text(f"Files ({len(diff.files)})", f"文件（{len(diff.files)}）").in_language(language)
        yield from ("", f"## {total}", "")
        yield from _cut(list(_files(diff.files, language)), language)


def _run(run: Run, language: str) -> Iterator[str]:
    said = Text(
        f"asked on {run.runtime}: of {run.cases} old test cases, {run.outputs} give outputs outside the old "
        f"tolerance and {run.answers} another answer",
        f"在 {run.runtime} 上重新运行 {run.cases} 个旧测试用例：{run.outputs} 个输出超出原容差，"
        f"{run.answers} 个答案不同",
    )
    yield f"- {said.in_language(language)}"
    yield from (f"  - {each}" for each in run.examples)


def _cut(lines: Sequence[str], language: str) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    rest = len(lines) - MOST_LINES
    if rest > 0:
        yield "- " + Text(f"and {rest} more (--json)", f"另有 {rest} 项（见 --json）").in_language(language)


def _line(change: Change) -> str:
    size = change.area in _BYTES or (change.area, change.name) == ("release", "size")
    before, after = (_value(each, size=size) for each in (change.before, change.after))
    if change.before is None:
        return f"- + {change.name}: {after}"
    if change.after is None:
        return f"- − {change.name}: {before}"
    return f"- {change.name}: {before} → {after}"


def _value(value: Any, *, size: bool) -> str:
    if size and isinstance(value, int):
        return f"{value:,} B"
    if isinstance(value, list) and len(value) == 3 and all(isinstance(each, float) for each in value):
        return f"{value[0]:.4g} [{value[1]:.4g}, {value[2]:.4g}]"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."


_WORDS = {
    "added": Text("added", "新增"),
    "removed": Text("removed", "删除"),
    "changed": Text("changed", "修改"),
}


def _files(files: Sequence[FileChange], language: str) -> Iterator[str]:
    """One line a file; many of one folder that went the same way are one line."""
    alike: dict[tuple[str, str], list[FileChange]] = {}
    for each in files:
        alike.setdefault((each.path.rpartition("/")[0], each.change), []).append(each)
    for (folder, change), some in alike.items():
        word = _WORDS[change].in_language(language)
        if folder and len(some) > MOST_OF_A_FOLDER:
            told = Text(f"{len(some)} files", f"{len(some)} 个文件").in_language(language)
            yield f"- {folder}/: {told}, {word}"
            continue
        for each in some:
            sizes = " → ".join(f"{size:,} B" for size in (each.before, each.after) if size is not None)
            yield f"- {each.path}: {word}, {sizes}"
