"""Writes a self-test in all its forms, whole or not at all, and reads it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seatrial.checks import document_schema, dump, load, write_all
from seatrial.errors import NotFound, UsageError
from seatrial.selftest.markdown import to_markdown
from seatrial.selftest.page import to_html
from seatrial.selftest.result import SCHEMA, SelfTest

_HINT = "give the selftest.json that `seatrial selftest` wrote"


def write_selftest(found: SelfTest, folder: Path, *, language: str = "en") -> dict[str, Path]:
    """Writes `selftest.json`, `selftest.md` and `selftest.html`, each atomically.

    Returns:
        File name to path.

    Raises:
        UsageError: The folder cannot be written to.
        Unavailable: The disk is full.
    """
    texts = {
        "selftest.json": dump(found),
        "selftest.md": to_markdown(found, language),
        "selftest.html": to_html(found, language),
    }
    return write_all(folder, texts)


def read_selftest(path: Path) -> SelfTest:
    """Reads a `selftest.json`.

    Raises:
        NotFound: There is no such file.
        UsageError: It cannot be read or is no self-test.
    """
    try:
        return load(SelfTest, path.read_text("utf-8"), schema=SCHEMA, hint=_HINT)
    except FileNotFoundError as error:
        raise NotFound(f"no self-test at {path}", hint=_HINT) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint=_HINT) from error


def selftest_schema() -> dict[str, Any]:
    """JSON Schema of `selftest.json`; published as `docs/reference/selftest.schema.json`."""
    return document_schema(SelfTest, SCHEMA, "Self-test of the gate")
