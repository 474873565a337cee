"""TLS for gRPC, from the same files as REST's; read again when they change."""

from __future__ import annotations

import logging
from typing import Any

import grpc

from seatrial.errors import UsageError
from seatrial.serve.access.tls import Tls

_log = logging.getLogger("seatrial.serve")


def credentials_of(tls: Tls) -> Any:
    """What a gRPC server listens with; connections that come after a change of the files get the new ones."""
    files = _Files(tls)
    return grpc.dynamic_ssl_server_credentials(
        files.configuration(), files.changed, require_client_authentication=tls.mutual
    )


class _Files:
    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._last = self._read()

    def configuration(self) -> Any:
        """As read last."""
        certificate, key, authority = self._last
        return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authority)

    def changed(self) -> Any:
        """For each connection, in a thread of grpc's: the files as they are now; None: as before.

        Half of a change is none: what does not fit together is tried again at the next connection.
        """
        try:
            now = self._read()
            if now == self._last:
                return None
            Tls(self._tls.certificate, self._tls.key, self._tls.client_authority)
        except (OSError, UsageError) as error:
            _log.error("the certificate of gRPC stays as it was: %s", error)
            return None
        self._last = now
        return self.configuration()

    def _read(self) -> tuple[bytes, bytes, bytes | None]:
        tls = self._tls
        authority = tls.client_authority
        return (
            tls.certificate.read_bytes(),
            tls.key.read_bytes(),
            authority.read_bytes() if authority is not None else None,
        )
