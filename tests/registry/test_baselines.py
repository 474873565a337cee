"""Accepted numbers stay what they were: append-only, chained, safe among several processes (M04)."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import NotFound, SeatrialError, TrustError, Unavailable, UsageError
from seatrial.registry import BaselineRecord, Baselines

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FIGURES = {"accuracy": {"accuracy.top1": 0.99, "per_class": [1.0, 0.98]}, "performance": {"p99": 12.5}}


def accept(baselines: Baselines, **changed) -> BaselineRecord:
    given = {
        "name": "digits",
        "accepted_by": "Li Wei",
        "reason": "first release",
        "model_name": "digits",
        "model_path": "models/digits",
        "model_digest": "sha256:aa",
        "data_digest": "sha256:dd",
        "preprocess_digest": "sha256:pp",
        "environment_digest": "sha256:ee",
        "figures": FIGURES,
        "clock": lambda: NOON,
    }
    return baselines.accept(**{**given, **changed})


@pytest.fixture
def baselines(tmp_path) -> Baselines:
    return Baselines(tmp_path / "deep" / "baselines.db")


def test_what_is_accepted_is_found_as_it_was(baselines):
    record = accept(baselines)
    assert record.sequence == 1
    assert baselines.find(name="digits") == record == baselines.show("digits")
    assert record.figures == FIGURES
    assert record.accepted_at == NOON


def test_before_the_first_one_there_is_nothing_and_no_file_is_made(baselines):
    assert baselines.list() == []
    assert baselines.find(name="digits") is None
    assert not baselines.path.exists()


def test_accepting_again_supersedes_and_keeps_the_history(baselines):
    first = accept(baselines)
    second = accept(
        baselines, reason="faster", model_digest="sha256:bb", clock=lambda: NOON + timedelta(days=1)
    )
    other = accept(baselines, name="ocr", model_name="ocr")
    assert baselines.show("digits") == second
    assert baselines.list() == [other, second, first]
    assert baselines.list(name="digits") == [second, first]


def test_it_is_found_by_what_it_is_about(baselines):
    accept(baselines)
    laptop = accept(baselines, name="laptop", environment_digest="sha256:laptop")
    assert baselines.find(model_name="digits", data_digest="sha256:dd") == laptop
    found = baselines.find(model_name="digits", environment_digest="sha256:ee", preprocess_digest="sha256:pp")
    assert found is not None
    assert found.name == "digits"
    assert baselines.find(model_name="digits", data_digest="sha256:other") is None


@pytest.mark.parametrize("field", ["name", "accepted_by", "reason"])
@pytest.mark.parametrize("nothing", ["", "  ", "\n\t", "\u200b", "\x00"])
def test_a_baseline_needs_a_name_a_person_and_a_reason(baselines, field, nothing):
    with pytest.raises(UsageError, match="is missing"):
        accept(baselines, **{field: nothing})
    assert not baselines.path.exists()


@pytest.mark.parametrize("field", ["model_digest", "data_digest", "preprocess_digest", "environment_digest"])
def test_a_baseline_is_bound_to_digests(baselines, field):
    with pytest.raises(UsageError, match="digest"):
        accept(baselines, **{field: ""})


def test_the_time_is_kept_in_utc(baselines):
    beijing = timezone(timedelta(hours=8))
    record = accept(baselines, clock=lambda: datetime(2026, 11, 21, 20, 0, tzinfo=beijing))
    assert record.accepted_at == NOON
    assert record.accepted_at.utcoffset() == timedelta(0)
    with pytest.raises(UsageError, match="time zone"):
        accept(baselines, clock=lambda: datetime(2026, 11, 21))  # noqa: DTZ001 - the sick case


def test_figures_that_are_no_json_are_refused(baselines):
    with pytest.raises(UsageError, match="cannot be kept"):
        accept(baselines, figures={"accuracy": {"top1": object()}})
    assert not baselines.path.exists()


def test_the_name_nobody_accepted_lists_those_there_are(baselines):
    accept(baselines)
    accept(baselines, name="ocr")
    with pytest.raises(NotFound) as caught:
        baselines.show("digit")
    assert "digits, ocr" in caught.value.hint


@given(
    said=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
        lambda each: any(letter.isalnum() for letter in each)
    ),
    value=st.floats(allow_nan=False) | st.integers() | st.text(max_size=20) | st.none(),
)
def test_anything_said_comes_back(tmp_path_factory, said, value):
    baselines = Baselines(tmp_path_factory.mktemp("said") / "b.db")
    record = accept(baselines, name=said, reason=said, accepted_by=said, figures={said: {said: value}})
    assert baselines.show(said) == record
    assert record.name == said.strip()
    assert record.figures == {said: {said: value}}


class TestHistory:
    """It cannot be rewritten, and where somebody did, that is seen."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE baselines SET reason = 'other'",
            "DELETE FROM baselines",
            "INSERT OR REPLACE INTO baselines SELECT sequence, name, model_name, model_digest, data_digest, "
            "preprocess_digest, environment_digest, model_path, figures, accepted_by, 'other', accepted_at, "
            "digest FROM baselines",
        ],
    )
    def test_the_database_itself_refuses_a_change(self, baselines, statement):
        before = accept(baselines)
        connection = sqlite3.connect(baselines.path)
        connection.execute("PRAGMA recursive_triggers = ON")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.close()
        assert baselines.list() == [before]

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE baselines SET reason = 'other' WHERE sequence = 1",
            """UPDATE baselines SET figures = '{"accuracy": {"accuracy.top1": 0.5}}' WHERE sequence = 2""",
            "DELETE FROM baselines WHERE sequence = 1",
            "DELETE FROM baselines WHERE sequence = 2",
            "INSERT OR REPLACE INTO baselines SELECT sequence, name, model_name, model_digest, data_digest, "
            "preprocess_digest, environment_digest, model_path, figures, accepted_by, 'other', accepted_at, "
            "digest FROM baselines WHERE sequence = 1",
        ],
    )
    def test_a_change_behind_the_triggers_is_seen(self, baselines, statement):
        for count in range(3):
            accept(baselines, reason=f"reason {count}")
        connection = sqlite3.connect(baselines.path)
        connection.executescript("DROP TRIGGER baselines_never_change; DROP TRIGGER baselines_never_go")
        connection.execute(statement)
        connection.commit()
        connection.close()
        with pytest.raises(TrustError, match="changed from outside"):
            baselines.list()


