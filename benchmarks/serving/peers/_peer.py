"""What a peer's file defines: how its environment is made and how its server is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"


@dataclass(frozen=True)
class Setting:
    """One server that is wanted.

    Attributes:
        model: `sim`, `tiny` or `encoder`.
        folder: Where the ONNX files lie.
        scratch: An empty folder for the server's own files; it is started in it.
        python: The interpreter of the peer's environment.
        port: For HTTP; the next two are free for what else a server listens on.
        batch: Most rows of a batch.
        delay: Milliseconds that a request may wait for company, for servers that take a fixed figure.
        threads: Of the math library.
        options: Of the variant.
    """

    model: str
    folder: Path
    scratch: Path
    python: Path
    port: int
    batch: int
    delay: float
    threads: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """A file in the scratch folder."""
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


@dataclass(frozen=True)
class Launch:
    """How to start a server and where to ask it.

    Attributes:
        command: Program and arguments.
        path: Of the URL that infers.
        form: Of the body: `v2` or `plain`.
        environment: On top of what every peer is told.
        grpc: Port of the Open Inference Protocol over gRPC; 0: none.
    """

    command: tuple[str | Path, ...]
    path: str
    form: str = "v2"
    environment: Mapping[str, str] = field(default_factory=dict)
    grpc: int = 0


@dataclass(frozen=True)
class Peer:
    """A server that is compared.

    Attributes:
        name: As the table says it.
        launch: Writes what the server needs and says how to start it.
        packages: What its environment is made of; empty: Seatrial's own environment.
        distribution: Whose version the table shows.
        variants: Ways to run it, by what the name gets behind it.
        only: Models that a variant is measured with, where not all.
        anchor: A bar is set against it: measured as often as ours.
        models: What it is measured with.
        serial: It answers one request after the other: no use in asking for more than it can ever do.
    """

    name: str
    launch: Callable[[Setting], Launch]
    packages: tuple[str, ...] = ()
    distribution: str = ""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"": {}})
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    anchor: bool = False
    models: tuple[str, ...] = ("sim", "tiny")
    serial: bool = False

    def takes(self, variant: str, model: str) -> bool:
        """Whether this variant is measured with this model."""
        return model in self.only.get(variant, self.models)
