"""`seatrial sign`: vouches for a bundle, if the gate does."""

from __future__ import annotations

from pathlib import Path

import click

from seatrial.cli._passphrase import given_passphrase, passphrase_options
from seatrial.cli._signers import signers
from seatrial.errors import UsageError

DEFAULT_KEY = Path("keys/seatrial.key")  # where `seatrial keys new` puts it


@click.command("sign")
@click.argument("folder", type=click.Path(path_type=Path), metavar="BUNDLE")
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path), metavar="KEY",
    help=f"Private key; may be repeated.  [default: {DEFAULT_KEY}]",
)  # fmt: skip
@click.option(
    "--openssf-key", type=click.Path(path_type=Path), metavar="KEY",
    help="P-256 key: also write signatures/model.sig, which OpenSSF's model signing verifies.",
)  # fmt: skip
@passphrase_options
@click.option(
    "--despite", default="", metavar="REASON",
    help="Sign although the gate does not vouch; the reason is signed and shown to everybody.",
)  # fmt: skip
@click.option(
    "--provenance", multiple=True, metavar="KEY=VALUE",
    help="What is known of its making, such as commit=1a2b3c4d; signed as SLSA provenance v1.",
)  # fmt: skip
def command(
    *,
    folder: Path,
    keys: tuple[Path, ...],
    openssf_key: Path | None,
    passphrase_file: Path | None,
    passphrase_env: str | None,
    despite: str,
    provenance: tuple[str, ...],
) -> int:
    """Sign BUNDLE: every byte of it, and the verdict of the report in it.

    Refused (exit code 4) when a file is not as listed, and when the report in it says FAIL, speaks of some
    of the checks only, or is about another model: a signature says that these are the bytes that were
    checked.
    """
    from seatrial.model.archive import is_archive
    from seatrial.model.bundle import open_bundle
    from seatrial.trust.gate import look_at
    from seatrial.trust.openssf import sign_openssf
    from seatrial.trust.provenance import NAME as PROVENANCE
    from seatrial.trust.provenance import sign_provenance
    from seatrial.trust.signing import ENVELOPE, sign_bundle

    if is_archive(folder):
        raise UsageError(f"{folder} is an archive", hint="sign the folder, and pack it again")
    if not keys and (DEFAULT_KEY.exists() or openssf_key is None):
        keys = (DEFAULT_KEY,)
    facts = _facts(provenance)
    secret = given_passphrase(passphrase_file, passphrase_env)
    private = signers(keys, secret)
    other = signers((openssf_key,) if openssf_key else (), secret)
    bundle = open_bundle(folder)
    gate = look_at(bundle)
    if private:
        envelope = sign_bundle(bundle, *private, despite=despite, gate=gate)
        click.echo(f"signed {bundle.manifest.release} {bundle.digest}")
        for each in private:
            click.echo(f"  {folder / ENVELOPE}: {each.kind} {each.id}")
        click.echo(f"  {len(envelope.signatures)} signatures are there now")
    if facts:
        sign_provenance(bundle, facts, *private)
        click.echo(f"  {folder / PROVENANCE}: {', '.join(provenance)}")
    for each in other:
        path = sign_openssf(bundle, each, despite=despite, gate=gate)
        click.echo(f"  {path}: {each.kind} {each.id}")
    return 0


def _facts(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if not all(name and sign for name, sign, _ in pairs):
        raise UsageError("--provenance wants KEY=VALUE", hint="such as --provenance commit=1a2b3c4d")
    return {name: value for name, _, value in pairs}
