"""Check 5: the same answers on every runtime, again, in any batch; and where not, which operator (`M05`)."""

from __future__ import annotations

from typing import Any

from seatrial.checks._consistency.findings import matrix, reference_finding
from seatrial.checks._consistency.golden_finding import golden_finding
from seatrial.checks._consistency.ground import Ground, prepare_ground
from seatrial.checks._consistency.poison import CHINESE, poisoned
from seatrial.checks._consistency.processors import processor_findings
from seatrial.checks._consistency.self_findings import range_findings, self_findings
from seatrial.checks._consistency.variants import Variant, judge, measure
from seatrial.checks._finding import Control, Finding, Text, Verdict
from seatrial.checks._inference import Predictions
from seatrial.checks._trial import INPUTS, Check, Trial, measured


def _run(trial: Trial) -> list[Finding]:
    ground = prepare_ground(trial)
    if isinstance(ground, Finding):
        return [ground]
    judged = matrix(trial, ground)
    return [
        reference_finding(ground, judged),
        *(each.finding for each in judged),
        *processor_findings(trial, ground),
        *self_findings(trial, ground),
        *range_findings(trial, ground),
        golden_finding(trial, ground),
    ]


def _control(trial: Trial) -> Control:
    """Hands the judgement poisoned copies of the reference's own answers; it must refuse every one."""
    ground = prepare_ground(trial)
    if isinstance(ground, Finding):
        return Control(
            rejected=True,
            summary=Text(
                "There were no reference outputs to poison, and nothing passed.",
                "没有可供篡改的参考输出，也没有任何项通过。",
            ),
        )
    copies = poisoned(ground.reference)
    survivors = [name for name, copy in copies.items() if _accepts(trial, ground, copy)]
    if survivors or not copies:
        names = ", ".join(survivors) or "no output could be poisoned"
        return Control(rejected=False, summary=Text(f"Not refused: {names}.", f"未被拒绝：{names}。"))
    names, names_zh = ", ".join(copies), "、".join(CHINESE[name] for name in copies)
    return Control(
        rejected=True,
        summary=Text(
            f"Poisoned copies of the reference's outputs were all refused: {names}.",
            f"对参考输出的篡改副本全部被拒绝：{names_zh}。",
        ),
    )


def _accepts(trial: Trial, ground: Ground, copy: Predictions) -> bool:
    variant = Variant("control", ground.runtime, ground.options, Text("control", "对照"))
    outcome = measure(variant, trial.contract.task, ground.reference, copy, ground.tolerance)
    said = judge(
        outcome,
        trial.contract.task,
        ground.tolerance,
        precision=trial.profile.precision,
        fewest_same=0.0,
    )
    return said.verdict is not Verdict.FAIL


def _record(findings: list[Finding]) -> dict[str, Any]:
    figures = measured(findings)
    for each in findings:
        if each.id == "consistency.golden":
            figures["golden"] = each.data["print"]
    return figures


CHECK = Check(
    name="consistency",
    order=5,
    title=Text("Consistency", "一致性"),
    question=Text(
        "Does every runtime, batch and repetition give the same answer?",
        "在每个运行时、每种批大小、每次重复下，答案是否相同？",
    ),
    promises=("M05",),
    run=_run,
    control=_control,
    record=_record,
    reads=INPUTS - {"delivered", "members"},
)
