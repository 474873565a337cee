"""`seatrial prune`: fewer channels, with the price in accuracy and the gain in time measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli._resolve import contract_of
from seatrial.cli._share import share
from seatrial.cli.main import GATE_SAID_NO
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.tune import Pruned


@click.command("prune")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--sparsity", callback=share, default="50%", show_default=True, help="Of the channels of each group."
)
@click.option(
    "--multiple", type=click.IntRange(min=1), default=8, show_default=True,
    help="Channels stay by a multiple of this: engines compute so many at a time.",
)  # fmt: skip
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Labelled samples that judge.")
@click.option(
    "--max-drop", callback=share, default="1%", show_default=True, help="What the mean score may lose."
)
@click.option("--finetune", type=click.Path(path_type=Path), help="Script that trains on; see the how-to.")
@click.option("--train", type=click.Path(path_type=Path), help="What --finetune trains on.")
@click.option("--seed", default=7, show_default=True, help="Handed to the script.")
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="[default: MODEL's folder-pruned]")
def command(
    *,
    model: Path,
    sparsity: float,
    multiple: int,
    data: Path,
    max_drop: float,
    finetune: Path | None,
    train: Path | None,
    seed: int,
    given: Path | None,
    out: Path | None,
) -> int:
    """Take whole channels out of MODEL, those of the smallest filters first, as ONNX.

    Channels that belong together go together. Without --finetune the groups that cost most are spared until
    the drop surely holds. Delivered is only what surely loses no more than --max-drop.

    Exit code 1: nothing was delivered.
    """
    from seatrial.contract import read_held_out
    from seatrial.model import open_model
    from seatrial.tune import Pruning, prune

    if finetune is not None and train is None:
        raise UsageError("--finetune needs --train: what judges must not be trained on")
    if train is not None and train.resolve() == data.resolve():
        raise UsageError("--train and --data are the same: what judges must not be trained on")
    artifact = open_model(model)
    contract, _ = contract_of(artifact, given)
    folder = out or artifact.graph.parent.with_name(f"{artifact.graph.resolve().parent.name}-pruned")
    held_out = read_held_out(data, contract=contract)
    request = Pruning(
        artifact, contract, held_out, sparsity, multiple, max_drop, finetune, str(train or ""), seed
    )
    found = prune(request, folder, progress=lambda text: click.echo(f"  {text}", err=True))
    _show(found, max_drop)
    if not found.accepted:
        click.echo("refused: give a smaller --sparsity, or train on with --finetune")
        return GATE_SAID_NO
    click.echo(f"wrote {folder}")
    return 0


def _show(found: Pruned, max_drop: float) -> None:
    from seatrial.cli.inspect import human_size

    click.echo(f"source  {found.source}, {human_size(found.before)} in ONNX")
    for each in found.groups:
        told = f"drop {each.drop.value:+.4f} alone" if each.drop else each.plan.whole or "too few channels"
        spared = ", spared" if each.plan.group in found.spared else ""
        click.echo(f"  {each.plan.group}: {len(each.plan.gone)} of {each.plan.size} channels: {told}{spared}")
    click.echo(f"result  {found.score}, {human_size(found.after)}")
    click.echo(f"        {found.drop.words(max_drop)}")
    click.echo(f"        {found.timing.words() if found.timing else found.untimed}")
    if found.timing and not found.timing.faster:
        click.echo("        this machine gains no time by it: take it for its size, or not at all")
