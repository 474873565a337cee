"""A tuning as one page: self-contained, without a script, in the report's clothes."""

from __future__ import annotations

from functools import cache
from importlib import resources

from markupsafe import Markup

from seatrial.checks import Chart, Series, Text, drawing, legend, page, visible
from seatrial.tune._record import Figures
from seatrial.tune.result import Candidate, Tuning
from seatrial.tune.space import Point

_OWN_CSS = """
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.panel { padding: 6px 24px 20px; }
tr.best th, tr.best td { font-weight: 650; }
tbody th { font-weight: 400; white-space: nowrap; } td.how { min-width: 12em; }
table.data td.wrap { white-space: normal; min-width: 7em; }
"""
_MOST_SERIES = 5  # colors of the stylesheet, less the one of the recommendation


def to_html(found: Tuning) -> str:
    """The page."""
    best = found.recommendation.candidate.point if found.recommendation else None
    return page(
        _template(),
        css=_OWN_CSS,
        t=found,
        columns=COLUMNS,
        rows=[(each.point == best, table_row(each)) for each in found.front],
        measured=[(*_point(point), *_speed(figures), why) for point, figures, why in found.measured],
        charts=[
            (each.title.en, Markup(drawing(each) + legend(each)))  # noqa: S704 - escaped where it is drawn
            for each in charts(found)
        ],
        say=visible,
        verdict="PASS" if found.recommendation else "FAIL",
        headline=headline(found),
    )


def headline(found: Tuning) -> str:
    """The answer in one sentence."""
    if found.recommendation is not None:
        return found.recommendation.sentence
    if found.nearest is None:
        return f"Nothing that answers well enough could be measured for {found.goal}."
    told = ", ".join(_reached(found.nearest, each.figure) for each in found.goal.bounds)
    return f"Nobody reaches {found.goal}. Nearest: {found.nearest.point}: {told}."


def _reached(candidate: Candidate, figure: str) -> str:
    units = {"throughput": "/s", "memory": " MB"}
    return f"{figure} {candidate.figures.value(figure):.4g}{units.get(figure, ' ms')}"


COLUMNS = (
    "variant", "how", "batch", "p50 ms", "p99 ms", "rows/s", "RSS MB", "USS MB", "accuracy (95 %)", "drop",
)  # fmt: skip


def table_row(each: Candidate) -> tuple[str, ...]:
    """One candidate in words, by `COLUMNS`."""
    score, drop = each.judgment.score.value, each.judgment.drop
    return (
        *_point(each.point),
        *_speed(each.figures),
        f"{score.value:.4f} ({score.low:.4f} to {score.high:.4f})",
        "same outputs" if each.judgment.same else f"{drop.value:+.4f} ({drop.low:+.4f} to {drop.high:+.4f})",
    )


def _point(point: Point) -> tuple[str, ...]:
    how = str(point.setup).removeprefix(f"{point.setup.variant.name}: ")
    return visible(point.setup.variant.name), visible(how), str(point.batch)


def _speed(figures: Figures) -> tuple[str, ...]:
    names = ("p50", "p99", "throughput", "memory")
    return (*(_number(figures.value(name)) for name in names), _number(figures.unique))


def _number(value: float) -> str:
    """Four digits, never a power of ten."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:.0f}" if rounded >= 1000 else f"{rounded:.4g}"


def charts(found: Tuning) -> list[Chart]:
    """Latency against throughput: all points by engine, and the front with the recommendation."""
    engines: dict[str, list[tuple[float, float]]] = {}
    for point, figures, _ in found.measured:
        name = f"{point.setup.runtime} {point.setup.precision}"
        engines.setdefault(name, []).append((figures.p50.value, figures.throughput))
    kept = sorted(engines, key=lambda name: -len(engines[name]))[:_MOST_SERIES]
    others = [pair for name, pairs in engines.items() if name not in kept for pair in pairs]
    every = [_series(name, engines[name]) for name in kept]
    if others:
        every.append(_series("others", others))
    best = found.recommendation.candidate if found.recommendation else found.nearest
    others_of = [each for each in found.front if best is None or each.point != best.point]
    line = [(each.figures.p50.value, each.figures.throughput) for each in others_of]
    shown = [_series("front", line)]
    if best is not None:
        name = "recommended" if found.recommendation else "nearest"
        shown.insert(0, _series(name, [(best.figures.p50.value, best.figures.throughput)]))
    return [
        _chart("The front", shown),
        _chart("Every point that was measured", every),
    ]


def _series(name: str, pairs: list[tuple[float, float]]) -> Series:
    return Series(name, tuple(x for x, _ in pairs), tuple(y for _, y in pairs))


def _chart(title: str, series: list[Series]) -> Chart:
    labels = ("latency of a call, P50 ms", "rows a second")
    return Chart(Text(title, title), "scatter", *labels, tuple(series), x_log=True, y_log=True)


@cache
def _template() -> str:
    return (resources.files("seatrial.tune") / "page.html.j2").read_text("utf-8")
