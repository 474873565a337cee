"""How one model is run: what the settings say, else its contract's deployment profile, else the defaults."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from seatrial.contract import Contract, Deployment
from seatrial.model import Artifact
from seatrial.runtimes import available_runtimes
from seatrial.serve.model import ServingOptions
from seatrial.serve.settings import Options


def serving_options(options: Options) -> ServingOptions:
    """What the settings say, in the units of the code."""
    delay = options.max_queue_delay_milliseconds
    return ServingOptions(
        runtime=options.runtime,
        threads=options.threads,
        devices=options.devices,
        timeout=options.timeout,
        max_batch_size=options.max_batch_size,
        max_queue_delay=None if delay is None else delay / 1e3,
        max_queue_size=options.max_queue_size,
        precision=options.precision,
        optimize=options.optimize,
        engine=dict(options.engine),
    )


def tuned_options(options: Options, contract: Contract, artifact: Artifact) -> ServingOptions:
    """As `serving_options`, with what they leave open from the contract's deployment profile.

    A profile is taken as a whole or not at all where its engine is concerned: switches that were measured on
    one engine say nothing about another.
    """
    plain, profile = serving_options(options), contract.deployment
    if profile is None:
        return plain
    why = _unfit(options, profile, artifact)
    if why:
        return replace(plain, told=f"the deployment profile ({profile}) is not taken: {why}")
    said = options.model_fields_set
    cores = _cores()
    found: dict[str, Any] = {
        "runtime": profile.runtime,
        "threads": min(profile.threads, cores),
        "precision": profile.precision,
        "optimize": profile.optimize,
        "engine": {**profile.engine, **options.engine},
    }
    taken = {
        name: value for name, value in found.items() if name not in said or name in ("runtime", "engine")
    }
    if "max_batch_size" not in said:
        taken["tuned_batch_size"] = profile.max_batch_size
    return replace(plain, **taken, told=_words(profile, artifact, options, cores))


def preferred_runtime(contract: Contract, runtime: str) -> str:
    """What is to run one of a bundle's models: what was asked for, else what the contract's profile names."""
    return contract.deployment.runtime if runtime == "auto" and contract.deployment else runtime


def _unfit(options: Options, profile: Deployment, artifact: Artifact) -> str:
    if options.runtime not in ("auto", profile.runtime):
        return f"{options.runtime} was asked for"
    if profile.format != artifact.format:
        return f"this model is {artifact.format}"
    if profile.runtime not in available_runtimes(artifact, asked=profile.runtime):
        return f"{profile.runtime} is not installed here"
    return ""


def _words(profile: Deployment, artifact: Artifact, options: Options, cores: int) -> str:
    """What was taken, and what a reader should know about it."""
    measured = f", measured on {profile.machine}" if profile.machine else ""
    said = sorted(options.model_fields_set & {"threads", "precision", "optimize", "engine", "max_batch_size"})
    notes = [f"the settings say {', '.join(said)} otherwise"] if said else []
    if profile.threads > cores:
        notes.append(f"this machine has {cores} cores")
    if profile.model and profile.model != artifact.digest:
        notes.append("it was measured with other files of this model: tune again")
    told = f"as the contract's deployment profile says: {profile}{measured}"
    return f"{told} ({'; '.join(notes)})" if notes else told


def _cores() -> int:
    return len(os.sched_getaffinity(0))
