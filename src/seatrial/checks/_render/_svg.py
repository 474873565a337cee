"""Charts as inline SVG: drawn from numbers, colored by the page's style sheet, readable without color."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from seatrial.checks._render._axis import Axis, categories, numeric, shown
from seatrial.checks._render._columns import width
from seatrial.checks._render._escape import clipped, one_line
from seatrial.checks._render._figure import number

if TYPE_CHECKING:
    from seatrial.checks._finding import Chart, Series
    from seatrial.checks._render._words import Words

WIDE, HIGH = 480, 280
TOP, RIGHT, BOTTOM = 14, 16, 44
COLORS = 6  # classes s0 to s5 in the style sheet; later series begin again with another dash
LETTER = 6.1  # about the width of a digit at the size of tick labels


@dataclass(frozen=True)
class _Plot:
    """Where things fall. `across` is the axis from left to right."""

    across: Axis
    up: Axis
    left: float
    sideways: bool = False

    def x(self, value: float) -> float:
        return self.left + self.across.at(value) * (WIDE - RIGHT - self.left)

    def y(self, value: float) -> float:
        return HIGH - BOTTOM - self.up.at(value) * (HIGH - BOTTOM - TOP)


def svg(chart: Chart, words: Words, *, points: int = 400) -> Markup:
    """The chart with its axes, ticks and limit; the title and the description are its text alternative."""
    drawn = [_thinned(each, points) for each in chart.series]
    names = _names(drawn)
    bars = chart.mark == "bar"
    if bars and not names:
        names = _numbers_as_names(drawn)
    plot = _plot(chart, drawn, names)
    parts = [_grid(plot), _axis_titles(chart, plot)]
    for place, series in enumerate(drawn):
        if bars:
            parts.append(_bars(plot, series, place, len(drawn), names))
        else:
            parts.append(_marks(chart.mark, plot, series, place, names))
    if chart.limit is not None:
        parts.append(_limit(plot, chart.limit, words))
    title, about = one_line(words.text(chart.title)), description(chart, words)
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}" xmlns="http://www.w3.org/2000/svg">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(WIDE, HIGH, f"{title}. {about}", title, about, Markup("").join(parts))


def description(chart: Chart, words: Words) -> str:
    """What the chart shows, in one sentence: axes, and the range of each series."""
    said = [f"{one_line(chart.x_label)} / {one_line(chart.y_label)}"]
    for each in chart.series:
        fit = [value for value in each.ys if shown(value, log=chart.y_log)]
        if fit:
            ends = number(min(fit)), number(max(fit))
            said.append(words("points").format(one_line(each.name), len(each.ys), *ends))
    if chart.limit is not None:
        said.append(f"{words('limit')} {number(chart.limit)}")
    return "; ".join(said)


def not_drawn(chart: Chart) -> int:
    """How many points have no place on the axes."""
    return sum(
        not shown(y, log=chart.y_log)
        or not (isinstance(x, str) or shown(x, log=chart.x_log and chart.mark != "bar"))
        for each in chart.series
        for x, y in zip(each.xs, each.ys, strict=False)
    )


def swatch(place: int, mark: str) -> Markup:
    """The sign of a series in the legend."""
    kind = "fill" if mark == "bar" else "dots" if mark == "scatter" else "line"
    shape = {
        "fill": '<rect class="s{0} bar" width="22" height="10" y="1"/>',
        "dots": '<path class="s{0} dots d{1}" d="M4 6h0M11 6h0M18 6h0"/>',
        "line": '<path class="s{0} line d{1}" d="M0 6H22"/>',
    }[kind]
    return Markup('<svg class="swatch" viewBox="0 0 22 12" aria-hidden="true">{}</svg>').format(
        Markup(shape.format(place % COLORS, place))  # noqa: S704 - two numbers in a fixed string
    )


def _thinned(series: Series, points: int) -> Series:
    """At most so many points; where there are more, the extremes of each stretch are kept."""
    pairs = list(zip(series.xs, series.ys, strict=False))
    if len(pairs) > points:
        stretch = len(pairs) * 2 / points
        kept: list[int] = []
        for place in range(points // 2):
            span = range(round(place * stretch), min(round((place + 1) * stretch), len(pairs)))
            if span:
                ends = {min(span, key=lambda at: pairs[at][1]), max(span, key=lambda at: pairs[at][1])}
                kept += sorted(ends)
        pairs = [pairs[at] for at in kept]
    return replace(series, xs=tuple(x for x, _ in pairs), ys=tuple(float(y) for _, y in pairs))


def _names(series: list[Series]) -> list[str]:
    """The categories in order of appearance when any x is a text; else none."""
    if not any(isinstance(x, str) for each in series for x in each.xs):
        return []
    return list(dict.fromkeys(str(x) for each in series for x in each.xs))


def _numbers_as_names(series: list[Series]) -> list[str]:
    return [str(x) for x in sorted({x for each in series for x in each.xs if not isinstance(x, str)})]


def _plot(chart: Chart, series: list[Series], names: list[str]) -> _Plot:
    bars = chart.mark == "bar"
    values = [y for each in series for y in each.ys]
    if chart.limit is not None:
        values.append(chart.limit)
    heights = numeric(values, log=chart.y_log, zero=bars)
    # Long or many names stand upright beside sideways bars; short ones lie under the bars.
    sideways = bars and (max(map(width, names), default=0) > 6 or len(names) > 12)
    if sideways:
        name_axis = categories(names)
        flipped = replace(name_axis, ticks=tuple((-at, label) for at, label in name_axis.ticks))
        flipped = replace(flipped, low=-name_axis.high, high=-name_axis.low)
        return _Plot(heights, flipped, _left(flipped), sideways=True)
    if names:
        return _Plot(categories(names), heights, _left(heights))
    xs = [float(x) for each in series for x in each.xs]
    return _Plot(numeric(xs, log=chart.x_log), heights, _left(heights))


def _left(axis: Axis) -> float:
    longest = max((width(label) for _, label in axis.ticks), default=1)
    return 30 + min(longest, 22) * LETTER


def _grid(plot: _Plot) -> Markup:
    low, high, right = HIGH - BOTTOM, TOP, WIDE - RIGHT
    parts = []
    ups = _every(plot.up.ticks, 20 if plot.sideways else 12)
    for value, label in ups:
        y = plot.y(value)
        if not plot.sideways:
            parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(_n(plot.left), _n(y), right))
        parts.append(_label(plot.left - 7, y + 3.7, label, "end"))
    longest = max((width(label) for _, label in plot.across.ticks), default=1) * LETTER + 10
    room = max(int((right - plot.left) / longest), 2)
    for value, label in _every(plot.across.ticks, room):
        x = plot.x(value)
        if plot.sideways:
            parts.append(Markup('<path class="grid" d="M{} {}V{}"/>').format(_n(x), high, low))
        parts.append(_label(x, low + 16, label, "middle"))
    frame = f"M{_n(plot.left)} {high}V{low}" if plot.sideways else f"M{_n(plot.left)} {low}H{right}"
    return Markup("").join([*parts, Markup('<path class="axis" d="{}"/>').format(frame)])


def _every(ticks: tuple[tuple[float, str], ...], room: int) -> tuple[tuple[float, str], ...]:
    stride = -(-len(ticks) // room) if ticks else 1
    return ticks[::stride]


def _label(x: float, y: float, label: str, anchor: str) -> Markup:
    return Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        _n(x), _n(y), anchor, label
    )


def _axis_titles(chart: Chart, plot: _Plot) -> Markup:
    below, beside = (chart.y_label, chart.x_label) if plot.sideways else (chart.x_label, chart.y_label)
    return Markup(
        '<text class="name" x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text class="name" transform="translate(13 {}) rotate(-90)" text-anchor="middle">{}</text>'
    ).format(
        _n((plot.left + WIDE - RIGHT) / 2),
        HIGH - 9,
        clipped(one_line(below), 60),
        _n((TOP + HIGH - BOTTOM) / 2),
        clipped(one_line(beside), 34),
    )


def _marks(mark: str, plot: _Plot, series: Series, place: int, names: list[str]) -> Markup:
    points: list[tuple[float, float] | None] = []
    for x, y in zip(series.xs, series.ys, strict=True):
        across = float(names.index(str(x))) if names else float(x)
        fits = shown(across, log=plot.across.log) and shown(y, log=plot.up.log)
        points.append((plot.x(across), plot.y(y)) if fits else None)
    style = f"s{place % COLORS}"
    if mark == "scatter":
        dots = "".join(f"M{_n(at[0])} {_n(at[1])}h0" for at in points if at)
        return Markup('<path class="{} dots d{}" d="{}"/>').format(style, place, dots)
    path = Markup('<path class="{} line d{}" d="{}"/>').format(
        style, place, _path(points, steps=mark == "step")
    )
    if len(points) <= 24 and mark == "line":
        dots = "".join(f"M{_n(at[0])} {_n(at[1])}h0" for at in points if at)
        path += Markup('<path class="{} knots" d="{}"/>').format(style, dots)
    return path


def _path(points: list[tuple[float, float] | None], *, steps: bool) -> str:
    """A line through the points, broken where one is missing; in steps, flat and then up."""
    parts = []
    for before, at in pairwise([None, *points]):
        if at is None:
            continue
        if before is None:
            parts.append(f"M{_n(at[0])} {_n(at[1])}")
        elif steps:
            parts.append(f"H{_n(at[0])}V{_n(at[1])}")
        else:
            parts.append(f"L{_n(at[0])} {_n(at[1])}")
    return "".join(parts)


def _bars(plot: _Plot, series: Series, place: int, many: int, names: list[str]) -> Markup:
    length = (HIGH - BOTTOM - TOP) if plot.sideways else (WIDE - RIGHT - plot.left)
    room = length / max(len(names), 1)
    thick = min(room * 0.72 / many, 34)
    values = plot.across if plot.sideways else plot.up
    ground = values.low if values.log else max(values.low, min(0.0, values.high))
    parts = []
    for x, y in zip(series.xs, series.ys, strict=True):
        if not shown(y, log=values.log):
            continue
        at = float(names.index(str(x)))
        shift = (place - (many - 1) / 2) * thick
        if plot.sideways:
            begin, end = sorted((plot.x(ground), plot.x(y)))
            edge = plot.y(-at) + shift - thick / 2
            parts.append(f"M{_n(begin)} {_n(edge)}h{_n(end - begin)}v{_n(thick - 1)}H{_n(begin)}z")
        else:
            high, low = sorted((plot.y(ground), plot.y(y)))
            edge = plot.x(at) + shift - thick / 2
            parts.append(f"M{_n(edge)} {_n(high)}h{_n(thick - 1)}V{_n(low)}h{_n(1 - thick)}z")
    return Markup('<path class="s{} bar" d="{}"/>').format(place % COLORS, "".join(parts))


def _limit(plot: _Plot, limit: float, words: Words) -> Markup:
    axis = plot.across if plot.sideways else plot.up
    if not shown(limit, log=axis.log):
        return Markup("")
    label = f"{words('limit')} {number(limit)}"
    if plot.sideways:
        x = plot.x(limit)
        right = x > WIDE * 0.7
        place = x - 5 if right else x + 5
        text = _limit_label(place, TOP + 9, label, "end" if right else "start")
        return Markup('<path class="limit" d="M{} {}V{}"/>').format(_n(x), TOP, HIGH - BOTTOM) + text
    y = plot.y(limit)
    text = _limit_label(WIDE - RIGHT, y - 5 if y > TOP + 14 else y + 13, label, "end")
    return Markup('<path class="limit" d="M{} {}H{}"/>').format(_n(plot.left), _n(y), WIDE - RIGHT) + text


def _limit_label(x: float, y: float, label: str, anchor: str) -> Markup:
    return Markup('<text class="limit-label" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        _n(x), _n(y), anchor, escape(label)
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
