"""Pre- and postprocessing as data: an ordered list of steps, each a name and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from seatrial import extensions
from seatrial.errors import ContractViolation, SeatrialError


@dataclass
class Context:
    """What steps of one sample tell each other, from the first to the last.

    Attributes:
        labels: The contract's label map (or OCR dictionary), by index.
        vocabulary: The contract's tokens, by id.
        notes: Facts a later step needs: `source_size` (h, w), `scale` (h, w), `pad` ... by name.
        root: Folder that relative file names in step options start from.
    """

    labels: Sequence[str] = ()
    vocabulary: Sequence[str] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    root: Path = field(default_factory=Path)


@runtime_checkable
class Step(Protocol):
    """One transform. A file in `contract/steps/` defines one as `STEP`.

    `name` is what YAML says; `stage` is `preprocess`, `postprocess` or `both`; `summary` one line for
    `seatrial list steps`; `options` maps every option to its default (a missing default is `REQUIRED`).
    """

    name: str
    stage: str
    summary: str
    options: Mapping[str, Any]

    def apply(self, value: Any, context: Context, /, **options: Any) -> Any:
        """Transforms one sample's value.

        Raises:
            ContractViolation: The value is not what this step takes, or an option is out of range.
        """
        ...


REQUIRED: Any = object()


@dataclass(frozen=True)
class StepCall:
    """One step of a pipeline with its options filled in."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """The YAML form: `{"resize": {"size": [8, 8]}}`."""
        return {self.name: dict(self.options)}


@dataclass(frozen=True)
class Pipeline:
    """Steps in their order."""

    calls: tuple[StepCall, ...] = ()

    def run(self, value: Any, context: Context) -> Any:
        """Takes one sample's value through every step.

        Raises:
            ContractViolation: A step refused the value; the message names the step and its place.
        """
        for place, call in enumerate(self.calls, start=1):
            step = extensions.get("seatrial.contract.steps", "STEP", call.name)
            try:
                value = step.apply(value, context, **call.options)
            except SeatrialError as error:
                raise ContractViolation(f"step {place} ({call.name}): {error.message}", hint=error.hint) from error
        return value
