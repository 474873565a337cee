"""The table, the page and the JSON say the same, in both languages, and are safe to show."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from seatrial.errors import NotFound, UsageError
from seatrial.selftest import Mark, SelfTest, Status, read_selftest, selftest_schema, write_selftest
from seatrial.selftest.markdown import to_markdown
from seatrial.selftest.page import to_html
from seatrial.selftest.table import to_terminal
from seatrial.selftest.words import Words
from seatrial.text import Text
from support.sample_selftest import fault, good, rows, sample_selftest

HOSTILE = "<script>alert(1)</script>\x1b[31m|`x`"


@pytest.fixture
def found() -> SelfTest:
    return sample_selftest(releases=good(refused=1))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_rendering_has_every_row_and_the_scores(found: SelfTest, language: str) -> None:
    short, *whole = (
        to_terminal(found, language, width=160),
        to_markdown(found, language),
        to_html(found, language),
    )
    for text in (short, *whole):
        for row in found.faults:
            # The terminal only counts what cannot happen.
            assert row.title.in_language(language) in text or (text is short and not row.applicable)
        assert "66.7" in text  # 4 of 6
        assert "40.0" in text  # 2 of 5 without a digest
        assert "through" in text
        assert ("75.1" if language == "en" else "75.1%") in text  # 1 of 4 good ones refused


def test_the_terminal_keeps_its_width(found: SelfTest) -> None:
    table = to_terminal(found, "en", width=80).split("\n\n")[1]
    assert max(len(line) for line in table.splitlines()) <= 80
    assert "\x1b[" not in table
    assert "\x1b[31;1m" in to_terminal(found, "en", color=True)


def test_what_went_through_comes_with_what_to_do(found: SelfTest) -> None:
    text = to_terminal(found, "en")
    assert "Weights warned and let it pass" in text
    assert "--faults through --good 0" in text


def test_all_caught_is_said_so() -> None:
    found = sample_selftest((fault("seen", weights=Mark.NO),))
    assert "Every broken release was caught" in to_terminal(found, "en")
    assert "✗" not in to_terminal(found, "en")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_self_contained(found: SelfTest, language: str) -> None:
    page = to_html(found, language)
    tags = _Tags()
    tags.feed(page)
    assert "script" not in tags.seen
    assert all(link.startswith(("#", "data:")) for link in tags.links)
    assert "default-src 'none'" in page
    assert page == to_html(found, language)
    assert len(page) < 200_000


def test_hostile_text_does_nothing() -> None:
    row = replace(fault("seen", weights=Mark.NO), title=Text(HOSTILE, HOSTILE), said=Text(HOSTILE, HOSTILE))
    found = replace(sample_selftest((row,)), model={"name": HOSTILE}, command=HOSTILE)
    assert "<script>" not in to_html(found, "en")
    assert "<script>" not in to_markdown(found, "en")
    for text in (to_html(found, "en"), to_markdown(found, "en"), to_terminal(found, "en")):
        assert "\x1b" not in text


def test_a_table_of_markdown_keeps_its_columns() -> None:
    row = replace(fault("seen", weights=Mark.NO), title=Text("a | b", "a | b"))
    lines = [line for line in to_markdown(sample_selftest((row,)), "en").splitlines() if "F01" in line]
    assert len(re.findall(r"(?<!\\)\|", lines[0])) == 8


def test_json_there_and_back(found: SelfTest, tmp_path: Path) -> None:
    written = write_selftest(found, tmp_path / "out")
    assert set(written) == {"selftest.json", "selftest.md", "selftest.html"}
    assert read_selftest(written["selftest.json"]) == found
    Draft202012Validator(selftest_schema()).validate(json.loads(written["selftest.json"].read_text("utf-8")))


def test_what_is_no_selftest_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_selftest(tmp_path / "none.json")
    (tmp_path / "report.json").write_text('{"schema": "seatrial/report/1"}', "utf-8")
    with pytest.raises(UsageError, match="selftest/1"):
        read_selftest(tmp_path / "report.json")


def test_the_published_schema_is_that_of_the_code() -> None:
    published = Path(__file__).parents[2] / "docs" / "reference" / "selftest.schema.json"
    assert json.loads(published.read_text("utf-8")) == selftest_schema()


def test_every_state_has_words() -> None:
    for language in ("en", "zh"):
        words = Words(language)
        assert all(words.mark(each)[2] for each in Mark)
        assert {each.status for each in rows()} == set(Status)
        assert all(words.status(each) for each in rows())
    with pytest.raises(UsageError):
        Words("fr")
