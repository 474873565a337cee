"""JUnit, SARIF, Markdown and the terminal: pure functions of the report, none of them green by accident."""

from __future__ import annotations

import dataclasses
import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.checks import FORMATS, Finding, Limit, Text, Verdict, render
from seatrial.checks._render._columns import padded, width, wrapped
from seatrial.checks._render._figure import compare, number, seconds, size
from seatrial.checks._render._rows import rows
from seatrial.checks._render._words import Words
from seatrial.errors import NotFound, UsageError
from support.report_strategies import HOSTILE, reports
from support.sample_report import passing_report, sample_report

WIDE = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def _xml(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text


ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_same_report_gives_the_same_bytes(form, language):
    assert render(sample_report(), form, language=language) == render(
        sample_report(), form, language=language
    )


@pytest.mark.parametrize("form", [each for each in FORMATS if each != "json"])
def test_unknown_languages_and_formats_are_refused(form):
    with pytest.raises(UsageError, match="language"):
        render(sample_report(), form, language="fr")
    with pytest.raises(NotFound, match="format"):
        render(sample_report(), "pdf")


@WIDE
@given(report=reports, language=st.sampled_from(["en", "zh"]))
def test_hostile_text_is_only_shown(report, language):
    _xml(render(report, "junit", language=language))
    json.loads(render(report, "sarif", language=language))
    for form in ("junit", "sarif", "markdown", "terminal", "html"):
        text = render(report, form, language=language)
        assert not ACTING.search(text), form
        text.encode("utf-8")
    shown = render(report, "markdown", language=language)
    outside = re.sub(r"^(`{3,})sh\n.*?^\1$|`[^`\n]*`", "", shown, flags=re.MULTILINE | re.DOTALL)
    assert "<script" not in outside
    assert "@everyone" not in outside


@WIDE
@given(report=reports, columns=st.integers(40, 160), language=st.sampled_from(["en", "zh"]))
def test_no_line_of_the_terminal_is_wider_than_it(report, columns, language):
    for line in render(report, "terminal", language=language, width=columns).splitlines():
        assert width(line) <= columns + 10, line


class TestOrder:
    def test_what_is_urgent_comes_first_and_a_skip_before_a_pass(self):
        order = [each.result.verdict for each in rows(sample_report())]
        assert order[:5] == [Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.WARN, Verdict.SKIP]
        assert set(order[5:]) == {Verdict.PASS}

    def test_the_tightest_of_what_passed_speaks_for_the_check(self):
        performance = next(each for each in rows(sample_report()) if each.result.name == "performance")
        assert performance.decisive is not None
        assert performance.decisive.id == "performance.regression"


@pytest.mark.parametrize(
    ("verdict", "measured", "limit", "sign"),
    [
        (Verdict.PASS, 12.0, 50, "≤"),
        (Verdict.FAIL, 80.0, 50, "≤"),
        (Verdict.PASS, 0.99, 0.95, "≥"),
        (Verdict.FAIL, 0.90, 0.95, "≥"),
        (Verdict.PASS, 0, 0, "="),
        (Verdict.WARN, 12.0, 50, ""),
        (Verdict.PASS, "float32", "float32", ""),
        (Verdict.FAIL, float("nan"), 1.0, "≥"),
    ],
)
def test_a_verdict_tells_on_which_side_the_limit_lies(verdict, measured, limit, sign):
    finding = Finding("x.y", verdict, Text("a", "b"), 1, measured, Limit(limit, "test", "ms"))
    both = compare(finding)
    assert both is not None
    if measured == measured:  # NaN has no side
        assert both.sign == sign


def test_figures_are_short():
    assert [number(each) for each in (0, 1, 1234567, 0.12345, 1e-5, 3.2e9, float("nan"), float("-inf"))] == [
        "0", "1", "1\u202f234\u202f567", "0.1235", "1×10⁻⁵", "3.2×10⁹", "NaN", "-∞",
    ]  # fmt: skip
    assert [seconds(each) for each in (0.24, 3.21, 125.0)] == [
        "240\u00a0ms",
        "3.2\u00a0s",
        "2\u00a0min\u00a05\u00a0s",
    ]
    assert size(159_233) == "159\u00a0kB"


class TestJUnit:
    def test_the_counts_add_up_and_each_case_says_what_it_is(self):
        report = sample_report()
        top = _xml(render(report, "junit"))
        suite = top.find("testsuite")
        cases = suite.findall("testcase")
        assert (
            len(cases)
            == int(suite.get("tests"))
            == 1 + 10 + sum(len(each.findings) for each in report.results)
        )
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(count)) == sum(case.find(tag) is not None for case in cases)
            assert all(case.find(tag).get("message") for case in cases if case.find(tag) is not None)
        assert all(case.get("name") and case.get("classname") and case.get("time") for case in cases)
        assert suite.get("timestamp") == "2026-11-21T05:20:11"
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(names)) == len(names)
        allowed = {"properties", "failure", "error", "skipped", "system-out"}
        assert {child.tag for case in cases for child in case} <= allowed

    def test_it_is_red_whenever_the_gate_says_no(self):
        report = dataclasses.replace(sample_report(), results=())
        suite = _xml(render(report, "junit")).find("testsuite")
        assert suite.get("failures") == "1"

    def test_it_is_green_when_the_gate_says_yes(self):
        suite = _xml(render(passing_report(), "junit")).find("testsuite")
        assert (suite.get("failures"), suite.get("errors")) == ("0", "0")

    def test_a_required_check_that_did_not_run_fails(self):
        report = sample_report()
        skipped = dataclasses.replace(report.results[9], required=True)
        suite = _xml(render(dataclasses.replace(report, results=(skipped,)), "junit")).find("testsuite")
        case = next(each for each in suite.findall("testcase") if each.get("name") == "deployment")
        assert case.find("failure") is not None

    def test_figures_are_properties(self):
        suite = _xml(render(sample_report(), "junit")).find("testsuite")
        case = next(each for each in suite.findall("testcase") if each.get("name") == "performance.p99")
        found = {each.get("name"): each.get("value") for each in case.iter("property")}
        assert found["measured"] == "12.4"
        assert found["limit"] == "50"
        assert found["unit"] == "ms"


