"""What the interface check says about samples, prepared tensors, class order and preprocessing (`M03`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.checks._interface.metamorphic import SIGNIFICANT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.checks._interface.metamorphic import Permutation, Preference
    from seatrial.checks._trial import Trial


def judge_failures(name: str, failures: Sequence[tuple[str, str]], examined: int, limit: Limit) -> Finding:
    """Held-out samples are what production sees: none is refused, and every answer keeps its schema."""
    prepare = name.endswith("samples")
    share = len(failures) / max(examined, 1)
    bad = share > float(str(limit.value))
    what = (
        Text("are refused by the contract", "被契约拒绝")
        if prepare
        else Text("have no valid answer", "没有合法的答案")
    )
    return Finding(
        name,
        Verdict.FAIL if bad else Verdict.WARN if failures else Verdict.PASS,
        Text(
            f"{len(failures)} of {examined} samples {what.en}"
            + (f": {failures[0][1][:160]}" if failures else ""),
            f"{examined} 个样本中有 {len(failures)} 个{what.zh}"
            + (f"：{failures[0][1][:160]}" if failures else ""),
        ),
        examined,
        measured=round(share, 4),
        limit=limit,
        evidence=(
            Table(
                Text("samples", "样本"),
                ("sample", "why"),
                tuple((key, why[:200]) for key, why in failures[:10]),
            ),
        )
        if failures
        else (),
        cause=Text("The data is not what the contract describes.", "数据与契约描述不符。")
        if failures
        else None,
        fix=Text("Correct the contract's steps, or the data.", "请更正契约中的步骤，或检查数据。")
        if failures
        else None,
        where=failures[0][0] if failures else "",
    )


def judge_golden(trial: Trial, first: str, again: str, examined: int) -> Finding:
    """The same sample must become the same tensor: twice now, and as it did for the baseline (F22-F24)."""
    before = ""
    kept = trial.baseline
    if kept is not None and kept.data_digest == trial.held_out.digest:
        before = str(kept.figures.get("interface", {}).get("golden", ""))
    unstable, moved = first != again, bool(before) and before != first
    same_steps = kept is not None and kept.preprocess_digest == trial.contract.preprocess_digest()
    verdict = Verdict.FAIL if unstable or (moved and same_steps) else Verdict.WARN if moved else Verdict.PASS
    if unstable:
        text = Text("one sample prepared twice gives two tensors", "同一样本两次预处理得到不同的张量")
    elif moved:
        text = Text(
            "the prepared tensors are not those of the baseline"
            + ("" if same_steps else ": the steps were changed"),
            "预处理得到的张量与基线不同" + ("" if same_steps else "：步骤已被修改"),
        )
    else:
        text = Text(
            f"{examined} samples become the same tensors each time"
            + (" and as in the baseline" if before else ""),
            f"{examined} 个样本每次都得到相同的张量" + ("，且与基线一致" if before else ""),
        )
    bad = verdict is not Verdict.PASS
    return Finding(
        "interface.preprocessing",
        verdict,
        text,
        examined,
        measured=first[:19],
        limit=Limit(before[:19], "baseline") if before else None,
        cause=Text(
            "A random step, another version of an image library, or an edited pipeline.",
            "存在随机步骤、图像库版本不同，或流水线被修改。",
        )
        if bad
        else None,
        fix=Text(
            "Compare the steps with training; accept a new baseline only if the change is meant.",
            "请与训练时的步骤比对；确属有意修改时再接受新基线。",
        )
        if bad
        else None,
        data={"golden": first},
    )


def judge_permutation(found: Permutation, limit: Limit, labels: Sequence[str]) -> Finding:
    """Two classes exchanged in the weights or in the label map show as a permutation (F20, F21)."""
    gain = found.after - found.before
    bad = bool(found.moved) and gain > float(str(limit.value)) and found.p_value < 0.01

    def named(index: int) -> str:
        return labels[index] if index < len(labels) else str(index)

    moves = ", ".join(f"{named(one)} -> {named(other)}" for one, other in found.moved[:6])
    return Finding(
        "interface.label-order",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"renaming classes ({moves}) lifts accuracy from {found.before:.1%} to {found.after:.1%}"
            if bad
            else f"no renaming of classes fits the {found.examined} labels significantly better",
            f"重命名类别（{moves}）后准确率由 {found.before:.1%} 升至 {found.after:.1%}"
            if bad
            else f"任何类别重命名都不会使 {found.examined} 个样本的吻合度显著提高",
        ),
        found.examined,
        measured=round(gain, 4),
        limit=limit,
        cause=Text("The label map is in another order than in training.", "标签表的顺序与训练时不同。")
        if bad
        else None,
        fix=Text("Put the labels into the order of training.", "请按训练时的顺序排列标签。") if bad else None,
        data={"p_value": found.p_value, "moved": [list(pair) for pair in found.moved[:50]] if bad else []},
    )


def judge_preferences(found: Sequence[Preference], limit: Limit) -> Finding:
    """A model that is right more often with another preprocessing was trained with it (F22, F23)."""
    better = [
        each
        for each in found
        if each.changed - each.declared > float(str(limit.value)) and each.p_value < SIGNIFICANT
    ]
    better.sort(key=lambda each: -each.changed)
    best = better[0] if better else max(found, key=lambda each: each.changed)
    return Finding(
        "interface.preprocessing-fit",
        Verdict.FAIL if better else Verdict.PASS,
        Text(
            f"with {best.change.name} {best.changed:.1%} are right, as declared {best.declared:.1%}"
            if better
            else f"none of {len(found)} other preprocessings does better than the declared one",
            f"采用“{best.change.name_zh}”时正确率为 {best.changed:.1%}，按契约为 {best.declared:.1%}"
            if better
            else f"{len(found)} 种其他预处理均不优于契约声明的方式",
        ),
        best.examined * (len(found) + 1),
        # A gain of chance is no gain; the table has every figure.
        measured=round(best.changed - best.declared, 4) if better else 0.0,
        limit=limit,
        evidence=(
            Table(
                Text("other preprocessings", "其他预处理"),
                ("change", "share right", "declared", "p"),
                tuple(
                    (each.change.name, round(each.changed, 4), round(each.declared, 4), each.p_value)
                    for each in found
                ),
            ),
        ),
        cause=Text(
            "Production prepares inputs otherwise than training did.", "生产环境的预处理与训练不一致。"
        )
        if better
        else None,
        fix=Text(f"Correct the contract: {best.change.name}.", f"请更正契约：{best.change.name_zh}。")
        if better
        else None,
    )


def judge_unseen(name: str, why: Text) -> Finding:
    """What could not be tried is not passed."""
    return Finding(
        name,
        Verdict.NOT_EXERCISED,
        why,
        0,
        cause=Text("The data is empty, or none of it passes the contract.", "数据为空，或全部未通过契约。"),
        fix=Text("Give held-out samples that production would see.", "请提供与生产环境一致的留出样本。"),
    )
