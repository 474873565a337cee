"""`seatrial tune`: the best runtime, precision, threads and batch for a goal, measured and judged."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli._resolve import contract_of
from seatrial.cli._share import share
from seatrial.cli.main import GATE_SAID_NO
from seatrial.errors import NotFound, UsageError

if TYPE_CHECKING:
    from seatrial.contract import Contract
    from seatrial.model import Artifact
    from seatrial.tune.result import Tuning

_BUDGET = re.compile(r"([0-9]*\.?[0-9]+)\s*(s|m|min|h)?")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}
_GOALS = '"p99<20ms", "throughput>100/s and memory<500MB", "min latency", "p99<20ms and max throughput"'


def _seconds(context: click.Context, parameter: click.Parameter, value: str) -> float:
    found = _BUDGET.fullmatch(value.strip().lower())
    if found is None or not float(found[1]):
        raise click.BadParameter(f"'{value}' is no time: write 120s, 2m or 1h", ctx=context, param=parameter)
    return float(found[1]) * _UNITS[found[2] or "s"]


@click.command("tune")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--goal", help=f"Such as {_GOALS}.")
@click.option("--data", type=click.Path(path_type=Path), help="Labelled held-out set, which judges answers.")
@click.option("--target", default="cpu", show_default=True, help="cpu, cpu-2core, gpu or arm64.")
@click.option(
    "--max-drop", callback=share, default="1%", show_default=True, help="What the mean score may lose."
)
@click.option(
    "--also", multiple=True, type=click.Path(path_type=Path), metavar="MODEL",
    help="Another model of the same contract, such as a quantized one; may be repeated.",
)  # fmt: skip
@click.option(
    "--budget", callback=_seconds, default="120s", show_default=True,
    help="For measuring; converting and judging answers come on top.",
)  # fmt: skip
@click.option("--max-batch", type=click.IntRange(min=1), default=32, show_default=True, help="Rows.")
@click.option("--seed", default=7, show_default=True, help="Of the order in which points are measured.")
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
@click.option("--write", is_flag=True, help="Write the winner into the contract as its deployment profile.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder for the page, the data, the model."
)
def command(
    *,
    model: Path,
    goal: str | None,
    data: Path | None,
    target: str,
    max_drop: float,
    also: tuple[Path, ...],
    budget: float,
    max_batch: int,
    seed: int,
    given: Path | None,
    write: bool,
    out: Path | None,
) -> int:
    """Find how MODEL is best run for a goal: runtime, precision, threads, batch, switches of the engine.

    All points are measured in turn, and one leaves only when it is surely worse. What is recommended was
    judged on the held-out set first. `seatrial serve` runs a model as its contract's profile says.

    Exit code 1: nobody reaches the goal; who comes nearest is told.
    """
    from seatrial.contract import read_held_out
    from seatrial.model import open_model
    from seatrial.tune import output
    from seatrial.tune.goal import parse_goal
    from seatrial.tune.machine import parse_target
    from seatrial.tune.tuner import Task, tune

    wanted, machine = parse_goal(goal or ""), parse_target(target)
    if data is None:
        raise UsageError(
            "no labelled set: what nobody measured the accuracy of is not recommended",
            hint="give one with --data (see docs/how-to/tune.md)",
        )
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty", hint="give another folder with -o")
    artifact = open_model(model)
    contract, place = _contract(artifact, given, write=write)
    held_out = read_held_out(data, contract=contract)
    task = Task(artifact, contract, held_out, wanted, machine, also, max_drop, budget, max_batch, seed)
    with tempfile.TemporaryDirectory(prefix="seatrial-tune-") as scratch:
        found = tune(task, Path(scratch), progress=lambda text: click.echo(f"  {text}", err=True))
        _show(found)
        for each in output.write(found, contract, out) if out is not None else ():
            click.echo(f"wrote {each}")
    if found.recommendation is None:
        return GATE_SAID_NO
    if write and place is not None:
        output.write_profile(found, contract, place)
        click.echo(f"wrote the deployment profile into {place}")
    return 0


def _contract(artifact: Artifact, given: Path | None, *, write: bool) -> tuple[Contract, Path | None]:
    """The contract, and its own file where it has one that can be written into."""
    contract, source = contract_of(artifact, given)
    place = Path(source)
    if contract.task == "tensor" and not place.is_file():
        raise NotFound(
            f"no contract beside {artifact.graph.name}: nobody knows what a right answer is",
            hint="write one with: seatrial contract init MODEL",
        )
    if not place.is_file() and write:
        raise UsageError(
            f"the contract comes from {source}: there is no contract.yaml to write into",
            hint="write one with: seatrial contract init MODEL, or leave --write away",
        )
    return contract, place if place.is_file() else None


def _show(found: Tuning) -> None:
    """The front as a table, what was left out, and the answer last: where people look."""
    from seatrial.tune.page import COLUMNS, headline, table_row

    best = found.recommendation.candidate.point if found.recommendation else None
    click.echo(f"goal {found.goal} on {found.machine}")
    rows = [table_row(each) for each in found.front]
    _table(COLUMNS, rows, marked=[each.point == best for each in found.front])
    click.echo(
        f"{len(found.measured)} points measured in {found.seconds:.0f} s, {found.samples} samples judged"
    )
    refused = {each.point.setup.key: each for each in found.front if each.judgment.refused}
    for each in refused.values():
        click.echo(f"  refused: {each.point.setup}: {each.judgment.refused}")
    for left in found.refused:
        click.echo(f"  not tried: {left.what}: {left.why}")
    if not found.finished:
        click.echo("  not everything could be told apart: what stayed in the race may be as good")
    click.echo(headline(found))


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]], *, marked: list[bool]) -> None:
    from seatrial.checks import padded, width

    wide = [max(width(each[place]) for each in (columns, *rows)) for place in range(len(columns))]
    for place, row in enumerate((columns, *rows)):
        sign = "* " if place and marked[place - 1] else "  "
        click.echo(
            (sign + "  ".join(padded(cell, size) for cell, size in zip(row, wide, strict=True))).rstrip()
        )
