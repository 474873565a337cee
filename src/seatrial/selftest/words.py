"""The fixed words of a self-test's table, in English and Chinese, and the sentences made of figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.checks import one_line
from seatrial.errors import UsageError
from seatrial.selftest.result import FaultRow, GoodRow, Mark, SelfTest, Status
from seatrial.text import Text

LANGUAGES = ("en", "zh")

_WORDS = {
    "document": ("Self-test of the gate", "门禁自检"),
    "yes": ("Every broken release was caught", "所有有问题的发布均被拦截"),
    "no": ("The gate has holes", "门禁存在漏洞"),
    "stopped": ("Stopped before its end", "自检未完成即被中止"),
    "nothing": ("Nothing was asked", "没有执行任何检验"),
    "fault": ("Broken release", "有问题的发布"),
    "status": ("Result", "结果"),
    "kind": ("What is broken", "问题所在"),
    "first": ("First seen by", "首先发现者"),
    "said": ("What it said", "发现内容"),
    "time": ("Time", "用时"),
    "check": ("Check", "检查"),
    "kills": ("Saw", "发现"),
    "unique": ("Only this one", "仅由它发现"),
    "digests": ("By digest only", "仅凭摘要"),
    "asked": ("Asked", "受检数"),
    "median": ("Median time", "用时中位数"),
    "score": ("Mutation score", "变异得分"),
    "behavior": ("Without any digest", "不依赖摘要"),
    "alarms": ("False alarms", "误报"),
    "faults": ("Broken releases", "有问题的发布"),
    "checks": ("What each check contributes", "各项检查的贡献"),
    "matrix": ("Who saw what", "发现矩阵"),
    "matrix_about": (
        "One row a broken release, one column a check. A check that was not asked is no check that passed.",
        "每行是一个有问题的发布，每列是一项检查。未询问不等于通过。",
    ),
    "good": ("Good releases", "正常的发布"),
    "good_about": (
        "The same model, made or run another way. Refusing one of them is a false alarm.",
        "同一模型以其他方式生成或运行。拒绝其中任何一个都是误报。",
    ),
    "variant": ("Good release", "正常的发布"),
    "runs": ("Runs", "次数"),
    "refused": ("Refused", "被拒绝"),
    "missed": ("What went through", "未被拦截"),
    "errors": ("Where the self-test itself failed", "自检自身出错"),
    "equivalents": ("Declared equivalents", "已声明的等价变异"),
    "equivalents_about": (
        "No answer in float32 shows these; only a digest can. Pin the digests in the contract.",
        "float32 的答案无法显示这些问题，只有摘要能够发现。请在契约中登记摘要。",
    ),
    "inapplicable": ("Not applicable to this release", "不适用于该发布"),
    "remarks": ("Remarks", "备注"),
    "again": ("Run one of them again", "重新执行其中一项"),
    "model": ("Model", "模型"),
    "profile": ("Profile", "部署目标"),
    "pinned": ("Pinned digests", "登记的摘要"),
    "seed": ("Seed", "随机种子"),
    "started": ("Started", "开始时间"),
    "took": ("Took", "总用时"),
    "environment": ("Environment", "环境"),
    "command": ("Command", "命令"),
    "no_members": (
        "No training samples were given (--members), so faults that are made of them were left out.",
        "未提供训练样本（--members），因此跳过了依赖训练样本的问题。",
    ),
    "generated": ("Written by Seatrial {}", "由 Seatrial {} 生成"),
    "skip_to": ("Skip to the table", "跳到表格"),
    "legend": ("Legend", "图例"),
}

_STATUS = {
    Status.CAUGHT: ("caught", "已拦截"),
    Status.MISSED: ("missed", "漏过"),
    Status.NOT_APPLICABLE: ("not applicable", "不适用"),
    Status.ERROR: ("error", "出错"),
}

_GOOD_STATUS = {
    "passed": ("passed", "通过"),
    "refused": ("refused", "被拒绝"),
    "not-applicable": ("not applicable", "不适用"),
    "error": ("error", "出错"),
}

_MARKS = {
    Mark.NO: ("✗", "no", "不通过", "saw it in the release itself", "在发布内容本身中发现了问题"),
    Mark.DIGEST: ("#", "digest", "摘要", "only knew another digest", "仅凭摘要不同得知"),
    Mark.NO_ANSWER: (
        "?",
        "no answer",
        "无结论",
        "is required and could not answer, so the gate says no",
        "为必检项但无法给出结论，因此门禁不予放行",
    ),
    Mark.REFUSED: ("✗✗", "refused", "拒绝读取", "could not even be read", "文件根本无法读取"),
    Mark.WARNED: ("!", "warned", "警告", "warned and let it pass", "给出警告但放行"),
    Mark.YES: ("·", "passed", "通过", "let it pass", "放行"),
    Mark.SKIPPED: ("–", "skipped", "跳过", "had nothing to look at", "没有可检查的内容"),
    Mark.NOT_ASKED: ("", "not asked", "未询问", "was not asked", "未询问"),
}

_KINDS = {
    "file": ("files", "文件"),
    "weights": ("weights", "权重"),
    "graph": ("graph", "计算图"),
    "pipeline": ("pre- and postprocessing", "前后处理"),
    "labels": ("labels and vocabulary", "标签与词表"),
    "data": ("data", "数据"),
    "service": ("service", "服务"),
    "delivery": ("what is delivered", "交付内容"),
    "gate": ("the gate itself", "门禁本身"),
}


@dataclass(frozen=True)
class Words:
    """Says everything fixed in one language.

    Raises:
        UsageError: There is no such language.
    """

    language: str

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise UsageError(f"no language '{self.language}'", hint="there are: " + ", ".join(LANGUAGES))

    def __call__(self, key: str) -> str:
        """A fixed word."""
        return self._pick(_WORDS[key])

    def _pick(self, pair: tuple[str, str]) -> str:
        return pair[1] if self.language == "zh" else pair[0]

    def text(self, text: Text | None) -> str:
        """A sentence, on one line and safe to show."""
        return one_line(text.in_language(self.language)) if text is not None else ""

    def status(self, row: FaultRow | GoodRow) -> str:
        """What became of a release."""
        return self._pick(_STATUS[row.status] if isinstance(row, FaultRow) else _GOOD_STATUS[row.status])

    def kind(self, kind: str) -> str:
        """Which part was broken."""
        return self._pick(_KINDS.get(kind, (kind, kind)))

    def mark(self, mark: Mark) -> tuple[str, str, str]:
        """Sign, word and meaning of a mark."""
        sign, en, zh, meaning, meaning_zh = _MARKS[mark]
        return sign, self._pick((en, zh)), self._pick((meaning, meaning_zh))

    def by(self, row: FaultRow, titles: dict[str, str]) -> str:
        """Who saw a broken release first, and how."""
        if not row.first:
            return ""
        name = titles.get(row.first, row.first)
        if row.digest_only:
            return self._pick((f"{name}, by digest only", f"{name}（仅凭摘要）"))
        mark = row.marks.get(row.first)
        if mark in (Mark.NO_ANSWER, Mark.REFUSED):
            return self._pick((f"{name} ({self.mark(mark)[1]})", f"{name}（{self.mark(mark)[1]}）"))
        return name

    def scored(self, found: SelfTest) -> str:
        """The mutation score in a sentence."""
        scores = found.scores
        return self._pick(
            (
                f"{scores.caught} of {scores.applicable} broken releases caught ({scores.score:.1%})",
                f"{scores.applicable} 个有问题的发布中拦截了 {scores.caught} 个（{scores.score:.1%}）",
            )
        )

    def behaved(self, found: SelfTest) -> str:
        """The score by behavior alone in a sentence."""
        scores = found.scores
        aside, aside_zh = "", ""
        if scores.equivalents:
            many = "s" if scores.equivalents > 1 else ""
            aside = f"; {scores.equivalents} declared equivalent{many} set aside"
            aside_zh = f"；另有 {scores.equivalents} 个已声明的等价变异不计入"
        return self._pick(
            (
                f"{scores.behavior_caught} of {scores.behavior_applicable} seen in the release itself "
                f"({scores.behavior_score:.1%}){aside}",
                f"{scores.behavior_applicable} 个中有 {scores.behavior_caught} 个由发布内容本身发现"
                f"（{scores.behavior_score:.1%}）{aside_zh}",
            )
        )

    def alarmed(self, found: SelfTest) -> str:
        """The rate of false alarms in a sentence."""
        alarms = found.scores.false_alarms
        if not alarms.n:
            return self._pick(("no good release was tried", "没有尝试正常的发布"))
        return self._pick(
            (
                f"{alarms.hits} of {alarms.n} good releases refused; "
                f"with 95 % confidence the true rate is under {alarms.high:.1%}",
                f"{alarms.n} 个正常发布中有 {alarms.hits} 个被拒绝；"
                f"95% 置信度下真实误报率低于 {alarms.high:.1%}",
            )
        )

    def headline(self, found: SelfTest) -> str:
        """The whole in a few words."""
        if found.interrupted:
            return self("stopped")
        if not (found.scores.applicable or found.scores.false_alarms.n):
            return self("nothing")
        return self("yes" if found.passed else "no")

    def aside(self, count: int) -> str:
        """How many faults cannot happen to this release."""
        return self._pick(
            (
                f"{count} faults cannot happen to this release; selftest.md says why.",
                f"有 {count} 种问题不可能发生在该发布上，原因见 selftest.md。",
            )
        )

    def named(self, found: SelfTest, names: Iterable[str]) -> str:
        """Checks by their titles."""
        return self._pick((", ", "、")).join(
            self.text(found.titles[name]) if name in found.titles else name for name in names
        )

    def advice(self, row: FaultRow, found: SelfTest) -> str:
        """What to do about a broken release that went through."""
        named = self.named(found, row.expected)
        warned = self.named(found, [name for name in row.expected if row.marks.get(name) is Mark.WARNED])
        if warned:
            return self._pick(
                (
                    f"{warned} warned and let it pass: set a limit in the contract that makes it fail, or "
                    "give more samples.",
                    f"“{warned}”只给出警告并放行：请在契约中设置限值使其不通过，或提供更多样本。",
                )
            )
        return self._pick(
            (
                f"{named} should have said no: give it more or harder samples, set its limit in the "
                "contract, or pin the digest of what must not change.",
                f"“{named}”本应发现：请提供更多或更难的样本、在契约中设置限值，或登记不允许变化之物的摘要。",
            )
        )

    def remarks(self, found: SelfTest) -> list[str]:
        """What a reader should know beside the scores."""
        said = [] if found.members else [self("no_members")]
        idle = [each.name for each in found.scores.checks if each.unique == 0 and each.asked]
        if idle and found.scores.applicable > 10:
            those = self.named(found, idle)
            said.append(
                self._pick(
                    (
                        f"Whatever these saw, another check saw too: {those}. That alone is no fault.",
                        f"以下检查发现的问题也都被其他检查发现：{those}。这本身不是缺陷。",
                    )
                )
            )
        if found.scores.elsewhere:
            names = found.scores.elsewhere
            said.append(
                self._pick(
                    (
                        f"Caught by another check than expected: {', '.join(names)}.",
                        f"由预期之外的检查发现：{'、'.join(names)}。",
                    )
                )
            )
        return said


def titles(found: SelfTest, words: Words) -> dict[str, str]:
    """Titles of the checks by name, in one language."""
    return {name: words.text(text) for name, text in found.titles.items()}


def again(row: FaultRow, found: SelfTest) -> str:
    """The command that runs one broken release again."""
    return f"{found.command or 'seatrial selftest MODEL --data HELDOUT'} --faults {row.name} --good 0"
