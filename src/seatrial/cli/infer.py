"""`seatrial infer`: samples through the contract's pipeline and the model, on any installed runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from seatrial.cli._resolve import contract_of
from seatrial.cli._unsealing import opened_model, opener_of, unseal_options
from seatrial.errors import NotFound, SeatrialError, UsageError


@click.command("infer")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1)
@click.option("--text", "texts", multiple=True, help="A text to infer on; may be repeated.")
@click.option(
    "--contract", "given", type=click.Path(path_type=Path), help="[default: found beside the model]"
)
@click.option("--runtime", default="auto", show_default=True, help="See: seatrial list runtimes.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--timeout", default=60.0, show_default=True, help="Seconds one call may take.")
@unseal_options
def command(
    *,
    model: Path,
    inputs: tuple[str, ...],
    texts: tuple[str, ...],
    given: Path | None,
    unseal_key: Path | None,
    **options: Any,
) -> int:
    """Infer on each of INPUTS: files, folders, or .npz with arrays by input name. One JSON line a sample.

    MODEL is a model, or a bundle; one that is sealed is opened in memory only. Exits with 3 when a sample
    could not be inferred; the others are answered all the same.
    """
    from seatrial.runtimes import SessionOptions, open_session

    payloads = [*_payloads(inputs), *((text, text) for text in texts)]
    if not payloads:
        raise UsageError("nothing to infer on", hint="give files, folders or --text")
    failed = 0
    runtime = options["runtime"]
    opener = opener_of(unseal_key, options["passphrase_file"], options["passphrase_env"])
    with (
        opened_model(model, opener, runtime=runtime) as artifact,
        open_session(
            artifact,
            runtime=runtime,
            options=SessionOptions(threads=options["threads"], timeout=options["timeout"]),
        ) as session,
    ):
        contract, source = contract_of(artifact, given)
        click.echo(f"contract: {source}", err=True)
        for key, payload in payloads:
            try:
                feeds, context = contract.prepare(payload)
                answer = contract.answer(session.run(feeds), 0, context)
                line = {"input": key, "answer": _plain(answer)}
            except SeatrialError as error:
                failed += 1
                line = {"input": key, "error": error.message}
                line |= {"what to do": error.hint} if error.hint else {}
            click.echo(json.dumps(line, ensure_ascii=False))
    return 3 if failed else 0


def _payloads(inputs: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name in inputs:
        if not name:
            raise UsageError("an input has no name", hint="for a text to infer on, use --text")
        path = Path(name)
        if path.is_dir():
            for each in sorted(path.rglob("*")):
                if each.is_file() and each.suffix.lower() in {
                    ".png",
                    ".jpg",
                    ".jpeg",
                    ".bmp",
                    ".webp",
                    ".npz",
                    ".npy",
                }:
                    yield from _file(each)
        elif path.exists():
            yield from _file(path)
        else:
            raise NotFound(f"no file or folder {name}", hint="for a text to infer on, use --text")


def _file(path: Path) -> Iterator[tuple[str, Any]]:
    import numpy as np

    from seatrial.contract.arrays import load_arrays

    if path.suffix == ".npy":
        try:
            yield str(path), np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UsageError(f"{path} is no plain array: {error}", hint="write it with numpy.save") from error
    elif path.suffix == ".npz":
        # One array is the sample itself, as in a held-out set; several go to the inputs of their names.
        found = load_arrays(path)
        yield str(path), found if len(found) > 1 else next(iter(found.values()), found)
    elif path.suffix == ".txt":
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            yield f"{path}:{number}", line
    else:
        yield str(path), path


def _plain(value: Any) -> Any:
    import numpy as np

    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
