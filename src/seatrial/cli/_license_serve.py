"""`seatrial license serve`: leases the calls of licenses."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import click

from seatrial.cli._passphrase import given_passphrase, passphrase_options
from seatrial.cli._signers import signers
from seatrial.errors import UsageError


@click.command("serve")
@click.argument("licenses", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LICENSE...")
@click.option(
    "--issuer", "issuers", required=True, multiple=True, type=click.Path(path_type=Path), metavar="PUB",
    help="Whose licenses are believed; may be repeated.",
)  # fmt: skip
@click.option("--key", required=True, type=click.Path(path_type=Path), help="Signs what is answered.")
@click.option(
    "--ledger", type=click.Path(path_type=Path), default=Path("leases.jsonl"), show_default=True,
    help="What was given away: append-only, each line named by the next.",
)  # fmt: skip
@click.option("--revocations", type=click.Path(path_type=Path), help="The list of revoked licenses.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM: speak TLS.")
@click.option("--certificate-key", type=click.Path(path_type=Path), help="PEM: its private key.")
@passphrase_options
def serve(
    *,
    licenses: tuple[Path, ...],
    issuers: tuple[Path, ...],
    key: Path,
    ledger: Path,
    revocations: Path | None,
    host: str,
    port: int,
    certificate: Path | None,
    certificate_key: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str | None,
) -> int:
    """Lease the calls of each LICENSE that was issued with --online, until SIGTERM.

    Questions are signed by the device and answers by this server, so that TLS only hides who asks.
    """
    from seatrial.trust.keys import load_public
    from seatrial.trust.lease_book import LeaseBook
    from seatrial.trust.lease_server import LeaseDesk, LeaseServer, tls_context
    from seatrial.trust.license import license_bytes, read_license

    if (certificate is None) != (certificate_key is None):
        raise UsageError("--certificate and --certificate-key go together")
    (private,) = signers([key], given_passphrase(passphrase_file, passphrase_env))
    believed = [load_public(each) for each in issuers]
    claims = [read_license(license_bytes(each), believed).claims for each in licenses]
    tls = tls_context(certificate, certificate_key) if certificate and certificate_key else None
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    desk = LeaseDesk(
        {each.id: each for each in claims},
        LeaseBook(ledger),
        private,
        clock=lambda: datetime.now(UTC),
        issuers=believed,
        revocations=revocations,
    )
    with LeaseServer(desk, host, port, tls) as server:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
        click.echo(f"ready: {server.url}, {len(claims)} licenses")
        server.serve_forever()
    return 0
