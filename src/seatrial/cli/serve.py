"""`seatrial serve`: models as a service that speaks the Open Inference Protocol v2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seatrial import lazy
from seatrial.cli._resolve import contract_of, name_of
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.serve.model import ServedModel, ServingOptions
    from seatrial.serve.service import InferenceService


@click.command("serve")
@click.argument("models", nargs=-1, required=True, metavar="[NAME=]MODEL...")
@click.option("--host", default="127.0.0.1", show_default=True, help="This machine only, unless you say so.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--runtime", default="auto", show_default=True, help="See: seatrial list runtimes.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1), help="Of each engine.")
@click.option("--devices", default=1, show_default=True, type=click.IntRange(min=1), help="Engines a model.")
@click.option(
    "--max-batch-size", type=click.IntRange(min=1), help="Rows; 1: no batching.  [default: as measured]"
)
@click.option(
    "--max-queue-delay",
    type=click.FloatRange(min=0),
    help="Milliseconds that the oldest request may wait for company.  [default: as measured]",
)
@click.option("--max-queue-size", type=click.IntRange(min=1), help="Rows that may wait.")
@click.option("--max-body", default=64, show_default=True, type=click.IntRange(min=1), help="MiB.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds one batch may take.")
def command(
    *,
    models: tuple[str, ...],
    host: str,
    port: int,
    max_body: int,
    max_queue_delay: float | None,
    **options: int | float | str | None,
) -> int:
    """Serve each of MODELS over REST until SIGTERM, which lets what is under way finish.

    A model's contract is found beside it. How requests are batched is measured at load and printed.
    """
    uvloop = lazy.load("uvloop", extra="serve")
    for needed in ("httptools", "orjson"):
        lazy.load(needed, extra="serve")
    from seatrial.serve.model import ServingOptions

    delay = None if max_queue_delay is None else max_queue_delay / 1e3
    chosen = ServingOptions(max_queue_delay=delay, **options)  # type: ignore[arg-type] # click has checked them
    uvloop.run(_serve(models, chosen, host=host, port=port, max_body=max_body << 20))
    return 0


async def _serve(
    models: tuple[str, ...], options: ServingOptions, *, host: str, port: int, max_body: int
) -> None:
    from seatrial.serve.limits import Limits
    from seatrial.serve.rest.front import RestFront
    from seatrial.serve.server import Server, until_signalled
    from seatrial.serve.service import InferenceService

    service = InferenceService()
    try:
        for given in models:
            await _load(service, given, options)
        server = Server(service, RestFront(service, limits=Limits(body=max_body)))
        address = await server.start(host, port)
    except BaseException:
        await service.close()
        raise
    for model in service.models:
        click.echo(f"ready: {address}/v2/models/{model.name}  (and {address}/v1/models/{model.name}/predict)")
    await until_signalled(
        server, told=lambda name: click.echo(f"{name}: finishing what is under way", err=True)
    )


async def _load(service: InferenceService, given: str, options: ServingOptions) -> None:
    from seatrial.model import open_model
    from seatrial.serve.model import ServedModel

    name, found, path = given.partition("=")
    if not found:
        name, path = "", given
    artifact = open_model(Path(path))
    contract, source = contract_of(artifact, None)
    name = name or contract.name or name_of(artifact)
    if not name or "/" in name:
        raise UsageError(f"'{name}' is no name for a model", hint="name it: NAME=MODEL")
    model = ServedModel(name, "1", artifact, contract, options=options)
    service.repository.add(model)
    click.echo(f"{name}: contract {source}", err=True)
    await model.load()
    click.echo(_told(model))


def _told(model: ServedModel) -> str:
    measured = ", ".join(f"{size}: {each * 1e3:.2f} ms" for size, each in model.profile.seconds.items())
    choice, queue = model.choice, model.batcher.queue.policy
    lines = [
        f"{model.name}: {model.runtime}, batches took {measured or 'not measured'}",
        f"  max_batch_size {choice.max_batch_size}, max_queue_delay {choice.max_queue_delay * 1e3:.2f} ms, "
        f"max_queue_size {queue.max_queue_size} ({choice.why})",
    ]
    if model.profile.note:
        lines.append(f"  {model.profile.note}")
    return "\n".join(lines)
