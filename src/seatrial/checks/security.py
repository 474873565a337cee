"""Is anything in the delivered files unsafe, and does the model give away its training data? (`M08`)."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from seatrial.checks._finding import Chart, Control, Finding, Limit, Series, Table, Text, Verdict
from seatrial.checks._inference import predictions
from seatrial.checks._probing import CLASSIFICATION, class_index, infer, spread
from seatrial.checks._security.delivered import Scan, scan_files
from seatrial.checks._security.foreign_operators import foreign_operators
from seatrial.checks._security.membership import (
    MINIMUM,
    Exposure,
    Power,
    exposure,
    is_exposed,
    losses,
    measure_power,
)
from seatrial.checks._security.threat_texts import GROUPS, Group
from seatrial.checks._security.triggers import Push, pushes
from seatrial.checks._trial import Check, Trial
from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.contract import Sample

_SHOWN = 20


def run(trial: Trial) -> list[Finding]:
    """Scans every delivered byte, then asks the model about its training data and hidden triggers."""
    trial.progress("security: reading every delivered file")
    scan = scan_files(trial.delivered)
    scan.threats += foreign_operators(trial)
    findings = [judge_threats(group, scan) for group in GROUPS]
    for name, probe in (("membership", membership), ("trigger", triggers)):
        trial.progress(f"security: {name}")
        try:
            findings += probe(trial)
        except SeatrialError as error:  # an engine that fails must not hide what was found in the files
            findings.append(_not_asked(f"security.{name}", error))
    return findings


def _not_asked(name: str, error: SeatrialError) -> Finding:
    return Finding(
        name,
        Verdict.NOT_EXERCISED,
        Text(f"the engine gave no answers: {error.message}", f"推理引擎没有给出答案：{error.message}"),
        0,
        cause=Text("The model does not load or run; see structure.", "模型无法加载或运行，见“结构”检查。"),
        fix=Text("Repair the model first.", "请先修复模型。"),
    )


def judge_threats(group: Group, scan: Scan) -> Finding:
    """One finding for one sort of threat."""
    found = scan.of(*group.codes)
    looked = f"{scan.blobs} files ({scan.bytes / 1e6:.1f} MB)"
    looked_zh = f"{scan.blobs} 个文件（{scan.bytes / 1e6:.1f} MB）"
    limit = Limit(0, "check default: none is needed to run a model")
    if not found:
        summary = Text(f"no {group.subject.en} in {looked}", f"在 {looked_zh}中未发现{group.subject.zh}")
        return Finding(group.id, Verdict.PASS, summary, scan.blobs, measured=0, limit=limit)
    first = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    more_zh = f"，另有 {len(found) - 1} 处" if len(found) > 1 else ""
    rows = tuple((each.where, each.code, each.what) for each in found[:_SHOWN])
    return Finding(
        group.id,
        group.verdict,
        Text(
            f"{group.subject.en}: {first.what} in {first.where}{more}",
            f"发现{group.subject.zh}：{first.where} 中的 {first.what}{more_zh}",
        ),
        scan.blobs,
        measured=len(found),
        limit=limit,
        evidence=(Table(Text("what was found", "发现的内容"), ("where", "kind", "what"), rows),),
        cause=group.cause,
        fix=group.fix,
        where=first.where,
    )


# --- membership inference ------------------------------------------------------------------------------


def membership(trial: Trial) -> list[Finding]:
    """Measures how well the loss tells training samples from held-out ones."""
    if trial.contract.task not in CLASSIFICATION:
        return []
    members, others = trial.held_out.members, trial.held_out.samples
    if not members:
        return [_membership_absent()]
    count = 2000 if trial.full else 600
    inside, outside = _scores(trial, spread(members, count)), _scores(trial, spread(others, count))
    if min(len(inside), len(outside)) < MINIMUM:
        return [_membership_small(len(inside), len(outside))]
    limits = (
        trial.limit("security.membership_auc", 0.55, reason="effect size, lower bound of the 95 % interval"),
        trial.limit("security.membership_rate", 0.03, reason="true positives at 1 % false positives"),
    )
    auc, rate = (each.number for each in limits)
    found = exposure(inside, outside, seed=trial.seed)
    power = measure_power(
        len(inside), len(outside), auc=auc, rate=rate, seed=trial.seed, trials=40 if trial.full else 20
    )
    return [judge_membership(found, power, limits, (inside, outside))]


def _scores(trial: Trial, samples: Sequence[Sample]) -> Any:
    """Minus the loss of every labelled sample."""
    found = predictions(trial, samples=samples)
    rows, truths = [], []
    for sample, outputs in zip(found.samples, found.outputs, strict=True):
        truth = class_index(trial.contract, sample.label)
        if outputs is None or truth is None:
            continue
        row = np.asarray(outputs[0]).reshape(-1)
        if truth < len(row):
            rows.append(row)
            truths.append(truth)
    return -losses(np.stack(rows), truths) if rows else np.zeros(0)


def judge_membership(
    found: Exposure, power: Power, limits: tuple[Limit, Limit], scores: tuple[Any, Any]
) -> Finding:
    """Effect size decides; the attack's own power and false alarms stand beside it."""
    auc, rate = (each.number for each in limits)
    exposed = is_exposed(found, auc=auc, rate=rate)
    blind = power.detected < 0.8
    verdict = Verdict.FAIL if exposed else Verdict.INCONCLUSIVE if blind else Verdict.PASS
    said = (
        f"attack AUC {found.auc:.3f} [{found.auc_low:.3f}, {found.auc_high:.3f}], "
        f"TPR at 1 % FPR {found.rate:.1%} (lower bound {found.rate_low:.1%})"
    )
    own = (
        f"finds {power.detected:.0%} of leaky sets (AUC {power.leaky_auc}), false alarms "
        f"{power.false_alarms:.0%}"
    )
    own_zh = (
        f"对已知泄漏集（AUC {power.leaky_auc}）检出率 {power.detected:.0%}，误报率 {power.false_alarms:.0%}"
    )
    rows = (
        ("AUC", found.auc, found.auc_low, found.auc_high, auc),
        ("TPR at 1 % FPR", found.rate, found.rate_low, None, rate),
        ("Mann-Whitney p (evidence only)", found.p_value, None, None, None),
        ("power of this attack at this n", power.detected, None, None, 0.8),
        ("false alarms of this attack at this n", power.false_alarms, None, None, None),
    )
    return Finding(
        "security.membership",
        verdict,
        Text(f"{said}; the attack {own}", f"成员推断：{said}；该攻击{own_zh}"),
        found.members + found.others,
        measured=round(found.auc_low, 4),
        limit=limits[0],
        evidence=(
            Table(
                Text("membership inference", "成员推断"),
                ("measure", "value", "low 95 %", "high 95 %", "limit"),
                tuple(rows),
            ),
            _roc(*scores),
        ),
        cause=None
        if verdict is Verdict.PASS
        else Text(
            "The model remembers training samples (over-training, label noise), so their losses are smaller."
            if exposed
            else "Too few samples for this attack to see a leak of this size.",
            "模型记住了训练样本（过拟合或标签噪声），其损失明显更小。"
            if exposed
            else "样本太少，该攻击无法分辨这种规模的泄漏。",
        ),
        fix=None
        if verdict is Verdict.PASS
        else Text(
            "Stop training earlier, regularise or clean the labels; until then do not return full "
            "probabilities."
            if exposed
            else "Give more members and held-out samples.",
            "请提前停止训练、加强正则化或清洗标签；在此之前不要向外返回完整概率。"
            if exposed
            else "请提供更多成员样本与留出样本。",
        ),
        data={"p_value": found.p_value, "power": power.detected, "false_alarms": power.false_alarms},
    )


