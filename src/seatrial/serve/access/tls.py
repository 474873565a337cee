"""TLS: the server's certificate, and who may sign those of clients."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seatrial.errors import UsageError
from seatrial.serve.stamps import Stamp, stamp_of_files

LOOK = 1.0  # seconds after which the files are looked at again
_MAKE = "see docs/how-to/serve-safely.md"

_log = logging.getLogger("seatrial.serve")


class Tls:
    """What connections are wrapped in: TLS 1.2 or later.

    The files are read again when they change, for connections that come from then on; what does not fit
    together is logged, and the certificate stays as it was.

    Args:
        certificate: PEM of the server, with what leads to its authority.
        key: PEM of its private key, not encrypted.
        client_authority: PEM of who signs clients' certificates; given: a client must have one.
        clock: Seconds.

    Raises:
        UsageError: A file cannot be read, or they do not fit together.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        client_authority: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.certificate, self.key, self.client_authority = certificate, key, client_authority
        self._clock, self._looked = clock, clock()
        self._stamp = self._files()
        self.context = self._made()

    @property
    def mutual(self) -> bool:
        """Whether a client needs a certificate."""
        return self.client_authority is not None

    def look(self) -> None:
        """Reads the files again when they changed; for each connection that comes."""
        now = self._clock()
        if now - self._looked < LOOK:
            return
        self._looked = now
        stamp = self._files()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._made()  # tried apart: half of a change must not reach the one that serves
            self._fill(self.context)
        except UsageError as error:
            _log.error("the certificate stays as it was: %s", error.message)
        else:
            _log.warning("the certificate was read again")

    def _files(self) -> Stamp | None:
        files = [self.certificate, self.key, *([self.client_authority] if self.client_authority else [])]
        try:
            return stamp_of_files(files)
        except OSError:
            return None

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        self._fill(context)
        return context

    def _fill(self, context: ssl.SSLContext) -> None:
        _readable("certificate", self.certificate)
        _readable("key", self.key)
        try:
            context.load_cert_chain(self.certificate, self.key, password=self._encrypted)
        except ssl.SSLError as error:
            raise UsageError(
                f"access.certificate '{self.certificate}' and access.key '{self.key}' do not fit together, "
                f"or are no PEM: {error.reason or 'they cannot be read'}",
                hint=_MAKE,
            ) from error
        if self.client_authority is not None:
            _readable("client_authority", self.client_authority)
            try:
                context.load_verify_locations(self.client_authority)
            except ssl.SSLError as error:
                raise UsageError(
                    f"access.client_authority '{self.client_authority}' has no certificate in PEM", hint=_MAKE
                ) from error
            context.verify_mode = ssl.CERT_REQUIRED

    def _encrypted(self) -> str:
        raise UsageError(
            f"access.key '{self.key}' is encrypted",
            hint="give a key that is not, in a file that only the server may read",
        )


def _readable(what: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise UsageError(f"access.{what} '{path}' cannot be read: {error.strerror}", hint=_MAKE) from error


def subject(certificate: Mapping[str, Any] | None) -> str:
    """Whose certificate a client showed, for logs: its common name; empty: it showed none.

    Args:
        certificate: As `ssl` gives it (`peercert`).
    """
    if not certificate:
        return ""
    parts = [pair for part in certificate.get("subject", ()) for pair in part]
    found = next((value for name, value in parts if name == "commonName"), "")
    return str(found or ",".join(f"{name}={value}" for name, value in parts) or "a certificate")[:200]
