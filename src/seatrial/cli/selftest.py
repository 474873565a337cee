"""`seatrial selftest`: breaks the user's own good release, and looks whether the gate says no."""

from __future__ import annotations

import os
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli._resolve import contract_of
from seatrial.cli.main import GATE_SAID_NO

if TYPE_CHECKING:
    from seatrial.selftest import FaultRow, GoodRow, Step, Subject

STOPPED = 130


@click.command("selftest")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Held-out set: .npz, folder, .csv, .jsonl."
)
@click.option(
    "--members",
    type=click.Path(path_type=Path),
    help="Training samples: some faults need them.",
)
@click.option(
    "--contract", type=click.Path(path_type=Path), help="contract.yaml [default: found beside the model]."
)
@click.option(
    "--profile", default="cpu-server", show_default=True, help="Deployment target: a name or a .yaml file."
)
@click.option(
    "--faults",
    "wanted",
    default="all",
    show_default=True,
    help="all, or with commas: checks (C1), numbers (F02), kinds (weights), names; see seatrial list faults.",
)
@click.option(
    "--good",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="Runs over good releases.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Releases at a time [default: 2, or 1 on one core].")
@click.option("--seed", default=7, show_default=True, help="Of the faults and of the gate.")
@click.option("--quick", is_flag=True, help="Let each release go at the first check that sees it.")
@click.option(
    "--timeout",
    default=600.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Most seconds for one release.",
)
@click.option(
    "--deliver", multiple=True, type=click.Path(path_type=Path), help="Another file that will be handed over."
)
@click.option("--other", type=click.Path(path_type=Path), help="The same model from another training run.")
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N samples.")
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the table."
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("seatrial-selftest"), show_default=True
)
@click.option("--quiet", is_flag=True, help="Print the table only.")
def command(
    *,
    wanted: str,
    good: int,
    jobs: int | None,
    seed: int,
    quick: bool,
    timeout: float,
    lang: str,
    out: Path,
    quiet: bool,
    **options: object,
) -> int:
    """Break MODEL in every known way and see whether the gate says no to each; the good one must pass.

    Writes selftest.json, .md and .html. Exits with 0 when every applicable fault was caught and no good
    release was refused, else with 1.
    """
    from seatrial.selftest import Plan, choose, run_selftest, write_selftest
    from seatrial.selftest.table import to_terminal

    subject = _subject(**options)  # type: ignore[arg-type]  # click has checked the types
    plan = Plan(
        faults=choose(wanted, subject.catalogue()) if wanted else (),
        good=good,
        jobs=jobs or min(2, os.cpu_count() or 1),
        seed=seed,
        quick=quick,
        limit=timeout,
    )
    progress = Progress(lang, quiet=quiet)
    progress.say(f"{len(plan.faults)} faults, {plan.good} good releases; first the good one as it is")
    found = run_selftest(
        subject,
        plan,
        clock=lambda: datetime.now(UTC),
        command=shlex.join(["seatrial", *sys.argv[1:]]),
        told=progress.told,
    )
    progress.done()
    written = write_selftest(found, out, language=lang)
    click.echo(to_terminal(found, lang, color=sys.stdout.isatty(), width=_width()))
    click.echo(f"\nreport: {written['selftest.html']}")
    if found.interrupted:
        return STOPPED
    return 0 if found.passed else GATE_SAID_NO


def _subject(
    *,
    model: Path,
    data: Path,
    members: Path | None,
    contract: Path | None,
    profile: str,
    deliver: tuple[Path, ...],
    other: Path | None,
    limit: int | None,
) -> Subject:
    from seatrial.checks import load_profile
    from seatrial.model import open_model
    from seatrial.selftest import Subject

    given, _ = contract_of(open_model(model), contract)
    return Subject(
        model=model,
        data=data,
        contract=given,
        profile=load_profile(profile),
        members=members,
        delivered=tuple(each for each in (contract, *deliver) if each is not None),
        other=other,
        limit=limit,
    )


def _width() -> int:
    import shutil

    return click.get_current_context().terminal_width or shutil.get_terminal_size((110, 24)).columns


class Progress:
    """Says on standard error what was judged and how long it will still take."""

    def __init__(self, language: str, *, quiet: bool) -> None:
        self.language = language
        self.quiet = quiet
        self.begin = time.monotonic()

    def say(self, text: str) -> None:
        """One line of news."""
        if not self.quiet:
            click.echo(f"  {text}", err=True)

    def told(self, step: Step) -> None:
        """One release was judged."""
        left = f"about {_span(step.remaining)} left" if step.done < step.planned else "done"
        if step.row is not None and step.row.status == "not-applicable":
            return
        if step.row is None:
            self.say(f"the gate says yes to the good one; {step.planned} releases to judge, {left}")
        else:
            self.say(f"{step.done:>3}/{step.planned} {self._line(step.row)}  ({left})")

    def _line(self, row: FaultRow | GoodRow) -> str:
        from seatrial.selftest import FaultRow

        if not isinstance(row, FaultRow):
            return f"good: {row.title.in_language(self.language):<28} {row.status:<14} {row.seconds:5.1f} s"
        by = f" by {row.first}" if row.caught else ""
        return f"{row.name:<34} {row.status + by:<28} {row.seconds:5.1f} s"

    def done(self) -> None:
        """Gives the time."""
        self.say(f"{_span(time.monotonic() - self.begin)} in all\n")


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
