"""`seatrial drift`: how a model's inputs are distributed, and how far others are from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli._resolve import contract_of
from seatrial.errors import NotFound, UsageError

if TYPE_CHECKING:
    from seatrial.contract import Contract

_MOST = 2000  # samples: tenths of more are no better


@click.group("drift")
def command() -> None:
    """Learn how the inputs of a model are distributed; a server tells how far its requests are from that."""


@command.command("learn")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Held-out samples.")
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
def learned(*, model: Path, data: Path, given: Path | None) -> int:
    """Write input_distribution.json beside MODEL, from held-out samples as the model gets them.

    It holds counts in bins and no sample. `seatrial serve` then has the metric seatrial_input_drift.
    """
    from seatrial.serve.watching.distribution import learn, save

    folder, contract, feeds = _prepared(model, data, given)
    found = learn(feeds, contract.preprocess_digest())
    path = save(found, folder)
    click.echo(f"{path}: {found.samples} samples, inputs {', '.join(found.inputs)}")
    return 0


@command.command("show")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Other samples.")
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
def shown(*, model: Path, data: Path, given: Path | None) -> int:
    """Say how far the samples of a file are from what was learned, for each input of MODEL."""
    from seatrial.serve.watching.distribution import FILE, load
    from seatrial.serve.watching.drift import FEWEST_ROWS, Drift

    folder, contract, feeds = _prepared(model, data, given)
    reference = load(folder)
    if reference is None:
        raise NotFound(f"there is no {FILE} in {folder}", hint="write it with: seatrial drift learn")
    if reference.preprocess != contract.preprocess_digest():
        raise UsageError(
            f"{folder / FILE} is of another preprocessing", hint="write it again with: seatrial drift learn"
        )
    drift = Drift(reference)
    for each in feeds:
        drift.take(each)
    if drift.rows < FEWEST_ROWS:
        raise UsageError(f"{len(feeds)} samples are too few", hint=f"give {FEWEST_ROWS:.0f} or more")
    for name, index in drift.index().items():
        click.echo(f"{name}: {index:.3f} ({_word(index)})")
    return 0


def _prepared(model: Path, data: Path, given: Path | None) -> tuple[Path, Contract, list[dict[str, Any]]]:
    from seatrial.contract.held_out import feeds_of, read_held_out
    from seatrial.model import open_model

    artifact = open_model(model)
    contract, source = contract_of(artifact, given)
    click.echo(f"contract: {source}", err=True)
    held_out = read_held_out(data, contract=contract, limit=_MOST)
    return artifact.graph.parent, contract, feeds_of(contract, held_out, limit=_MOST)


def _word(index: float) -> str:
    """The usual rule of thumb."""
    if index < 0.1:
        return "as learned"
    return "somewhat different" if index < 0.25 else "different"
