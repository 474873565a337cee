"""Which of two versions is the older one."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from seatrial.errors import UsageError


def is_older(version: str, than: str) -> bool:
    """Whether `version` comes before `than`, such as `1.9.0` before `1.10.0` and `2.0.0-rc.1` before `2.0.0`.

    Raises:
        UsageError: One of them has no place in an order; a guess would let an old one in.
    """
    return version != than and _version(version) < _version(than)


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise UsageError(
            f"the version '{text[:100]}' cannot be compared with another", hint="number them such as 1.0.0"
        ) from error
