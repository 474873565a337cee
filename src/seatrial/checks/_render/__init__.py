"""Renderings of a report: pure functions, same report and language in, same bytes out."""

from __future__ import annotations

import importlib
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from seatrial import __version__
from seatrial.checks._render._escape import one_line
from seatrial.checks._report_json import to_json
from seatrial.errors import NotFound

if TYPE_CHECKING:
    from seatrial.checks._finding import Chart
    from seatrial.checks._report import Report

# A rendering is imported when it is asked for: the template engine of the page costs time at start.
_WITH_LANGUAGE = ("html", "junit", "sarif", "markdown")
FORMATS = ("json", *_WITH_LANGUAGE, "terminal")


def render(
    report: Report, format_name: str, *, language: str = "en", color: bool = False, width: int = 100
) -> str:
    """The report in one of `FORMATS`.

    Args:
        report: The truth.
        format_name: `json`, `html`, `junit`, `sarif`, `markdown` or `terminal`.
        language: `en` or `zh`; `json` carries both.
        color: With ANSI colors; `terminal` only. Honor `NO_COLOR` where this is called.
        width: Columns of the terminal; `terminal` only.

    Raises:
        NotFound: There is no such format.
        UsageError: There is no such language.
    """
    if format_name == "json":
        return to_json(report)
    if format_name not in FORMATS:
        raise NotFound(f"no report format '{format_name}'", hint="there are: " + ", ".join(FORMATS))
    module = importlib.import_module(f"{__name__}.{format_name}")
    if format_name == "terminal":
        return str(module.to_terminal(report, language, color=color, width=width))
    return str(getattr(module, f"to_{format_name}")(report, language))


def drawing(chart: Chart, *, language: str = "en") -> str:
    """A chart as an SVG element for a `page`.

    Args:
        chart: What is drawn.
        language: `en` or `zh`.
    """
    drawn = importlib.import_module(f"{__name__}._svg")
    words = importlib.import_module(f"{__name__}._words")
    return str(drawn.svg(chart, words.Words(language)))


def legend(chart: Chart) -> str:
    """The signs and names of a chart's series as an HTML list; empty when there is only one."""
    drawn = importlib.import_module(f"{__name__}._svg")
    signs = [
        f"<li>{drawn.swatch(place, chart.mark)}{escape(one_line(each.name))}</li>"
        for place, each in enumerate(chart.series)
    ]
    return f'<ul class="legend">{"".join(signs)}</ul>' if len(signs) > 1 else ""


def page(
    template: str, *, css: str = "", language: str = "en", generator: str = __version__, **values: Any
) -> str:
    """A page of Seatrial: head, brand and look of the report's, the rest of a template.

    Args:
        template: Jinja; extends `page` and fills its blocks `title`, `about` and `content`, and where there
            is something to say `skip` and `foot`. What it shows is escaped.
        css: Rules of its own, behind those of all pages.
        language: `en` or `zh`.
        generator: The version of Seatrial that is told.
        values: Of the template.
    """
    rendered = importlib.import_module(f"{__name__}._page")
    return str(rendered.page(template, stylesheet() + css, language, generator, values))


def stylesheet() -> str:
    """The look of every `page`; a release's documents wear it too."""
    return (resources.files(__name__) / "report.css").read_text("utf-8")
