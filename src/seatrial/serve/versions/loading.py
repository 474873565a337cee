"""From a model's files to a version that can be served: opened, warmed up, measured and proved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from seatrial.contract import Cases, Contract
from seatrial.contract.sample import Array
from seatrial.errors import EngineFailure, NotFound
from seatrial.model import Artifact, open_model
from seatrial.model.beside import contract_of, name_of
from seatrial.model.bundle import is_bundle, open_bundle
from seatrial.serve.model import ServedModel, ServingOptions
from seatrial.serve.settings import Model, Options
from seatrial.serve.versions.bundles import open_served
from seatrial.serve.versions.golden import cases_of, prove
from seatrial.serve.versions.layout import ONLY, Found, find_versions


def name_for(path: Path) -> str:
    """What a model is called when nobody says it: its contract's name, else its folder's or file's.

    Raises:
        SeatrialError: There is no model.
    """
    newest = find_versions(path)[-1]
    if is_bundle(newest.path):
        return open_bundle(newest.path).manifest.name
    artifact, contract, _ = open_version(newest.path)
    if contract.source or newest.path == path.resolve():
        return contract.name or name_of(artifact)
    return path.resolve().name  # a folder of versions: what lies in it is called `1`


def open_version(path: Path, runtime: str = "auto") -> tuple[Artifact, Contract, str]:
    """One version's artifact, its contract, and where that comes from.

    Args:
        path: A model, a bundle, or a release that holds it in its folder `model`.
        runtime: That is to run it; a bundle has a model for each of several.

    Raises:
        SeatrialError: There is no model, or its contract is none.
    """
    if is_bundle(path):
        return open_served(path, runtime)
    try:
        artifact = open_model(path)
    except NotFound:
        if not (path / "model").is_dir():
            raise
        artifact = open_model(path / "model")
    contract, source = contract_of(artifact, None)
    return artifact, contract, source


async def load_version(
    name: str, found: Found, model: Model, now: ServedModel | None, *, like: ServedModel | None
) -> ServedModel:
    """One version, loaded in an engine of its own, warmed up, measured and proved by its test cases.

    Args:
        name: Of the model.
        found: Where it lies.
        model: How it is to be served.
        now: What serves under this version, if anything does.
        like: The version that serves when none is named, if any does. Then one whose engine died under
            made-up numbers is not needed, and a new one takes requests as large as that one does.

    Returns:
        A version that may take requests; `now` itself when its files say the same as before.

    Raises:
        SeatrialError: It cannot be loaded, died while it was warmed up, or failed its golden test.
    """
    artifact, contract, cases = await asyncio.to_thread(_read, found, model)
    options = serving_options(model.options)
    if now is not None and _same(now, artifact, contract, options):
        if cases is not None:
            await prove(now, cases)
        return now
    served = ServedModel(name, found.version, artifact, contract, options=options)
    try:
        await served.load(sample=_warm_up(served, cases), like=like)
        _alive(served, doubts=like is not None and cases is None)
        if cases is not None:
            await prove(served, cases)
    except BaseException:
        await served.batcher.close()
        raise
    return served


def _read(found: Found, model: Model) -> tuple[Artifact, Contract, Cases | None]:
    artifact, contract, source = open_version(found.path, model.options.runtime)
    return artifact, replace(contract, source=source), cases_of(artifact, model.golden)


def _same(now: ServedModel, artifact: Artifact, contract: Contract, options: ServingOptions) -> bool:
    return (
        now.ready
        and now.options == options
        and now.artifact.digest == artifact.digest
        and now.contract == contract
    )


def _warm_up(served: ServedModel, cases: Cases | None) -> Mapping[str, Array] | None:
    """A row that the engine will see, where one is known; made-up numbers may be none that it can take."""
    if cases is None:
        return None
    feeds = cases.cases[0].feeds
    batched = all(spec.batch_is_free and len(feeds.get(spec.name, ())) == 1 for spec in served.inputs)
    return feeds if batched else None


def _alive(served: ServedModel, *, doubts: bool) -> None:
    deaths = sum(each.deaths for each in served.batcher.devices)
    if not served.ready or (deaths and doubts):
        raise EngineFailure(
            f"the engine died {deaths} times while it was warmed up with made-up numbers",
            kind="signal",
            hint="give the model test cases (docs/how-to/serve-versions.md), which are then used instead",
        )


def serving_options(options: Options) -> ServingOptions:
    """How to run a model, in the units of the code."""
    delay = options.max_queue_delay_milliseconds
    return ServingOptions(
        runtime=options.runtime,
        threads=options.threads,
        devices=options.devices,
        timeout=options.timeout,
        max_batch_size=options.max_batch_size,
        max_queue_delay=None if delay is None else delay / 1e3,
        max_queue_size=options.max_queue_size,
    )


def choice_lines(model: ServedModel) -> list[str]:
    """What was measured and chosen at load, for people."""
    measured = ", ".join(f"{size}: {each * 1e3:.2f} ms" for size, each in model.profile.seconds.items())
    choice, queue = model.choice, model.batcher.queue.policy
    version = "" if model.version == ONLY else f" version {model.version}"
    lines = [
        f"{model.name}{version}: contract {model.contract.source}",
        f"{model.name}{version}: {model.runtime}, batches took {measured or 'not measured'}",
        f"  max_batch_size {choice.max_batch_size}, max_queue_delay {choice.max_queue_delay * 1e3:.2f} ms, "
        f"max_queue_size {queue.max_queue_size} ({choice.why})",
    ]
    return [*lines, f"  {model.profile.note}"] if model.profile.note else lines