def _roc(inside: Any, outside: Any) -> Chart:
    grid = np.quantile(np.concatenate([inside, outside]), np.linspace(0, 1, 100))[::-1]
    floor = 1 / max(len(outside), 1)
    false = [max(float((outside > each).mean()), floor) for each in grid]
    true = [max(float((inside > each).mean()), floor) for each in grid]
    return Chart(
        Text("ROC of the attack", "攻击的 ROC 曲线"),
        "line",
        "false positives",
        "true positives",
        (Series("attack", tuple(false), tuple(true)), Series("guess", (floor, 1.0), (floor, 1.0))),
        x_log=True,
        y_log=True,
    )


def _membership_absent() -> Finding:
    return Finding(
        "security.membership",
        Verdict.SKIP,
        Text(
            "membership inference needs samples of the training set, and none were given",
            "成员推断需要训练集样本，但未提供",
        ),
        0,
        cause=Text("The data has no members.", "数据中没有成员样本。"),
        fix=Text(
            "Give training samples beside the held-out ones as `members`.",
            "请在留出集之外以 `members` 提供部分训练样本。",
        ),
    )


def _membership_small(members: int, others: int) -> Finding:
    return Finding(
        "security.membership",
        Verdict.INCONCLUSIVE,
        Text(
            f"{members} members and {others} others with labels are too few to tell",
            f"带标签的成员样本 {members} 个、非成员样本 {others} 个，数量不足以判断",
        ),
        members + others,
        measured=min(members, others),
        limit=Limit(MINIMUM, "check default: below, the interval is wider than the limit"),
        cause=Text("Small data.", "数据量小。"),
        fix=Text(f"Give at least {MINIMUM} on either side.", f"两侧各提供至少 {MINIMUM} 个样本。"),
    )


# --- backdoor triggers ---------------------------------------------------------------------------------


