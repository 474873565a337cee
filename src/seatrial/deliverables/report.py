"""The report of the ten checks: the one source of every number in the documents."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.checks import render
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.text import Text

JSON = "report/report.json"


def _make(handover: Handover) -> Iterator[Item]:
    yield Item(JSON, "report", render(handover.report, "json").encode(), "application/json")
    for language, name in (("en", "report.html"), ("zh", "report.zh.html")):
        page = render(handover.report, "html", language=language)
        yield Item(f"report/{name}", "report", page.encode(), "text/html")


DELIVERABLE = Deliverable(
    name="report",
    order=40,
    summary=Text("the report of the ten checks", "十项检查的报告"),
    make=_make,
)
