"""API keys: made here, shown once, and kept as digests in a file that people can read.

A key is 256 random bits. Nobody guesses it, however fast he can count digests, so that one SHA-256 keeps it
as well as a slow hash would: those (scrypt, argon2) protect what people think up. And a slow hash at every
request would be a lever for whoever wants the server to be busy.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from seatrial.contract.writing import written_beside
from seatrial.errors import NotFound, UsageError

PREFIX = "st_"  # so that a key is known for one where it should not lie
LONGEST = 200  # characters of what may be a key
Right = Literal["infer", "predict", "metadata", "docs", "metrics", "manage"]
USUAL: tuple[Right, ...] = ("infer", "predict", "metadata", "docs")

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
_MAKE = "make one with: seatrial api-key new FILE --name NAME"
_HEAD = (
    "# API keys of a server. Only their digests stand here; a key itself was shown once, when it was made.\n"
)


class ApiKey(BaseModel):
    """One key, as the file has it.

    Attributes:
        name: Whose it is; in logs and messages.
        digest: Of the key.
        created: The day it was made.
        expires: The last day it is good for (UTC); None: it stays good.
        models: That it is for; empty: all.
        rights: What it may do with them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME)
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    created: date
    expires: date | None = None
    models: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    rights: tuple[Right, ...] = USUAL

    @field_validator("rights")
    @classmethod
    def _some(cls, rights: tuple[Right, ...]) -> tuple[Right, ...]:
        if not rights:
            raise ValueError("a key without rights opens nothing; leave rights out for the usual ones")
        return rights


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[ApiKey, ...] = ()

    @field_validator("keys")
    @classmethod
    def _unlike(cls, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        for what in ("name", "digest"):
            said = [getattr(each, what) for each in keys]
            twice = next((each for each in said if said.count(each) > 1), None)
            if twice is not None:
                raise ValueError(f"the {what} '{twice}' is there twice")
        return keys


@dataclass(frozen=True)
class Made:
    """A new key.

    Attributes:
        secret: What the client sends. It is shown once and kept nowhere.
        key: What the file keeps.
    """

    secret: str
    key: ApiKey


def made(
    name: str,
    *,
    today: date,
    expires: date | None = None,
    models: Collection[str] = (),
    rights: Collection[str] = USUAL,
    draw: Callable[[int], str] = secrets.token_urlsafe,
) -> Made:
    """A new key.

    Args:
        name: Whose it is.
        today: For `created`.
        expires: The last day it is good for.
        models: That it is for; empty: all.
        rights: What it may do.
        draw: Gives so many random bytes as text.

    Raises:
        UsageError: The name or a right is none.
    """
    secret = PREFIX + draw(32)
    data = {
        "name": name,
        "digest": digest_of(secret.encode()),
        "created": today,
        "expires": expires,
        "models": tuple(models),
        "rights": tuple(rights),
    }
    try:
        return Made(secret, ApiKey.model_validate(data))
    except ValidationError as error:
        raise UsageError(_first(error)) from error


def digest_of(secret: bytes) -> str:
    """What a file keeps of a key."""
    return "sha256:" + hashlib.sha256(secret).hexdigest()


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys of a file.

    Raises:
        UsageError: It cannot be read, or says something else than keys; the message names the field.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UsageError(f"the key file '{path}' cannot be read: {reason}", hint=_MAKE) from error
    return _parsed(text, path)


def add_key(path: Path, key: ApiKey) -> None:
    """Adds a key to a file, which is made when it is not there; comments in it stay.

    Raises:
        UsageError: There is a key of that name, or the file cannot be read or written.
    """
    text = path.read_text("utf-8") if path.is_file() else _HEAD + "keys:\n"
    keys = _parsed(text, path)
    if key.name in [each.name for each in keys]:
        raise UsageError(f"{path} has a key '{key.name}'", hint="take another name, or remove that one first")
    entry: Any = key.model_dump(mode="python", exclude_defaults=True)
    entry = {name: list(value) if isinstance(value, tuple) else value for name, value in entry.items()}
    added = yaml.safe_dump([entry], sort_keys=False, default_flow_style=False)
    longer = text.rstrip("\n") + "\n" + added
    try:
        fits = _parsed(longer, path) == (*keys, key)
    except UsageError:
        fits = False
    _write(path, longer if fits else _whole((*keys, key)))


def remove_key(path: Path, name: str) -> None:
    """Takes a key out of a file; a server that reads the file takes it no more within a second.

    Raises:
        NotFound: There is no key of that name.
        UsageError: The file cannot be read or written.
    """
    keys = read_keys(path)
    if name not in [each.name for each in keys]:
        raise NotFound(
            f"{path} has no key '{name}'", hint="it has: " + (", ".join(each.name for each in keys) or "none")
        )
    _write(path, _whole(tuple(each for each in keys if each.name != name)))


def _whole(keys: Collection[ApiKey]) -> str:
    entries = [
        {k: list(v) if isinstance(v, tuple) else v for k, v in each.model_dump(exclude_defaults=True).items()}
        for each in keys
    ]
    return _HEAD + yaml.safe_dump({"keys": entries}, sort_keys=False, default_flow_style=False)


def _write(path: Path, text: str) -> None:
    try:
        with written_beside(path, text.encode()) as file:
            file.replace(path)
    except OSError as error:
        raise UsageError(f"the key file '{path}' cannot be written: {error.strerror}") from error


def _parsed(text: str, path: Path) -> tuple[ApiKey, ...]:
    try:
        data = yaml.safe_load(text) or {}
        if isinstance(data, dict) and data.get("keys", ()) is None:
            data = {**data, "keys": []}
        return _File.model_validate(data).keys
    except yaml.YAMLError as error:
        # YAML's own words would quote the line, and somebody may have written a key into it.
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{path}: no YAML{where}", hint=_MAKE) from error
    except ValidationError as error:
        raise UsageError(f"{path}: {_first(error)}", hint=_MAKE) from error


def _first(error: ValidationError) -> str:
    """The first complaint, without the value: it may be a key that was written where the digest belongs."""
    first = error.errors(include_input=False)[0]
    where = ".".join(str(each) for each in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
