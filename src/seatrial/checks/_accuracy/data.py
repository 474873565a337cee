"""Is the held-out set itself fit to judge by: readable, labelled rightly, not seen in training (`M04`)."""

from __future__ import annotations

from seatrial.checks._accuracy.contamination import Twins, find_twins
from seatrial.checks._accuracy.metrics import Evaluation
from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.checks._inference import Predictions
from seatrial.checks._trial import Trial

_SHOWN = 10


def samples_finding(trial: Trial, passed: Predictions, found: Evaluation) -> Finding:
    """Samples without an answer and labels that are none."""
    n = len(passed)
    rows: list[tuple[str, str, str]] = [
        (each.key, each.stage, each.message[:200]) for each in passed.failures
    ]
    rows += [(key, "label", reason[:200]) for key, reason in found.bad_labels]
    unlabelled = sum(each.label is None for each in passed.samples)
    if not rows:
        return Finding(
            "accuracy.readable",
            Verdict.PASS,
            Text(
                f"All {n} samples were read and answered; {n - unlabelled} have a label.",
                f"{n} 个样本全部可读并得到回答，其中 {n - unlabelled} 个带标签。",
            ),
            examined=n,
            measured=0,
            limit=Limit(0, "check default", "samples"),
        )
    allowed = trial.limit("accuracy.failures", 0, unit="samples", reason="each one is a wrong answer")
    engine = any(each.stage == "run" for each in passed.failures)
    return Finding(
        "accuracy.readable",
        Verdict.FAIL if engine or len(rows) > int(allowed.value or 0) else Verdict.WARN,
        Text(
            f"{len(rows)} of {n} samples have no answer or no usable label; the first is "
            f"'{rows[0][0]}': {rows[0][2]}",
            f"{n} 个样本中有 {len(rows)} 个没有答案或标签不可用；第一个是“{rows[0][0]}”：{rows[0][2]}",
        ),
        examined=n,
        measured=len(rows),
        limit=allowed,
        evidence=(
            Table(
                Text("Samples without an answer", "没有答案的样本"),
                ("sample", "stage", "what happened"),
                tuple(rows[: _SHOWN * 2]),
            ),
        ),
        cause=Text(
            "Damaged files, labels that count from 1, a label map of another version, or an engine that "
            "refuses "
            "these inputs.",
            "文件损坏、标签从 1 开始计数、标签表版本不同，或引擎拒绝了这些输入。",
        ),
        fix=Text(
            "Repair or remove the named samples; if the engine refused them, see the consistency check.",
            "修复或移除上述样本；若是引擎拒绝，请查看一致性检查。",
        ),
        where=rows[0][0],
    )


def twins_findings(trial: Trial) -> list[Finding]:
    """Duplicates inside the held-out set, and contamination by the training set (F44)."""
    twins = find_twins(trial.held_out.samples, trial.held_out.members)
    return [duplicates_finding(trial, twins), contamination_finding(trial, twins)]


def duplicates_finding(trial: Trial, twins: Twins) -> Finding:
    """Samples that count twice."""
    n = len(trial.held_out)
    limit = trial.limit("accuracy.duplicates", 0.02, reason="above it n is overstated")
    share = len(twins.inside) / max(n, 1)
    bad = share > limit.number or bool(twins.conflicts)
    conflicts = f", {len(twins.conflicts)} of them with another label" if twins.conflicts else ""
    conflicts_zh = f"，其中 {len(twins.conflicts)} 个标签互相矛盾" if twins.conflicts else ""
    rows = tuple((a, b, (a, b) in twins.conflicts) for a, b in twins.inside[:_SHOWN])
    title = Text("Equal samples", "完全相同的样本")
    return Finding(
        "accuracy.duplicates",
        Verdict.WARN if bad else Verdict.PASS,
        Text(
            f"{len(twins.inside)} of {n} samples repeat an earlier one{conflicts}.",
            f"{n} 个样本中有 {len(twins.inside)} 个与前面的重复{conflicts_zh}。",
        ),
        examined=n,
        measured=round(share, 6),
        limit=limit,
        evidence=(Table(title, ("sample", "repeats", "labels differ"), rows),) if rows else (),
        cause=Text("The set was collected twice or split carelessly.", "数据重复采集，或划分不当。")
        if bad
        else None,
        fix=Text("Remove the repeated samples.", "删除重复样本。") if bad else None,
    )


def contamination_finding(trial: Trial, twins: Twins) -> Finding:
    """Held-out samples the model was trained on."""
    n = len(trial.held_out)
    if not twins.members:
        return Finding(
            "accuracy.contamination",
            Verdict.SKIP,
            Text(
                "No training samples were given, so contamination cannot be looked for.",
                "未提供训练样本，无法检查测试集是否被污染。",
            ),
            examined=0,
            fix=Text("Give the training set with --members.", "用 --members 提供训练集。"),
        )
    limit = trial.limit("accuracy.contamination", 0.01, reason="share of held-out samples seen in training")
    share = len(twins.shared) / max(n, 1)
    near_limit = 0.05
    verdict = Verdict.PASS
    if share > limit.number:
        verdict = Verdict.FAIL
    elif twins.shared or len(twins.near) / max(n, 1) > near_limit:
        verdict = Verdict.WARN
    rows = [(a, b, 1.0) for a, b in twins.shared] + [(a, b, round(c, 5)) for a, b, c in twins.near]
    title = Text("Held-out samples met in the training set", "在训练集中出现过的留出样本")
    good = verdict is Verdict.PASS
    return Finding(
        "accuracy.contamination",
        verdict,
        Text(
            f"{len(twins.shared)} of {n} held-out samples are in the training set of {twins.members}, "
            f"{len(twins.near)} more almost so.",
            f"{n} 个留出样本中有 {len(twins.shared)} 个出现在 {twins.members} 个训练样本里，另有 "
            f"{len(twins.near)} 个几乎相同。",
        ),
        examined=n,
        measured=round(share, 6),
        limit=limit,
        evidence=(Table(title, ("held-out", "training", "likeness"), tuple(rows[:_SHOWN])),) if rows else (),
        cause=None
        if good
        else Text(
            "The split was made after copying, or by rows instead of by person, page or recording: the "
            "score is "
            "too good to be true.",
            "先复制后划分，或按行而非按人、页、录音划分：得分虚高，不可信。",
        ),
        fix=None if good else Text("Split again by source and judge anew.", "按来源重新划分并重新评估。"),
    )
