"""Writes a report in all its forms, whole or not at all, and reads it back."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.checks._render import render
from seatrial.checks._report_json import from_json
from seatrial.errors import NotFound, Unavailable, UsageError

if TYPE_CHECKING:
    from seatrial.checks._report import Report

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

FILES = {
    "report.json": "json",
    "report.html": "html",
    "report.md": "markdown",
    "report.junit.xml": "junit",
    "report.sarif": "sarif",
}


def write_report(
    report: Report, folder: Path, files: Mapping[str, str] = FILES, *, language: str = "en"
) -> dict[str, Path]:
    """Writes the report into `folder`, each file atomically, none before all are rendered.

    Args:
        report: The truth.
        folder: Made when it is not there.
        files: File name to format.
        language: `en` or `zh`.

    Returns:
        File name to path.

    Raises:
        UsageError: The folder cannot be written to.
        Unavailable: The disk is full; what stood there before still stands.
    """
    texts = {name: render(report, form, language=language) for name, form in files.items()}
    return write_all(Path(folder), texts)


def write_all(folder: Path, texts: Mapping[str, str]) -> dict[str, Path]:
    """Writes texts as UTF-8 files, each atomically, and none into its place before all are on the disk.

    Args:
        folder: Made when it is not there.
        texts: By file name.

    Returns:
        File name to path.

    Raises:
        UsageError: The folder cannot be written to.
        Unavailable: The disk is full; what stood there before still stands.
    """
    waiting: dict[Path, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            unfinished = folder / f".{name}.{secrets.token_hex(4)}"
            waiting[unfinished] = folder / name
            with unfinished.open("wb") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
        for unfinished, finished in waiting.items():
            unfinished.replace(finished)
    except OSError as error:
        family = Unavailable if error.errno in _NO_ROOM else UsageError
        raise family(
            f"{folder} cannot be written to: {error.strerror}",
            hint="make room, or name another folder with -o",
        ) from error
    finally:
        for unfinished in waiting:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
    return {name: folder / name for name in texts}


def read_report(path: Path) -> Report:
    """Reads a `report.json`.

    Raises:
        NotFound: There is no such file.
        UsageError: It cannot be read or is no report.
    """
    try:
        return from_json(Path(path).read_bytes().decode("utf-8"))
    except FileNotFoundError as error:
        raise NotFound(
            f"no report at {path}", hint="give the report.json that `seatrial check` wrote"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no report: it is not UTF-8", hint="give the report.json") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="give the report.json") from error
