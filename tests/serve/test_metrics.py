"""The text that Prometheus reads."""

from __future__ import annotations

import re

import pytest

from seatrial.serve.metrics import Counter, Histogram, Metrics, Read

LINE = re.compile(r'^[a-z_]+(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? [0-9.e+-]+$')


def test_what_is_counted_is_told() -> None:
    metrics = Metrics()
    requests = metrics.add(Counter("requests_total", "Requests.", ("code",)))
    requests.labelled("200").add()
    requests.labelled("200").add(2)
    metrics.add(Read("queue", "Rows.", "gauge", (), read=lambda: {(): 2.5}))
    assert metrics.text().splitlines() == [
        "# HELP requests_total Requests.",
        "# TYPE requests_total counter",
        'requests_total{code="200"} 3',
        "# HELP queue Rows.",
        "# TYPE queue gauge",
        "queue 2.5",
    ]


def test_a_histogram_is_cumulative_and_bounds_are_inclusive() -> None:
    metrics = Metrics()
    child = metrics.add(Histogram("rows", "Rows.", ("model",), bounds=(1, 2.5))).labelled("m")
    for value in (1, 2.5, 2.6, 0):
        child.observe(value)
    assert metrics.text().splitlines()[2:] == [
        'rows_bucket{model="m",le="1"} 2',
        'rows_bucket{model="m",le="2.5"} 3',
        'rows_bucket{model="m",le="+Inf"} 4',
        'rows_sum{model="m"} 6.1',
        'rows_count{model="m"} 4',
    ]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", '"} 1\nevil 7', "模型"])
def test_names_cannot_break_out(name: str) -> None:
    metrics = Metrics()
    metrics.add(Counter("requests_total", "Requests\nof\\all.", ("model",))).labelled(name).add()
    lines = metrics.text().splitlines()
    assert len(lines) == 3
    assert LINE.match(lines[2])


def test_a_name_is_taken_once() -> None:
    metrics = Metrics()
    metrics.add(Counter("a", "A."))
    with pytest.raises(ValueError, match="'a'"):
        metrics.add(Counter("a", "A."))
