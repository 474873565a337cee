"""HTTP to one running service: one address, bounded answers, no redirects, errors that say what to do."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from seatrial.errors import ContractViolation, Unavailable, UsageError

LARGEST = 256 << 20
_SHOWN = 300
# A service that did not answer this often in a row is not asked again: 500 time-outs would take hours.
_MAX_SILENT = 3


@dataclass(frozen=True)
class Response:
    """What the service said: a status below 300, headers in lower case, the body."""

    headers: Mapping[str, str]
    body: bytes

    def json(self, where: str) -> Any:
        """The body as JSON.

        Raises:
            Unavailable: It is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unavailable(
                f"{where} answers with something that is no JSON: {self.body[:80]!r}",
                hint="is this the address of the model's endpoint?",
            ) from error


class Service:
    """One service; keeps its connection open. For use in one thread.

    Args:
        address: `http://host:port/path`; `https` is verified against the system's certificates.
        timeout: Seconds that connecting and each read may take.

    Raises:
        UsageError: The address is none that can be asked.
    """

    def __init__(self, address: str, *, timeout: float) -> None:
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"'{address}' is no address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"'{address}' is no address of a service", hint="such as http://127.0.0.1:8000/v2/models/NAME"
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError("the address may hold host, port and path only", hint="leave out the rest")
        self.path = parts.path.rstrip("/")
        self.host = parts.netloc
        self._timeout = timeout
        self._silent = 0
        self._target = (parts.hostname, port)
        self._secure = parts.scheme == "https"
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Response:
        """Asks for a path.

        Raises:
            Unavailable: The service does not answer, answers with an error, or answers too much.
        """
        return self._ask("GET", path, b"", {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """Sends a body to a path.

        Raises:
            ContractViolation: The service refuses this very request (status 4xx).
            Unavailable: It does not answer, answers with an error, or answers too much.
        """
        return self._ask("POST", path, body, headers)

    def connect(self) -> None:
        """Opens the connection, to find out early that nobody listens.

        Raises:
            Unavailable: Nobody does.
        """
        connection = self._connection or self._opened()
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise self._silence(error) from error
        self._connection = connection

    def close(self) -> None:
        """Closes the connection; idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        if self._silent >= _MAX_SILENT:
            raise Unavailable(
                f"{self.host} did not answer {self._silent} times in a row; it is not asked again"
            )
        fresh = self._connection is None
        try:
            status, answer = self._once(method, path, body, headers)
        except (ConnectionError, http.client.HTTPException) as error:
            self.close()
            if fresh:
                raise self._silence(error) from error
            # Services close idle connections; a fresh one tells whether this one is gone or only was idle.
            try:
                status, answer = self._once(method, path, body, headers)
            except (OSError, http.client.HTTPException) as again:
                self.close()
                raise self._silence(again) from again
        except OSError as error:
            self.close()
            raise self._silence(error) from error
        self._silent = 0
        self._judge(status, answer, f"{method} {path}")
        return answer

    def _once(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Response]:
        if self._connection is None:
            self._connection = self._opened()
        sent = {"Accept": "application/json", "User-Agent": "seatrial-diagnose", **headers}
        self._connection.request(method, path, body or None, sent)
        got = self._connection.getresponse()
        content = got.read(LARGEST + 1)
        if len(content) > LARGEST:
            self.close()
            raise Unavailable(
                f"{self.host} answers {method} {path} with more than {LARGEST >> 20} MiB",
                hint="ask about smaller samples",
            )
        return got.status, Response({name.lower(): value for name, value in got.getheaders()}, content)

    def _opened(self) -> http.client.HTTPConnection:
        host, port = self._target
        if self._secure:
            return http.client.HTTPSConnection(
                host, port, timeout=self._timeout, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=self._timeout)

    def _silence(self, error: Exception) -> Unavailable:
        self._silent += 1
        if isinstance(error, TimeoutError):
            told, hint = f"does not answer within {self._timeout:g} s", "raise --timeout, or look at its load"
        elif isinstance(error, ssl.SSLError):
            told, hint = (
                f"is not trusted: {error.reason or error}",
                "install its certificate, or ask it by http",
            )
        else:
            told, hint = (
                f"cannot be reached: {error or type(error).__name__}",
                "is it running, and the port right?",
            )
        return Unavailable(f"the service at {self.host} {told}", hint=hint)

    def _judge(self, status: int, answer: Response, what: str) -> None:
        if status < 300:
            return
        said = _said(answer.body)
        where = f"{self.host} answers {what} with status {status}" + (f": {said}" if said else "")
        if status < 400:
            to = answer.headers.get("location", "elsewhere")[:_SHOWN]
            raise Unavailable(f"{where} and sends on to {to}", hint="give the address that answers itself")
        if status in (401, 403):
            raise Unavailable(
                where, hint="the service wants a key; ask one that needs none, such as a copy of it"
            )
        if status in (404, 405):
            raise Unavailable(where, hint="look at the model's name, version and path in the address")
        if status in (408, 425, 429) or status >= 500:
            raise Unavailable(where, hint="look at the service's own log")
        raise ContractViolation(where)


def _said(body: bytes) -> str:
    """The error in the service's own words, however it wraps them."""
    text = body[: 1 << 16].decode("utf-8", "replace").strip()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())[:_SHOWN] if not text.startswith("<") else ""
    if isinstance(data, dict):
        data = next((data[name] for name in ("error", "detail", "message") if name in data), data)
    return " ".join((data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)).split())[
        :_SHOWN
    ]