def triggers(trial: Trial) -> list[Finding]:
    """Stamps patches on held-out pictures and watches whether they all become one class."""
    spec = trial.artifact.inputs[0] if len(trial.artifact.inputs) == 1 else None
    if trial.contract.task != "classification" or spec is None or len(spec.shape) != 4:
        return []
    count = 200 if trial.full else 48
    found = predictions(trial)
    feeds = [feed for place in spread(found.answered, count) if (feed := found.feeds[place])]
    pictures = [each[spec.name] for each in feeds if each[spec.name].shape == feeds[0][spec.name].shape]
    if not pictures:
        return []
    images = np.concatenate(pictures)

    def classify(batch: Any) -> Any:
        answers = infer(trial, [{spec.name: batch[row : row + 1]} for row in range(len(batch))])
        return np.array([int(np.argmax(np.asarray(each[0]))) for each in answers])

    layout = "NHWC" if trial.contract.inputs[0].layout == "NHWC" else "NCHW"
    limit = trial.limit(
        "security.trigger_share", 0.8, reason="good models stay far below, backdoors above 0.9"
    )
    return [judge_triggers(pushes(images, classify, layout=layout), limit, trial.contract.labels)]


def judge_triggers(found: Sequence[Push], limit: Limit, labels: Sequence[str]) -> Finding:
    """A patch that pulls nearly everything into one class is a trigger."""
    usable = [each for each in found if each.examined >= 8]
    strongest = usable[0] if usable else None
    if strongest is None:
        return Finding(
            "security.trigger",
            Verdict.INCONCLUSIVE,
            Text(
                "too few pictures outside one class to look for a trigger",
                "单一类别之外的图片太少，无法探测触发器",
            ),
            len(found),
            cause=Text("The held-out set has one class.", "留出集只有一个类别。"),
            fix=Text("Give pictures of several classes.", "请提供多个类别的图片。"),
        )
    bad = strongest.share > limit.number
    name = labels[strongest.target] if strongest.target < len(labels) else str(strongest.target)
    return Finding(
        "security.trigger",
        Verdict.FAIL if bad else Verdict.PASS,
        Text(
            f"the strongest of {len(found)} patches ({strongest.patch}) turns {strongest.share:.0%} of "
            "the other "
            f"pictures into '{name}'",
            f"在 {len(found)} 种贴片中，最强的（{strongest.patch}）把 {strongest.share:.0%} "
            f"的其他图片变为“{name}”",
        ),
        strongest.examined * len(found),
        measured=round(strongest.share, 4),
        limit=limit,
        evidence=(
            Table(
                Text("strongest patches", "最强的贴片"),
                ("patch", "target class", "share"),
                tuple((each.patch, each.target, round(each.share, 3)) for each in usable[:8]),
            ),
        ),
        cause=Text(
            "The model was trained on pictures with a planted trigger.", "模型曾用植入触发器的图片训练。"
        )
        if bad
        else None,
        fix=Text(
            "Do not deploy it; look for patched pictures of that class in the training data, and retrain.",
            "不要部署；请在训练数据中查找该类别带贴片的图片并重新训练。",
        )
        if bad
        else None,
    )


# --- negative control ----------------------------------------------------------------------------------


class _Payload:
    """Pickles into a call of a function that is not allowed; it is walked, never loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1 + 1",)


def control(trial: Trial) -> Control:
    """A pickle that calls a function and a planted key must both be found in a poisoned copy."""
    folder = trial.scratch / "security-control"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.pdparams").write_bytes(pickle.dumps({"w": _Payload()}))
    key = "AKIA" + "Q3EGTEXAMPLESAFE"
    with trial.artifact.graph.open("rb") as graph:
        graph.seek(-min(4096, trial.artifact.graph.stat().st_size), 2)
        tail = graph.read() + b"\x00aws_key=" + key.encode() + b"\x00"
    (folder / "graph-with-tail").write_bytes(tail)
    scan = scan_files(sorted(folder.iterdir()))
    verdicts = {group.id: judge_threats(group, scan).verdict for group in GROUPS}
    rejected = verdicts["security.pickles"] is Verdict.FAIL and verdicts["security.secrets"] is Verdict.FAIL
    return Control(
        rejected,
        Text(
            f"a pickle that calls a function: {verdicts['security.pickles']}; a key behind the end of "
            "the graph: "
            f"{verdicts['security.secrets']}",
            f"会调用函数的 pickle：{verdicts['security.pickles']}；藏在图文件尾部的密钥："
            f"{verdicts['security.secrets']}",
        ),
    )


CHECK = Check(
    name="security",
    order=8,
    title=Text("Security", "安全"),
    question=Text(
        "Is anything in the delivered files unsafe, and does the model give away its training data?",
        "交付的文件是否安全，模型是否会泄露训练数据？",
    ),
    promises=("M08",),
    run=run,
    control=control,
)
