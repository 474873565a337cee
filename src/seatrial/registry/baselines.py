"""Baselines: accepted numbers that a later model is compared with, append-only (M04, M06)."""

from __future__ import annotations

import builtins
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import TrustError, UsageError
from seatrial.registry._database import Database, missing
from seatrial.registry._record import COLUMNS, BaselineRecord, chained, figures_text, record_from

if TYPE_CHECKING:
    import sqlite3

__all__ = ["BaselineRecord", "Baselines"]

_LISTED = ", ".join(COLUMNS)
_MOST = 64 << 20  # bytes of figures; a run records a few kilobytes


class Baselines:
    """The history of accepted baselines in one SQLite file.

    Nothing in it ever changes: accepting under a name that is taken adds a new baseline, which is the one
    found from then on, and keeps the old one. Safe for several processes at once.

    Args:
        path: The file; made with its folder when the first baseline is accepted.
        patience: Seconds to wait for another process that is writing.
    """

    def __init__(self, path: Path, *, patience: float = 10.0) -> None:
        self._database = Database(path, patience=patience)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def accept(
        self,
        *,
        name: str,
        accepted_by: str,
        reason: str,
        model_name: str,
        model_path: str,
        model_digest: str,
        data_digest: str,
        preprocess_digest: str,
        environment_digest: str,
        figures: Mapping[str, Mapping[str, Any]],
        clock: Callable[[], datetime],
    ) -> BaselineRecord:
        """Keeps the figures of a run under a name, for good.

        Args:
            name: What to call the baseline.
            accepted_by: The person who accepts it.
            reason: Why.
            model_name: Name of the model in its contract.
            model_path: Where the model lies now.
            model_digest: Digest of the model.
            data_digest: Digest of the held-out set.
            preprocess_digest: Digest of pre- and postprocessing.
            environment_digest: Digest of machine and versions.
            figures: What each check recorded, by check name.
            clock: Gives the time, UTC-aware.

        Raises:
            UsageError: A name, a person or a reason is missing; the figures are no JSON; the file cannot be
                written or is no registry of baselines.
            Unavailable: Another process holds the file for too long, or the disk is full; nothing was kept.
            TrustError: The file is damaged.
        """
        now = clock()
        if now.tzinfo is None:
            raise UsageError("the time of acceptance has no time zone", hint="give a clock that is UTC-aware")
        record = BaselineRecord(
            name=_said(name, "the name of the baseline"),
            model_name=model_name,
            model_digest=_digest(model_digest, "model"),
            data_digest=_digest(data_digest, "data"),
            preprocess_digest=_digest(preprocess_digest, "preprocessing"),
            environment_digest=_digest(environment_digest, "environment"),
            model_path=model_path,
            figures=figures,
            accepted_by=_said(accepted_by, "the name of the person who accepts"),
            reason=_said(reason, "the reason"),
            accepted_at=now,
        )
        if len(figures_text(figures)) > _MOST:
            raise UsageError("the figures of this report are too large to keep", hint="record fewer figures")
        row = tuple(each.encode("utf-8", "backslashreplace").decode("utf-8") for each in record.row())
        with self._database.writing() as connection:
            last = connection.execute(
                "SELECT digest FROM baselines ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            marks = ", ".join("?" * (len(COLUMNS) + 1))
            cursor = connection.execute(
                f"INSERT INTO baselines ({_LISTED}, digest) VALUES ({marks})",  # noqa: S608 - our own column names
                (*row, chained(last[0] if last else "", row)),
            )
            sequence = cursor.lastrowid or 0
        return record_from(sequence, row)

    def find(
        self,
        *,
        name: str | None = None,
        model_name: str | None = None,
        data_digest: str | None = None,
        preprocess_digest: str | None = None,
        environment_digest: str | None = None,
    ) -> BaselineRecord | None:
        """The newest baseline that agrees with everything given, or None.

        Raises:
            SeatrialError: The file cannot be read, is no registry of baselines, or is damaged.
        """
        asked = {
            "name": name.strip() if name is not None else None,
            "model_name": model_name,
            "data_digest": data_digest,
            "preprocess_digest": preprocess_digest,
            "environment_digest": environment_digest,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        for record in self.list():
            if all(getattr(record, key) == value for key, value in given.items()):
                return record
        return None

    def show(self, name: str) -> BaselineRecord:
        """The newest baseline of that name.

        Raises:
            NotFound: Nothing was accepted under that name; the hint lists what there is.
        """
        record = self.find(name=name)
        if record is None:
            raise missing(name, [each.name for each in self.list()])
        return record

    def list(self, *, name: str | None = None) -> builtins.list[BaselineRecord]:
        """Every baseline ever accepted, newest first; of one name when given.

        Raises:
            SeatrialError: The file cannot be read, is no registry of baselines, or is damaged.
        """
        with self._database.reading() as connection:
            records = [] if connection is None else _verified(connection, self.path)
        return [each for each in reversed(records) if name is None or each.name == name.strip()]


def _verified(connection: sqlite3.Connection, path: Path) -> list[BaselineRecord]:
    """All records, oldest first, once every row has proved that it is what was written."""
    records, before = [], ""
    query = f"SELECT sequence, digest, {_LISTED} FROM baselines ORDER BY sequence"  # noqa: S608 - our own column names
    for place, (sequence, digest, *row) in enumerate(connection.execute(query), start=1):
        if digest != chained(before, tuple(row)) or sequence != place:
            raise TrustError(
                f"baseline {place} of {path} is not what was accepted: the history was changed from outside",
                hint="restore the database from a copy; `seatrial baseline list` shows what it held",
            )
        records.append(record_from(sequence, tuple(row)))
        before = digest
    return records


def _said(text: str, what: str) -> str:
    """The text without blanks around it.

    Raises:
        UsageError: Nothing that one can read is left.
    """
    kept = text.strip()
    if not any(unicodedata.category(each)[0] in "LNPS" for each in kept):
        raise UsageError(
            f"{what} is missing; a baseline is accepted by someone, for a reason",
            hint="give --name, --by and --reason",
        )
    return kept


def _digest(text: str, what: str) -> str:
    if not text.strip():
        raise UsageError(
            f"the digest of the {what} is missing", hint="accept the report.json of a finished run"
        )
    return text
