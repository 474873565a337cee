"""The contract against the graph, both ways, and the label map against the outputs (`M03`)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.contract.labels import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.contract import Contract, TensorSpec

Mismatch = tuple[str, str, str, str]  # tensor, what, contract, graph


def compare_inputs(declared: Sequence[TensorSpec], actual: Sequence[TensorSpec]) -> list[Mismatch]:
    """Inputs are bound by name, so names must agree both ways, then dtype, rank and every dimension."""
    found: list[Mismatch] = []
    by_name = {each.name: each for each in actual}
    for spec in declared:
        if spec.name not in by_name:
            found.append((spec.name, "name", spec.name, ", ".join(by_name) or "no input"))
            continue
        found += _compare(spec, by_name[spec.name], promise="more")
    known = {each.name for each in declared}
    found += [
        (each.name, "name", "not in the contract", each.name) for each in actual if each.name not in known
    ]
    return found


def compare_outputs(declared: Sequence[TensorSpec], actual: Sequence[TensorSpec]) -> list[Mismatch]:
    """Outputs are bound by place: their names are not stable across formats."""
    found: list[Mismatch] = []
    if len(declared) != len(actual):
        found.append(("outputs", "number", str(len(declared)), str(len(actual))))
    for spec, other in zip(declared, actual, strict=False):
        found += _compare(spec, other, promise="less")
    return found


def _compare(declared: TensorSpec, actual: TensorSpec, *, promise: str) -> list[Mismatch]:
    """A contract must not promise `more` freedom of inputs than the graph has."""
    found: list[Mismatch] = []
    if declared.dtype != actual.dtype and actual.dtype:
        found.append((declared.name, "dtype", declared.dtype, actual.dtype))
    if len(declared.shape) != len(actual.shape):
        return [*found, (declared.name, "rank", str(list(declared.shape)), str(list(actual.shape)))]
    for axis, (one, other) in enumerate(zip(declared.shape, actual.shape, strict=True)):
        fixed = isinstance(other, int)
        differs = fixed and isinstance(one, int) and one != other
        too_free = fixed and not isinstance(one, int) and promise == "more"
        if differs or too_free:
            found.append((declared.name, f"axis {axis}", "free" if too_free else str(one), str(other)))
    return found


def judge_specs(kind: str, found: Sequence[Mismatch], examined: int) -> Finding:
    """One finding for the inputs, one for the outputs."""
    kind_zh = {"inputs": "输入", "outputs": "输出"}[kind]
    first = found[0] if found else ("", "", "", "")
    renamed = any(each[1] == "name" for each in found)
    return Finding(
        f"interface.{kind}",
        Verdict.FAIL if found else Verdict.PASS,
        Text(
            f"{first[0]}: the contract says {first[1]} {first[2]} and the graph {first[3]}"
            if found
            else f"all {kind} ({examined}) agree with the graph in name, dtype, rank and dimensions",
            f"{first[0]}：契约中的{_zh(first[1])}为 {first[2]}，计算图为 {first[3]}"
            if found
            else f"{examined} 个{kind_zh}在名称、类型、维数与各维大小上与计算图一致",
        ),
        max(examined, 1),
        measured=len(found),
        limit=Limit(0, "the graph"),
        evidence=(
            Table(Text("differences", "差异"), ("tensor", "what", "contract", "graph"), tuple(found[:20])),
        )
        if found
        else (),
        cause=Text(
            "An input was renamed at export." if renamed else "The contract was written for another export.",
            "导出时输入被重命名。" if renamed else "契约是为另一次导出编写的。",
        )
        if found
        else None,
        fix=Text(
            "Export with InputSpec(name=..., shape=[None, ...]) as the contract says, or correct the "
            "contract.",
            "请按契约以 InputSpec(name=..., shape=[None, ...]) 重新导出，或更正契约。",
        )
        if found
        else None,
        where=first[0],
    )


def _zh(what: str) -> str:
    known = {"name": "名称", "dtype": "类型", "rank": "维数", "number": "数量"}
    return known.get(what, f"第 {what.removeprefix('axis ')} 维")


def expected_widths(contract: Contract) -> tuple[int, ...]:
    """How wide the scores may be for the contract's labels: a CTC head adds a blank and perhaps a space."""
    count = len(contract.labels)
    for call in contract.postprocess.calls:
        if call.name == "ctc_decode":
            return (count + 1 + int(bool(call.options.get("space", True))),)
    return (count + 1, count + 2) if contract.task == "text-recognition" else (count,)


