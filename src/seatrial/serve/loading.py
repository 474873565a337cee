"""From a model's files to a version that can be served."""

from __future__ import annotations

from pathlib import Path

from seatrial.contract import Contract
from seatrial.model import Artifact, open_model
from seatrial.model.beside import contract_of, name_of
from seatrial.serve.model import ServedModel, ServingOptions
from seatrial.serve.settings import Options


def name_for(path: Path) -> str:
    """What a model is called when nobody says it: its contract's name, else its files'.

    Raises:
        SeatrialError: There is no model.
    """
    artifact = open_model(path)
    return contract_of(artifact, None)[0].name or name_of(artifact)


def open_version(path: Path) -> tuple[Artifact, Contract, str]:
    """One version's artifact, its contract, and where that comes from.

    Raises:
        SeatrialError: There is no model, or its contract is none.
    """
    artifact = open_model(path)
    contract, source = contract_of(artifact, None)
    return artifact, contract, source


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
    lines = [
        f"{model.name}: {model.runtime}, batches took {measured or 'not measured'}",
        f"  max_batch_size {choice.max_batch_size}, max_queue_delay {choice.max_queue_delay * 1e3:.2f} ms, "
        f"max_queue_size {queue.max_queue_size} ({choice.why})",
    ]
    return [*lines, f"  {model.profile.note}"] if model.profile.note else lines
