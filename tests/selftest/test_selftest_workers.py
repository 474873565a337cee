"""Releases are judged in processes of their own; what breaks there is told and costs nothing else."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from seatrial.selftest.bench import Bench, Job, Reply
from seatrial.selftest.result import Mark
from seatrial.selftest.workers import Workers
from support.selftest_faults import READING, small_subject


def job(name: str, *checks: str) -> Job:
    return Job("fault", name, 5, checks or READING)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Bench(small_subject(tmp_path), scratch, seed=7)


def test_a_fault_is_seen_in_the_release_itself(bench: Bench) -> None:
    answer = bench.do(job("one-nan", "weights")).answer
    assert answer is not None
    assert answer.refused
    assert (answer.first, answer.finding) == ("weights", "weights.finite")
    assert not answer.digest_only
    assert answer.times["weights"] > 0


def test_a_digest_alone_is_told_apart(bench: Bench) -> None:
    answer = bench.do(job("one-bit")).answer
    assert answer is not None
    assert answer.refused
    assert answer.digest_only
    assert answer.marks["structure"] is Mark.DIGEST
    assert answer.finding == "structure.fingerprint"


def test_a_release_without_a_fault_passes(bench: Bench) -> None:
    answer = bench.do(job("nothing-wrong", "weights")).answer
    assert answer is not None
    assert not answer.refused
    assert answer.first == ""


def test_a_release_that_cannot_be_read_is_refused(bench: Bench) -> None:
    answer = bench.do(job("no-graph")).answer
    assert answer is not None
    assert answer.refused
    assert answer.marks == {"structure": Mark.REFUSED, "weights": Mark.NOT_ASKED}
    assert "gone.json" in answer.said.en
    assert "/" not in answer.said.en  # no folder that is gone when it is read
    assert not answer.digest_only


def test_a_contract_that_would_be_refused_is_refused(bench: Bench) -> None:
    answer = bench.do(job("label-twice", "weights", "interface")).answer
    assert answer is not None
    assert answer.marks["interface"] is Mark.REFUSED
    assert "cat" in answer.said.en


def test_a_list_with_another_digest_is_known_by_the_digest(bench: Bench) -> None:
    answer = bench.do(job("labels-not-vouched-for", "weights")).answer
    assert answer is not None
    assert answer.refused
    assert answer.digest_only
    assert answer.marks == {"weights": Mark.YES, "interface": Mark.DIGEST}


def test_what_cannot_happen_says_why(bench: Bench) -> None:
    assert bench.do(job("impossible")).not_applicable == "this model has no such part"
    assert "--members" in bench.do(job("of-members")).not_applicable


def test_a_slip_of_the_author_is_an_error_of_the_selftest(bench: Bench) -> None:
    reply = bench.do(job("bug"))
    assert reply.answer is None
    assert "ZeroDivisionError" in reply.broke
    assert "selftest_faults.py" in reply.broke


def test_a_quick_run_stops_at_the_first_check_that_sees_it(bench: Bench) -> None:
    quick = Job("fault", "one-nan", 5, ("weights", "security", "deployment"), quick=True)
    answer = bench.do(quick).answer
    assert answer is not None
    assert answer.refused
    assert set(answer.marks) == {"weights"}


def test_what_rests_on_the_same_bytes_is_asked_once(bench: Bench) -> None:
    first, again = (bench.do(job("nothing-wrong", "weights")).answer for _ in range(2))
    assert first is not None
    assert again is not None
    assert again.times["weights"] == first.times["weights"]  # the answer of the first, with its time
    assert (again.refused, again.marks) == (first.refused, first.marks)


def test_a_no_is_said_each_time_anew(bench: Bench, tmp_path: Path) -> None:
    first, again = (bench.do(job("one-nan", "weights")).answer for _ in range(2))
    assert first is not None
    assert again is not None
    assert again.refused
    assert not list((tmp_path / "scratch" / "answers").glob("weights-*"))  # only a yes is kept


def test_what_was_made_is_removed(bench: Bench, tmp_path: Path) -> None:
    bench.do(job("one-nan", "weights"))
    assert [each.name for each in (tmp_path / "scratch").iterdir()] == ["answers"]


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reply]:
    """Two processes at a time, of which one is killed, one leaves, and one hangs."""
    folder = tmp_path_factory.mktemp("workers")
    found: dict[str, Reply] = {}
    for limit, names in (
        (240.0, ("kills", "one-nan", "exits", "one-bit", "nothing-wrong")),
        (2.0, ("hangs",)),
    ):
        scratch = folder / f"scratch-{limit:g}"
        scratch.mkdir()
        workers = Workers(small_subject(folder), scratch, seed=7, limit=limit)
        with closing(workers):
            jobs = [job(name, "weights") for name in names]
            found |= {each.job.name: each for each in workers.run(jobs, at_once=2)}
    return found


def test_every_job_has_a_reply(replies: dict[str, Reply]) -> None:
    assert set(replies) == {"kills", "hangs", "one-nan", "exits", "one-bit", "nothing-wrong"}


def test_a_killed_process_is_an_error_and_no_catch(replies: dict[str, Reply]) -> None:
    assert replies["kills"].answer is None
    assert "SIGKILL" in replies["kills"].broke
    assert "these are my last words" in replies["kills"].broke
    assert "exit code 3" in replies["exits"].broke


def test_a_process_that_hangs_is_ended(replies: dict[str, Reply]) -> None:
    assert replies["hangs"].answer is None
    assert "2 s" in replies["hangs"].broke


def test_the_others_are_judged(replies: dict[str, Reply]) -> None:
    seen = {name: each.answer for name, each in replies.items() if each.answer is not None}
    assert {name: each.refused for name, each in seen.items()} == {
        "one-nan": True,
        "one-bit": False,  # only `structure` compares digests, and it was not asked
        "nothing-wrong": False,
    }