def judge_label_count(contract: Contract, width: int) -> Finding:
    """As many labels as scores, or the last class has no name and others may be shifted."""
    widths = expected_widths(contract)
    bad = width not in widths
    return Finding(
        "interface.labels",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"{len(contract.labels)} labels for {width} scores",
            f"标签 {len(contract.labels)} 个，输出分数 {width} 个",
        ),
        max(len(contract.labels), 1),
        measured=width,
        limit=Limit(" or ".join(map(str, widths)), "contract: labels (and the blank of a CTC head)"),
        cause=Text(
            "A label is missing or added, or the list is another model's.", "标签缺失、多余，或来自其他模型。"
        )
        if bad
        else None,
        fix=Text("Deliver the label list the model was trained with.", "请交付训练该模型时使用的标签表。")
        if bad
        else None,
    )


def label_flaws(labels: Sequence[str], *, vouched: bool) -> list[tuple[int, str, str, str]]:
    """(index, label, flaw, flaw in Chinese): twice, empty, or numbers that do not stand at their own index.

    Args:
        labels: Names by class index.
        vouched: The list's fingerprint is in the contract, so it is as it was meant.
    """
    if vouched:
        return []
    counts = Counter(labels)
    flaws = []
    for index, label in enumerate(labels):
        if counts[label] > 1 and labels.index(label) != index:
            flaws.append(
                (index, label, f"also at {labels.index(label)}", f"与第 {labels.index(label)} 个重复")
            )
        elif not label:
            flaws.append((index, label, "empty", "为空"))
    if list(labels) == sorted(labels):  # folders named 0, 1, 10, 2: the order that training gave them
        return flaws
    if (
        labels
        and all(each.isdigit() for each in labels)
        and {int(each) for each in labels} == set(range(len(labels)))
    ):
        flaws += [
            (index, label, "a number at another index", "数字标签与其序号不符")
            for index, label in enumerate(labels)
            if int(label) != index
        ]
    return flaws


def judge_label_map(contract: Contract) -> Finding:
    """Doubles, gaps and a shifted order, as far as the list itself tells."""
    flaws = label_flaws(contract.labels, vouched="labels" in contract.fingerprints)
    return Finding(
        "interface.label-map",
        Verdict.FAIL if flaws else Verdict.PASS,
        Text(
            f"label {flaws[0][0]} '{flaws[0][1]}': {flaws[0][2]} ({len(flaws)} in all)"
            if flaws
            else f"{len(contract.labels)} labels, none twice, none empty, none out of order",
            f"第 {flaws[0][0]} 个标签“{flaws[0][1]}”{flaws[0][3]}（共 {len(flaws)} 处）"
            if flaws
            else f"{len(contract.labels)} 个标签无重复、无空缺、顺序正常",
        ),
        max(len(contract.labels), 1),
        measured=len(flaws),
        limit=Limit(0, "check default: one name for one class"),
        evidence=(
            Table(Text("labels", "标签"), ("index", "label", "flaw"), tuple(each[:3] for each in flaws[:20])),
        )
        if flaws
        else (),
        cause=Text(
            "The list was edited, sorted as text, or shifted by a background class.",
            "标签表被改动、按文本排序，或因背景类而整体错位。",
        )
        if flaws
        else None,
        fix=Text("Deliver the list that training used, in its order.", "请按训练时的顺序交付标签表。")
        if flaws
        else None,
        data={"labels": fingerprint(contract.labels)},
    )


def judge_names(what: str, now: str, before: str, *, same_model: bool) -> Finding:
    """Labels or vocabulary against those of the baseline: same weights with other names is never meant."""
    changed = now != before
    what_zh = {"labels": "标签表", "vocabulary": "词表"}[what]
    return Finding(
        f"interface.{what}-since-baseline",
        (Verdict.FAIL if same_model else Verdict.WARN) if changed else Verdict.PASS,
        Text(
            f"the {what} changed since the baseline" + (", the model did not" if same_model else "")
            if changed
            else f"the {what} are those of the baseline",
            f"{what_zh}与基线不同" + ("，而模型没有变化" if same_model else "")
            if changed
            else f"{what_zh}与基线一致",
        ),
        1,
        measured=now[:19],
        limit=Limit(before[:19], "baseline"),
        cause=Text("A line was added, removed or moved.", "有行被增加、删除或移动。") if changed else None,
        fix=Text("Take the list of the accepted release.", "请使用已接受版本的列表。") if changed else None,
    )
