"""Models that are named by their code: `net.py:Digits --weights digits.pdparams --input ...`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from seatrial.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., None])


def code_options(command: _Command) -> _Command:
    """The options that describe a class and its checkpoint."""
    options = [
        click.option(
            "--weights",
            type=click.Path(path_type=Path),
            help="Of MODEL given as FILE.py:CLASS: its checkpoint (.pdparams, .pt, .safetensors).",
        ),
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="NAME=DTYPE[SHAPE]",
            help="Of MODEL given as code or TorchScript: an input, such as image=float32[batch,3,224,224].",
        ),
        click.option(
            "--argument",
            "arguments",
            multiple=True,
            metavar="NAME=VALUE",
            help="Of the class; may be repeated.",
        ),
        click.option("--framework", type=click.Choice(["paddle", "torch"]), help="[default: by its imports]"),
    ]
    for each in reversed(options):
        command = each(command)
    return command


def contract_beside(model: Path) -> Path | None:
    """The contract that lies beside a file; None leaves the search to others."""
    from seatrial.model.beside import CONTRACT_NAMES

    found = (model.parent / name for name in CONTRACT_NAMES)
    return next((each for each in found if model.is_file() and each.exists()), None)


@contextmanager
def named_model(
    model: Path,
    *,
    weights: Path | None,
    inputs: Sequence[str],
    arguments: Sequence[str],
    framework: str | None,
) -> Iterator[tuple[Path, Path]]:
    """The file to open, and the one the user means: the same, unless MODEL is code.

    Raises:
        UsageError: Options of code with a model that is none.
    """
    from seatrial.model.source import SourceRequest, names_code, source_of

    if not names_code(model) and not inputs:
        if weights or arguments or framework:
            raise UsageError(
                "--weights, --argument and --framework are for a model given as FILE.py:CLASS",
                hint="name the class: seatrial convert net.py:Net --weights ... --input ... --to ...",
            )
        yield model, model
        return
    request = SourceRequest(
        model=str(model), inputs=inputs, weights=weights, framework=framework or "", arguments=arguments
    )
    with tempfile.TemporaryDirectory(prefix="seatrial-source-") as folder:
        written = source_of(request, Path(folder))
        yield written, Path(str(model).rpartition(":")[0]) if names_code(model) else model
