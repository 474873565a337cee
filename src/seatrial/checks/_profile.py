"""Where the model will run, and what is required of it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from seatrial.checks._finding import Scalar
from seatrial.errors import NotFound, UsageError

_SHIPPED = resources.files("seatrial.checks") / "_profiles"


@dataclass(frozen=True)
class Profile:
    """A deployment target: limits, required checks, runtimes.

    Attributes:
        name: `cpu-server`, `edge`...
        runtime: The runtime that production uses; `auto` is the first that runs the artifact.
        runtimes: Runtimes that must agree with it (those that are installed are run; a required one
            that is not installed is NOT_EXERCISED).
        also: Runtimes on other processors and in browsers that are asked a few samples: the release is for
            those too, and an int8 model has to be equal to the bit there.
        required: Checks (`accuracy`) or findings (`security.membership-inference`) that must end PASS or
            WARN, else the gate says no.
        precision: Declared numeric precision: `float32`, `float16`, `int8`; chooses the tolerances.
        threads: Math threads in production.
        engine: Engine-specific switches of production, such as `{"onednn": False}`.
        limits: Bounds by name, such as `{"performance.p99_ms": 50}`.
    """

    name: str
    runtime: str
    runtimes: tuple[str, ...]
    required: frozenset[str]
    precision: str = "float32"
    threads: int = 1
    also: tuple[str, ...] = ()
    engine: Mapping[str, Scalar] = field(default_factory=dict)
    limits: Mapping[str, Scalar] = field(default_factory=dict)


class _ProfileFile(BaseModel):
    """A profile as written in YAML."""

    model_config = ConfigDict(extra="forbid")

    runtime: str = "auto"
    runtimes: tuple[str, ...]
    required: frozenset[str]
    precision: Literal["float32", "float16", "bfloat16", "int8"] = "float32"
    threads: int = 1
    also: tuple[str, ...] = ()
    engine: dict[str, str | int | float | bool | None] = {}
    limits: dict[str, str | int | float | bool | None] = {}


def profile_names() -> list[str]:
    """The profiles that come with Seatrial."""
    return sorted(
        each.name.removesuffix(".yaml") for each in _SHIPPED.iterdir() if each.name.endswith(".yaml")
    )


def load_profile(name: str) -> Profile:
    """Reads a profile by name, or from a YAML file of one's own.

    Args:
        name: One of `profile_names()`, or a path that ends in `.yaml` or `.yml`.

    Raises:
        NotFound: There is no such profile.
        UsageError: The file is not a profile; the message names the field.
    """
    own = Path(name)
    try:
        if own.suffix in {".yaml", ".yml"}:
            text, label = own.read_text("utf-8"), own.stem
        else:
            text, label = (_SHIPPED / f"{name}.yaml").read_text("utf-8"), name
    except UnicodeDecodeError as error:
        raise UsageError(
            f"profile '{name}' is not UTF-8 (byte {error.start})", hint="save it as UTF-8"
        ) from error
    except OSError as error:
        known = ", ".join(profile_names())
        raise NotFound(f"no profile '{name}'", hint=f"there are: {known}; or give a .yaml file") from error
    try:
        read = _ProfileFile.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise UsageError(
            f"profile '{name}' cannot be read: {error}", hint="see docs/reference/profiles.md"
        ) from error
    return Profile(name=label, **read.model_dump())
