"""From rows to figures: mutation score, unique kills, rate of false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from seatrial.checks import clopper_pearson
from seatrial.selftest.result import Bound, CheckScore, FaultRow, GoodRow, Mark, Scores, Status
from seatrial.text import Text


def score(
    faults: Sequence[FaultRow],
    good: Sequence[GoodRow],
    *,
    titles: Mapping[str, Text],
    seconds: Mapping[str, Sequence[float]],
    quick: bool,
) -> Scores:
    """The figures of what was judged so far.

    Args:
        faults: Broken releases.
        good: Good releases.
        titles: Title of every check by name, in the order of checks.
        seconds: Every time a check took, by its name.
        quick: Each release was let go at the first no, so that unique kills cannot be told.
    """
    able = [each for each in faults if each.applicable]
    caught = [each for each in able if each.caught]
    shown = [each for each in able if each.equivalent is None]
    tried = [each for each in good if each.status in ("passed", "refused")]
    refused = sum(each.status == "refused" for each in tried)
    return Scores(
        applicable=len(able),
        caught=len(caught),
        behavior_applicable=len(shown),
        behavior_caught=sum(each.caught and not each.digest_only for each in shown),
        equivalents=len(able) - len(shown),
        digest_only=sum(each.digest_only for each in caught),
        missed=tuple(each.name for each in able if each.status is Status.MISSED),
        errors=tuple(each.name for each in able if each.status is Status.ERROR),
        elsewhere=tuple(each.name for each in caught if each.elsewhere),
        false_alarms=bound(refused, len(tried)),
        checks=tuple(
            _of_check(name, title, able, seconds.get(name, ()), quick=quick) for name, title in titles.items()
        ),
    )


def bound(hits: int, n: int) -> Bound:
    """The rate with its one-sided 95 % upper bound; 1 when nothing was tried."""
    # The upper end of a two-sided 90 % interval is the one-sided 95 % bound.
    high = clopper_pearson(hits, n, confidence=0.9).high if n else 1.0
    return Bound(hits, n, round(high, 6))


def _of_check(
    name: str, title: Text, faults: Sequence[FaultRow], seconds: Sequence[float], *, quick: bool
) -> CheckScore:
    kills = [each for each in faults if name in each.seen_by()]
    return CheckScore(
        name=name,
        title=title,
        kills=len(kills),
        unique=None if quick else sum(each.seen_by() == (name,) for each in kills),
        digests=sum(each.marks.get(name) is Mark.DIGEST for each in faults),
        asked=sum(each.marks.get(name, Mark.NOT_ASKED) is not Mark.NOT_ASKED for each in faults),
        seconds=round(median(seconds), 3) if seconds else 0.0,
    )
