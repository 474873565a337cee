"""The order of things: the good release first, then the broken ones; a stop leaves what is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial.checks import Verdict
from seatrial.errors import NotFound, UsageError
from seatrial.selftest import Mark, Plan, Status, Step, choose, run_selftest, runner
from seatrial.selftest.bench import Job, Reply
from seatrial.selftest.marks import Answer, answer_of, mark_of
from seatrial.selftest.subject import baseline_of, read_good, unpinned
from seatrial.selftest.variants import VARIANTS, fitting
from seatrial.text import Text
from support.sample_report import passing_report, sample_report
from support.selftest_faults import catalogue, small_subject

if TYPE_CHECKING:
    from seatrial.selftest import SelfTest

FAULTS = ("one-nan", "one-bit", "impossible", "bug")


class Played:
    """Workers that answer at once, as the names of their jobs ask for."""

    report = passing_report()

    def __init__(self, *_: Any, **__: Any) -> None:
        self.baselines: list[Any] = []
        self.asked: list[tuple[Job, int]] = []
        self.closed = False
        PLAYED.append(self)

    def accept(self, baseline: Any) -> None:
        self.baselines.append(baseline)

    def run(self, jobs: Iterable[Job], *, at_once: int) -> Iterator[Reply]:
        for job in jobs:
            self.asked.append((job, at_once))
            yield self._reply(job)

    def _reply(self, job: Job) -> Reply:
        if job.kind == "good":
            return Reply(job, answer_of(self.report), report=self.report)
        if job.name == "impossible":
            return Reply(job, not_applicable="no such part")
        if job.name == "bug":
            return Reply(job, broke="ZeroDivisionError")
        no = job.kind == "fault"
        marks = {name: Mark.NO if no and name == "weights" else Mark.YES for name in job.checks}
        said = Text("seen", "发现")
        return Reply(job, Answer(no, marks, "weights" if no else "", "weights.finite", said, 2.0, {}))

    def close(self) -> None:
        self.closed = True


PLAYED: list[Played] = []


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> type[Played]:
    PLAYED.clear()
    monkeypatch.setattr(runner, "Workers", Played)
    return Played


def clock() -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC)


def run(folder: Path, plan: Plan, **more: Any) -> SelfTest:
    return run_selftest(small_subject(folder), plan, clock=clock, **more)


@pytest.mark.usefixtures("played")
def test_rows_and_scores(tmp_path: Path) -> None:
    found = run(tmp_path, Plan(FAULTS, good=3))
    assert {each.name: each.status for each in found.faults} == {
        "one-nan": Status.CAUGHT,
        "one-bit": Status.CAUGHT,
        "impossible": Status.NOT_APPLICABLE,
        "bug": Status.ERROR,
    }
    assert [each.status for each in found.good] == ["passed"] * 3
    assert found.planned == 7
    assert not found.passed  # one broke
    assert found.pinned == ("graph", "weights")


@pytest.mark.usefixtures("played")
def test_the_good_release_is_the_baseline_of_the_others(tmp_path: Path) -> None:
    run(tmp_path, Plan(FAULTS, good=2))
    workers = PLAYED[0]
    assert workers.asked[0][0].kind == "good"
    assert workers.asked[0][0].checks == tuple(each.name for each in runner.all_checks())
    assert [each.model_digest for each in workers.baselines] == [Played.report.subject["model"]]
    assert workers.closed


@pytest.mark.usefixtures("played")
def test_load_is_asked_alone_and_only_where_it_must(tmp_path: Path) -> None:
    run(tmp_path, Plan(FAULTS, good=4, jobs=2, load_every=2))
    asked = PLAYED[0].asked[1:]
    loaded = [(job.kind, at_once) for job, at_once in asked if "performance" in job.checks]
    assert loaded == [("variant", 1), ("variant", 1)]
    assert {at_once for job, at_once in asked if "performance" not in job.checks} == {2}


def test_a_gate_that_refuses_the_good_one_proves_nothing(
    played: type[Played], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(played, "report", sample_report())
    with pytest.raises(UsageError, match="proves nothing"):
        run(tmp_path, Plan(FAULTS, good=0))
    assert len(PLAYED[0].asked) == 1
    assert PLAYED[0].closed


@pytest.mark.usefixtures("played")
def test_a_stop_leaves_what_is_done(tmp_path: Path) -> None:
    def stop(step: Step) -> None:
        if step.done == 2:
            raise KeyboardInterrupt

    found = run(tmp_path, Plan(FAULTS, good=2), told=stop)
    assert found.interrupted
    assert not found.passed
    assert [each.name for each in found.faults] == ["one-nan", "one-bit"]
    assert found.good == ()
    assert PLAYED[0].closed


@pytest.mark.usefixtures("played")
def test_the_time_left_shrinks_to_nothing(tmp_path: Path) -> None:
    left: list[float] = []
    run(tmp_path, Plan(FAULTS, good=3), told=lambda step: left.append(step.remaining))
    assert left[0] > 0
    assert left[-1] == 0
    assert len(left) == 8


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("F14", {"one-nan"}),
        ("f09,one-nan", {"one-bit", "one-nan"}),
        ("C3", {"label-twice", "labels-not-vouched-for"}),
        ("c1, no-graph", {"one-bit", "no-graph"}),
        ("all", set(catalogue())),
        ("weights", set(catalogue())),  # a kind
    ],
)
def test_faults_are_chosen_in_groups(wanted: str, chosen: set[str]) -> None:
    assert set(choose(wanted, catalogue())) == chosen


@pytest.mark.parametrize("wanted", ["F99", "C11", "one-nam", "one-nan,zebra"])
def test_what_means_no_fault_is_refused(wanted: str) -> None:
    with pytest.raises(NotFound, match="no fault"):
        choose(wanted, catalogue())


def test_a_near_name_is_offered() -> None:
    with pytest.raises(NotFound) as error:
        choose("one-nam", catalogue())
    assert "one-nan" in error.value.hint


def test_the_pins_are_those_of_the_files(tmp_path: Path) -> None:
    good = read_good(small_subject(tmp_path))
    assert set(good.contract.fingerprints) == {"graph", "weights"}
    assert unpinned(good.contract).fingerprints == {}


def test_a_defective_good_model_is_refused_at_once(tmp_path: Path) -> None:
    subject = small_subject(tmp_path)
    weights = subject.model / "inference.pdiparams"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UsageError, match="defect"):
        read_good(subject)


def test_the_baseline_has_the_figures_of_the_good_run() -> None:
    report = passing_report()
    baseline = baseline_of(report, clock)
    assert baseline.figures == report.figures
    assert baseline.model_path == report.model["path"]
    assert baseline.accepted_at == clock()


def test_variants_fit_the_release(tmp_path: Path) -> None:
    subject = small_subject(tmp_path)
    names = [each.name for each in fitting(read_good(subject), subject.profile)]
    assert "threads-1" not in names  # as the profile has it
    assert "spinning-off" not in names  # another runtime serves it
    assert {"copied", "threads-2", "onednn-off", "as-onnx", "rewritten", "busy-machine"} <= set(names)
    assert len({each.name for each in VARIANTS}) == len(VARIANTS)


def test_marks_of_every_verdict() -> None:
    result = replace(sample_report().results[0], findings=(), required=True)
    marks = {verdict: mark_of(replace(result, verdict=verdict)) for verdict in Verdict}
    assert marks == {
        Verdict.PASS: Mark.YES,
        Verdict.WARN: Mark.WARNED,
        Verdict.FAIL: Mark.NO,
        Verdict.ERROR: Mark.NO_ANSWER,
        Verdict.SKIP: Mark.NO_ANSWER,
        Verdict.NOT_EXERCISED: Mark.NO_ANSWER,
        Verdict.INCONCLUSIVE: Mark.NO_ANSWER,
    }
    assert mark_of(replace(result, verdict=Verdict.SKIP, required=False)) is Mark.SKIPPED


def test_a_no_that_rests_on_digests_alone_is_a_digest() -> None:
    report = sample_report()
    failed = next(each for each in report.results if each.verdict is Verdict.FAIL)
    by_digest = tuple(
        replace(each, id="structure.fingerprint") if each.verdict is Verdict.FAIL else each
        for each in failed.findings
    )
    assert mark_of(failed) is Mark.NO
    assert mark_of(replace(failed, findings=by_digest)) is Mark.DIGEST
    only = answer_of(replace(report, results=(replace(failed, findings=by_digest),)))
    assert only.digest_only
    assert only.finding == "structure.fingerprint"
