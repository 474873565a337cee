"""`seatrial api-key`: who may ask a server; keys are made here, and their digests kept in a file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click

_file = click.argument("file", type=click.Path(path_type=Path))
_RIGHTS = ("infer", "predict", "metadata", "docs", "metrics", "manage")


@click.group("api-key")
def command() -> None:
    """Make and remove the API keys of a server (`access.keys` in serve.yaml).

    FILE keeps digests only. A server that runs reads it again within a second of a change.
    """


@command.command("new")
@_file
@click.option("--name", required=True, help="Whose it is; stands in the server's log.")
@click.option("--model", "models", multiple=True, help="That it is for; may be repeated.  [default: all]")
@click.option(
    "--right", "rights", multiple=True, type=click.Choice(_RIGHTS),
    help="That it gives; may be repeated.  [default: infer, predict, metadata, docs]",
)  # fmt: skip
@click.option("--days", type=click.IntRange(min=1), help="That it is good for.  [default: no end]")
def new(*, file: Path, name: str, models: tuple[str, ...], rights: tuple[str, ...], days: int | None) -> int:
    """Make a key, add its digest to FILE, and print it: this once, and never again."""
    from seatrial.serve.access.apikeys import USUAL, add_key, made

    today = _today()
    expires = None if days is None else today + timedelta(days=days)
    fresh = made(name, today=today, expires=expires, models=models, rights=rights or USUAL)
    add_key(file, fresh.key)
    until = "it is removed" if expires is None else f"{expires}"
    click.echo(f"{name}: good until {until}; the key is shown this once:", err=True)
    click.echo(fresh.secret)
    return 0


@command.command("list")
@_file
def show(*, file: Path) -> int:
    """List the keys of FILE: whose they are and what for."""
    from seatrial.serve.access.apikeys import read_keys

    today = _today()
    for key in read_keys(file):
        until = "" if key.expires is None else f"  {_until(key.expires, today)} {key.expires}"
        models = ", ".join(key.models) or "all models"
        click.echo(f"{key.name}  made {key.created}{until}  {', '.join(key.rights)} on {models}")
    return 0


@command.command("remove")
@_file
@click.argument("name")
def remove(*, file: Path, name: str) -> int:
    """Take the key NAME out of FILE."""
    from seatrial.serve.access.apikeys import remove_key

    remove_key(file, name)
    click.echo(f"{name}: removed")
    return 0


def _today() -> date:
    return datetime.now(UTC).date()


def _until(expires: date, today: date) -> str:
    return "expired" if today > expires else "until"
