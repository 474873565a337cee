"""The deployment profile as the contract's file has it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from seatrial.contract.deployment import Deployment


class DeploymentDocument(BaseModel):
    """How the model is best run on one kind of machine, as `seatrial tune` measured it."""

    model_config = ConfigDict(extra="forbid", title=None)

    runtime: StrictStr = Field(min_length=1, description="Name of the engine.")
    format: StrictStr = Field(min_length=1, description="Of the model that it runs.")
    precision: Literal["float32", "float16", "bfloat16", "int8"] = Field(
        default="float32", description="Asked of the engine."
    )
    threads: StrictInt = Field(default=1, ge=1, le=1024, description="Math threads of one call.")
    max_batch_size: StrictInt = Field(default=1, ge=1, description="Rows that travel together.")
    optimize: StrictBool = Field(default=True, description="Whether the engine rewrites the graph.")
    engine: dict[str, StrictBool | StrictInt | StrictFloat | StrictStr] = Field(
        default={}, description="Switches of the engine that differ from its defaults."
    )
    model: StrictStr = Field(
        default="", pattern=r"^(sha256:[0-9a-f]{64})?$", description="Digest of the model that was measured."
    )
    goal: StrictStr = Field(default="", description="What it was tuned for.")
    machine: StrictStr = Field(default="", description="Where it was measured.")
    measured: dict[str, StrictInt | StrictFloat] = Field(default={}, description="The figures behind it.")


def deployment_of(document: DeploymentDocument | None) -> Deployment | None:
    """The profile that a file holds, if it holds one."""
    return None if document is None else Deployment(**document.model_dump())


def told(profile: Deployment | None) -> dict[str, Any]:
    """What of a profile is written: runtime, format, and what is not as it is by default."""
    if profile is None:
        return {}
    plain = asdict(Deployment("", ""))
    return {key: value for key, value in asdict(profile).items() if value != plain[key]}
