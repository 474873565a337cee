"""A bar that was lowered since the baseline is seen; one that was not asked for is not called lowered."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seatrial.checks import Baseline, Finding, Limit, Text, Verdict
from seatrial.checks._accuracy.bar import bar_findings


def finding(name: str, limit: float | None, verdict: Verdict = Verdict.PASS) -> Finding:
    return Finding(
        name,
        verdict,
        Text("said", "说明"),
        examined=1,
        limit=None if limit is None else Limit(limit, "contract"),
    )


def baseline(**limits: float | None) -> Baseline:
    kept = {f"accuracy.{name}": value for name, value in limits.items()}
    return Baseline(
        name="good",
        model_digest="sha256:a",
        data_digest="sha256:b",
        preprocess_digest="sha256:c",
        environment_digest="sha256:d",
        model_path="",
        figures={"accuracy": {"limits": kept}},
        accepted_by="someone",
        reason="",
        accepted_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(0.95, Verdict.PASS), (0.97, Verdict.PASS), (0.9, Verdict.FAIL), (None, Verdict.FAIL)],
)
def test_a_lower_minimum_is_a_lower_bar(now: float | None, verdict: Verdict) -> None:
    found = bar_findings([finding("accuracy.score", now)], baseline(score=0.95))
    assert [each.verdict for each in found] == [verdict]


def test_what_was_not_asked_this_time_was_not_lowered() -> None:
    """The training samples were at hand when the baseline was accepted, and are not now."""
    skipped = finding("accuracy.contamination", None, Verdict.SKIP)
    assert bar_findings([skipped], baseline(contamination=0.01)) == []
    found = bar_findings([skipped, finding("accuracy.score", 0.95)], baseline(contamination=0.01, score=0.95))
    assert [each.verdict for each in found] == [Verdict.PASS]


def test_a_baseline_from_before_says_nothing() -> None:
    old = baseline()
    assert bar_findings([finding("accuracy.score", 0.9)], old) == []
