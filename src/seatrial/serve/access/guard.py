"""Who may ask what: the gate that every front leads its requests through."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from seatrial.errors import UsageError
from seatrial.serve.access.apikeys import LONGEST, ApiKey, digest_of, read_keys
from seatrial.serve.stamps import Stamp, stamp_of_files
from seatrial.serve.status import Refusal

LOOK = 1.0  # seconds after which the key file is looked at again
AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"

_log = logging.getLogger("seatrial.serve")
_SEND = "send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"
_ASK = "ask whoever runs this server"


class Asked(NamedTuple):
    """What a request is for.

    Attributes:
        right: What a key must allow; `health` is open to everybody, `other` is nothing that there is.
        model: That it is about; empty: none.
    """

    right: str
    model: str = ""


class Gate:
    """Lets through who has a key that allows what is asked, and says who that is.

    Args:
        keys: The file of keys; None: nobody needs one. It is read again when it changes.
        open_to_all: Rights that need no key, such as `metrics`.
        clock: Seconds.
        today: The day in UTC.

    Raises:
        UsageError: The file cannot be read, or has no key in it.
    """

    def __init__(
        self,
        keys: Path | None = None,
        *,
        open_to_all: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._file, self._open = keys, frozenset((*open_to_all, "health"))
        self._clock, self._today = clock, today
        self._keys: Mapping[str, ApiKey] = {}
        self._looked, self._stamp = clock(), None if keys is None else stamp_of_files([keys])
        if keys is not None:
            found = read_keys(keys)
            if not found:
                raise UsageError(
                    f"{keys} has no key in it: nobody could ask",
                    hint=f"make one with: seatrial api-key new {keys} --name NAME",
                )
            self._keys = _by_digest(found)

    @property
    def closed(self) -> bool:
        """Whether a key is needed."""
        return self._file is not None

    def admit(self, asked: Asked, headers: Mapping[bytes, bytes]) -> str:
        """Lets a request through, and returns whose key it came with; empty: none is needed.

        Args:
            asked: What it is for.
            headers: By lower-case name.

        Raises:
            Refusal: There is no good key, or it does not allow this.
        """
        if self._file is None or asked.right in self._open:
            return ""
        self._look(self._file)
        key = self._key(headers)
        if asked.right not in (*key.rights, "other"):
            raise Refusal(
                "not-allowed", f"the API key '{key.name}' is not for '{asked.right}'",
                hint=f"it is for {', '.join(key.rights)}; {_ASK}",
            )  # fmt: skip
        if key.models and asked.model and asked.model not in key.models:
            raise Refusal(
                "not-allowed", f"the API key '{key.name}' is not for the model '{asked.model[:80]}'",
                hint=f"it is for {', '.join(key.models)}; {_ASK}",
            )  # fmt: skip
        return key.name

    def _key(self, headers: Mapping[bytes, bytes]) -> ApiKey:
        secret = _secret(headers)
        if secret is None:
            raise _no_key("this server asks for an API key", _SEND)
        digest = digest_of(secret)
        # Found by digest: how long that takes says nothing of the key, whose digest nobody can steer.
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise _no_key("this API key is not known here", _ASK)
        if key.expires is not None and self._today() > key.expires:
            raise _no_key(f"the API key '{key.name}' was good until {key.expires}", _ASK)
        return key

    def _look(self, file: Path) -> None:
        """Reads the file again when it changed; what cannot be read leaves the keys as they were."""
        now = self._clock()
        if now - self._looked < LOOK:
            return
        self._looked = now
        stamp = _stamp_of(file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = _by_digest(read_keys(file))
        except UsageError as error:
            _log.error("the API keys stay as they were: %s", error.message)
        else:
            _log.warning("the API keys were read again: there are %d", len(self._keys))


def _no_key(message: str, hint: str) -> Refusal:
    return Refusal("no-key", message, hint=hint, headers={"WWW-Authenticate": 'Bearer realm="seatrial"'})


def _stamp_of(file: Path) -> Stamp | None:
    try:
        return stamp_of_files([file])
    except OSError:
        return None


def _by_digest(keys: Collection[ApiKey]) -> Mapping[str, ApiKey]:
    return {each.digest: each for each in keys}


def _secret(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key that came along; the scheme's name has no case (RFC 9110, 11.1)."""
    given = headers.get(AUTHORIZATION)
    if given is not None:
        scheme, _, secret = given.partition(b" ")
        if scheme.lower() == b"bearer" and secret.strip():
            return secret.strip()[:LONGEST]
    return headers.get(API_KEY, b"").strip()[:LONGEST] or None


def exposure(host: str, *, keys: bool, tls: bool, mutual: bool) -> str:
    """What is to be said loudly about a server that strangers can reach; empty: nothing.

    Args:
        host: Where it listens.
        keys: Whether it asks for a key.
        tls: Whether it speaks TLS.
        mutual: Whether a client needs a certificate.
    """
    if _loopback(host):
        return ""
    lacks = [] if keys or mutual else ["anybody who reaches it may ask: it has no access.keys"]
    if not tls:
        lacks.append("whatever is sent can be read on the way: it has no access.certificate")
    return f"this server listens on {host}, and {'; '.join(lacks)}" if lacks else ""


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