class TestBadFiles:
    """Each with one of our errors, and the file as it was."""

    def test_no_database_at_all(self, tmp_path):
        path = tmp_path / "baselines.db"
        path.write_bytes(b"this is a letter, not a database. " * 100)
        for call in (Baselines(path).list, lambda: accept(Baselines(path))):
            with pytest.raises(UsageError, match="is no database"):
                call()
        assert path.read_bytes().startswith(b"this is a letter")

    def test_the_database_of_another_program(self, tmp_path):
        path = tmp_path / "photos.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE photos (name TEXT)")
        connection.commit()
        connection.close()
        for call in (Baselines(path).list, lambda: accept(Baselines(path))):
            with pytest.raises(UsageError, match="another program"):
                call()

    def test_a_layout_from_the_future(self, baselines):
        accept(baselines)
        connection = sqlite3.connect(baselines.path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(UsageError, match="later Seatrial"):
            baselines.list()

    def test_a_damaged_file(self, baselines):
        for count in range(60):
            accept(baselines, reason="x" * 900 + str(count))
        data = bytearray(baselines.path.read_bytes())
        assert len(data) > 30_000
        data[8192:28000] = b"\xff" * (28000 - 8192)
        baselines.path.write_bytes(data)
        with pytest.raises(TrustError):
            baselines.list()

    @pytest.mark.parametrize("length", [1, 50, 99])
    def test_a_file_cut_short(self, baselines, length):
        accept(baselines)
        baselines.path.write_bytes(baselines.path.read_bytes()[: length * 41])
        with pytest.raises(SeatrialError):
            baselines.list()

    def test_an_empty_file_is_an_empty_history(self, tmp_path):
        path = tmp_path / "baselines.db"
        path.touch()
        assert Baselines(path).list() == []
        accept(Baselines(path))
        assert len(Baselines(path).list()) == 1

    def test_a_folder(self, tmp_path):
        for call in (Baselines(tmp_path).list, lambda: accept(Baselines(tmp_path))):
            with pytest.raises(UsageError, match="folder"):
                call()

    def test_a_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "home").touch()
        baselines = Baselines(tmp_path / "home" / "b.db")
        assert baselines.list() == []
        with pytest.raises(UsageError, match="cannot make the folder"):
            accept(baselines)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_one_may_not_write_to(self, tmp_path):
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(UsageError, match="cannot be opened or written"):
                accept(Baselines(tmp_path / "b.db"))
        finally:
            tmp_path.chmod(0o700)

    def test_a_file_one_may_only_read(self, baselines, monkeypatch):
        record = accept(baselines)
        connect = sqlite3.connect

        def only_read(address, **options):
            if "immutable" not in address:
                address = str(address).replace("mode=rwc", "mode=ro").replace("mode=ro", "mode=ro&nolock=1")
            return connect(address, **options)

        monkeypatch.setattr(sqlite3, "connect", only_read)
        assert baselines.list() == [record]
        with pytest.raises(UsageError, match="cannot be opened or written"):
            accept(baselines)
        monkeypatch.undo()
        assert baselines.list() == [record]

    def test_a_full_disk_keeps_nothing_of_the_call(self, baselines, monkeypatch):
        record = accept(baselines)
        connect = sqlite3.connect

        def small(address, **options):
            connection = connect(address, **options)
            connection.execute("PRAGMA max_page_count = 9")
            return connection

        monkeypatch.setattr(sqlite3, "connect", small)
        with pytest.raises(Unavailable, match="nothing was kept"):
            accept(baselines, reason="x" * 200_000)
        monkeypatch.undo()
        assert baselines.list() == [record]

    def test_a_lock_that_is_never_given_back(self, baselines):
        accept(baselines)
        holder = sqlite3.connect(baselines.path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(Unavailable, match="in use"):
                accept(Baselines(baselines.path, patience=0.05))
            assert len(baselines.list()) == 1  # readers go on
        finally:
            holder.execute("ROLLBACK")
            holder.close()


def _accept_many(path: str, worker: int, times: int) -> None:
    baselines = Baselines(Path(path), patience=60)
    for count in range(times):
        accept(baselines, name=f"worker-{worker}", reason=f"number {count}")


def test_several_processes_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    path = str(tmp_path / "new" / "baselines.db")
    workers = [context.Process(target=_accept_many, args=(path, worker, 8)) for worker in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(120)
    assert [each.exitcode for each in workers] == [0] * 4
    kept = Baselines(Path(path)).list()
    assert len(kept) == 32
    for worker in range(4):
        reasons = [each.reason for each in reversed(kept) if each.name == f"worker-{worker}"]
        assert reasons == [f"number {count}" for count in range(8)]


def test_the_log_is_write_ahead(baselines):
    accept(baselines)
    connection = sqlite3.connect(baselines.path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_the_figures_are_json_that_others_can_read(baselines):
    accept(baselines)
    connection = sqlite3.connect(baselines.path)
    assert json.loads(connection.execute("SELECT figures FROM baselines").fetchone()[0]) == FIGURES
    connection.close()
