"""What a lease server has given away: an append-only file in which each line names the one before it.

    {"n": 3, "previous": "sha256 of line 2", "time": "...", "license": "...", "device": "sha256:...",
     "nonce": "...", "calls": 1000, "hash": "sha256 of all that"}

A line is on the disk before its calls are given. A last line that a power cut tore is dropped; anything else
that does not fit is an error: somebody edited the book.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.durable import sync_folder

_START = "0" * 64


@dataclass
class Account:
    """What one license had, and the last lease of each of its devices.

    Attributes:
        used: Rows in all.
        last: By device: nonce and rows of its last lease.
    """

    used: int
    last: dict[str, tuple[str, int]]


class LeaseBook:
    """The book, for one process and one thread at a time.

    Args:
        path: Of the file; made when it is not there.

    Raises:
        TrustError: It was edited.
        UsageError: It cannot be written, or another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._accounts: dict[str, Account] = {}
        self._number, self._previous = 0, _START
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            _lock(self._handle, path)
            whole = self._read(path.read_bytes())
            os.ftruncate(self._handle, whole)
            sync_folder(path.parent)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error

    def account(self, license_id: str) -> Account:
        """What a license had."""
        return self._accounts.setdefault(license_id, Account(0, {}))

    def write(self, *, license_id: str, device: str, nonce: str, calls: int, time: str) -> None:
        """Writes one lease down; durable when the call returns.

        Args:
            license_id: Whose calls.
            device: That gets them.
            nonce: Of its question.
            calls: Rows.
            time: For people.
        """
        line = {
            "n": self._number + 1,
            "previous": self._previous,
            "time": time,
            "license": license_id,
            "device": device,
            "nonce": nonce,
            "calls": calls,
        }
        data = canonical({**line, "hash": _hash(line)}) + b"\n"
        if os.write(self._handle, data) != len(data):
            raise UsageError(f"{self._path} cannot be written", hint="is the disk full?")
        os.fsync(self._handle)
        self._take(line)

    def close(self) -> None:
        """Lets the file go."""
        os.close(self._handle)

    def _read(self, data: bytes) -> int:
        """Takes in every line; returns how many bytes are whole ones."""
        end = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:end].splitlines(), 1):
            try:
                read = json.loads(line)
                told = read.pop("hash")
                good = told == _hash(read) and read["n"] == number and read["previous"] == self._previous
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise TrustError(f"changed: line {number} of {self._path} is none") from error
            if not good:
                raise TrustError(
                    f"changed: line {number} of {self._path} does not follow from the one before it",
                    hint="take the book from a backup; do not edit it",
                )
            self._take(read)
        return end

    def _take(self, line: dict[str, Any]) -> None:
        account = self.account(line["license"])
        account.used = account.used + line["calls"]
        account.last[line["device"]] = (line["nonce"], line["calls"])
        self._number, self._previous = line["n"], _hash(line)


def _hash(line: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(line)).hexdigest()


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise UsageError(f"{path} is in use by another lease server", hint="one server a book") from error
