"""`seatrial diagnose`: why what is deployed does not answer as it did in training."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli._resolve import contract_of, folder_of
from seatrial.cli.main import GATE_SAID_NO

if TYPE_CHECKING:
    from seatrial.cli._diagnosis_document import Document
    from seatrial.contract import Contract, Sample
    from seatrial.diagnosis import Case, Diagnosis, Reference, Runner, Setup
    from seatrial.diagnosis.references import Rows
    from seatrial.model import Artifact


@dataclass(frozen=True)
class Request:
    """What the user asked for, option by option."""

    deployed: str
    reference: str
    data: Path
    contract: Path | None
    reference_contract: Path | None
    weights: Path | None
    python: str
    runtime: str
    limit: int | None
    budget: float
    timeout: float
    seed: int
    fix: bool


@dataclass(frozen=True)
class Opened:
    """What is deployed, ready to be asked.

    Attributes:
        setup: How it is asked.
        runner: Asks it.
        told: What it is, for people.
        source: Where its contract comes from, for people.
        file: The contract's own file, or None.
        home: Where a corrected contract goes when there is no file yet; None for a service without one.
    """

    setup: Setup
    runner: Runner
    told: str
    source: str
    file: Path | None
    home: Path | None


@click.command("diagnose")
@click.argument("deployed")
@click.option(
    "--reference",
    required=True,
    help="What was right: outputs or answers (.npz, .jsonl), an earlier release, FILE.py:CLASS, or 'labels'.",
)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Samples to ask both sides about."
)
@click.option(
    "--contract", type=click.Path(path_type=Path), help="Of DEPLOYED [default: found beside the model]."
)
@click.option(
    "--reference-contract",
    type=click.Path(path_type=Path),
    help="How the training side prepared its samples [default: found beside the reference].",
)
@click.option("--weights", type=click.Path(path_type=Path), help="Of FILE.py:CLASS: .pdparams, .pt or .pth.")
@click.option("--python", default="", help="Interpreter that has the training framework.")
@click.option("--runtime", default="auto", show_default=True, help="See: seatrial list runtimes.")
@click.option("--limit", type=click.IntRange(min=1), help="Choose from the first N samples only.")
@click.option(
    "--budget", default=120.0, show_default=True, type=click.FloatRange(min=1), help="Seconds to search."
)
@click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds for one call."
)
@click.option("--fix", is_flag=True, help="Write the corrected contract beside the old one and judge it.")
@click.option("--seed", default=7, show_default=True, help="Every random choice starts here.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("seatrial-out"), show_default=True)
@click.option("--quiet", is_flag=True, help="Print the answer only.")
def command(*, out: Path, lang: str, quiet: bool, **options: object) -> int:
    """Find out why DEPLOYED does not answer as the reference does, and prove it by undoing the cause.

    DEPLOYED is a model with its contract, or the address of a running service: .../v2/models/NAME or
    .../v1/models/NAME/predict. Writes diagnosis.json and diagnosis.html.

    Exits with 0 when the two agree and with 1 when they differ, whether a cause was proved or not.
    """
    from seatrial.checks import dump, write_all
    from seatrial.cli._diagnosis_html import to_html
    from seatrial.cli._diagnosis_text import to_terminal

    request = Request(**options)  # type: ignore[arg-type]  # click has checked the types
    say = _progress(quiet=quiet)
    with ExitStack() as stack:
        case, document, found, opened = diagnosed(request, stack, say)
        written = write_all(
            out, {"diagnosis.json": dump(document), "diagnosis.html": to_html(document, language=lang)}
        )
        width = click.get_current_context().terminal_width or shutil.get_terminal_size((100, 24)).columns
        say("")
        click.echo(to_terminal(document, language=lang, width=width, color=sys.stdout.isatty()))
        click.echo(f"\nreport: {written['diagnosis.html']}")
        if request.fix:
            _fix(found, case, opened, request.data, say)
    return 0 if found.verdict == "agree" else GATE_SAID_NO


def diagnosed(
    request: Request, stack: ExitStack, say: Callable[[str], None]
) -> tuple[Case, Document, Diagnosis, Opened]:
    """Reads everything the user named and searches; what was opened is closed with `stack`.

    Raises:
        SeatrialError: Something named cannot be read or asked.
    """
    from seatrial.diagnosis.sampling import chosen, read_samples

    opened = _opened(request, stack, say)
    say(f"reading the data {request.data}")
    held_out = read_samples(request.data, opened.setup.contract)
    rows = chosen(len(held_out), limit=request.limit, seed=request.seed)
    samples = tuple(held_out.samples[place] for place in rows.places)
    say(f"{len(samples)} of {len(held_out)} samples; reading the reference {request.reference}")
    reference = _reference(request, opened, samples, rows)
    scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seatrial-")))
    case, document, found = searched(
        opened, samples, reference, scratch=scratch, seed=request.seed, budget=request.budget, say=say
    )
    return case, document, found, opened


def searched(
    opened: Opened,
    samples: tuple[Sample, ...],
    reference: Reference,
    *,
    scratch: Path,
    seed: int,
    budget: float,
    say: Callable[[str], None],
) -> tuple[Case, Document, Diagnosis]:
    """Searches, and makes the document of what was found."""
    from seatrial import __version__
    from seatrial.cli._diagnosis_document import Circumstances, document_of
    from seatrial.cli._diagnosis_fix import line_of
    from seatrial.cli._diagnosis_pictures import before_and_after
    from seatrial.diagnosis import Case, Search, diagnose

    started = datetime.now(UTC).isoformat(timespec="seconds")
    case = Case(
        setup=opened.setup,
        samples=samples,
        reference=reference,
        runner=opened.runner,
        scratch=scratch,
        seed=seed,
    )
    case.observe(
        opened.setup, [0]
    )  # engines take seconds to start; the search measures one call by the first
    found = diagnose(case, Search(budget=budget, progress=say))
    about = Circumstances(
        deployed=opened.told,
        contract=opened.source,
        reference=reference.source,
        seed=seed,
        started=started,
        command=shlex.join(["seatrial", *sys.argv[1:]]),
        seatrial=__version__,
    )
    pictures, fed = before_and_after(case, found)
    document = document_of(
        found, about, deployed=opened.setup, place=line_of(opened.file), pictures=pictures, fed=fed
    )
    return case, document, found


def _progress(*, quiet: bool) -> Callable[[str], None]:
    live = sys.stderr.isatty() and not quiet

    def say(text: str) -> None:
        if live:
            click.echo(f"\r\033[K  {text}"[:100], nl=False, err=True)
        elif text and not quiet:
            click.echo(f"  {text}", err=True)

    return say


def _opened(request: Request, stack: ExitStack, say: Callable[[str], None]) -> Opened:
    from seatrial.diagnosis.service import is_address

    if is_address(request.deployed):
        say(f"asking the service at {request.deployed}")
        return _service(request, stack)
    from seatrial.diagnosis import Setup
    from seatrial.diagnosis.deployed import LocalRunner
    from seatrial.model import open_model
    from seatrial.runtimes import SessionOptions

    say("reading the model")
    artifact = open_model(Path(request.deployed))
    contract, source = contract_of(artifact, request.contract)
    say(f"contract: {source}")
    setup = Setup(
        contract=contract,
        artifact=artifact,
        runtime=request.runtime,
        options=SessionOptions(timeout=request.timeout),
    )
    runner = stack.enter_context(LocalRunner())
    runner.session(setup)  # a model that does not load needs no diagnosis: the error says why
    told = f"{artifact.path}, {artifact.format} {artifact.version} ({artifact.digest[:19]})"
    file = file_of(source)
    return Opened(
        setup=setup,
        runner=runner,
        told=told,
        source=source,
        file=file,
        home=file or folder_of(artifact) / "contract.yaml",
    )


def file_of(source: str) -> Path | None:
    """The contract file that `contract_of` names, when it is one of ours."""
    path = Path(source)
    return path if path.suffix in (".yaml", ".yml") and path.is_file() else None


def _service(request: Request, stack: ExitStack) -> Opened:
    from seatrial.contract import draft_contract, load_contract
    from seatrial.diagnosis import Setup
    from seatrial.diagnosis.service import PredictRunner, open_service
    from seatrial.errors import NotFound, UsageError

    if request.contract is not None and not request.contract.is_file():
        raise NotFound(f"no contract at {request.contract}", hint="name the contract the service works by")
    given = load_contract(request.contract) if request.contract is not None else None
    runner = open_service(request.deployed, timeout=request.timeout)
    stack.callback(runner.close)
    if not isinstance(runner, PredictRunner):
        contract = given or draft_contract(runner.inputs, runner.outputs, runner.name)
        where = {"version": runner.version} if runner.version else {}
        setup = Setup(contract=contract, artifact=None, where=where)
    elif given is not None:
        setup = Setup(contract=given, artifact=None, opaque=True)
    else:
        raise UsageError(
            "a predict endpoint does not say how it prepares samples",
            hint="give the contract it works by with --contract",
        )
    return Opened(
        setup=setup,
        runner=runner,
        told=f"the service at {request.deployed}",
        source=str(request.contract) if request.contract else "the service's metadata (no --contract given)",
        file=file_of(str(request.contract)) if request.contract else None,
        home=request.contract,
    )


def _reference(request: Request, opened: Opened, samples: tuple[Sample, ...], rows: Rows) -> Reference:
    from seatrial.contract import load_contract
    from seatrial.diagnosis.references import ReferenceOptions, read_reference
    from seatrial.runtimes import SessionOptions

    def own_contract(artifact: Artifact) -> Contract | None:
        contract, source = contract_of(artifact, None)
        return None if source.startswith("the graph alone") else contract

    options = ReferenceOptions(
        rows=rows,
        contract_of=own_contract,
        contract=load_contract(request.reference_contract) if request.reference_contract else None,
        weights=request.weights,
        python=request.python,
        options=SessionOptions(timeout=request.timeout),
    )
    return read_reference(request.reference, samples, opened.setup.contract, options)


def _fix(found: Diagnosis, case: Case, opened: Opened, data: Path, say: Callable[[str], None]) -> None:
    """Writes the corrected contract and prints what the accuracy check says of both."""
    from seatrial.checks import load_profile
    from seatrial.cli._diagnosis_fix import accuracy_of, outside_contract, write_fixed

    if found.cause is None:
        click.echo("no cause was proved, so nothing was written")
        return
    if found.setup.contract == opened.setup.contract or opened.home is None:
        click.echo("the fix is outside the contract, so nothing was written; do what is said under 'fix'")
        return
    written = write_fixed(found.setup.contract, opened.home)
    click.echo(f"corrected contract: {written.path}")
    if outside_contract(found, opened.setup):
        click.echo("a part of the fix is outside the contract; do what is said under 'fix'")
    artifact = opened.setup.artifact
    if artifact is None or all(each.label is None for each in case.samples):
        return
    profile = load_profile("cpu-server")
    for name, contract in (("before", opened.setup.contract), ("after", written.contract)):
        say(f"the accuracy check, {name}")
        verdict, told = accuracy_of(artifact, contract, data, profile, seed=case.seed)
        click.echo(f"accuracy {name:<7}{verdict:<13} {told}")
