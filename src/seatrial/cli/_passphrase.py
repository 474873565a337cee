"""Passphrases come from a file, the environment or the terminal; never from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from seatrial.errors import NotFound, UsageError

_MOST = 4096


def passphrase_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--passphrase-file` and `--passphrase-env`, as the arguments `passphrase_file` and `passphrase_env`."""
    by_file = click.option(
        "--passphrase-file", type=click.Path(path_type=Path), help="Its first line opens the key."
    )
    by_environment = click.option(
        "--passphrase-env", metavar="NAME", help="Environment variable that holds it."
    )
    return by_file(by_environment(function))


def given_passphrase(file: Path | None, variable: str | None) -> bytes | None:
    """The passphrase that was named, or None.

    Raises:
        NotFound: The file or the variable is not there.
        UsageError: Both were named, or it is empty.
    """
    if file is not None and variable is not None:
        raise UsageError("--passphrase-file and --passphrase-env exclude each other")
    if variable is not None:
        if variable not in os.environ:
            raise NotFound(f"there is no environment variable {variable}")
        return _some(os.fsencode(os.environ[variable]))
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            return _some(opened.readline(_MOST).rstrip(b"\r\n"))
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}") from error


def asked_passphrase(what: str, *, twice: bool) -> bytes:
    """The passphrase as typed.

    Raises:
        UsageError: It is empty, or there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            f"{what} needs a passphrase, and there is no terminal to ask at",
            hint="give --passphrase-file FILE or --passphrase-env NAME",
        )
    typed = click.prompt(
        f"Passphrase of {what}", hide_input=True, confirmation_prompt=twice, default="", show_default=False
    )
    return _some(str(typed).encode())


def _some(secret: bytes) -> bytes:
    if not secret:
        raise UsageError("the passphrase is empty", hint="to keep a key in the clear say --no-passphrase")
    return secret
