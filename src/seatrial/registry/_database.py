"""The SQLite file of a registry: opened, made, recognized, and its errors in our words."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import NotFound, SeatrialError, TrustError, Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

# "SEAT" in ASCII: tells our file from any other program's.
APPLICATION = 0x53454154
VERSION = 1

# History is never rewritten, not even by a program that opens the file by itself. The digests of the rows
# form a chain, so that a row changed with the triggers out of the way is found when it is read.
SCHEMA = """
CREATE TABLE baselines (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (trim(name) <> ''),
    model_name TEXT NOT NULL,
    model_digest TEXT NOT NULL,
    data_digest TEXT NOT NULL,
    preprocess_digest TEXT NOT NULL,
    environment_digest TEXT NOT NULL,
    model_path TEXT NOT NULL,
    figures TEXT NOT NULL,
    accepted_by TEXT NOT NULL CHECK (trim(accepted_by) <> ''),
    reason TEXT NOT NULL CHECK (trim(reason) <> ''),
    accepted_at TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX baselines_by_name ON baselines (name, sequence);
CREATE INDEX baselines_by_subject ON baselines (model_name, data_digest, preprocess_digest, sequence);
CREATE TRIGGER baselines_never_change BEFORE UPDATE ON baselines
BEGIN SELECT RAISE(ABORT, 'baselines are append-only'); END;
CREATE TRIGGER baselines_never_go BEFORE DELETE ON baselines
BEGIN SELECT RAISE(ABORT, 'baselines are append-only'); END;
"""


class Database:
    """One file. A connection lives for one operation, so that nothing is held open between two.

    Args:
        path: The file; made, with its folder, by the first `writing`.
        patience: Seconds to wait for another writer.
    """

    def __init__(self, path: Path, *, patience: float = 10.0) -> None:
        self.path = Path(path)
        self.patience = patience

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that only reads, or None when there is no file yet.

        Raises:
            SeatrialError: The file cannot be read or is no registry.
        """
        if not self._exists():
            yield None
            return
        with self._in_our_words(), contextlib.closing(self._open_to_read()) as connection:
            yield connection if self._recognized(connection) else None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection inside one transaction: all of it is kept, or none.

        Raises:
            SeatrialError: The file cannot be written, is locked, is no registry, or there is no room.
        """
        if not self._exists():
            self._make_folder()
        with self._in_our_words(), contextlib.closing(self._connect("rwc")) as connection:
            known = self._recognized(connection)
            # Readers go on while one writes; a file system without shared memory keeps the old journal.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have made the tables while this one waited for the lock.
                if not known and not self._recognized(connection):
                    self._make(connection)
                yield connection
            except BaseException:
                # SQLite has rolled back by itself already when the disk was full.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _exists(self) -> bool:
        try:
            return self.path.exists()
        except OSError as error:
            raise UsageError(
                f"cannot look at {self.path}: {error.strerror}", hint="name another file"
            ) from error

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot make the folder {self.path.parent}: {error.strerror}",
                hint="name a file in a folder you may write to, with --baselines or SEATRIAL_HOME",
            ) from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode={mode}",
            uri=True,
            timeout=self.patience,
            isolation_level=None,
        )

    def _open_to_read(self) -> sqlite3.Connection:
        connection = self._connect("ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            # A write-ahead log needs a file beside the database, which a read-only folder refuses. With no
            # log lying there everything is in the database itself, and it can be read as it stands.
            unwritable = _name(error).startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))
            if not unwritable or self.path.with_name(self.path.name + "-wal").exists():
                raise
            return self._connect("ro&immutable=1")
        return connection

    def _recognized(self, connection: sqlite3.Connection) -> bool:
        """Whether the tables are there; False for an empty file.

        Raises:
            UsageError: The file is another program's, or of a later version.
        """
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not application:
            return False
        if application != APPLICATION:
            raise UsageError(
                f"{self.path} is a database of another program, not of baselines", hint="name another file"
            )
        if version > VERSION:
            raise UsageError(
                f"{self.path} was written by a later Seatrial (layout {version}; this one knows {VERSION})",
                hint="upgrade seatrial",
            )
        return True

    @staticmethod
    def _make(connection: sqlite3.Connection) -> None:
        statement = ""
        for line in SCHEMA.splitlines():
            statement += line + "\n"
            if sqlite3.complete_statement(statement):
                connection.execute(statement)
                statement = ""
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextlib.contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translated(error) from error
        except OSError as error:
            raise UsageError(f"cannot use {self.path}: {error.strerror}", hint="name another file") from error

    def _translated(self, error: sqlite3.Error) -> SeatrialError:
        name = _name(error)
        if self.path.is_dir():
            return UsageError(f"{self.path} is a folder, not a file", hint="name a file in it")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Unavailable(
                f"{self.path} is in use by another program, and {self.patience:g} s of waiting did not help",
                hint="wait for the other run to end, then try again",
            )
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return Unavailable(
                f"{self.path} could not be read or written: {error}; nothing was kept of this call",
                hint="make room on the disk, then try again",
            )
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return UsageError(
                f"{self.path} cannot be opened or written: {error}",
                hint="name a file in a folder you may write to, with --baselines or SEATRIAL_HOME",
            )
        if name.startswith("SQLITE_NOTADB"):
            return UsageError(f"{self.path} is no database", hint="name another file, or move this one away")
        if name.startswith("SQLITE_CONSTRAINT"):
            return UsageError(
                f"{self.path} refused the change: {error}", hint="accept a new baseline instead"
            )
        if isinstance(error, sqlite3.DataError | sqlite3.ProgrammingError):
            return UsageError(f"this cannot be kept in a database: {error}", hint="shorten it")
        return TrustError(f"{self.path} is damaged: {error}", hint="restore the database from a copy")


def _name(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", None) or "")


def missing(name: str, known: list[str]) -> NotFound:
    """The error for a name that nothing was accepted under."""
    listed = ", ".join(sorted(set(known))) or "none yet"
    return NotFound(f"no baseline named '{name}'", hint=f"there are: {listed}")
