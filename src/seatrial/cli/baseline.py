"""`seatrial baseline`: accepted numbers, append-only."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.errors import NotFound, UsageError

if TYPE_CHECKING:
    from seatrial.checks import Baseline
    from seatrial.registry import BaselineRecord, Baselines


def default_store() -> Path:
    """`$SEATRIAL_HOME/baselines.db`, else in the user's data folder."""
    home = os.environ.get("SEATRIAL_HOME")
    return (
        Path(home) / "baselines.db"
        if home
        else Path.home() / ".local" / "share" / "seatrial" / "baselines.db"
    )


store_option = click.option(
    "--baselines",
    "store",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Database of baselines [default: $SEATRIAL_HOME/baselines.db].",
)


def open_store(store: Path | None) -> Baselines:
    """The database of baselines, made on first use."""
    from seatrial.registry import Baselines

    return Baselines(store or default_store())


def find_baseline(store: Path | None, name: str) -> Baseline:
    """The latest accepted baseline of that name.

    Raises:
        NotFound: Nothing was accepted under that name.
    """
    from seatrial.checks import Baseline

    record = _record(open_store(store), name)
    return Baseline(
        name=record.name,
        model_digest=record.model_digest,
        data_digest=record.data_digest,
        preprocess_digest=record.preprocess_digest,
        environment_digest=record.environment_digest,
        model_path=record.model_path,
        figures=record.figures,
        accepted_by=record.accepted_by,
        reason=record.reason,
        accepted_at=record.accepted_at,
    )


def _record(baselines: Baselines, name: str) -> BaselineRecord:
    record = baselines.find(name=name)
    if record is None:
        known = ", ".join(sorted({each.name for each in baselines.list()})) or "none yet"
        raise NotFound(
            f"no baseline named '{name}'",
            hint=f"there are: {known}; accept one with: seatrial baseline accept",
        )
    return record


@click.group("baseline")
def command() -> None:
    """List, show and accept baselines: the numbers a later model is compared with."""


@command.command("list")
@store_option
def list_command(*, store: Path | None) -> None:
    """List what was accepted, newest first."""
    records = open_store(store).list()
    if not records:
        click.echo(
            "no baseline yet; accept one with: seatrial baseline accept REPORT --name NAME --reason WHY"
        )
    for each in records:
        when = each.accepted_at.isoformat(timespec="minutes")
        click.secho(f"{each.name:<20}", bold=True, nl=False)
        click.echo(f"  {when}  {each.accepted_by}: {each.reason}  [model {each.model_digest[:19]}]")


@command.command("show")
@click.argument("name")
@store_option
def show_command(*, name: str, store: Path | None) -> None:
    """Show the newest baseline called NAME, every figure of it."""
    import json

    record = _record(open_store(store), name)
    for label in (
        "name",
        "accepted_by",
        "accepted_at",
        "reason",
        "model_path",
        "model_digest",
        "data_digest",
    ):
        click.echo(f"{label:<14}{getattr(record, label)}")
    for label in ("preprocess_digest", "environment_digest"):
        click.echo(f"{label:<20}{getattr(record, label)}")
    for check, figures in record.figures.items():
        click.secho(check, bold=True)
        for key, value in figures.items():
            text = json.dumps(value, ensure_ascii=False)
            click.echo(f"  {key}: {text if len(text) < 100 else text[:97] + '...'}")


@command.command("accept")
@click.argument("report", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the baseline, such as the model's.")
@click.option("--reason", required=True, help="Why these numbers are accepted.")
@click.option(
    "--by", "person", default=None, help="Who accepts them [default: the user running the command]."
)
@click.option("--despite-fail", is_flag=True, help="Accept the figures of a report whose gate said no.")
@store_option
def accept_command(
    *, report: Path, name: str, reason: str, person: str | None, despite_fail: bool, store: Path | None
) -> None:
    """Accept the figures of REPORT (a report.json) as the baseline NAME. Nothing is ever overwritten."""
    from seatrial.checks import Verdict, read_report

    if not report.is_file():
        raise NotFound(
            f"no report at {report}",
            hint="run: seatrial check MODEL --data HELDOUT -o OUT, then give OUT/report.json",
        )
    read = read_report(report)
    if read.partial:
        raise UsageError(
            "only some checks were run in this report, so its figures are no baseline",
            hint="run the command again without --only",
        )
    if read.verdict is not Verdict.PASS and not despite_fail:
        raise UsageError(
            f"the gate said no in this report: {read.reason.en}",
            hint="fix it first, or accept it knowingly with --despite-fail",
        )
    record = open_store(store).accept(
        name=name,
        accepted_by=person or getpass.getuser(),
        reason=reason,
        model_name=str(read.model["name"]),
        model_path=str(read.model["path"]),
        model_digest=read.subject["model"],
        data_digest=read.subject["data"],
        preprocess_digest=read.subject["preprocess"],
        environment_digest=read.subject["environment"],
        figures=read.figures,
        clock=lambda: datetime.now(UTC),
    )
    click.echo(f"accepted '{record.name}' by {record.accepted_by}: {record.reason}")
