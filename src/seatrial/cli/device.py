"""`seatrial device`: the machine that licenses are for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from seatrial.errors import UsageError

_DEVICE = Path("device.json")


@click.group("device")
def command() -> None:
    """Enroll this machine, so that licenses can be issued for it, and show how firmly it is bound."""


@command.command("enroll")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=_DEVICE, show_default=True,
    help="Stays here; the .pub.json beside it goes to whoever issues licenses.",
)  # fmt: skip
@click.option("--tpm", is_flag=True, help="Keep the key in this machine's TPM 2.0 (needs tpm2-tools).")
@click.option(
    "--issuer", "issuers", multiple=True, type=click.Path(path_type=Path), metavar="PUB",
    help="Whose licenses it believes; may be repeated.",
)  # fmt: skip
@click.option(
    "--anchor", type=click.Path(path_type=Path), metavar="FILE",
    help="Counts along elsewhere, so that an older copy of the state is found out.",
)  # fmt: skip
@click.option("-k", "k", type=click.IntRange(1), help="Parts that must stay.  [default: more than half]")
@click.option("--unbound", is_flag=True, help="Bind it to nothing: the file works wherever it is.")
def enroll(
    *, out: Path, tpm: bool, issuers: tuple[Path, ...], anchor: Path | None, k: int | None, unbound: bool
) -> int:
    """Make this machine's key, readable on this machine only.

    The key opens where k of the machine's parts (machine id, DMI UUID, disk serial, network card, GPU) are
    as they were, or in its TPM. No part is stored or shown: they are hashed with a salt.
    """
    from seatrial.trust import device as devices
    from seatrial.trust.claims import binding_words
    from seatrial.trust.keys import load_public
    from seatrial.trust.machine import read_parts
    from seatrial.trust.tpm import Tpm

    if tpm and (unbound or k):
        raise UsageError("--tpm binds to the TPM alone: leave out --unbound and -k")
    parts = {} if unbound or tpm else read_parts()
    told = devices.enroll(
        out,
        parts=parts,
        now=datetime.now(UTC),
        k=k,
        tpm=Tpm() if tpm else None,
        issuers=[load_public(each) for each in issuers],
        anchor=anchor,
    )
    public = out.name.removesuffix(".json") + ".pub.json"
    click.echo(f"wrote {out}: keep it here, with the .state beside it")
    click.echo(f"wrote {out.with_name(public)}: send it to whoever issues licenses")
    click.echo(f"  binding: {binding_words(told.strength, told.machine)}")
    if parts:
        needed = told.machine.k if told.machine else 0
        click.echo(f"  {needed} of {len(parts)} parts must stay: {', '.join(sorted(parts))}")
    return 0


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path), default=_DEVICE)
def show(*, file: Path) -> int:
    """Open the device FILE here and say how it is bound.

    Exit code 4: it was enrolled on another machine.
    """
    from seatrial.cli._license_text import device_lines
    from seatrial.trust.device import open_device
    from seatrial.trust.machine import read_parts

    device = open_device(file, parts=read_parts)
    state = device.ledger.look()
    for line in device_lines(device):
        click.echo(line)
    click.echo(f"time       not before {datetime.fromtimestamp(state.floor, UTC):%Y-%m-%d %H:%M} UTC")
    for name, use in sorted(state.licenses.items()):
        click.echo(f"license    {name}, number {use.sequence}: {use.used:,} calls leased here")
    return 0
