"""`seatrial client`: asks a server of the Open Inference Protocol v2 from the shell."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.errors import NotFound, Unavailable, UsageError

if TYPE_CHECKING:
    from seatrial.serve.client import Client

KEY = "SEATRIAL_API_KEY"

_url = click.argument("url")
_model = click.argument("model")
_version = click.option("--version", default="", help="Or an alias.  [default: the server's choice]")


def _asking(command: Callable[..., Any]) -> Callable[..., Any]:
    timeout = click.option(
        "--timeout", default=30.0, show_default=True, type=click.FloatRange(min=0, min_open=True),
        help="Seconds, with all tries.",
    )  # fmt: skip
    retries = click.option(
        "--retries", default=2, show_default=True, type=click.IntRange(min=0),
        help="When the server is busy or the connection breaks.",
    )  # fmt: skip
    return timeout(retries(command))


@click.group("client")
def command() -> None:
    """Ask the server at URL, such as http://127.0.0.1:8000.

    A server that wants an API key finds it in the environment variable SEATRIAL_API_KEY.
    """


@command.command("ready")
@_url
@click.argument("model", default="")
@_version
@_asking
def ready(*, url: str, model: str, version: str, timeout: float, retries: int) -> int:
    """Say whether the server, or MODEL, answers. Exits with 5 when not."""
    with _client(url, timeout, retries) as server:
        good = server.ready(model, version=version)
    click.echo("ready" if good else "not ready")
    return 0 if good else 5


@command.command("show")
@_url
@click.argument("model", default="")
@_version
@_asking
def show(*, url: str, model: str, version: str, timeout: float, retries: int) -> int:
    """Print what the server, or MODEL, says about itself, as JSON."""
    with _client(url, timeout, retries) as server:
        _print(server.metadata(model, version=version))
    return 0


@command.command("predict")
@_url
@_model
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--text", "texts", multiple=True, help="A text to ask about; may be repeated.")
@_version
@_asking
def predict(
    *,
    url: str,
    model: str,
    files: tuple[Path, ...],
    texts: tuple[str, ...],
    version: str,
    timeout: float,
    retries: int,
) -> int:
    """Ask MODEL about each of FILES (pictures, JSON, text) and print one JSON line an answer."""
    if not files and not texts:
        raise UsageError("nothing to ask about", hint="give files or --text")
    payloads: list[tuple[str, Any]] = [(str(each), each) for each in files]
    payloads += [(each, each) for each in texts]
    with _client(url, timeout, retries) as server:
        for name, payload in payloads:
            try:
                answer = server.predict(model, payload, version=version)
            except TimeoutError as error:
                raise Unavailable(f"{name}: {error}", hint="raise --timeout") from error
            click.echo(json.dumps({"input": name, "answer": answer}, ensure_ascii=False))
    return 0


@command.command("infer")
@_url
@_model
@click.argument("arrays", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="An .npz.  [default: shapes are shown]")
@_version
@_asking
def infer(
    *, url: str, model: str, arrays: Path, out: Path | None, version: str, timeout: float, retries: int
) -> int:
    """Send ARRAYS, an .npz with one array an input, and keep the outputs in an .npz."""
    import numpy as np

    from seatrial.contract.writing import written_beside

    if not arrays.is_file():
        raise NotFound(f"no file {arrays}", hint="an .npz with one array an input")
    try:
        with np.load(arrays, allow_pickle=False) as found:
            inputs = {name: found[name] for name in found.files}
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(f"{arrays} is no .npz of plain arrays: {error}") from error
    with _client(url, timeout, retries) as server:
        try:
            answer = server.infer(model, inputs, version=version)
        except TimeoutError as error:
            raise Unavailable(str(error), hint="raise --timeout") from error
    shapes = {name: [str(each.dtype), list(each.shape)] for name, each in answer.outputs.items()}
    if out is not None:
        packed = io.BytesIO()
        np.savez(packed, **answer.outputs)  # type: ignore[arg-type] # NumPy 2.2 types the arrays as its flag
        with written_beside(out, packed.getvalue()) as file:
            file.replace(out)
    _print({"model": answer.model, "version": answer.version, "log_id": answer.log_id, "outputs": shapes})
    return 0


def _client(url: str, timeout: float, retries: int) -> Client:
    from seatrial.serve.client import Client, Options

    return Client(url, Options(timeout=timeout, retries=retries, key=os.environ.get(KEY, "")))


def _print(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
