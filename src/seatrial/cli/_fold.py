"""`--fold-pipeline` of `seatrial convert`: the contract's pipelines into the graph."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.contract import Contract
    from seatrial.model.artifact import Artifact

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class FoldOptions:
    """What was asked for: which side to fold, and how images go in."""

    part: str
    given: str


def fold_options(function: _Command) -> _Command:
    """The options of folding, for the command that takes them."""
    for option in (
        click.option(
            "--fold-input",
            "fold_input",
            type=click.Choice(["bytes", "pixels"]),
            default="bytes",
            help="Images go in as files, or decoded: then nothing but ONNX Runtime is needed.",
        ),
        click.option(
            "--fold",
            "fold_part",
            type=click.Choice(["pre", "post", "both"]),
            default="both",
            help="Which of the contract's pipelines to fold.",
        ),
        click.option(
            "--fold-pipeline",
            "fold_pipeline",
            is_flag=True,
            help="Put the contract's pre- and postprocessing into the ONNX graph.",
        ),
    ):
        function = option(function)
    return function


def fold_into(
    artifact: Artifact, contract: Contract, out: Path, *, target: str, data: Path | None, asked: FoldOptions
) -> None:
    """Folds, over ONNX where the model is none yet, and says what came of it.

    Raises:
        UsageError: The target is not onnx, or there is no pipeline in the contract.
    """
    from seatrial.cli.inspect import human_size
    from seatrial.contract import feeds_of, read_held_out
    from seatrial.converters import convert, fold

    if target != "onnx":
        raise UsageError(f"a pipeline is folded into an ONNX graph, not into {target}", hint="use --to onnx")
    if not (contract.preprocess.calls or contract.postprocess.calls):
        raise UsageError("the contract has no pipeline to fold", hint="give one with --contract")
    samples = list(read_held_out(data, contract=contract, limit=64)) if data else []

    def told(text: str) -> None:
        click.echo(f"  {text}", err=True)

    with tempfile.TemporaryDirectory(prefix="seatrial-fold-") as scratch:
        source = artifact
        if artifact.format != "onnx":
            held_out = read_held_out(data, contract=contract, limit=64) if data else None
            feeds = feeds_of(contract, held_out) if held_out else []
            source = convert(artifact, "onnx", Path(scratch) / "onnx", samples=feeds, progress=told).artifact
        made = fold(source, contract, out, samples=samples, part=asked.part, given=asked.given, progress=told)
    click.echo(f"wrote {made.artifact.graph} ({human_size(made.artifact.size)}, {made.artifact.version})")
    click.echo(f"  {made.compared} samples answered alike, numbers within {made.difference:.1e}")
    for note in made.notes:
        click.echo(f"  note: {note}")
