"""`seatrial license`: who may use a bundle, how much, how long, and where."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli._license_serve import serve
from seatrial.cli._passphrase import given_passphrase, passphrase_options
from seatrial.cli._signers import holder_key, signers
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.trust.claims import Online
    from seatrial.trust.device import DevicePublic

_KEY = Path("keys/seatrial.key")


@click.group("license")
def command() -> None:
    """Issue licenses, show them, take them back, and lease their calls."""


@command.command("issue")
@click.option(
    "--key", type=click.Path(path_type=Path), default=_KEY, show_default=True, help="Of the issuer."
)
@click.option(
    "--for", "holder", required=True, type=click.Path(path_type=Path), metavar="DEVICE",
    help="device.pub.json, or a customer's X25519 key (.pub).",
)  # fmt: skip
@click.option(
    "--bundle", "bundles", multiple=True, required=True, metavar="BUNDLE",
    help="Folder, digest, or NAME@RANGE such as digits@>=1.0,<2; may be repeated.",
)  # fmt: skip
@click.option(
    "--seal-key", type=click.Path(path_type=Path), metavar="KEY",
    help="Private key that a sealed BUNDLE was sealed for: its content key goes into the license.",
)  # fmt: skip
@click.option("--customer", default="", help="In words.  [default: name of the device file]")
@click.option("--id", "license_id", help="[default: made up]")
@click.option(
    "--sequence", default=1, show_default=True, type=click.IntRange(1), help="Replaces lower ones of its id."
)
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 36500))
@click.option("--begins", type=click.DateTime(["%Y-%m-%d"]), help="UTC.  [default: now]")
@click.option(
    "--grace", default=7, show_default=True, type=click.IntRange(0, 3660), help="Days after the term."
)
@click.option("--calls", default=0, type=click.IntRange(0), help="Rows in all.  [default: any number]")
@click.option("--rate", default=0, type=click.IntRange(0), help="Rows a second.  [default: any]")
@click.option("--feature", "features", multiple=True, help="May be repeated.  [default: serve]")
@click.option(
    "--any-machine", is_flag=True, help="Ask for the device's key only, not for the machine's parts."
)
@click.option(
    "--revocation-days", default=0, type=click.IntRange(0),
    help="Demand a list of revocations no older than that.  [default: none]",
)  # fmt: skip
@click.option("--online", metavar="URL", help="Lease server that counts the calls.")
@click.option("--online-key", type=click.Path(path_type=Path), metavar="PUB", help="Its key.")
@passphrase_options
@click.option("-o", "--out", type=click.Path(path_type=Path), help="[default: ID.license.json]")
def issue(*, key: Path, holder: Path, bundles: tuple[str, ...], out: Path | None, **options: Any) -> int:
    """Write a license for one device.

    It is signed with the issuer's key. The content key of a sealed bundle is wrapped for the device, in the
    context of exactly these claims.
    """
    from seatrial.trust import license as licenses
    from seatrial.trust.claims import Claims

    passphrase = given_passphrase(options["passphrase_file"], options["passphrase_env"])
    (issuer,) = signers([key], passphrase)
    to, device = _holder(holder)
    if device is None and (options["calls"] or options["online"]):
        raise UsageError(
            "calls are counted on a device, and this is a customer's key",
            hint="have the machine enrolled: seatrial device enroll",
        )
    names, content_keys = _bundles(bundles, options["seal_key"], passphrase)
    now = datetime.now(UTC).replace(microsecond=0)
    begins = options["begins"].replace(tzinfo=UTC) if options["begins"] else now
    claims = Claims(
        id=options["license_id"] or f"L-{secrets.token_hex(5)}",
        customer=options["customer"] or holder.name.split(".")[0],
        issuer="",
        device="",
        bundles=names,
        features=options["features"] or ("serve",),
        issued=now,
        not_before=begins,
        expires=begins + timedelta(days=options["days"]),
        grace_days=options["grace"],
        sequence=options["sequence"],
        max_calls=options["calls"],
        max_rows_per_second=options["rate"],
        binding=device.strength if device else "key",
        machine=device.machine if device and not options["any_machine"] else None,
        revocation_days=options["revocation_days"],
        online=_online(options["online"], options["online_key"], device),
    )
    data = licenses.issue(claims, issuer, to=to, content_keys=content_keys)
    path = out or Path(f"{claims.id}.license.json")
    if path.exists():
        raise UsageError(f"{path} is there already", hint="name another with -o")
    path.write_bytes(data)
    click.echo(f"wrote {path} ({len(data):,} bytes, {len(content_keys)} content keys)")
    _show(licenses.unverified(data).claims, now)
    return 0


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--issuer", "issuers", multiple=True, type=click.Path(path_type=Path), metavar="PUB")
def show(*, file: Path, issuers: tuple[Path, ...]) -> int:
    """Say in plain words what the license FILE permits, how firmly it is bound, and how long it lasts.

    With --issuer the signature is checked first (exit code 4: it is not theirs); without, it says so.
    """
    from seatrial.trust.keys import load_public
    from seatrial.trust.license import license_bytes, read_license, unverified

    data = license_bytes(file)
    keys = [load_public(each) for each in issuers]
    found = read_license(data, keys) if keys else unverified(data)
    _show(found.claims, datetime.now(UTC))
    click.echo(f"keys       of {len(found.content_keys)} sealed bundles")
    click.echo("signature  good" if keys else "signature  NOT CHECKED: give --issuer PUB")
    return 0


@command.command("revoke")
@click.argument("ids", nargs=-1)
@click.option(
    "--key", type=click.Path(path_type=Path), default=_KEY, show_default=True, help="Of the issuer."
)
@click.option(
    "--list", "file", type=click.Path(path_type=Path), default=Path("revoked.json"), show_default=True
)
@click.option("--why", default="", help="For people; everybody who has the list can read it.")
@passphrase_options
def revoke(
    *,
    ids: tuple[str, ...],
    key: Path,
    file: Path,
    why: str,
    passphrase_file: Path | None,
    passphrase_env: str | None,
) -> int:
    """Take the licenses IDS back: put them on the list, and sign it with today's date.

    Without IDS the list is only signed again: licenses that demand a fresh one stop without it.
    """
    from seatrial.trust.revocation import revoke as put_on_list

    (issuer,) = signers([key], given_passphrase(passphrase_file, passphrase_env))
    found = put_on_list(file, issuer, ids, now=datetime.now(UTC).replace(microsecond=0), why=why)
    click.echo(f"wrote {file}: number {found.sequence}, {len(found.revoked)} licenses taken back")
    return 0


def _show(claims: Any, now: datetime) -> None:
    from seatrial.cli._license_text import license_lines

    for line in license_lines(claims, now):
        click.echo(line)


def _holder(path: Path) -> tuple[Any, DevicePublic | None]:
    from seatrial.trust.device import read_device
    from seatrial.trust.holders import load_holder

    if path.suffix == ".json":
        device = read_device(path)
        return device.public, device
    return load_holder(path), None


def _bundles(
    given: tuple[str, ...], seal_key: Path | None, passphrase: bytes | None
) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """What the claims say of the bundles, and the content keys of those that are sealed, by digest."""
    from seatrial.model.bundle import is_bundle, open_bundle
    from seatrial.trust.sealing import is_sealed, plain_manifest
    from seatrial.trust.unsealing import content_key_of

    names: list[str] = []
    keys: dict[str, bytes] = {}
    private = holder_key(seal_key, passphrase) if seal_key else None
    for each in given:
        if not is_bundle(Path(each)):
            names.append(each)
            continue
        bundle = open_bundle(Path(each))
        if not is_sealed(bundle.manifest):
            names.append(bundle.digest)
            continue
        if private is None:
            raise UsageError(
                f"{each} is sealed, and the license needs its content key",
                hint="give --seal-key KEY: a private key that it was sealed for",
            )
        names.append(plain_manifest(bundle.manifest).digest)
        keys[bundle.digest] = content_key_of(bundle, private)
    return tuple(names), keys


def _online(url: str | None, key: Path | None, device: DevicePublic | None) -> Online | None:
    from seatrial.trust.claims import Online
    from seatrial.trust.keys import load_public
    from seatrial.trust.strictjson import to_base64

    if (url is None) != (key is None):
        raise UsageError("--online and --online-key go together")
    if url is None or key is None or device is None:
        return None
    public = load_public(key)
    if public.kind != "ed25519":
        raise UsageError(f"{key} is a key of the kind {public.kind}, expected ed25519")
    return Online(url, to_base64(public.point.public_bytes_raw()), device.signing)


command.add_command(serve)
