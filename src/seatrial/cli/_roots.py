"""`seatrial keys root`: which keys count, and how that changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli._passphrase import given_passphrase, passphrase_options
from seatrial.cli._signers import signers
from seatrial.errors import NotFound, TrustError, UsageError

if TYPE_CHECKING:
    from seatrial.trust.keys import PublicKey
    from seatrial.trust.roots import Roots

_file = click.argument("file", type=click.Path(path_type=Path), metavar="ROOTS.JSON")
_days = click.option("--days", type=click.IntRange(1, 3650), help="That it is good for from now on.")
_threshold = click.option("--threshold", type=click.IntRange(1, 64), help="Keys that must sign.")


def _signing(function: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--sign", "keys", multiple=True, type=click.Path(path_type=Path), metavar="KEY",
        help="Private key to sign with; may be repeated. Others can follow with `keys root sign`.",
    )  # fmt: skip
    return option(passphrase_options(function))


@click.group("root")
def roots() -> None:
    """Say which keys count, in a file that can be handed out and followed (roots.json).

    Every change is a new version, signed by enough of the old keys and enough of the new ones.
    """


@roots.command("new")
@_file
@click.option("--name", required=True, help="Whose root it is, such as acme.")
@click.option(
    "--key", "public", multiple=True, required=True, type=click.Path(path_type=Path), metavar="PUB",
    help="Public key that counts; may be repeated.",
)  # fmt: skip
@_threshold
@_days
@_signing
def new(
    *,
    file: Path,
    name: str,
    public: tuple[Path, ...],
    threshold: int | None,
    days: int | None,
    **options: Any,
) -> int:
    """Begin a chain of roots: these keys count, and so many of them must sign.

    One must sign and it is good for a year, unless told otherwise.
    """
    from seatrial.trust.roots import new_root

    if file.exists():
        raise UsageError(f"{file} is there already", hint="change it with: seatrial keys root rotate")
    fresh = new_root(name, _public(public), threshold=threshold or 1, expires=_expires(days or 365))
    return _written(file, fresh, options)


@roots.command("add")
@_file
@click.argument("public", type=click.Path(path_type=Path), metavar="PUB")
@_threshold
@_days
@_signing
def add(*, file: Path, public: Path, threshold: int | None, days: int | None, **options: Any) -> int:
    """Let the key PUB count as well, from the next version on."""
    from seatrial.trust.roots import next_root

    changed = next_root(
        _read(file), adding=_public((public,)), threshold=threshold, expires=(days and _expires(days)) or None
    )
    return _written(file, changed, options)


@roots.command("remove")
@_file
@click.argument("key")
@click.option("--reason", required=True, help="Why; everybody who verifies an old signature is told.")
@_threshold
@_days
@_signing
def remove(
    *, file: Path, key: str, reason: str, threshold: int | None, days: int | None, **options: Any
) -> int:
    """Take KEY (a .pub file or the first digits of an id) out: nothing that it signed counts any more."""
    from seatrial.trust.roots import next_root

    old = _read(file)
    gone = {_named(old, key): reason}
    changed = next_root(old, removing=gone, threshold=threshold, expires=(days and _expires(days)) or None)
    return _written(file, changed, options)


@roots.command("rotate")
@_file
@click.option("--out", "old_key", metavar="KEY", help="A .pub file or an id: counts no more.")
@click.option("--in", "new_key", type=click.Path(path_type=Path), metavar="PUB", help="Counts from now on.")
@click.option("--reason", default="rotated", show_default=True, help="Why the old one goes.")
@_threshold
@_days
@_signing
def rotate(
    *,
    file: Path,
    old_key: str | None,
    new_key: Path | None,
    reason: str,
    threshold: int | None,
    days: int | None,
    **options: Any,
) -> int:
    """Replace a key by another in one version; without keys, only renew the term.

    Bundles signed with the old key count no more: sign them again with the new one.
    """
    from seatrial.trust.roots import next_root

    old = _read(file)
    changed = next_root(
        old,
        adding=_public((new_key,)) if new_key else (),
        removing={_named(old, old_key): reason} if old_key else None,
        threshold=threshold,
        expires=_expires(days or 365),
    )
    return _written(file, changed, options)


@roots.command("sign")
@_file
@_signing
def sign(*, file: Path, **options: Any) -> int:
    """Add a signature to the newest version, where several people must agree."""
    if not options["keys"]:
        raise UsageError("there is no key to sign with", hint="give --sign KEY")
    return _written(file, _read(file), options)


@roots.command("show")
@_file
def show(*, file: Path) -> int:
    """Say which keys count, until when, and which count no more."""
    found = _read(file)
    root = found.current
    click.echo(f"{root.name} version {root.version}: {root.threshold} of {len(root.keys)} keys must sign")
    click.echo(f"  good until {root.expires:%Y-%m-%d}")
    for key in root.keys:
        click.echo(f"  {key.id}  {key.name} ({key.kind})")
    for key_id, why in root.removed.items():
        click.echo(f"  {key_id}  REMOVED: {why}")
    _say_missing(found)
    return 0


def _written(file: Path, changed: Roots, options: dict[str, Any]) -> int:
    from seatrial.trust.roots import sign_root
    from seatrial.trust.signing import write_whole

    secret = given_passphrase(options["passphrase_file"], options["passphrase_env"])
    signed = sign_root(changed, *signers(options["keys"], secret))
    write_whole(file, signed.to_bytes())
    click.echo(f"wrote {file}: {signed.current.name} version {signed.current.version}")
    _say_missing(signed)
    return 0


def _say_missing(found: Roots) -> None:
    from seatrial.trust.roots import complete

    try:
        complete(found)
    except TrustError as error:
        click.echo(f"  not good yet, {error.message}", err=True)
        click.echo("  what to do: seatrial keys root sign ROOTS.JSON --sign KEY", err=True)


def _read(file: Path) -> Roots:
    from seatrial.trust.roots import MOST_BYTES, read_roots
    from seatrial.trust.signing import read_whole

    if not file.exists():
        raise NotFound(f"there is no {file}", hint="make one with: seatrial keys root new")
    return read_roots(read_whole(file, most=MOST_BYTES), signed=False)


def _public(files: tuple[Path, ...]) -> list[PublicKey]:
    from seatrial.trust.keys import load_public

    return [load_public(each) for each in files]


def _named(old: Roots, text: str) -> str:
    """The id of a key of the root, from its file or the beginning of its id."""
    if Path(text).is_file():
        return _public((Path(text),))[0].id
    found = [each.id for each in old.current.keys if len(text) >= 8 and each.id.startswith(text)]
    if len(found) != 1:
        raise NotFound(
            f"no one key '{text[:80]}' in the root", hint="give its .pub file, or 8 digits of its id"
        )
    return found[0]


def _expires(days: int) -> datetime:
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
