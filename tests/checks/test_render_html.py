"""The page for people: valid, self-contained, small, and quiet in a real browser."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.checks import Chart, Picture, Series, Table, Text, Verdict, render
from seatrial.checks._render._axis import numeric
from seatrial.checks._render._svg import not_drawn, svg
from seatrial.checks._render._words import Words
from support.report_strategies import charts, reports
from support.sample_report import passing_report, png, sample_report

VOID = {"meta", "link", "br", "img", "hr", "input"}
LOOSE = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


class _Strict(HTMLParser):
    """Every element is closed in order; ids are unique; attributes are quoted by the renderer."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> out of order"

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


def parsed(page: str) -> _Strict:
    parser = _Strict()
    parser.feed(page)
    parser.close()
    assert not parser.open, parser.open
    ids = [attrs["id"] for _, attrs in parser.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    for _, attrs in parser.tags:
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids
    return parser


@pytest.mark.parametrize("report", [sample_report(), passing_report()], ids=["fail", "pass"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_whole_small_and_asks_nothing_of_the_network(report, language):
    page = render(report, "html", language=language)
    parser = parsed(page)
    tags = {tag for tag, _ in parser.tags}
    assert len(page.encode()) < 300_000
    assert not tags & {"script", "iframe", "object", "embed", "form", "base"}
    for tag, attrs in parser.tags:
        assert not any(name.startswith("on") or name == "style" for name in attrs), (tag, attrs)
        for name in ("src", "href", "data", "action"):
            assert attrs.get(name, "#").startswith(("#", "data:")), attrs
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_this_style_sheet_and_nothing_else():
    page = render(sample_report(), "html")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:" in page
    assert "unsafe" not in page


def test_the_first_screen_answers_who_what_why():
    page = render(sample_report(), "html")
    text = " ".join(" ".join(parsed(page).text).split())
    head = text[: text.index("10 checks")]
    for said in (
        "Not ready for release",
        "differ by 0.385",
        "digits",
        "cpu-server",
        "Li Wei",
        "9f2c41d07be8",
        "Approval",
    ):
        assert said in head, said
    assert "must approve" in render(passing_report(), "html")


def test_it_can_be_used_without_eyes_or_mouse():
    parser = parsed(render(sample_report(), "html"))
    tags = [tag for tag, _ in parser.tags]
    assert {"main", "header", "footer"} <= set(tags)
    assert tags.count("h1") == 1
    assert all(attrs.get("scope") for tag, attrs in parser.tags if tag == "th")
    assert all(attrs.get("alt") for tag, attrs in parser.tags if tag == "img")
    pictures = [attrs for tag, attrs in parser.tags if tag == "svg"]
    assert all(attrs.get("aria-hidden") == "true" or attrs.get("aria-label") for attrs in pictures)
    assert tags.count("details") == tags.count("summary")


def test_each_verdict_is_a_word_and_a_sign_and_a_skip_is_not_green():
    page = render(sample_report(), "html")
    words = Words("en")
    for verdict in Verdict:
        assert f'href="#i-{verdict.value}"/></svg>{words.verdict(verdict)}' in page
    colors = dict(re.findall(r"--([A-Z_]+): (#\w+)", page))
    assert len({colors[each.value] for each in Verdict}) == len(Verdict)


@pytest.mark.parametrize("dark", [False, True])
def test_the_colors_can_be_read(dark):
    css = re.search(r"<style>(.*?)</style>", render(sample_report(), "html"), re.DOTALL)[1]
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colors = dict(re.findall(r"--(\w+): (#\w+)", blocks[0] + (blocks[1] if dark else "")))
    for name in ("ink", "quiet", "accent", *(each.value for each in Verdict)):
        for ground in ("card", "bg", "soft"):
            assert _contrast(colors[name], colors[ground]) >= 4.5, (name, ground)


def _contrast(one: str, other: str) -> float:
    lights = sorted((_light(one), _light(other)), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


def _light(color: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    digits = color[1:] if len(color) == 7 else "".join(each * 2 for each in color[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.slow
@LOOSE
@given(report=reports, language=st.sampled_from(["en", "zh"]))
def test_any_report_gives_a_valid_page(report, language):
    page = render(report, "html", language=language)
    assert not {tag for tag, _ in parsed(page).tags} & {"script", "b onload"}
    assert len(page.encode()) < 1_000_000


@pytest.mark.slow
def test_however_much_there_is_to_say_the_page_stays_under_a_megabyte():
    report = sample_report()
    noise = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(30_000)).decode()
    picture = Picture(Text("p", "p"), noise, Text("a", "a"))
    table = Table(Text("t", "t"), ("a", "b"), tuple(("x" * 300, each) for each in range(3000)))
    line = Series("s", tuple(map(float, range(5000))), tuple(float(each % 97) for each in range(5000)))
    chart = Chart(Text("c", "c"), "line", "x", "y", (line,) * 6)
    finding = dataclasses.replace(report.results[4].findings[0], evidence=(picture,) * 9 + (table, chart))
    results = tuple(dataclasses.replace(each, findings=(finding,) * 16) for each in report.results)
    page = render(dataclasses.replace(report, results=results), "html")
    assert len(page.encode()) < 1_000_000
    parsed(page)
    assert "report.json" in page


def test_what_is_no_picture_is_not_embedded():
    report = sample_report()
    bad = Picture(Text("p", "p"), base64.b64encode(b"<svg onload=x>").decode(), Text("what it shows", "内容"))
    finding = dataclasses.replace(report.results[8].findings[0], evidence=(bad,))
    page = render(
        dataclasses.replace(report, results=(dataclasses.replace(report.results[8], findings=(finding,)),)),
        "html",
    )
    assert "<img" not in page
    assert "what it shows" in page
    assert "no PNG" in page


@LOOSE
@given(chart=charts)
def test_any_chart_stays_within_its_frame(chart):
    drawn = str(svg(chart, Words("en")))
    parsed(drawn)
    for path in re.findall(r' d="([^"]*)"', drawn):
        assert "nan" not in path
        assert "inf" not in path
        for number in re.findall(r"-?\d+(?:\.\d+)?", path):
            assert -2000 <= float(number) <= 2000


@given(
    values=st.lists(st.floats(-1e9, 1e9) | st.floats(1e-9, 1), min_size=1),
    log=st.booleans(),
    zero=st.booleans(),
)
def test_an_axis_holds_what_it_must_and_its_ticks(values, log, zero):
    axis = numeric(values, log=log, zero=zero)
    assert axis.low < axis.high
    assert 2 <= len(axis.ticks) <= 12
    for value in [each for each in values if not log or each > 1e-300]:
        assert -1e-6 <= axis.at(value) <= 1 + 1e-6
    for value, label in axis.ticks:
        assert label
        assert -1e-6 <= axis.at(value) <= 1 + 1e-6


def test_points_without_a_place_are_counted_not_hidden():
    line = Series("s", (1.0, 2.0, 3.0, 4.0), (1.0, float("nan"), 0.0, float("inf")))
    chart = Chart(Text("c", "c"), "line", "x", "y", (line,), y_log=True)
    assert not_drawn(chart) == 3


def test_a_picture_is_shown():
    assert png(1) in render(sample_report(), "html")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_browser_has_nothing_to_complain_about(tmp_path, language):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    page = tmp_path / "report.html"
    page.write_text(render(sample_report(), "html", language=language), "utf-8")
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,2400", "--virtual-time-budget=3000",
        "--enable-logging=stderr", f"--screenshot={tmp_path / 'page.png'}",
    ]  # fmt: skip
    done = subprocess.run([chromium, *options, page.as_uri()], capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert said == []
    assert (tmp_path / "page.png").stat().st_size > 50_000
