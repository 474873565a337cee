"""What every reader shares: the parsed configuration, the pipeline it turns into, and honest refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

from seatrial.contract.contract import Contract
from seatrial.contract.pipeline import StepCall
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import ContractViolation

INLINE = 64  # lists longer than this are kept in a file beside the contract


@dataclass(frozen=True)
class Config:
    """A model family's own configuration and the graph it belongs to.

    Attributes:
        path: The file.
        data: What it holds.
        inputs: Of the graph.
        outputs: Of the graph.
    """

    path: Path
    data: Mapping[str, Any]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def name(self) -> str:
        """The model's name: as the file says, else that of its folder."""
        named = section(self.data, "Global", self.path).get("model_name")
        return str(named) if named else self.path.resolve().parent.name or "model"


class Reader(Protocol):
    """Reads one family's configuration. A file in `contract/readers/` defines one as `READER`."""

    name: str
    summary: str

    def sniff(self, data: Mapping[str, Any]) -> bool:
        """Whether the file is one of this family's."""
        ...

    def read(self, config: Config) -> Contract:
        """The contract it describes.

        Raises:
            ContractViolation: It holds an operation or an option that cannot be expressed; the message
                names it and says which are known.
        """
        ...


@dataclass(frozen=True)
class FunctionReader:
    """A reader made of two functions."""

    name: str
    summary: str
    sniff: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Config], Contract]


@dataclass
class Steps:
    """A preprocessing under construction: knows where the channels are and what values can come out."""

    calls: list[StepCall] = field(default_factory=list)
    channels_first: bool = False
    low: float = 0.0
    high: float = 255.0

    def add(self, name: str, **options: Any) -> None:
        """Appends a step."""
        self.calls.append(StepCall(name, options))

    def normalize(self, scale: float, mean: Sequence[float], std: Sequence[float]) -> None:
        """Appends a normalisation and works out the range of what it gives.

        Raises:
            ContractViolation: A deviation of zero.
        """
        if not all(std):
            raise ContractViolation("NormalizeImage: std holds a zero")
        order = "CHW" if self.channels_first else "HWC"
        self.add("normalize", scale=scale, mean=list(mean), std=list(std), order=order)
        pairs = (
            [(m, d) for m in mean for d in std]
            if len(mean) != len(std)
            else list(zip(mean, std, strict=True))
        )
        ends = [(end * scale - m) / d for end in (self.low, self.high) for m, d in pairs]
        self.low, self.high = min(ends), max(ends)

    def to_channels_first(self) -> None:
        """Appends the transposition from height-width-channel, once."""
        if not self.channels_first:
            self.add("transpose", order=[2, 0, 1])
            self.channels_first = True

    @property
    def plane(self) -> list[int]:
        """The axes of height and width as things stand."""
        return [1, 2] if self.channels_first else [0, 1]

    def image_spec(self, spec: TensorSpec) -> TensorSpec:
        """The graph's spec with layout and range of the image that is fed, a hair wider for rounding."""
        if len(spec.shape) != 4:
            raise ContractViolation(f"input '{spec.name}' has shape {list(spec.shape)}; an image has 4 axes")
        margin = (self.high - self.low) * 1e-4
        layout = "NCHW" if self.channels_first else "NHWC"
        return replace(
            spec, layout=layout, low=round(self.low - margin, 4), high=round(self.high + margin, 4)
        )


Operation = Callable[[Steps, Mapping[str, Any]], None]


def apply_operation(steps: Steps, name: str, options: Any, known: Mapping[str, Operation]) -> None:
    """Turns one operation of the family into steps.

    Raises:
        ContractViolation: It is unknown, or its options are.
    """
    if name not in known:
        near = get_close_matches(name, known, n=2)
        raise ContractViolation(
            f"the operation '{name}' is not known here",
            hint=("did you mean " + " or ".join(near) + "? " if near else "")
            + "known are: " + ", ".join(sorted(known)) + "; write the steps into contract.yaml by hand",
        )  # fmt: skip
    if options is not None and not isinstance(options, Mapping):
        raise ContractViolation(f"the options of '{name}' must be names and values, not {options!r}")
    try:
        known[name](steps, dict(options or {}))
    except ContractViolation as error:
        raise ContractViolation(f"{name}: {error.message}", hint=error.hint) from error
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise ContractViolation(
            f"the options of '{name}' cannot be understood: {dict(options or {})!r}"
        ) from error


