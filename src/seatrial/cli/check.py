"""`seatrial check`: the sea trial itself."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli._resolve import contract_of
from seatrial.cli.baseline import find_baseline, store_option
from seatrial.cli.main import GATE_SAID_NO

if TYPE_CHECKING:
    from seatrial.checks import Candidate, Check, CheckResult, Profile, Report
    from seatrial.contract import Contract
    from seatrial.model import Artifact


_DIAGNOSIS_SECONDS = 60.0


@dataclass(frozen=True)
class Request:
    """What the user asked for, option by option."""

    model: Path
    data: Path
    members: Path | None
    contract: Path | None
    profile: str
    baseline: str | None
    store: Path | None
    full: bool
    deliver: tuple[Path, ...]
    seed: int
    limit: int | None
    cache: Path | None
    diagnose: bool = False
    also: tuple[str, ...] = ()


@click.command("check")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Held-out set: .npz, folder, .csv, .jsonl."
)
@click.option(
    "--members", type=click.Path(path_type=Path), help="Training samples: leak and membership checks."
)
@click.option(
    "--contract", type=click.Path(path_type=Path), help="contract.yaml [default: found beside the model]."
)
@click.option(
    "--profile", default="cpu-server", show_default=True, help="Deployment target: a name or a .yaml file."
)
@click.option(
    "--also",
    multiple=True,
    metavar="RUNTIME",
    help="Ask this one a few samples too: another processor, a browser; may be repeated, or a,b.",
)
@click.option("--baseline", help="Compare with this accepted baseline.")
@click.option("--fast/--full", "fast", default=True, help="The short tier, or the long one.  [default: fast]")
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check; may be repeated.")
@click.option(
    "--deliver", multiple=True, type=click.Path(path_type=Path), help="Another file that will be handed over."
)
@click.option("--limit", type=click.IntRange(min=1), help="Use only the first N samples.")
@click.option("--cache", type=click.Path(path_type=Path), help="Reuse answers whose inputs have not changed.")
@click.option("--diagnose", is_flag=True, help="Find out why, when accuracy or consistency fails.")
@click.option("--seed", default=7, show_default=True, help="Every random choice starts here.")
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the report."
)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("seatrial-out"), show_default=True)
@click.option("--quiet", is_flag=True, help="Print the table only.")
@store_option
def command(
    *, out: Path, lang: str, only: tuple[str, ...], fast: bool, quiet: bool, **options: object
) -> int:
    """Put MODEL through the ten checks and write report.json, .html, .md, .junit.xml and .sarif.

    Exits with 0 when the gate says yes and with 1 when it says no.
    """
    from seatrial.checks import render, write_report

    request = Request(full=not fast, **options)  # type: ignore[arg-type]  # click has checked the types
    progress = Progress(quiet=quiet)
    report = trial_of(request, only=frozenset(only), progress=progress, keep=out)
    progress.done()
    written = write_report(report, out, language=lang)
    color = sys.stdout.isatty()
    width = click.get_current_context().terminal_width or _terminal_width()
    click.echo(render(report, "terminal", language=lang, color=color, width=width))
    click.echo(f"\nreport: {written['report.html']}")
    return 0 if report.verdict.value == "PASS" else GATE_SAID_NO


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def trial_of(
    request: Request, *, only: frozenset[str], progress: Progress, keep: Path | None = None
) -> Report:
    """Reads everything the user named, runs the gate, and closes every engine.

    What a check made to be kept (the bill of materials) is copied to `keep`.

    Raises:
        SeatrialError: Something named cannot be read; nothing has been run then.
    """
    from seatrial.checks import Answers, GateRun, open_trial, run_gate, write_all
    from seatrial.converters import convert
    from seatrial.model import open_model

    progress.say("reading the model")
    artifact = open_model(request.model)
    contract, source = contract_of(artifact, request.contract)
    progress.say(f"contract: {source}")
    candidate = _candidate(request, artifact, contract, progress)
    with (
        tempfile.TemporaryDirectory(prefix="seatrial-") as scratch,
        open_trial(candidate, Path(scratch), convert=convert, progress=progress.say) as trial,
    ):
        report = run_gate(
            trial,
            GateRun(
                command=_as_typed(),
                clock=lambda: datetime.now(UTC),
                only=only,
                answers=Answers(request.cache) if request.cache else None,
                started_check=progress.started,
                ended_check=progress.ended,
            ),
        )
        if request.diagnose:
            from seatrial.cli._diagnosis_check import with_diagnosis

            report = with_diagnosis(report, trial, source=source, budget=_DIAGNOSIS_SECONDS, say=progress.say)
        made = Path(scratch) / "out"
        if keep is not None and made.is_dir():
            write_all(keep, {each.name: each.read_text("utf-8") for each in made.iterdir()})
        return report


def _candidate(request: Request, artifact: Artifact, contract: Contract, progress: Progress) -> Candidate:
    from seatrial.checks import Candidate, load_profile
    from seatrial.contract import read_held_out

    profile = _with_others(load_profile(request.profile), request.also)
    baseline = find_baseline(request.store, request.baseline) if request.baseline else None
    progress.say(f"reading the held-out set {request.data}")
    held_out = read_held_out(request.data, contract=contract, members=request.members, limit=request.limit)
    progress.say(f"{len(held_out)} samples, {artifact.format} {artifact.version}, profile {profile.name}")
    beside = [each for each in (request.contract, *request.deliver) if each is not None]
    return Candidate(
        artifact=artifact,
        contract=contract,
        held_out=held_out,
        profile=profile,
        delivered=tuple(beside),
        baseline=baseline,
        full=request.full,
        seed=request.seed,
    )


def _with_others(profile: Profile, also: tuple[str, ...]) -> Profile:
    """The profile with the runtimes that were named on top of its own.

    Raises:
        NotFound: There is no such runtime.
    """
    from seatrial import extensions

    names = [name for each in also for name in each.split(",") if name]
    for name in names:
        extensions.get("seatrial.runtimes", "RUNTIME", name)
    return replace(profile, also=tuple(dict.fromkeys((*profile.also, *names))))


def _as_typed() -> str:
    arguments = list(sys.argv[1:])
    while "--only" in arguments:
        place = arguments.index("--only")
        del arguments[place : place + 2]
    return shlex.join(["seatrial", *arguments])


class Progress:
    """Says on standard error what is being done, on one line that renews itself on a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not quiet
        self.label = ""
        self.begin = time.monotonic()

    def say(self, text: str) -> None:
        """One line of news."""
        if self.live:
            line = f"  {self.label}{text}"[: _terminal_width() - 1]
            click.echo(f"\r\033[K{line}", nl=False, err=True)
        elif not self.quiet and not self.label:
            click.echo(f"  {text}", err=True)

    def started(self, check: Check) -> None:
        """A check begins."""
        self.label = f"{check.order:>2} {check.name}: "
        self.say(check.question.en)

    def ended(self, result: CheckResult) -> None:
        """A check has its answer."""
        if not self.quiet:
            clear = "\r\033[K" if self.live else ""
            took = "  reused" if result.reused_from else f"{result.seconds:6.1f} s"
            click.echo(f"{clear}  {result.order:>2} {result.name:<15} {result.verdict:<13} {took}", err=True)
        self.label = ""

    def done(self) -> None:
        """Clears the line and gives the time."""
        if not self.quiet:
            clear = "\r\033[K" if self.live else ""
            click.echo(f"{clear}  {time.monotonic() - self.begin:.1f} s in all\n", err=True)