class TestSarif:
    def test_only_what_needs_a_person_is_a_result(self):
        run = json.loads(render(sample_report(), "sarif"))["runs"][0]
        verdicts = {each["properties"]["verdict"] for each in run["results"]}
        assert verdicts == {"FAIL", "ERROR", "WARN", "NOT_EXERCISED", "INCONCLUSIVE"}
        assert json.loads(render(passing_report(), "sarif"))["runs"][0]["results"][0]["level"] == "warning"

    def test_the_rules_of_the_standard_hold(self):
        log = json.loads(render(sample_report(), "sarif"))
        assert log["version"] == "2.1.0"
        run = log["runs"][0]
        rules = [each["id"] for each in run["tool"]["driver"]["rules"]]
        assert len(set(rules)) == len(rules)
        for each in run["results"]:
            assert rules[each["ruleIndex"]] == each["ruleId"]
            assert each["level"] == "none" or each["kind"] == "fail"  # 3.27.10
            assert each["message"]["text"]
            place = each["locations"][0]["physicalLocation"]["artifactLocation"]
            assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"] == "models/digits"

    def test_a_fingerprint_does_not_follow_the_figure(self):
        report = sample_report()
        first = report.results[4].findings[0]
        other = dataclasses.replace(first, measured=0.4, summary=Text("0.4 now", "现为 0.4"))
        moved = dataclasses.replace(first, where="batch_norm_1")

        def prints(finding: Finding) -> str:
            result = dataclasses.replace(report.results[4], findings=(finding,))
            log = json.loads(render(dataclasses.replace(report, results=(result,)), "sarif"))
            return log["runs"][0]["results"][0]["partialFingerprints"]["seatrialFinding/v1"]

        assert prints(first) == prints(other) != prints(moved)

    @pytest.mark.parametrize("path", ["/models/secret/digits", "C:\\models\\digits", "模型 1/digits"])
    def test_the_place_of_the_model_is_a_relative_uri(self, path):
        report = dataclasses.replace(sample_report(), model={"name": "digits", "path": path})
        uri = json.loads(render(report, "sarif"))["runs"][0]["artifacts"][0]["location"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9%._/-]+", uri)
        assert not uri.startswith("/")


class TestTerminal:
    def test_color_only_where_it_is_asked_for(self):
        plain = render(sample_report(), "terminal")
        colored = render(sample_report(), "terminal", color=True)
        assert "\x1b" not in plain
        assert "\x1b[1;31m" in colored
        assert re.sub("\x1b\\[[0-9;]*m", "", colored) == plain

    def test_the_verdict_comes_last_with_what_to_do(self):
        tail = render(sample_report(), "terminal").splitlines()[-7:]
        assert any("Not ready for release" in each for each in tail)
        assert any("--only consistency" in each for each in tail)

    def test_chinese_columns_stand_under_each_other(self):
        lines = render(sample_report(), "terminal", language="zh").splitlines()
        table = lines[lines.index("─" * 100) + 1 :][:10]
        assert len({width(each) for each in table}) == 1

    @given(text=st.text(max_size=60), columns=st.integers(1, 40))
    def test_padding_is_exact(self, text, columns):
        assert width(padded(text, columns)) == columns

    @given(text=st.text("ab 中文，。x", max_size=80), columns=st.integers(4, 30))
    def test_wrapping_loses_nothing(self, text, columns):
        lines = wrapped(text, columns)
        assert "".join("".join(lines).split()) == "".join(text.split())
        assert all(width(each) <= columns for each in lines)


class TestMarkdown:
    def test_the_verdict_the_table_and_the_top_failures(self):
        text = render(sample_report(), "markdown")
        assert text.startswith("## ❌ Fail: Not ready for release\n")
        assert text.index("| ❌") < text.index("| ⏭️") < text.index("| ✅")
        assert "consistency.batch-invariance" in text
        assert text.count("<details>") == text.count("</details>")

    def test_a_backtick_in_a_sentence_opens_no_code(self):
        report = sample_report()
        found = dataclasses.replace(
            report.results[0].findings[0],
            id="@everyone",
            verdict=Verdict.FAIL,
            summary=Text("a ` b", "a ` b"),
        )
        result = dataclasses.replace(report.results[0], verdict=Verdict.FAIL, findings=(found,))
        text = render(dataclasses.replace(report, results=(result,)), "markdown")
        assert "**a &#96; b** `@everyone`" in text

    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_a_cell_stays_a_cell(self, hostile):
        report = sample_report()
        changed = dataclasses.replace(report.results[0], title=Text(hostile, hostile))
        text = render(dataclasses.replace(report, results=(changed,)), "markdown")
        table = [line for line in text.splitlines() if line.startswith("| ") and "Pass" in line]
        assert len(table) == 1
        assert len(re.findall(r"(?<!\\)\|", table[0])) == 7


def test_words_exist_in_both_languages():
    english, chinese = Words("en"), Words("zh")
    for verdict in Verdict:
        assert english.verdict(verdict) != chinese.verdict(verdict)
        assert english.meaning(verdict) != chinese.meaning(verdict)
