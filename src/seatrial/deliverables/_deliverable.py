"""What a file in this folder defines: one thing that is handed over beside the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from seatrial.checks import Report
from seatrial.contract import Cases, Contract
from seatrial.contract.sample import Array
from seatrial.model import Artifact
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import Role
from seatrial.text import Text

LANGUAGES = ("en", "zh")

Kind = Literal["image", "text", "json", "array"]


@dataclass(frozen=True)
class Vector:
    """One golden vector: a payload as people have it, and what must come of it on the way.

    In the bundle it lies in `samples/`: the payload in its own file, the arrays as `.npy`, and one line of
    `samples/vectors.json` that names them. Every SDK is proved against it.

    Attributes:
        name: `000`, `001`...
        kind: What the payload is.
        suffix: Of the payload's file: `.png`, `.jpg`, `.txt`, `.json`, `.npy` (one array), `.npz` (by name).
        payload: The bytes of that file.
        feeds: What the preprocessing must make of it, by input name, batch axis of 1 included.
        outputs: What the model gives for that, by output name, in the contract's order.
        answer: What the postprocessing must make of those, as the contract's output schema has it.
    """

    name: str
    kind: Kind
    suffix: str
    payload: bytes
    feeds: Mapping[str, Array]
    outputs: Mapping[str, Array]
    answer: Any


@dataclass(frozen=True)
class Handover:
    """Everything that is known when a bundle is made; deliverables are functions of it.

    Attributes:
        name: Of the model; safe in file and image names.
        version: Of the bundle.
        created: UTC; when the report was made. The only time that may be written anywhere.
        contract: Of all the models.
        models: The preferred one first; they answer alike.
        report: Of the ten checks, on the first model.
        cases: The test cases, 10-20 of them.
        vectors: The golden vectors, the same samples before preprocessing; empty when they are not at hand.
        config: The training's own configuration file, as given; None when there is none.
        hyperparameters: What that file says, as plain values; empty when there is none.
        previous: The bundle that this one replaces.
        extra: What else the caller said, such as `license`, `contact`, `data_cutoff`.
        license_required: Whether servers are to ask for a license.
    """

    name: str
    version: str
    created: datetime
    contract: Contract
    models: tuple[Artifact, ...]
    report: Report
    cases: Cases
    vectors: tuple[Vector, ...] = ()
    config: Path | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    previous: Bundle | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    license_required: bool = False

    def model(self, *formats: str) -> Artifact | None:
        """The first model in one of these formats, in their order."""
        for wanted in formats:
            for each in self.models:
                if each.format == wanted:
                    return each
        return None


@dataclass(frozen=True)
class Item:
    """One file of a bundle before it is written.

    Attributes:
        path: In the bundle, with `/`.
        role: Of the file.
        content: Its bytes, or the file to copy.
        media_type: Such as `text/markdown`.
        executable: Whether it is a program to start.
        extra: What else the manifest says of it.
    """

    path: str
    role: Role
    content: bytes | Path
    media_type: str
    executable: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Deliverable:
    """One thing that is handed over.

    Attributes:
        name: `model_card`, `sdk_java`...
        order: Place in lists.
        summary: What it is for whom.
        make: Its files; an empty one when it does not apply. Equal handovers give equal bytes: no clock, no
            chance, no path of this machine.
    """

    name: str
    order: int
    summary: Text
    make: Callable[[Handover], Iterable[Item]]
