"""`seatrial serve`: models as a service that speaks the Open Inference Protocol v2."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial import lazy
from seatrial.cli._passphrase import given_passphrase
from seatrial.cli._signers import holder_key
from seatrial.cli._unsealing import Opener, opener_of, unseal_options
from seatrial.errors import SeatrialError, UsageError

if TYPE_CHECKING:
    from seatrial.serve.assembly import Assembly
    from seatrial.serve.settings import Settings

# Which option says what in `serve.yaml`: of the server, of its limits, of its log, of each model.
_SERVER = ("host", "port", "grpc_port", "fronts", "watch_seconds")
_LIMITS = {"max_body": "body_mebibytes"}
_LICENSE = {"license_files": "files", "device": "device", "issuers": "issuers", "revocations": "revocations"}
_LOG = {"request_log": "requests", "traces": "traces"}
_MODEL = {
    "runtime": "runtime",
    "threads": "threads",
    "devices": "devices",
    "timeout": "timeout",
    "max_batch_size": "max_batch_size",
    "max_queue_delay": "max_queue_delay_milliseconds",
    "max_queue_size": "max_queue_size",
}


@click.command("serve")
@click.argument("models", nargs=-1, metavar="[NAME=]MODEL...")
@click.option(
    "--config", type=click.Path(path_type=Path), help="serve.yaml; the other options overrule what it says."
)
@click.option("--host", help="This machine only, unless you say so.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0: a free one.  [default: 8000]")
@click.option("--grpc-port", type=click.IntRange(0, 65535), help="0: a free one.  [default: no gRPC]")
@click.option("--fronts", type=click.IntRange(min=1), help="Processes that speak to clients.  [default: 1]")
@click.option("--watch-seconds", type=float, help="How often to look for new versions.  [default: never]")
@click.option("--runtime", help="See: seatrial list runtimes.  [default: auto]")
@click.option("--threads", type=click.IntRange(min=1), help="Of each engine.  [default: 1]")
@click.option("--devices", type=click.IntRange(min=1), help="Engines a model.  [default: 1]")
@click.option(
    "--max-batch-size", type=click.IntRange(min=1), help="Rows; 1: no batching.  [default: as measured]"
)
@click.option(
    "--max-queue-delay",
    type=click.FloatRange(min=0),
    help="Milliseconds that the oldest request may wait for company.  [default: as measured]",
)
@click.option("--max-queue-size", type=click.IntRange(min=1), help="Rows that may wait.")
@click.option("--max-body", type=click.IntRange(min=1), help="MiB.  [default: 64]")
@click.option("--timeout", type=float, help="Seconds one batch may take.  [default: 60]")
@click.option("--request-log", help="File of one JSON line a request; - is stderr.  [default: none]")
@click.option("--traces", help="URL of an OpenTelemetry collector (OTLP over HTTP).  [default: none]")
@click.option(
    "--license", "license_files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Serve under this license; may be repeated.",
)  # fmt: skip
@click.option("--device", type=click.Path(path_type=Path), help="That the licenses are for: device.json.")
@click.option(
    "--issuer", "issuers", multiple=True, type=click.Path(path_type=Path), metavar="PUB",
    help="Whose licenses are believed, beside those that the device names.",
)  # fmt: skip
@click.option("--revocations", type=click.Path(path_type=Path), help="List of licenses that were taken back.")
@unseal_options
def command(*, models: tuple[str, ...], config: Path | None, **options: Any) -> int:
    """Serve each of MODELS (or bundles), and those of the configuration, until SIGTERM.

    SIGTERM lets what is under way finish; SIGHUP reads the configuration and the models' folders again. A
    model's contract is found beside it. How requests are batched is measured at load and printed. The models
    of sealed bundles are decrypted in memory only.
    """
    uvloop = lazy.load("uvloop", extra="serve")
    for needed in ("httptools", "orjson"):
        lazy.load(needed, extra="serve")
    with ExitStack() as unpacked:
        folders = tuple(_folder(each, unpacked) for each in models)
        uvloop.run(_serve(partial(_settings, folders, config, options), options))
    return 0


def _folder(given: str, unpacked: ExitStack) -> str:
    """What was named; an archive of a bundle is unpacked for as long as the server runs."""
    from seatrial.model.archive import is_archive, opened

    name, found, path = given.rpartition("=")
    if not is_archive(Path(path)):
        return given
    return f"{name}{found}{unpacked.enter_context(opened(Path(path))).folder}"


async def _serve(read: Callable[[], Settings], options: dict[str, Any]) -> None:
    from seatrial.serve.assembly import assemble
    from seatrial.serve.server import give_back, settle, until_signalled

    settings = read()
    assembly = assemble(settings, opener=_opener(settings, options), key=_key(settings, options))
    address = await assembly.start(click.echo)
    settle()
    assembly.service.keeper.freed = give_back
    await until_signalled(
        assembly.server,
        told=lambda name: click.echo(f"{name}: finishing what is under way", err=True),
        hung_up=partial(_reload, assembly, read),
        ready=partial(_ready, address, (*settings.models, *settings.pipelines)),
    )


def _opener(settings: Settings, options: dict[str, Any]) -> Opener | None:
    """What opens sealed bundles: of the command line, else of the settings."""
    if options["unseal_key"] is not None:
        return opener_of(options["unseal_key"], options["passphrase_file"], options["passphrase_env"])
    said = settings.unseal
    return opener_of(said.key, said.passphrase_file, said.passphrase_env)


def _key(settings: Settings, options: dict[str, Any]) -> Callable[[], Any] | None:
    """The key that opens sealed bundles, for licenses that are for it and not for a device."""
    said = settings.unseal
    path = options["unseal_key"] or said.key
    if path is None:
        return None
    file, variable = options["passphrase_file"], options["passphrase_env"]
    if options["unseal_key"] is None:
        file, variable = said.passphrase_file, said.passphrase_env
    return partial(holder_key, path, given_passphrase(file, variable))


def _ready(address: str, names: tuple[str, ...]) -> None:
    for name in names:
        click.echo(f"ready: {address}/v2/models/{name}  (and {address}/v1/models/{name}/predict)")


def _reload(assembly: Assembly, read: Callable[[], Settings]) -> None:
    try:
        assembly.reload(read())
    except SeatrialError as error:
        click.echo(f"SIGHUP: nothing was changed: {error.message}", err=True)


def _settings(models: tuple[str, ...], config: Path | None, options: dict[str, Any]) -> Settings:
    """What the file says, overruled by what the command line says."""
    from seatrial.serve.settings import Settings, overruled, read_settings

    said = {name: value for name, value in options.items() if value not in (None, ())}
    read = read_settings(config) if config else Settings()
    permitted = {field: said[name] for name, field in _LICENSE.items() if name in said}
    settings = overruled(
        read,
        server={name: said[name] for name in _SERVER if name in said}
        | {"license": read.license.model_dump(exclude_unset=True) | permitted},
        limits={field: said[name] for name, field in _LIMITS.items() if name in said},
        models=_named(models),
        options={field: said[name] for name, field in _MODEL.items() if name in said},
        log={field: said[name] for name, field in _LOG.items() if name in said},
    )
    if not settings.models:
        raise UsageError("there is no model to serve", hint="name one, or give a --config that does")
    return settings


def _named(models: tuple[str, ...]) -> dict[str, Path]:
    from seatrial.serve.versions.loading import name_for

    paths: dict[str, Path] = {}
    for given in models:
        name, found, path = given.partition("=")
        if not found:
            name, path = name_for(Path(given)), given
        if name in paths:
            raise UsageError(f"'{name}' is there twice", hint="name one of them: NAME=MODEL")
        paths[name] = Path(path)
    return paths
