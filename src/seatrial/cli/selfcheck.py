"""`seatrial selfcheck`: does a bundle work on the machine that received it?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli._unsealing import Opener, opened_bundle, opener_of, unseal_options
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.deliverables import Line, Selfcheck
    from seatrial.model.bundle import Bundle
    from seatrial.trust.verification import Verified

_COLORS = {"pass": "green", "fail": "red", "skip": "yellow"}
_SHOWN = 5  # failures of a line; --json has all of them


@click.command("selfcheck")
@click.argument("path", type=click.Path(path_type=Path), metavar="BUNDLE")
@click.option("--runtime", default="", help="Only this one  [default: every runtime that is installed]")
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path), metavar="PUB",
    help="Public key that must have signed the bundle; may be repeated.",
)  # fmt: skip
@click.option(
    "--license", "license_file", type=click.Path(path_type=Path), metavar="FILE",
    help="License that must cover the bundle, and opens a sealed one; needs --device.",
)  # fmt: skip
@click.option("--device", type=click.Path(path_type=Path), help="That the license is for: device.json.")
@click.option(
    "--issuer", "issuers", multiple=True, type=click.Path(path_type=Path), metavar="PUB",
    help="Whose licenses are believed, beside those that the device names.",
)  # fmt: skip
@unseal_options
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def command(*, path: Path, runtime: str, keys: tuple[Path, ...], as_json: bool, **options: Any) -> int:
    """Try BUNDLE, a folder or an archive, on this machine: its bytes, its golden vectors, its test cases.

    Every model is run in a process of its own on every runtime that is installed. Exits with 0 when all is as
    it was handed over, with 1 when an answer is another, and with 4 when the bytes or the signature are.
    """
    from seatrial.deliverables import selfcheck
    from seatrial.model.archive import opened
    from seatrial.trust.keys import load_public
    from seatrial.trust.verification import verify_bundle

    license_options = {name: options.pop(name) for name in ("license_file", "device", "issuers")}
    opener = opener_of(**options)
    with opened(path) as received:
        verified = verify_bundle(received, [load_public(each) for each in keys])
        with (
            _permitted(received, opener, **license_options) as opener,
            opened_bundle(received.folder, opener) as bundle,
        ):
            result = selfcheck(bundle, runtime=runtime, progress=_say)
    if as_json:
        signers = [each.id for each in verified.signers]
        click.echo(json.dumps({**result.to_data(), "signers": signers}, ensure_ascii=False, indent=1))
    else:
        _print(verified, result)
    return 0 if result.passed else 1


@contextmanager
def _permitted(
    bundle: Bundle, opener: Opener | None, *, license_file: Path | None, device: Path | None, issuers: Any
) -> Iterator[Opener | None]:
    """What opens the bundle: with a license, which must cover it, the license."""
    if license_file is None and device is None:
        yield opener
        return
    if license_file is None or device is None:
        raise UsageError(
            "--license and --device go together", hint="make the device's file with: seatrial device enroll"
        )
    from seatrial.trust.device import open_device
    from seatrial.trust.guard import Holder, open_guard
    from seatrial.trust.keys import load_public
    from seatrial.trust.machine import read_parts

    here = open_device(device, parts=read_parts)
    believed = [*(load_public(each) for each in issuers), *here.issuers]
    guard = open_guard(license_file, Holder(here, here.told.id, believed), feature="serve")
    try:
        guard.admit(bundle.manifest)
        yield lambda sealed: guard.license.content_key(sealed.digest, here.private)
    finally:
        guard.close()


def _say(text: str) -> None:
    click.echo(f"  {text}", err=True)


def _print(verified: Verified, result: Selfcheck) -> None:
    from seatrial.checks import padded

    files = len(verified.bundle.manifest.files)
    click.echo(f"{result.release}  {verified.bundle.digest}")
    rows = [("bytes", "", "pass", f"{files} files, all as listed, and nothing else")]
    rows += [("signature", each.name, "pass", each.id) for each in verified.signers]
    if not verified.signers:
        rows.append(("signature", "", "skip", "no key was given (--key): nobody vouches for the bundle"))
    rows += [(each.what, each.where, each.outcome, _told(each)) for each in result.lines]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for what, where, outcome, said in rows:
        click.echo(f"  {padded(what, widths[0])}  {padded(where, widths[1])}  ", nl=False)
        click.secho(f"{outcome:<4}", fg=_COLORS[outcome], nl=False)
        click.echo(f"  {said}")
    for line in result.lines:
        for failure in line.failures[:_SHOWN] if line.outcome == "fail" else ():
            click.echo(f"    {line.what}: {failure}")
    good = result.passed
    said = "works here as it was handed over" if good else "does NOT work here as it was handed over"
    click.secho(f"{result.release} {said}", fg="green" if good else "red", bold=True)


def _told(line: Line) -> str:
    if line.note is not None:
        return line.note.en[:160]
    unit = "test cases" if line.where else "samples"
    return f"{line.passed} of {line.tried} {unit}"