def only(options: Mapping[str, Any], *known: str) -> None:
    """Refuses options whose effect is not reproduced here: ignoring one would change the numbers.

    Raises:
        ContractViolation: Names the option.
    """
    strange = sorted(set(options) - set(known))
    if strange:
        raise ContractViolation(
            f"option '{strange[0]}: {options[strange[0]]!r}' is not known here",
            hint="known are: " + ", ".join(known),
        )


def section(data: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    """A part of the file, empty when it is missing.

    Raises:
        ContractViolation: It is there and holds no names and values.
    """
    part = data.get(name) or {}
    if not isinstance(part, Mapping):
        raise ContractViolation(f"{path.name}: '{name}' must hold names and values")
    return part


def pairs(listed: Any, where: str) -> list[tuple[str, Any]]:
    """Operations written as `- Name: {options}`, in their order.

    Raises:
        ContractViolation: It is no such list.
    """
    if not isinstance(listed, list) or not all(
        isinstance(each, Mapping) and len(each) == 1 for each in listed
    ):
        raise ContractViolation(f"'{where}' must be a list of operations such as `- ToCHWImage: null`")
    return [(str(name), options) for each in listed for name, options in each.items()]


def number(value: Any) -> float:
    """A number, or a fraction in text such as `1./255.` (these files hold Python expressions).

    Raises:
        ContractViolation: It is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = (
        re.fullmatch(r"\s*([\d.]+(?:[eE]-?\d+)?)\s*(?:/\s*([\d.]+)\s*)?", value)
        if isinstance(value, str)
        else None
    )
    try:
        if found:
            return float(found[1]) / float(found[2] or 1)
    except (ValueError, ZeroDivisionError):
        pass
    raise ContractViolation(f"{value!r} is no number")


def whole(value: Any) -> int:
    """A whole number.

    Raises:
        ContractViolation: It is something else.
    """
    found = number(value)
    if not found.is_integer():
        raise ContractViolation(f"{value!r} is no whole number")
    return int(found)


def numbers(value: Any, default: Sequence[float]) -> list[float]:
    """A list of numbers, or one number for all channels."""
    if value is None:
        return list(default)
    return [number(each) for each in value] if isinstance(value, list) else [number(value)]


def size_hw(value: Any, *, width_first: bool) -> list[int]:
    """`[height, width]` from one number or two."""
    sides = [int(each) for each in value] if isinstance(value, list | tuple) else [int(value)] * 2
    if len(sides) != 2:
        raise ContractViolation(f"a size is one number or two, not {value!r}")
    return sides[::-1] if width_first else sides


def texts(listed: Any, where: str) -> tuple[str, ...]:
    """Names by index; numbers that YAML read as such become text again, `~` included.

    Raises:
        ContractViolation: It is no list, or holds something else.
    """
    if not isinstance(listed, list) or any(isinstance(each, list | dict | bool | float) for each in listed):
        raise ContractViolation(
            f"'{where}' must be a list of texts", hint="put quotes around yes, no, on and off"
        )
    return tuple("~" if each is None else str(each) for each in listed)


def kept(labels: Sequence[str]) -> dict[str, str]:
    """Where the labels are kept: in a file when they are many."""
    return {"labels": "labels.txt"} if len(labels) > INLINE else {}


def one_input(config: Config) -> TensorSpec:
    """The only input of the graph.

    Raises:
        ContractViolation: There are several.
    """
    if len(config.inputs) != 1:
        names = ", ".join(spec.name for spec in config.inputs)
        raise ContractViolation(
            f"{config.path.name} describes a model with one input, and the graph has: {names}"
        )
    return config.inputs[0]
