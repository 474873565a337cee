"""`seatrial convert`: artifact in, artifact out, believed only when compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial.cli._code import code_options, contract_beside, named_model
from seatrial.cli._fold import FoldOptions, fold_into, fold_options
from seatrial.cli._resolve import contract_of
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.contract.sample import Array


@click.command("convert")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "target",
    required=True,
    help="Format to convert to, such as onnx (see: seatrial list converters).",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Real samples to compare on [default: made from the specs].",
)
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
@code_options
@click.option("--via", multiple=True, metavar="FORMAT", help="Pass this format on the way; may be repeated.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of a converter on the way (see: seatrial list converters); may be repeated.",
)
@fold_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the result [default: MODEL's folder-TARGET].",
)
def command(
    *,
    model: Path,
    target: str,
    data: Path | None,
    given: Path | None,
    weights: Path | None,
    inputs: tuple[str, ...],
    arguments: tuple[str, ...],
    framework: str | None,
    via: tuple[str, ...],
    options: tuple[str, ...],
    fold_pipeline: bool,
    fold_part: str,
    fold_input: str,
    out: Path | None,
) -> None:
    """Convert MODEL and compare the result with it, element by element, on several batches and lengths.

    The way may lead over other formats: it is printed first, and the result of every step is compared with
    MODEL before the next one begins. Converters run in processes of their own; a result that differs is
    refused, with the first operator that diverges, and nothing is written.

    MODEL may also be a class and its checkpoint, as training left them: net.py:Digits with --weights and one
    --input for each of forward's parameters. Its code runs in processes of its own too.

    With --fold-pipeline the contract's steps become part of the graph, and the contract that is written
    beside it only hands over and packs: one file from a picture or a text to the answer, in any language.
    """
    from seatrial.cli.inspect import human_size
    from seatrial.contract import feeds_of, read_held_out
    from seatrial.converters import convert
    from seatrial.model import open_model

    with named_model(model, weights=weights, inputs=inputs, arguments=arguments, framework=framework) as (
        opened,
        home,
    ):
        artifact = open_model(opened)
        graph = home if home != opened else artifact.graph
        folder = out or graph.parent.with_name(f"{graph.resolve().parent.name}-{target}")
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", hint="give another folder with -o")
        if fold_pipeline:
            contract, _ = contract_of(artifact, given or contract_beside(home))
            asked = FoldOptions(part=fold_part, given=fold_input)
            fold_into(artifact, contract, folder, target=target, data=data, asked=asked)
            return
        samples: Sequence[Mapping[str, Array]] = ()
        if data:
            contract, _ = contract_of(artifact, given or contract_beside(home))
            samples = feeds_of(contract, read_held_out(data, contract=contract, limit=64))
        result = convert(
            artifact,
            target,
            folder,
            samples=samples,
            options=_named(options),
            via=via,
            progress=lambda text: click.echo(f"  {text}", err=True),
        )
    click.echo(
        f"wrote {result.artifact.graph} ({human_size(result.artifact.size)}, {result.artifact.version})"
    )
    for each in result.comparisons:
        click.echo(f"  {each}")
    for note in result.notes:
        click.echo(f"  note: {note}")


def _named(options: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` by name; the converter says what type the value is."""
    pairs = [each.partition("=") for each in options]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise UsageError(f"'{name}' is no option", hint="write --option name=value")
    return {name: value for name, _, value in pairs}
