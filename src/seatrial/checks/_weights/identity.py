"""Whether the weights are those of this graph, this training and this vocabulary (`M02`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks._finding import Finding, Limit, Text, Verdict
from seatrial.checks._weights.findings import others, table, without_normalisation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatrial.checks._weights.tensor_facts import TensorFacts
    from seatrial.model import Problem


def _no_tensors(*, broken: bool) -> Finding:
    """A graph without parameters is fine; one whose parameters could not be listed is not."""
    if broken:
        return Finding(
            "weights.complete",
            Verdict.SKIP,
            Text("no tensor could be read: the graph is broken", "计算图已损坏，无法读取任何张量"),
            0,
            cause=Text("See the structure check.", "见“结构”检查。"),
            fix=Text("Repair the graph first.", "请先修复计算图。"),
        )
    return Finding(
        "weights.complete",
        Verdict.PASS,
        Text("the graph has no parameters, and none are there", "计算图没有参数，文件中也没有参数"),
        1,
        measured=0,
        limit=Limit(0, "the graph"),
    )


def judge_problems(
    problems: Sequence[Problem], tensors: int, missing: Sequence[str], *, broken: bool
) -> list[Finding]:
    """One finding for each defect the reader saw between graph and weights, or one that all is there."""
    findings = [
        Finding(
            f"weights.{each.code}",
            Verdict.FAIL,
            Text(each.message, f"权重与计算图不符：{each.message}"),
            tensors,
            where=each.where,
            cause=Text(
                each.hint or "The files are not of one export.", each.hint or "这些文件不是同一次导出的结果。"
            ),
            fix=Text("Export again and copy both files together.", "请重新导出，并将两个文件一起复制。"),
        )
        for each in problems
    ]
    if missing and not findings:
        more, more_zh = others(len(missing))
        findings.append(
            Finding(
                "weights.missing",
                Verdict.FAIL,
                Text(f"no bytes for {missing[0]}{more}", f"缺少 {missing[0]} 的数据{more_zh}"),
                tensors,
                measured=len(missing),
                limit=Limit(0, "the graph"),
                where=missing[0],
                cause=Text("The weights file is missing or too short.", "权重文件缺失或长度不足。"),
                fix=Text("Copy the whole file again.", "请重新完整复制该文件。"),
            )
        )
    if findings:
        return findings
    if not tensors:
        return [_no_tensors(broken=broken)]
    return [
        Finding(
            "weights.complete",
            Verdict.PASS,
            Text(
                f"all {tensors} tensors of the graph are there with their shape and dtype, and nothing "
                "is left over",
                f"计算图的 {tensors} 个张量齐全，形状与类型一致，没有多余数据",
            ),
            tensors,
            measured=0,
            limit=Limit(0, "the graph"),
        )
    ]


def judge_untouched(facts: Mapping[str, TensorFacts], pairs: Sequence[tuple[str, str]]) -> Finding:
    """A normalisation whose mean is 0 and variance 1 everywhere has seen no data."""
    if not pairs:
        return without_normalisation("weights.untouched")
    bad = [
        (mean, variance)
        for mean, variance in pairs
        if facts[mean].count > 1
        and facts[mean].all_zero
        and facts[variance].constant
        and facts[variance].low == 1.0
    ]
    return Finding(
        "weights.untouched",
        Verdict.WARN if bad else Verdict.PASS,
        Text(
            f"{len(bad)} of {len(pairs)} normalisation layers still have their initial statistics, first "
            f"{bad[0][0]}"
            if bad
            else f"all {len(pairs)} normalisation layers have seen data",
            f"{len(pairs)} 个归一化层中有 {len(bad)} 个仍为初始统计量，首个为 {bad[0][0]}"
            if bad
            else f"{len(pairs)} 个归一化层的统计量均已更新",
        ),
        len(pairs),
        measured=len(bad),
        limit=Limit(0, "check default"),
        cause=Text("The layer was added after training, or not loaded.", "该层在训练后才加入，或未加载参数。")
        if bad
        else None,
        fix=Text("Check the names when the checkpoint is loaded.", "请在加载检查点时核对参数名。")
        if bad
        else None,
        where=bad[0][0] if bad else "",
    )


def judge_previous(now: Mapping[str, str], before: Mapping[str, str], name: str) -> Finding:
    """Each tensor against the accepted release, by name: the same, changed, or another one's bytes."""
    common = sorted(set(now) & set(before))
    changed = [each for each in common if now[each] != before[each]]
    owners = {digest: tensor for tensor, digest in before.items()}
    swapped = [
        (each, owners[now[each]])
        for each in changed
        if now[each] in owners and before[owners[now[each]]] != before[each]
    ]
    partly = 0 < len(changed) < len(common)
    verdict = Verdict.FAIL if swapped else Verdict.WARN if partly else Verdict.PASS
    if swapped:
        text = Text(
            f"{swapped[0][0]} holds what was {swapped[0][1]} in {name}",
            f"{swapped[0][0]} 的内容是 {name} 中 {swapped[0][1]} 的内容",
        )
    elif partly:
        text = Text(
            f"{len(changed)} of {len(common)} tensors differ from {name}, first {changed[0]}",
            f"{len(common)} 个张量中有 {len(changed)} 个与 {name} 不同，首个为 {changed[0]}",
        )
    else:
        text = Text(
            f"{'all' if changed else 'none'} of {len(common)} tensors changed since {name}",
            f"与 {name} 相比，{len(common)} 个张量{'全部更新' if changed else '均未变化'}",
        )
    rows = [(each, "holds the bytes of " + owner) for each, owner in swapped] or [
        (each, "changed") for each in changed
    ]
    return Finding(
        "weights.previous",
        verdict,
        text,
        len(common),
        measured=len(changed),
        evidence=table(rows, "tensor", "since the baseline") if verdict is not Verdict.PASS else (),
        cause=None
        if verdict is Verdict.PASS
        else Text(
            "Tensors were written in another order."
            if swapped
            else "A part was trained again, or the file was altered.",
            "张量写入顺序发生了变化。" if swapped else "仅部分参数重新训练，或文件被改动。",
        ),
        fix=None
        if verdict is Verdict.PASS
        else Text(
            "Export again from the checkpoint; if only a part was meant to change, accept it as a baseline.",
            "请从检查点重新导出；若本来只更新一部分，请将其接受为新的基线。",
        ),
        where=str(rows[0][0]) if verdict is not Verdict.PASS else "",
    )


def judge_rows(name: str, rows: int, vocabulary: int) -> Finding:
    """An embedding must have a row for every token."""
    bad = rows != vocabulary
    return Finding(
        "weights.vocabulary",
        Verdict.FAIL if rows < vocabulary else Verdict.WARN if bad else Verdict.PASS,
        Text(
            f"the embedding {name} has {rows} rows and the vocabulary {vocabulary} tokens",
            f"嵌入表 {name} 有 {rows} 行，词表有 {vocabulary} 个词",
        ),
        1,
        measured=rows,
        limit=Limit(vocabulary, "contract: tokens of the vocabulary"),
        cause=Text("The vocabulary of another model.", "词表来自另一个模型。") if bad else None,
        fix=Text("Deliver the vocabulary the model was trained with.", "请交付训练该模型时使用的词表。")
        if bad
        else None,
        where=name if bad else "",
    )
