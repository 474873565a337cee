"""Is the bar where it was when the baseline was accepted? A bar that was lowered lets anything pass (F49)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.checks._finding import Finding, Limit, Scalar, Table, Text, Verdict
from seatrial.checks._trial import Baseline

# Which way a limit is loosened: -1 when a smaller one asks for less, 1 when a larger one allows more.
_LOOSER = {
    "accuracy.score": -1,
    "accuracy.classes": -1,
    "accuracy.slices": 1,
    "accuracy.contamination": 1,
    "accuracy.baseline": -1,
}


def limits_of(findings: Sequence[Finding]) -> dict[str, Scalar]:
    """The limits this run judged by, to be kept in a baseline; None where there was none."""
    return {each.id: each.limit.value if each.limit else None for each in findings if each.id in _LOOSER}


def bar_findings(findings: Sequence[Finding], baseline: Baseline) -> list[Finding]:
    """The limits of this run against those the baseline was accepted under.

    Nothing to say where the baseline keeps none.
    """
    kept = baseline.figures.get("accuracy", {}).get("limits")
    if not isinstance(kept, Mapping):
        return []
    # What was not asked this time (no training samples at hand) was not judged by a lower bar.
    now = limits_of([each for each in findings if each.verdict is not Verdict.SKIP])
    rows = [(name, kept[name], now[name]) for name in now if name in kept]
    loosened = [row for row in rows if _loosened(*row)]
    if not rows:
        return []
    first = loosened[0] if loosened else None
    said, said_zh = (
        (
            f"{first[0]} was judged by {first[1]} then, and by {first[2]} now",
            f"{first[0]} 的限值由 {first[1]} 变为 {first[2]}",
        )
        if first
        else ("no limit is looser than then", "没有限值被放宽")
    )
    return [
        Finding(
            "accuracy.bar",
            Verdict.FAIL if loosened else Verdict.PASS,
            Text(f"Against baseline '{baseline.name}': {said}.", f"与基线“{baseline.name}”相比：{said_zh}。"),
            examined=len(rows),
            measured=len(loosened),
            limit=Limit(0, "check default: a bar is not lowered unseen"),
            evidence=(Table(Text("Limits", "限值"), ("finding", "then", "now"), tuple(rows)),),
            cause=Text(
                "A limit was loosened in the contract or the profile to let this release pass.",
                "契约或配置中的限值被放宽，以便让本次发布通过。",
            )
            if loosened
            else None,
            fix=Text(
                "Restore the limit, or accept a new baseline and say why less is enough.",
                "请恢复限值，或接受新基线并说明为何可以降低要求。",
            )
            if loosened
            else None,
            where=first[0] if first else "",
        )
    ]


def _loosened(name: str, then: Any, now: Any) -> bool:
    if not isinstance(then, (int, float)):
        return False
    if not isinstance(now, (int, float)):
        return True
    return (now - then) * _LOOSER[name] > 0
