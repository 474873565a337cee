"""`seatrial keys`: who signs, and whose signatures count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli._holder_keys import holder
from seatrial.cli._passphrase import asked_passphrase, given_passphrase, passphrase_options
from seatrial.cli._roots import roots
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.trust.keys import PublicKey


@click.group("keys")
def command() -> None:
    """Make keys that sign bundles, show them, and say which of them count (`keys root`)."""


@command.command("new")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("keys/seatrial"), show_default=True,
    help="Path without suffix: NAME.key and NAME.pub are written.",
)  # fmt: skip
@passphrase_options
@click.option("--no-passphrase", is_flag=True, help="Keep the private key in the clear (mode 0600).")
@click.option("--openssf", is_flag=True, help="P-256, as OpenSSF's model signing asks for.")
def new(
    *, out: Path, passphrase_file: Path | None, passphrase_env: str | None, no_passphrase: bool, openssf: bool
) -> int:
    """Make a key: NAME.key, which signs and stays here, and NAME.pub, which others verify with.

    The private key is encrypted under a passphrase (scrypt and AES-256), which is asked for at the terminal
    unless a file or a variable holds it.
    """
    from seatrial.trust.keys import new_key, save

    secret = given_passphrase(passphrase_file, passphrase_env)
    if no_passphrase and secret is not None:
        raise UsageError("--no-passphrase, and a passphrase is given")
    if secret is None and not no_passphrase:
        secret = asked_passphrase(f"{out}.key", twice=True)
    key = new_key("p256" if openssf else "ed25519")
    private, public = save(key, out, passphrase=secret)
    click.echo(f"wrote {private}: keep it to yourself" + ("" if secret else "; it is NOT encrypted"))
    click.echo(f"wrote {public}: give it to everybody who verifies")
    click.echo(f"  {key.kind} {key.id}")
    return 0


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_options
def show(*, file: Path, passphrase_file: Path | None, passphrase_env: str | None) -> int:
    """Say the kind and the id of the key in FILE, public or private; never more than that.

    The id is the sha256 of the public key in DER: read it out to each other before you trust a key.
    """
    key, what = _either(file, passphrase_file, passphrase_env)
    click.echo(f"{file}: {what}")
    click.echo(f"  kind  {key.kind}")
    click.echo(f"  id    {key.id}")
    return 0


def _either(file: Path, passphrase_file: Path | None, variable: str | None) -> tuple[PublicKey, str]:
    from seatrial.trust.keys import holds_private, is_encrypted, load_private, load_public

    if not holds_private(file):
        return load_public(file), "public key"
    secret = given_passphrase(passphrase_file, variable)
    encrypted = is_encrypted(file)
    if encrypted and secret is None:
        secret = asked_passphrase(str(file), twice=False)
    said = "private key, encrypted" if encrypted else "private key, NOT encrypted"
    return load_private(file, secret).public, said


command.add_command(holder)
command.add_command(roots)
