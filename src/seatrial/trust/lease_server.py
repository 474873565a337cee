"""The lease server: gives calls of licenses away in blocks, and signs what it says.

It listens on this machine unless told otherwise, reads a question of at most 16 kB, waits five seconds for
the next byte and ten for all of them, and serves at most 32 connections at once; more are told to come back.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Any

from seatrial.errors import SeatrialError, TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.claims import Claims, told_instant
from seatrial.trust.dsse import read_envelope, sign, verify
from seatrial.trust.keys import PrivateKey, PublicKey
from seatrial.trust.lease import (
    ANSWER_FORMAT,
    ANSWER_TYPE,
    MOST_BYTES,
    PATH,
    REQUEST_FORMAT,
    REQUEST_TYPE,
    public_key,
)
from seatrial.trust.lease_book import LeaseBook
from seatrial.trust.revocation import read_revocations
from seatrial.trust.strictjson import read_strictly

MOST_CONNECTIONS = 32
PATIENCE = 5.0  # seconds
MOST_LEASE = 1_000_000  # rows at once

_log = logging.getLogger("seatrial.lease")


class LeaseDesk:
    """Answers questions, whoever brings them.

    Args:
        licenses: Claims by license id; believed already.
        book: What was given away.
        key: Signs the answers; the licenses name it.
        clock: What time it is.
        issuers: Whose lists of revocations are believed.
        revocations: The list; None: there is none.

    Raises:
        UsageError: A license names no lease server, or another key.
    """

    def __init__(
        self,
        licenses: Mapping[str, Claims],
        book: LeaseBook,
        key: PrivateKey,
        *,
        clock: Callable[[], datetime],
        issuers: Sequence[PublicKey] = (),
        revocations: Path | None = None,
    ) -> None:
        for each in licenses.values():
            if (
                each.online is None
                or public_key(each.online.key, f"the server's key in {each.id}").id != key.id
            ):
                raise UsageError(
                    f"the license {each.id} was not issued for a lease server with this key",
                    hint="issue it with --online URL --online-key KEY.pub",
                )
        self._licenses, self._book, self._key, self._clock = licenses, book, key, clock
        self._issuers, self._revocations = issuers, revocations
        self._one = threading.Lock()

    def answer(self, data: bytes) -> bytes:
        """The signed answer to a signed question.

        Raises:
            TrustError: It is no question, or no device of a license here signed it.
        """
        what = "the question"
        envelope = read_envelope(data, what)
        asked = read_strictly(envelope.payload, what, most=MOST_BYTES)  # to see who asks; believed below
        claims = self._licenses.get(str(asked.get("license"))) if isinstance(asked, dict) else None
        if claims is None or claims.online is None:
            raise TrustError("wrong license: it is not served here")
        device = public_key(claims.online.device, "the device's key")
        verify(envelope, [device], payload_type=REQUEST_TYPE, what=what)
        calls, nonce, after = asked.get("calls"), asked.get("nonce"), asked.get("after")
        if asked.get("format") != REQUEST_FORMAT or type(calls) is not int or calls < 1:
            raise TrustError("damaged: the question asks for nothing")
        if not isinstance(nonce, str) or not isinstance(after, str) or not 16 <= len(nonce) <= 64:
            raise TrustError("damaged: the question has no nonce")
        with self._one:
            told = self._decide(claims, nonce, after, min(calls, MOST_LEASE))
        answer = {
            "format": ANSWER_FORMAT, "license": claims.id, "nonce": nonce,
            "time": told_instant(self._clock()), "calls": 0, "left": 0, **told,
        }  # fmt: skip
        return sign(canonical(answer), ANSWER_TYPE, self._key).to_bytes()

    def _decide(self, claims: Claims, nonce: str, after: str, calls: int) -> dict[str, Any]:
        now = self._clock()
        if now > claims.ends:
            return {"verdict": "expired", "message": f"expired on {claims.expires:%Y-%m-%d}"}
        if self._revoked(claims):
            return {"verdict": "revoked", "message": f"the license {claims.id} was revoked"}
        account = self._book.account(claims.id)
        last, granted = account.last.get(claims.device, ("", 0))
        if nonce != last:
            if after != last:
                message = "an older copy of the device's state asks, or a second device with the same key"
                return {"verdict": "replayed", "message": message}
            left = claims.max_calls - account.used if claims.max_calls else MOST_LEASE
            granted = max(min(calls, left), 0)
            self._book.write(
                license_id=claims.id, device=claims.device, nonce=nonce, calls=granted, time=told_instant(now)
            )
        left = max(claims.max_calls - account.used, 0) if claims.max_calls else MOST_LEASE
        return {"verdict": "granted", "calls": granted, "left": left}

    def _revoked(self, claims: Claims) -> bool:
        if self._revocations is None:
            return False
        found = read_revocations(self._revocations, self._issuers)
        return found.issuer == claims.issuer and found.of(claims.id) is not None


class LeaseServer(ThreadingHTTPServer):
    """A desk behind HTTP.

    Args:
        desk: Answers.
        host: To listen on.
        port: 0: a free one.
        tls: Wraps connections; None: nothing does, and answers are signed all the same.
    """

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, desk: LeaseDesk, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.desk = desk
        self._tls = tls
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        return f"{'https' if self._tls else 'http'}://{host!s}:{port}"

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, in a thread of its own."""
        if not self._room.acquire(blocking=False):
            with suppress(OSError):
                request.sendall(
                    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
            self.shutdown_request(request)
            return
        try:
            request.settimeout(PATIENCE)
            if self._tls is not None:
                request = self._tls.wrap_socket(
                    request, server_side=True
                )  # here: a slow client delays no other
            # A timeout counts from byte to byte: who sends one now and then is cut off here.
            cut = threading.Timer(2 * PATIENCE, _cut, [request])
            cut.daemon = True
            cut.start()
            try:
                super().process_request_thread(request, client_address)
            finally:
                cut.cancel()
        except OSError:
            self.shutdown_request(request)
        finally:
            self._room.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A connection that failed is a line in the log."""
        _log.warning("%s: the connection failed", client_address, exc_info=True)


def _cut(connection: socket) -> None:
    with suppress(OSError):
        connection.shutdown(SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: LeaseServer
    timeout = PATIENCE
    server_version = "seatrial"
    sys_version = ""

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != PATH:
            self._say(HTTPStatus.NOT_FOUND, b"")
        elif not (length.isascii() and length.isdigit()):
            self._say(HTTPStatus.LENGTH_REQUIRED, b"")
        elif int(length) > MOST_BYTES:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"")
        else:
            self._answer(self.rfile.read(int(length)))

    def _answer(self, question: bytes) -> None:
        try:
            answer = self.server.desk.answer(question)
        except TrustError as error:
            _log.warning("%s: %s", self.client_address[0], error.message)
            self._say(HTTPStatus.FORBIDDEN, b"")
        except SeatrialError as error:
            _log.error("%s", error.message)
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, b"")
        else:
            self._say(HTTPStatus.OK, answer)

    def _say(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        _log.info("%s %s", self.client_address[0], format % args)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What connections are wrapped in: TLS 1.2 at least.

    Raises:
        UsageError: The files are none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{certificate} and {key} are no certificate and its key: {error}") from error
    return context
