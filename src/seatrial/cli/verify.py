"""`seatrial verify`: who vouches for a bundle, and that these are the bytes that were checked."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.errors import NotFound, UsageError

if TYPE_CHECKING:
    from seatrial.model.bundle import Bundle
    from seatrial.trust.keys import PublicKey
    from seatrial.trust.remembered import Remembered
    from seatrial.trust.roots import Root
    from seatrial.trust.verification import Verified


def default_memory() -> Path:
    """`$SEATRIAL_HOME/trust.json`, else in the user's data folder."""
    home = os.environ.get("SEATRIAL_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share" / "seatrial") / "trust.json"


@click.command("verify")
@click.argument("path", type=click.Path(path_type=Path), metavar="BUNDLE")
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path), metavar="PUB",
    help="Public key that is trusted; may be repeated.",
)  # fmt: skip
@click.option("--threshold", type=click.IntRange(1, 64), help="Different keys that must have signed [1].")
@click.option(
    "--roots", type=click.Path(path_type=Path), metavar="ROOTS.JSON",
    help="Whose keys count (seatrial keys root), instead of --key and --threshold.",
)  # fmt: skip
@click.option("--at-least", default="", metavar="VERSION", help="Refuse older versions.")
@click.option("--allow-older", is_flag=True, help="Take an older version than was verified here before.")
@click.option(
    "--memory", type=click.Path(path_type=Path),
    help="What was verified before  [default: $SEATRIAL_HOME/trust.json]",
)  # fmt: skip
@click.option(
    "--openssf-key", type=click.Path(path_type=Path), metavar="PUB",
    help="P-256 key: also verify signatures/model.sig. BUNDLE may be any folder then.",
)  # fmt: skip
@click.option(
    "--openssf-signature", type=click.Path(path_type=Path), metavar="FILE",
    help="Where that signature lies  [default: BUNDLE/signatures/model.sig]",
)  # fmt: skip
def command(*, path: Path, **options: Any) -> int:
    """Verify BUNDLE, a folder or an archive: its bytes, who signed them, and the verdict inside.

    Exits with 0 when everything holds, else with 4. Without a key only the digests are compared: that finds
    damage, not a forger, because whoever changes a file can change its digest.
    """
    from seatrial.model.archive import opened
    from seatrial.model.bundle import is_bundle

    if options["openssf_key"] and path.is_dir() and not is_bundle(path):
        if options["keys"] or options["roots"]:
            raise UsageError(f"{path} is no bundle: only --openssf-key can verify it")
        _openssf(path, None, options)
        return 0
    with ExitStack() as stack:
        bundle = stack.enter_context(opened(path))
        _bundle(bundle, options)
        if options["openssf_key"]:
            _openssf(bundle.folder, bundle, options)
    return 0


def _bundle(bundle: Bundle, options: dict[str, Any]) -> None:
    from seatrial.trust.provenance import verify_provenance
    from seatrial.trust.remembered import Remembered
    from seatrial.trust.verification import verify_bundle

    memory = Remembered(options["memory"] or default_memory())
    keys, threshold, root = _trusted(options, memory)
    verified = verify_bundle(
        bundle,
        keys,
        threshold=threshold,
        at_least=options["at_least"],
        revoked=root.removed if root else None,
    )
    facts = verify_provenance(bundle, keys) if verified.signers else {}
    if verified.signers:
        vouched = [f"root:{root.name}"] if root else [each.id for each in verified.signers]
        memory.take(bundle.manifest, vouched, allow_older=options["allow_older"])
    _say(verified, root, alone=not options["openssf_key"])
    for name, value in facts.items():
        click.echo(f"  made from  {name[:80]}: {value[:200]}")


def _trusted(options: dict[str, Any], memory: Remembered) -> tuple[tuple[PublicKey, ...], int, Root | None]:
    """The keys that count, how many of them must have signed, and the root that says so."""
    from seatrial.trust.keys import load_public
    from seatrial.trust.roots import MOST_BYTES, holding, read_roots
    from seatrial.trust.signing import read_whole

    file = options["roots"]
    if file is None:
        keys = tuple(load_public(each) for each in options["keys"])
        if options["threshold"] and not keys:
            raise UsageError("--threshold without --key", hint="say whose signatures count: --key PUB")
        return keys, options["threshold"] or 1, None
    if options["keys"] or options["threshold"]:
        raise UsageError("--roots says which keys count: leave --key and --threshold out")
    if not file.exists():
        raise NotFound(f"there is no {file}")
    roots = read_roots(read_whole(file, most=MOST_BYTES))
    root = holding(roots, now=datetime.now(UTC))
    memory.follow(roots)
    return root.keys, root.threshold, root


def _openssf(folder: Path, bundle: Bundle | None, options: dict[str, Any]) -> None:
    from seatrial.trust.keys import load_public
    from seatrial.trust.openssf import verify_openssf
    from seatrial.trust.statement import subjects_of

    signed = verify_openssf(
        folder,
        load_public(options["openssf_key"]),
        signature=options["openssf_signature"],
        hashed=subjects_of(bundle) if bundle else None,
    )
    click.echo(f"  OpenSSF    {signed.files} files of {signed.name} signed by {_key(signed.signer)}")
    for each in signed.ignored:
        _warn(f"{each} was left out by the signer: nobody vouches for it")
    if signed.despite:
        _warn(f"signed DESPITE the gate: {signed.despite}")


def _say(verified: Verified, root: Root | None, *, alone: bool) -> None:
    manifest, gate = verified.bundle.manifest, verified.gate
    click.echo(f"{manifest.release}  {verified.bundle.digest}")
    click.echo(f"  bytes      {len(manifest.files)} files, all as listed, and nothing else")
    for each in verified.signers:
        click.echo(f"  signed by  {_key(each)}")
    if root:
        click.echo(f"  root       {root.name} version {root.version}, {root.threshold} of {len(root.keys)}")
    for other in verified.others:
        click.echo(f"  also by    {other[:64]}, which nobody here trusts")
    said = f"{gate.verdict}, {gate.tier}, profile {gate.profile}" if gate.report else "no report"
    click.echo(f"  gate       {said}")
    if gate.objection:
        _warn(gate.objection)
    if verified.despite:
        _warn(f"signed DESPITE the gate: {verified.despite}")
    if not verified.signers and alone:
        _warn("NOBODY VOUCHES FOR THIS: no key was given, only the digests were compared")
        click.echo("  what to do: ask the sender for the public key, and give --key PUB", err=True)


def _key(key: PublicKey) -> str:
    return f"{key.name} ({key.kind} {key.id})"


def _warn(text: str) -> None:
    click.secho(f"  WARNING    {text}", fg="yellow", bold=True, err=True)
