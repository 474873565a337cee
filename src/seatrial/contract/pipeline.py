"""Pre- and postprocessing as data: an ordered list of steps, each a name and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
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
        files: Whether a text may name a file to read. A server says no: its client would choose which.
    """

    labels: Sequence[str] = ()
    vocabulary: Sequence[str] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    root: Path = field(default_factory=Path)
    files: bool = True


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

    def check(self, options: Mapping[str, Any]) -> None:
        """Looks at options before any sample is there.

        Raises:
            ContractViolation: An option is unknown, missing or of the wrong kind.
        """
        ...

    def option_schema(self) -> dict[str, Any]:
        """JSON Schema of the options."""
        ...

    def apply(self, value: Any, context: Context, /, **options: Any) -> Any:
        """Transforms one sample's value.

        Raises:
            ContractViolation: The value is not what this step takes, or an option is out of range.
        """
        ...


REQUIRED: Any = object()


def _frozen(value: Any) -> Any:
    """Lists become tuples, so that equal options compare equal wherever they came from."""
    if isinstance(value, list | tuple):
        return tuple(_frozen(each) for each in value)
    if isinstance(value, Mapping):
        return {key: _frozen(each) for key, each in value.items()}
    return value


def _thawed(value: Any) -> Any:
    """Tuples become lists, as JSON and YAML have them."""
    if isinstance(value, tuple):
        return [_thawed(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _thawed(each) for key, each in value.items()}
    return value


@dataclass(frozen=True)
class StepCall:
    """One step of a pipeline with its options filled in."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", _frozen(self.options))

    def to_data(self) -> dict[str, Any]:
        """The YAML form: `{"resize": {"size": [8, 8]}}`."""
        return {self.name: _thawed(self.options)}

    def check(self, stage: str) -> None:
        """Checks name and options without running the step.

        Args:
            stage: `preprocess` or `postprocess`: where the call stands.

        Raises:
            ContractViolation: There is no such step, it belongs elsewhere, or its options are wrong.
        """
        steps = extensions.find("seatrial.contract.steps", "STEP")
        if self.name not in steps:
            near = get_close_matches(self.name, steps, n=3) or sorted(steps)
            raise ContractViolation(f"there is no step '{self.name}'", hint="there are: " + ", ".join(near))
        step: Step = steps[self.name]
        if step.stage not in (stage, "both"):
            raise ContractViolation(f"step '{self.name}' belongs in {step.stage}, not in {stage}")
        step.check(self.options)


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
            step: Step = extensions.get("seatrial.contract.steps", "STEP", call.name)
            try:
                value = step.apply(value, context, **call.options)
            except SeatrialError as error:
                raise ContractViolation(
                    f"step {place} ({call.name}): {error.message}", hint=error.hint
                ) from error
        return value
