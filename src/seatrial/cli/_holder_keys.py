"""`seatrial keys holder`: the key of someone who opens sealed bundles."""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli._passphrase import asked_passphrase, given_passphrase, passphrase_options
from seatrial.errors import UsageError


@click.command("holder")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("keys/holder"), show_default=True,
    help="Path without suffix: NAME.key and NAME.pub are written.",
)  # fmt: skip
@passphrase_options
@click.option("--no-passphrase", is_flag=True, help="Keep the private key in the clear (mode 0600).")
def holder(
    *, out: Path, passphrase_file: Path | None, passphrase_env: str | None, no_passphrase: bool
) -> int:
    """Make a key that opens: NAME.key, which stays here, and NAME.pub, which others seal bundles for."""
    from seatrial.trust.content_keys import holder_id
    from seatrial.trust.holders import new_holder, save_holder

    secret = given_passphrase(passphrase_file, passphrase_env)
    if no_passphrase and secret is not None:
        raise UsageError("--no-passphrase, and a passphrase is given")
    if secret is None and not no_passphrase:
        secret = asked_passphrase(f"{out}.key", twice=True)
    key = new_holder()
    private, public = save_holder(key, out, passphrase=secret)
    click.echo(f"wrote {private}: keep it to yourself" + ("" if secret else "; it is NOT encrypted"))
    click.echo(f"wrote {public}: give it to whoever seals bundles for you")
    click.echo(f"  x25519 {holder_id(key.public_key())}")
    return 0
