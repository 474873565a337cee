"""One JSON line for each request, written by a thread of its own: a full disk costs lines, never answers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from seatrial.contract.feeds import digest
from seatrial.contract.sample import Array
from seatrial.errors import UsageError
from seatrial.serve.call import Call
from seatrial.serve.metrics import Read
from seatrial.serve.status import Code
from seatrial.serve.watching.record import fields_of, picture_size

MOST_WAITING = 10_000  # lines that wait to be written; more are dropped
MOST_HELD = 64 << 20  # bytes of inputs that wait to be digested; above, a line goes without its digest
PAUSE = 0.05  # seconds that lines are collected before they are written together
SMALL = 4096  # bytes that are digested at once: handing them over would cost more
_BATCH = 1000
_CLOSING = 5.0  # seconds that the last lines have
_STDERR = 2

_log = logging.getLogger("seatrial.serve")


class RequestLog:
    """Takes each answered call and writes its line soon.

    Args:
        target: A file, which is appended to; `-` is the error stream. A file that was moved away or removed
            (rotation) is made anew.
        now: The time of a line.
        pause: Seconds that lines are collected.

    Raises:
        UsageError: The file cannot be opened.
    """

    def __init__(
        self,
        target: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: float = PAUSE,
    ) -> None:
        self._sink = _Sink(target)
        self._now, self._pause = now, pause
        self._waiting: deque[bytes | _Open] = deque()
        self._taken = self._digested = 0  # bytes; the first grows in the loop, the other in the thread
        self._full = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="seatrial-request-log", daemon=True)
        self._thread.start()

    def __call__(self, call: Call, code: Code, now: float) -> None:
        """Takes one call; see `Instruments.listen`."""
        if len(self._waiting) >= MOST_WAITING:
            self._full += 1
            return
        fields = {"time": self._now(), **fields_of(call, code, now)}
        body, payload = call.body, call.payload
        if isinstance(payload, bytes) or len(body) > SMALL or (not body and call.stages):
            self._waiting.append(self._opened(fields, call))
            return
        if body:
            fields["input"]["digest"] = _of_bytes(body)
        self._waiting.append(_dumped(fields))

    def close(self) -> None:
        """Writes what waits, and ends."""
        self._stop.set()
        self._thread.join(_CLOSING)

    def metric(self) -> Read:
        """How many lines were written, and how many were not."""
        return Read(
            "seatrial_log_lines_total",
            "Lines of the request log by what became of them: written, dropped because too many waited, or "
            "dropped because they could not be written.",
            "counter",
            ("outcome",),
            read=lambda: {
                ("written",): self._sink.written,
                ("too-many",): self._full,
                ("failed",): self._sink.failed,
            },
        )

    def _opened(self, fields: dict[str, Any], call: Call) -> _Open:
        """A line whose input is still to be looked at, where that does not hold too much memory."""
        feeds = call.stages[0][1].feeds if call.stages and not call.body else {}
        payload = call.payload if isinstance(call.payload, bytes) else b""
        size = len(call.body) + len(payload) + sum(each.nbytes for each in feeds.values())
        if self._taken - self._digested + size > MOST_HELD:
            return _Open(fields)
        self._taken += size
        return _Open(fields, call.body, payload, feeds, size)

    def _write_all(self) -> None:
        ended = False
        while not ended:
            ended = self._stop.wait(self._pause)
            while self._waiting:
                lines = [self._line() for _ in range(min(len(self._waiting), _BATCH))]
                self._sink.write([each for each in lines if each])
        self._sink.close()

    def _line(self) -> bytes:
        entry = self._waiting.popleft()
        if isinstance(entry, bytes):
            return entry
        self._digested += entry.size
        try:
            return entry.line()
        except Exception:  # noqa: BLE001 - one line that cannot be made must not end the log
            _log.exception("a line of the request log could not be made")
            self._sink.failed += 1
            return b""


class _Open:
    """A line that lacks what takes long: the digest, the size of the picture."""

    __slots__ = ("body", "feeds", "fields", "payload", "size")

    def __init__(
        self,
        fields: dict[str, Any],
        body: bytes | bytearray | memoryview = b"",
        payload: bytes = b"",
        feeds: Mapping[str, Array] | None = None,
        size: int = 0,
    ) -> None:
        self.fields, self.body, self.payload, self.feeds, self.size = fields, body, payload, feeds, size

    def line(self) -> bytes:
        """The whole line."""
        told = self.fields["input"]
        if self.payload:
            size = picture_size(self.payload)
            if size is not None:
                told["image"] = size
        if self.body:
            told["digest"] = _of_bytes(self.body)
        elif self.feeds:
            told["digest"] = "blake2b:" + digest(self.feeds).hex()
        return _dumped(self.fields)


def _dumped(fields: dict[str, Any]) -> bytes:
    """A line, also of a text that is no Unicode (half of a surrogate pair, from a client that sends such)."""
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return json.dumps(fields, default=_plain).encode() + b"\n"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _of_bytes(body: bytes | bytearray | memoryview) -> str:
    return "blake2b:" + hashlib.blake2b(body, digest_size=16).hexdigest()


class _Sink:
    """Where lines go: a file that may be rotated away, or the error stream."""

    def __init__(self, target: str) -> None:
        self._path = None if target == "-" else Path(target)
        self.written = self.failed = 0
        self._file: int | None = _STDERR if self._path is None else None
        self._torn = self._failing = False
        try:
            self._current()
        except OSError as error:
            raise UsageError(
                f"log.requests: cannot write to '{target}': {error.strerror}",
                hint="name a file, or - for stderr",
            ) from error

    def write(self, lines: list[bytes]) -> None:
        """Appends lines; those that cannot be written are counted."""
        text, start = b"".join(lines), 0
        try:
            file = self._current()
            if self._torn:  # the last line was cut off; this one is not to be its end
                os.write(file, b"\n")
                self._torn = False
            while start < len(text):
                start += os.write(file, text[start:])
        except OSError as error:
            self._fails(error)
        else:
            self._failing = False
        done = text.count(b"\n", 0, start)
        self._torn = self._torn or (start > 0 and text[start - 1 : start] != b"\n")
        self.written += done
        self.failed += len(lines) - done

    def close(self) -> None:
        """Closes the file."""
        if self._path is not None and self._file is not None:
            os.close(self._file)
            self._file = None

    def _current(self) -> int:
        """The file of that name as it is now: after a rotation it is another one."""
        if self._path is None:
            return _STDERR
        if self._file is not None:
            mine = os.fstat(self._file)
            with contextlib.suppress(FileNotFoundError):
                there = self._path.stat()
                if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
                    return self._file
            self.close()
        # Not to wait for a reader, should it be a pipe; without effect on files.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o640)
        return self._file

    def _fails(self, error: OSError) -> None:
        if not self._failing:
            _log.warning("the request log cannot be written, its lines are dropped: %s", error)
        self._failing = True
