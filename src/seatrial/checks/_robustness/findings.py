"""What the robustness check says: one finding for each promise about hostile input (`M07`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seatrial.checks._finding import Finding, Limit, Table, Text, Verdict
from seatrial.checks._robustness.hostile import Outcome
from seatrial.checks._robustness.hostile_tensors import fatal
from seatrial.checks._robustness.invariance import Relation
from seatrial.checks._statistics import wilson

__all__ = [
    "Outcome",
    "canary_finding",
    "deadline_finding",
    "fuzz_finding",
    "invariance_finding",
    "level_finding",
    "no_good_sample",
    "non_finite_finding",
]

_NON_FINITE = ("one-nan", "all-nan", "infinity", "minus-infinity")
_WORDS_ZH = {
    "refused": "明确拒绝",
    "answered": "正常回答",
    "engine-refused": "引擎报错",
    "overflowed": "输出溢出",
    "nonsense": "不该回答却回答",
    "crashed": "崩溃",
    "hung": "卡死",
    "broke": "未知异常",
}
_LEVELS = {"payloads": ("payloads", "原始输入"), "tensors": ("tensors", "张量输入")}


def level_finding(level: str, outcomes: Sequence[Outcome], deadline: Limit) -> Finding:
    """All cases of one level: what each came to."""
    bad = [each for each in outcomes if fatal(each)]
    doubtful = [each for each in outcomes if each.ending in ("overflowed", "engine-refused")]
    verdict = Verdict.FAIL if bad else Verdict.WARN if doubtful else Verdict.PASS
    counts = Counter(each.ending for each in outcomes)
    told = ", ".join(f"{count} {ending}" for ending, count in counts.most_common())
    told_zh = "、".join(f"{_WORDS_ZH[ending]} {count}" for ending, count in counts.most_common())
    name, name_zh = _LEVELS[level]
    first = next(iter(bad or doubtful), None)
    where = f"; first: {first.case.name}: {first.message[:120]}" if first else ""
    where_zh = f"；首个：{first.case.name}：{first.message[:120]}" if first else ""
    return Finding(
        f"robustness.{level}",
        verdict,
        Text(
            f"{len(outcomes)} hostile {name}: {told}{where}.",
            f"{len(outcomes)} 个恶意{name_zh}：{told_zh}{where_zh}。",
        ),
        examined=len(outcomes),
        measured=len(bad),
        limit=Limit(0, "check default: none may crash, hang or be answered with nonsense"),
        evidence=(_table(level, outcomes),),
        cause=_cause(verdict),
        fix=_fix(verdict),
        where=first.case.name if first else "",
        data={"deadline_s": deadline.value},
    )


def _table(level: str, outcomes: Sequence[Outcome]) -> Table:
    order = ("crashed", "hung", "broke", "nonsense", "overflowed", "engine-refused", "answered", "refused")
    ranked = sorted(outcomes, key=lambda each: order.index(each.ending))
    name, name_zh = _LEVELS[level]
    return Table(
        Text(f"Hostile {name}", f"恶意{name_zh}"),
        ("case", "outcome", "ms", "what was said"),
        tuple(
            (each.case.name, each.ending, round(each.seconds * 1000, 1), each.message[:140])
            for each in ranked
        ),
    )


def _cause(verdict: Verdict) -> Text | None:
    if verdict is Verdict.PASS:
        return None
    if verdict is Verdict.WARN:
        return Text(
            "The contract lets values through that only the engine minds.",
            "契约放行了只有引擎才会发现的异常取值。",
        )
    return Text(
        "Nothing guards the input: a preprocessing step or the engine meets values it was not written for.",
        "输入没有防护：预处理步骤或引擎遇到了预料之外的取值。",
    )


def _fix(verdict: Verdict) -> Text | None:
    if verdict is Verdict.PASS:
        return None
    return Text(
        "Declare dtype, shape, `low` and `high` of the inputs in contract.yaml, so that the boundary "
        "refuses them.",
        "在 contract.yaml 中声明输入的 dtype、shape、`low` 与 `high`，让边界直接拒绝。",
    )


def non_finite_finding(outcomes: Sequence[Outcome], *, behind: Table | None = None) -> Finding:
    """NaN and infinity: engines swallow them (ReLU maps NaN to 0), so only the boundary can refuse.

    Args:
        outcomes: Of all cases.
        behind: What the bare engine does without the boundary, when it was asked.
    """
    mine = [each for each in outcomes if each.case.name.split(":")[0] in _NON_FINITE]
    wrong = [each for each in mine if each.ending in ("nonsense", "crashed", "hung", "broke")]
    if not mine:
        return Finding(
            "robustness.non-finite",
            Verdict.SKIP,
            Text("No input takes fractions, so there is no NaN to give.", "没有浮点输入，不存在 NaN。"),
            examined=0,
        )
    return Finding(
        "robustness.non-finite",
        Verdict.FAIL if wrong else Verdict.PASS,
        Text(
            f"{len(mine)} inputs with NaN or infinity; {len(wrong)} were answered as if they were numbers.",
            f"{len(mine)} 个含 NaN 或无穷大的输入，其中 {len(wrong)} 个被当作正常数值作答。",
        ),
        examined=len(mine),
        measured=len(wrong),
        limit=Limit(0, "check default: an answer to NaN is invented"),
        evidence=() if behind is None else (behind,),
        cause=_cause(Verdict.FAIL) if wrong else None,
        fix=_fix(Verdict.FAIL) if wrong else None,
    )


def fuzz_finding(failures: Sequence[tuple[tuple[str, ...], Outcome]], rounds: int, seed: int) -> Finding:
    """Random mixtures; each failure is shown by the fewest spoilings that still cause it."""
    rows = tuple(
        (" + ".join(names), outcome.ending, outcome.message[:140]) for names, outcome in failures[:12]
    )
    first = rows[0][0] if rows else ""
    told = f"; the smallest: {first}" if rows else ""
    told_zh = f"；最小复现：{first}" if rows else ""
    title = Text("Mixtures that fail, shrunk", "失败的组合（已缩减）")
    return Finding(
        "robustness.fuzz",
        Verdict.FAIL if failures else Verdict.PASS,
        Text(
            f"{rounds} random mixtures of spoiled tensors (seed {seed}): {len(failures)} failed{told}.",
            f"{rounds} 组随机破坏的张量（种子 {seed}）：{len(failures)} 组失败{told_zh}。",
        ),
        examined=rounds,
        measured=len(failures),
        limit=Limit(0, "check default"),
        evidence=(Table(title, ("spoilings", "outcome", "what was said"), rows),) if rows else (),
        cause=_cause(Verdict.FAIL) if failures else None,
        fix=_fix(Verdict.FAIL) if failures else None,
        where=first,
    )


def deadline_finding(outcomes: Sequence[Outcome], deadline: Limit) -> Finding:
    """The slowest case against the time a request may take (F33)."""
    slowest = max(outcomes, key=lambda each: each.seconds)
    late = slowest.seconds > deadline.number
    return Finding(
        "robustness.deadline",
        Verdict.FAIL if late else Verdict.PASS,
        Text(
            f"The slowest hostile input, {slowest.case.name}, took {slowest.seconds:.2f} s.",
            f"最慢的恶意输入 {slowest.case.name} 用时 {slowest.seconds:.2f} 秒。",
        ),
        examined=len(outcomes),
        measured=round(slowest.seconds, 3),
        limit=deadline,
        cause=Text(
            "A step whose time grows faster than its input: a pattern that backtracks, a size nobody limits.",
            "某个步骤的耗时随输入超线性增长：回溯的正则，或没有上限的尺寸。",
        )
        if late
        else None,
        fix=Text("Limit length and size before that step.", "在该步骤之前限制长度与尺寸。") if late else None,
        where=slowest.case.name,
    )


def canary_finding(poisoned: Sequence[tuple[str, str]], asked: int, spread: float) -> Finding:
    """The good request after each hostile one (F35)."""
    rows = tuple(poisoned[:12])
    exact = "bit for bit" if not spread else f"within 10 times its own spread of {spread:.1e}"
    exact_zh = "逐位相同" if not spread else f"在其自身波动 {spread:.1e} 的 10 倍以内"
    always = f"A good request between {asked} hostile ones was answered as before, {exact}, every time."
    always_zh = f"在 {asked} 个恶意请求之间重复一个正常请求，答案始终与之前相同（{exact_zh}）。"
    title = Text("Where the canary changed", "哨兵请求发生变化之处")
    return Finding(
        "robustness.canary",
        Verdict.FAIL if poisoned else Verdict.PASS,
        Text(
            f"After {len(poisoned)} of {asked} hostile requests a good one was no longer answered as before, "
            f"first after {rows[0][0]}: {rows[0][1]}.",
            f"{asked} 个恶意请求中有 {len(poisoned)} 个之后，正常请求的答案不再与之前相同；首次出现在 "
            f"{rows[0][0]} 之后：{rows[0][1]}。",
        )
        if rows
        else Text(always, always_zh),
        examined=asked,
        measured=len(poisoned),
        limit=Limit(0, "check default"),
        evidence=(Table(title, ("after", "what happened"), rows),) if rows else (),
        cause=Text(
            "A buffer or cache keeps something of the failed request.",
            "某个缓冲区或缓存残留了失败请求的状态。",
        )
        if poisoned
        else None,
        fix=Text(
            "Reopen the session after an error, and report the case to the engine's makers.",
            "出错后重新打开会话，并向引擎方报告该用例。",
        )
        if poisoned
        else None,
        where=rows[0][0] if rows else "",
    )


def invariance_finding(
    relation: Relation, kept: int, n: int, pairs: Sequence[tuple[str, str, str]], limit: Limit
) -> Finding:
    """How often a harmless change changed the answer."""
    share = wilson(kept, n)
    bound = limit.number
    verdict = Verdict.PASS if share.value >= bound else Verdict.FAIL if share.high < bound else Verdict.WARN
    good = verdict is Verdict.PASS
    title = Text("Answers that changed", "发生变化的答案")
    return Finding(
        f"robustness.invariance-{relation.name}",
        verdict,
        Text(
            f"{kept} of {n} answers stay the same with this change: {relation.en}.",
            f"{relation.zh}后，{n} 个答案中有 {kept} 个保持不变。",
        ),
        examined=n,
        measured=round(share.value, 4),
        limit=limit,
        evidence=(Table(title, ("sample", "before", "after"), tuple(pairs[:8])),) if pairs else (),
        cause=None
        if good
        else Text(
            "The decision hangs on single pixels or characters: overfitted, or a fragile preprocessing.",
            "决策依赖个别像素或字符：过拟合，或预处理过于脆弱。",
        ),
        fix=None
        if good
        else Text("Train with such changes; check the resize step.", "训练时加入此类扰动，并检查缩放步骤。"),
    )


def no_good_sample(n: int) -> Finding:
    """Without one good answer nothing can be told apart."""
    return Finding(
        "robustness.canary",
        Verdict.INCONCLUSIVE,
        Text(
            f"None of the first {min(n, 20)} samples has an answer, so there is no canary.",
            f"前 {min(n, 20)} 个样本都没有得到回答，无法选取哨兵请求。",
        ),
        examined=min(n, 20),
        cause=Text("The held-out set does not fit the contract.", "留出集与契约不匹配。"),
        fix=Text("See the accuracy and interface checks first.", "请先查看准确性与接口检查。"),
    )
