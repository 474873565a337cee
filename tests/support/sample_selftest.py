"""A self-test with every kind of row in it, as data."""

from __future__ import annotations

from dataclasses import replace

from seatrial.selftest import FaultRow, GoodRow, Mark, SelfTest, Status
from seatrial.selftest.scoring import score
from seatrial.text import Text

TITLES = {
    "structure": Text("Structure", "结构"),
    "weights": Text("Weights", "权重"),
    "accuracy": Text("Accuracy", "准确性"),
    "performance": Text("Performance", "性能"),
}


def fault(name: str, status: Status = Status.CAUGHT, **marks: Mark) -> FaultRow:
    """A row; `marks` by check, the others were not asked."""
    every = {check: marks.get(check, Mark.NOT_ASKED) for check in TITLES}
    said_no = [check for check, mark in every.items() if mark in (Mark.NO, Mark.REFUSED, Mark.DIGEST)]
    return FaultRow(
        name=name,
        number="F01",
        title=Text(f"the release is {name}", f"发布：{name}"),
        kind="weights",
        status=status,
        expected=("weights",),
        seed=7,
        marks=every,
        first=said_no[0] if said_no else "",
        said=Text(f"{name} was seen", f"发现 {name}") if said_no else None,
        seconds=1.5,
    )


def rows() -> tuple[FaultRow, ...]:
    """Seen by one, by two, by a digest, declared equivalent, missed, not applicable, broken."""
    no, yes, digest = Mark.NO, Mark.YES, Mark.DIGEST
    return (
        fault("alone", structure=yes, weights=no, accuracy=yes),
        fault("twice", structure=digest, weights=no, accuracy=no),
        replace(fault("known", structure=digest, weights=yes, accuracy=yes), digest_only=True),
        replace(
            fault("equal", structure=digest, weights=yes, accuracy=yes),
            digest_only=True,
            equivalent=Text("no answer changes", "答案没有变化"),
        ),
        fault("through", Status.MISSED, structure=yes, weights=Mark.WARNED, accuracy=yes),
        replace(fault("elsewhere", Status.NOT_APPLICABLE), marks={}, why="there is no such part"),
        replace(fault("broken", Status.ERROR), marks={}, why="ZeroDivisionError: a slip"),
    )


def good(*, refused: int = 0, passed: int = 3) -> tuple[GoodRow, ...]:
    """Runs over good releases."""
    title, why = Text("copied elsewhere", "复制到别处"), Text("accuracy fell", "准确率下降")
    yes = tuple(GoodRow("copied", title, seed, "passed", ("structure",)) for seed in range(passed))
    no = tuple(
        GoodRow("copied", title, seed, "refused", ("structure",), why)
        for seed in range(passed, passed + refused)
    )
    return (*yes, *no)


def sample_selftest(
    faults: tuple[FaultRow, ...] | None = None,
    releases: tuple[GoodRow, ...] | None = None,
    *,
    quick: bool = False,
) -> SelfTest:
    """A whole self-test of these rows."""
    faults = rows() if faults is None else faults
    releases = good() if releases is None else releases
    return SelfTest(
        model={"name": "digits", "digest": "sha256:" + "ab" * 32, "format": "paddle-json"},
        subject={"model": "sha256:" + "ab" * 32},
        profile="cpu-server",
        members=False,
        pinned=("graph", "weights"),
        checks=tuple(TITLES),
        titles=TITLES,
        faults=faults,
        good=releases,
        scores=score(faults, releases, titles=TITLES, seconds={"weights": [0.1, 0.3, 0.2]}, quick=quick),
        seed=7,
        quick=quick,
        interrupted=False,
        planned=len(faults) + len(releases),
        jobs=2,
        environment={"cores": 2},
        started="2026-11-21T08:00:00+00:00",
        seconds=61.5,
        seatrial="0.1.0",
        command="seatrial selftest models/digits --data held_out.npz",
    )
