"""What the bench keeps, and how it judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bars import Verdict, tables, verdicts

from results import Results


def row(server: str, load: str, repeat: int = 0, **more: Any) -> dict[str, Any]:
    answered = {"count": 10, "mean_ms": 20.0, "p99_ms": 30.0}
    refused = {"count": 0, "p99_ms": 0.0}
    return {
        "server": server, "load": load, "repeat": repeat, "seconds": 6.0, "rps": 100.0, "sent": 10,
        "answered": answered, "refused": refused, "unfinished": 0, "errors": 0, **more,
    }  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "serving.json")


def judged(results: Results, load: str, place: int = 0) -> Verdict:
    return [each for each in verdicts(results) if each.what == load][place]


def test_a_stopped_bench_goes_on_where_it_was(results: Results) -> None:
    results.add(row("seatrial", "sim-1"))
    again = Results.read(results.path)
    assert again.has("seatrial", "sim-1", 0, seconds=6.0)
    assert not again.has("seatrial", "sim-1", 1, seconds=6.0)
    assert not again.has("seatrial", "sim-1", 0, seconds=20.0)  # that was not measured for so long


def test_the_same_run_takes_the_place_of_the_one_before(results: Results) -> None:
    for rps in (100.0, 120.0):
        results.add(row("seatrial", "sim-1", rps=rps))
    assert results.values("seatrial", "sim-1", "rps") == [120.0]
    assert results.middle("seatrial", "sim-1", "answered.mean_ms") == 20.0


@pytest.mark.parametrize(("mean", "met"), [(26.4, True), (26.6, False)], ids=["6 % over", "more"])
def test_a_mean_is_held_against_the_ideal_of_the_same_requests(
    results: Results, mean: float, *, met: bool
) -> None:
    answered = {"count": 10, "mean_ms": mean, "p99_ms": 40.0}
    results.add(row("seatrial", "sim-p50", answered=answered, ideal_mean_ms=25.0))
    assert judged(results, "sim-p50").met is met


def test_ratios_are_taken_repeat_by_repeat(results: Results) -> None:
    for repeat, (ours, theirs) in enumerate([(600.0, 100.0), (3000.0, 500.0), (60.0, 10.0)]):
        results.add(row("seatrial", "tiny-32", repeat, rps=ours))
        results.add(row("fastapi", "tiny-32", repeat, rps=theirs))
    assert judged(results, "tiny-32").met
    assert judged(results, "tiny-32").found == "6.00 x (6.00 x to 6.00 x)"


@pytest.mark.parametrize("lost", [0, 1])
def test_a_request_lost_under_overload_misses_the_bar(results: Results, lost: int) -> None:
    refused = {"count": 50, "p99_ms": 3.0}
    results.add(row("seatrial", "sim-1"))
    results.add(row("seatrial", "sim-p150", rps=1350.0, refused=refused, errors=lost))
    assert judged(results, "sim-p150").met is (lost == 0)


def test_what_was_not_measured_is_not_met(results: Results) -> None:
    assert not any(each.met or each.found for each in verdicts(results))
    assert "not measured" in tables(results)


def test_every_load_has_its_column_and_refusals_are_said(results: Results) -> None:
    results.add(row("seatrial", "sim-p95", ideal_rps=100.0, ideal_mean_ms=19.0, ideal_p99_ms=29.0))
    results.add(row("seatrial", "sim-1", refused={"count": 3, "p99_ms": 1.0}))
    shown = tables(results)
    assert "| server | sim-1 | sim-p95 |" in shown
    assert "100.0 / 20.0 / 30.0 (3 refused)" in shown
