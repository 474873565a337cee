"""From a model's files to a version that can be served: opened, warmed up, measured and proved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from seatrial.contract import Cases
from seatrial.contract.sample import Array
from seatrial.errors import EngineFailure, NotFound
from seatrial.model import open_model
from seatrial.model.beside import contract_of, name_of
from seatrial.model.bundle import is_bundle, open_bundle
from seatrial.serve.model import ServedModel, ServingOptions
from seatrial.serve.settings import Model
from seatrial.serve.versions.bundles import Opened, Opener, open_served
from seatrial.serve.versions.golden import cases_of, prove
from seatrial.serve.versions.layout import ONLY, Found, find_versions
from seatrial.serve.versions.tuned import tuned_options


def name_for(path: Path) -> str:
    """What a model is called when nobody says it: its contract's name, else its folder's or file's.

    Raises:
        SeatrialError: There is no model.
    """
    newest = find_versions(path)[-1]
    if is_bundle(newest.path):
        return open_bundle(newest.path).manifest.name
    opened = open_version(newest.path)
    if opened.contract.source or newest.path == path.resolve():
        return opened.contract.name or name_of(opened.artifact)
    return path.resolve().name  # a folder of versions: what lies in it is called `1`


def open_version(path: Path, runtime: str = "auto", opener: Opener | None = None) -> Opened:
    """One version's artifact, its contract, and where that comes from.

    Args:
        path: A model, a bundle, or a release that holds it in its folder `model`.
        runtime: That is to run it; a bundle has a model for each of several.
        opener: Gives the content keys of sealed bundles.

    Raises:
        SeatrialError: There is no model, or its contract is none.
    """
    if is_bundle(path):
        return open_served(path, runtime, opener)
    try:
        artifact = open_model(path)
    except NotFound:
        if not (path / "model").is_dir():
            raise
        artifact = open_model(path / "model")
    contract, source = contract_of(artifact, None)
    return Opened(artifact, contract, source)


async def load_version(
    name: str,
    found: Found,
    model: Model,
    now: ServedModel | None,
    *,
    like: ServedModel | None,
    opener: Opener | None = None,
) -> ServedModel:
    """One version, loaded in an engine of its own, warmed up, measured and proved by its test cases.

    Args:
        name: Of the model.
        found: Where it lies.
        model: How it is to be served.
        now: What serves under this version, if anything does.
        like: The version that serves when none is named, if any does. Then one whose engine died under
            made-up numbers is not needed, and a new one takes requests as large as that one does.
        opener: Gives the content keys of sealed bundles; None: they are not served.

    Returns:
        A version that may take requests; `now` itself when its files say the same as before.

    Raises:
        SeatrialError: It cannot be loaded, died while it was warmed up, or failed its golden test.
    """
    opened, cases = await asyncio.to_thread(_read, found, model, opener)
    options = tuned_options(model.options, opened.contract, opened.artifact)
    try:
        if now is not None and _same(now, opened, options):
            if cases is not None:
                await prove(now, cases)
            opened.release()
            return now
        served = ServedModel(name, found.version, opened.artifact, opened.contract, options=options)
    except BaseException:
        opened.release()
        raise
    served.release = opened.release
    try:
        await served.load(sample=_warm_up(served, cases), like=like)
        _alive(served, doubts=like is not None and cases is None)
        if cases is not None:
            await prove(served, cases)
    except BaseException:
        await served.close()
        raise
    return served


def _read(found: Found, model: Model, opener: Opener | None) -> tuple[Opened, Cases | None]:
    opened = open_version(found.path, model.options.runtime, opener)
    try:
        contract = replace(opened.contract, source=opened.source)
        return replace(opened, contract=contract), cases_of(opened.artifact, model.golden)
    except BaseException:
        opened.release()
        raise


def _same(now: ServedModel, opened: Opened, options: ServingOptions) -> bool:
    return (
        now.ready
        and now.options == options
        and now.artifact.digest == opened.artifact.digest
        and now.contract == opened.contract
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


def choice_lines(model: ServedModel) -> list[str]:
    """What was measured and chosen at load, for people."""
    measured = ", ".join(f"{size}: {each * 1e3:.2f} ms" for size, each in model.profile.seconds.items())
    choice, queue = model.choice, model.batcher.queue.policy
    version = "" if model.version == ONLY else f" version {model.version}"
    lines = [
        f"{model.name}{version}: contract {model.contract.source}",
        *([f"{model.name}{version}: {model.options.told}"] if model.options.told else []),
        f"{model.name}{version}: {model.runtime}, batches took {measured or 'not measured'}",
        f"  max_batch_size {choice.max_batch_size}, max_queue_delay {choice.max_queue_delay * 1e3:.2f} ms, "
        f"max_queue_size {queue.max_queue_size} ({choice.why})",
    ]
    return [*lines, f"  {model.profile.note}"] if model.profile.note else lines
