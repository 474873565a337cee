"""The fixed words of the report, in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.checks._finding import Text, Verdict
from seatrial.checks._render._escape import one_line
from seatrial.errors import UsageError

LANGUAGES = ("en", "zh")

_VERDICTS = {
    Verdict.PASS: ("Pass", "通过", "It was looked at and meets the limit.", "已实际检查，符合要求。"),
    Verdict.WARN: (
        "Warning",
        "警告",
        "It does not stop the release; read it first.",
        "不阻止发布，但发布前应当查看。",
    ),
    Verdict.FAIL: (
        "Fail",
        "不通过",
        "It was looked at and does not meet the limit.",
        "已实际检查，不符合要求。",
    ),
    Verdict.ERROR: (
        "Error",
        "出错",
        "The check itself broke, so there is no answer.",
        "检查本身出了故障，没有结论。",
    ),
    Verdict.SKIP: ("Skipped", "跳过", "It was not looked at; that is no pass.", "没有检查，不等于通过。"),
    Verdict.NOT_EXERCISED: (
        "Not exercised",
        "未真正运行",
        "It was asked for but never really ran, for example bf16 on a processor without it.",
        "要求了但并未真正运行，例如处理器不支持 bf16。",
    ),
    Verdict.INCONCLUSIVE: (
        "Inconclusive",
        "无法判定",
        "The data or the machine do not allow an answer either way.",
        "数据量或机器状态不足以得出结论。",
    ),
}

_WORDS = {
    "comma": (", ", "，"),
    "colon": (": ", "："),
    "document": ("Pre-release report", "发布前检查报告"),
    "gate_yes": ("Ready for approval", "可以提交审批"),
    "gate_part": ("Only some checks were run", "只运行了部分检查"),
    "gate_no": ("Not ready for release", "不可发布"),
    "gate": ("Gate", "门禁"),
    "verdict": ("Verdict", "结论"),
    "approval": ("Approval", "审批"),
    "approve_yes": (
        "A person responsible for the release must approve. The approval holds for exactly these digests "
        "and lapses when one of them changes.",
        "须由发布负责人批准。批准只对下列摘要有效，其中任何一个改变即失效。",
    ),
    "approve_part": (
        "Not open for approval: run all checks first.",
        "暂不能审批：请先运行全部检查。",
    ),
    "approve_no": (
        "Not open for approval. Fix what failed and run the checks again.",
        "暂不能审批。请先修复不通过的项目，再重新检查。",
    ),
    "model": ("Model", "模型"),
    "task": ("Task", "任务"),
    "format": ("Format", "格式"),
    "profile": ("Profile", "部署目标"),
    "tier": ("Tier", "检查档位"),
    "fast": ("fast", "快速"),
    "full": ("full", "完整"),
    "baseline": ("Baseline", "基线"),
    "no_baseline": ("none; this is a first measurement", "无（首次测量）"),
    "accepted": ("accepted by {} on {}", "{} 于 {} 认可"),
    "bound": ("Verdict bound to", "结论所绑定的摘要"),
    "data": ("Data", "数据"),
    "preprocess": ("Preprocessing", "预处理"),
    "contract": ("Contract", "契约"),
    "environment": ("Environment", "环境"),
    "size": ("Size", "大小"),
    "parameters": ("Parameters", "参数量"),
    "operators": ("Operators", "算子数"),
    "checks": ("Checks", "检查项"),
    "check": ("Check", "检查"),
    "status": ("Status", "状态"),
    "question": ("Question", "问题"),
    "measured": ("Measured", "实测"),
    "limit": ("Limit", "限值"),
    "source": ("Where the limit comes from", "限值来源"),
    "margin": ("Margin", "余量"),
    "examined": ("Examined", "检查数"),
    "time": ("Time", "用时"),
    "required": ("required", "必检"),
    "optional": ("not required", "非必检"),
    "above": ("{} above the limit", "高于限值 {}"),
    "below": ("{} below the limit", "低于限值 {}"),
    "times_limit": ("{}× the limit", "限值的 {} 倍"),
    "share_of_limit": ("{}% of the limit", "占限值的 {}%"),
    "summary": ("Finding", "发现"),
    "findings": ("Findings", "发现"),
    "details": ("Details", "详情"),
    "passed_findings": ("What passed", "通过的项目"),
    "cause": ("Likely cause", "可能原因"),
    "fix": ("What to do", "处理办法"),
    "where": ("Where", "位置"),
    "reproduce": ("Run this check again", "重新运行此项检查"),
    "broke": ("The check broke", "检查本身出错"),
    "rows_more": ("{} more rows are in report.json.", "其余 {} 行见 report.json。"),
    "findings_more": ("{} more findings are in report.json.", "其余 {} 项发现见 report.json。"),
    "not_drawn": (
        "{} points are not drawn: not finite, or not positive on a logarithmic axis.",
        "有 {} 个点未画出：不是有限值，或在对数轴上不为正。",
    ),
    "picture_left_out": (
        "Left out to keep this page small; it is in report.json.",
        "为控制页面大小未收入，见 report.json。",
    ),
    "picture_broken": ("This is no PNG image and is not shown.", "不是 PNG 图片，未显示。"),
    "chart_of": ("Chart", "图表"),
    "points": ("{}: {} points, from {} to {}", "{}：{} 个点，从 {} 到 {}"),
    "table_of": ("Table, {} rows", "表格，{} 行"),
    "appendix": ("Appendix", "附录"),
    "controls": ("Negative controls", "反例对照"),
    "controls_about": (
        "In this same run every check was handed a poisoned copy and had to say no. "
        "A check that cannot say no proves nothing when it says yes.",
        "同一次运行中，每项检查都要面对一份故意做坏的副本，并且必须判为不通过。不会说“不”的检查，它的“通过”没有意义。",
    ),
    "control_rejected": ("rejected", "已识破"),
    "control_accepted": ("not rejected", "未识破"),
    "control_none": ("did not run", "未运行"),
    "poisoned": ("What was poisoned", "做了什么手脚"),
    "answer": ("Answer", "结果"),
    "digests": ("Digests", "摘要"),
    "run": ("Run", "运行记录"),
    "started": ("Started", "开始时间"),
    "reused": ("reused", "沿用"),
    "took": ("Took", "总用时"),
    "command": ("Command", "命令"),
    "seed": ("Seed", "随机种子"),
    "version": ("Version", "版本"),
    "legend": ("How to read the verdicts", "结论的含义"),
    "promises": ("Promises", "对应条款"),
    "next": ("Next", "下一步"),
    "next_yes": ("hand report.html to whoever approves the release", "把 report.html 交给负责审批的人"),
    "next_part": ("run all checks: {}", "运行全部检查：{}"),
    "next_no": ("start with {}; then run: {}", "先处理 {}；然后运行：{}"),
    "top_findings": ("What needs attention", "需要处理的项目"),
    "more": ("and {} more in the report", "其余 {} 项见报告"),
    "skip_to": ("Skip to the findings", "跳到检查结果"),
    "generated": ("Made by Seatrial {} from report.json", "由 Seatrial {} 根据 report.json 生成"),
    "required_not_run": ("required by the profile, but it ended {}", "部署目标要求必检，但结果为“{}”"),
    "findings_failed": ("{} of {} findings failed", "{1} 项发现中有 {0} 项不通过"),
    "all_checks": ("{} checks", "{} 项检查"),
}


@dataclass(frozen=True)
class Words:
    """The fixed words of one language. Call it with a key."""

    language: str

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise UsageError(
                f"no report in the language '{self.language}'", hint="there are: " + ", ".join(LANGUAGES)
            )

    def __call__(self, key: str) -> str:
        """The word or sentence of that key."""
        return _WORDS[key][LANGUAGES.index(self.language)]

    def known(self, key: str) -> str:
        """The word of that key, or the key itself when it is no fixed word."""
        return self(key) if key in _WORDS else one_line(key)

    def text(self, text: Text | None) -> str:
        """A sentence of a check in this language; the other one when this is missing."""
        if text is None:
            return ""
        return text.in_language(self.language) or text.en or text.zh

    def verdict(self, verdict: Verdict) -> str:
        """The verdict in words."""
        return _VERDICTS[verdict][LANGUAGES.index(self.language)]

    def meaning(self, verdict: Verdict) -> str:
        """What the verdict means."""
        return _VERDICTS[verdict][2 + LANGUAGES.index(self.language)]
