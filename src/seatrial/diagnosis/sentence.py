"""The answer in one sentence, with its evidence, in both languages."""

from __future__ import annotations

from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.result import Cause, Divergence
from seatrial.text import Text

_SMALLEST = 1e-9

STAGES = {
    "decoded": Text("the decoded sample", "解码后的样本"),
    "preprocessed": Text("the preprocessed tensor", "预处理后的张量"),
    "operators": Text("the operators of the model", "模型内部的算子"),
    "outputs": Text("the raw outputs", "原始输出"),
    "answers": Text("the answers", "最终答案"),
}


def sentence(
    cause: Cause | None, seen: Observation, divergence: Divergence | None, tried: int, case: Case
) -> Text:
    """What was found: the cause with what undoing it does, or an honest no."""
    n, agreement = len(seen.places), f"{seen.agreement:.1%}"
    measure = _measure(case)
    if cause is not None:
        return _because(cause, n, measure)
    if seen.agrees.all():
        return Text(
            f"They agree on all {n} samples: there is nothing to explain.",
            f"两边在全部 {n} 个样本上一致，没有需要解释的差异。",
        )
    where, where_zh = "", ""
    if divergence is not None:
        stage = STAGES[divergence.stage]
        at = f" ({divergence.operator})" if divergence.operator else ""
        where = f" The first stage that differs is {stage.en}{at}: {divergence.detail.en}"
        where_zh = f"最先出现差异的环节是{stage.zh}{at}：{divergence.detail.zh}"
    return Text(
        f"No cause found among {tried} tried; {measure.en} is {agreement} (n={n}).{where}",
        f"试验了 {tried} 种改动，没有找到原因；{measure.zh}为 {agreement}（n={n}）。{where_zh}",
    )


def _measure(case: Case) -> Text:
    return Text("accuracy", "准确率") if case.reference.labels_only else Text("agreement", "一致率")


def _rest(measure: Text) -> Text:
    """What a partial cause leaves. Labels cannot tell the model's own errors from another cause."""
    if measure.en == "accuracy":
        return Text(
            " What remains may be the model's own errors: labels cannot tell.",
            "其余的错误可能来自模型本身，仅凭标签无法区分。",
        )
    return Text(" That explains a part; something else differs too.", "这只解释了一部分，另有其他差异。")


def _because(cause: Cause, n: int, measure: Text) -> Text:
    tried = cause.attempt
    said = [each.said for each in tried.interventions]
    fixes = [each.fix for each in tried.interventions]
    p = f"p<{_SMALLEST:.0e}" if cause.p_value < _SMALLEST else f"p={cause.p_value:.2g}"
    if tried.after > tried.before:
        lift = f"lifts {measure.en} from {tried.before:.1%} to {tried.after:.1%}"
        lift_zh = f"{measure.zh}从 {tried.before:.1%} 升到 {tried.after:.1%}"
    else:
        lift = f"brings the samples nearer to the reference, {tried.closer_before:.1%} to {tried.closer:.1%}"
        lift_zh = f"与参考的接近程度从 {tried.closer_before:.1%} 升到 {tried.closer:.1%}"
    evidence = f"(n={n}, {p}{', every number is back' if cause.exact else ''})"
    evidence_zh = f"（n={n}，{p}{'，数值全部恢复' if cause.exact else ''}）"
    two = len(said) > 1
    head, head_zh = ("Two causes at once. ", "同时存在两个原因。") if two else ("", "")
    undo = "Undoing both" if two else "Undoing it"
    rest = _rest(measure) if cause.partial else Text("", "")
    return Text(
        f"{head}{' '.join(each.en for each in said)} {undo} {lift} {evidence}."
        f" Fix: {'; '.join(each.en for each in fixes)}.{rest.en}",
        f"{head_zh}{''.join(each.zh for each in said)}改正后{lift_zh}{evidence_zh}。"
        f"修改方法：{'；'.join(each.zh for each in fixes)}。{rest.zh}",
    )
