"""A Paddle program as Paddle.js wants it: one row, every shape a number, only operators that were tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.errors import UnsupportedModel
from seatrial.model.artifact import Operator

Shape = tuple[int, ...]
INPUT = "image"  # Paddle.js knows its input by this name


@dataclass
class Emitted:
    """One operator of the new graph, its values by their new names."""

    type: str
    inputs: dict[str, list[str]]
    output: str
    attributes: dict[str, Any] = field(default_factory=dict)


class Node:
    """One operator of the source as its rule reads it."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def slot(self, name: str) -> str:
        """The one value in an input slot.

        Raises:
            UnsupportedModel: There is none, or more than one.
        """
        values = self.slots(name)
        if len(values) != 1:
            raise self.refused(f"has {len(values)} values in '{name}', expected one")
        return values[0]

    def slots(self, name: str) -> tuple[str, ...]:
        """The values in an input slot."""
        return tuple(self.operator.attributes.get(f"in.{name}", ()))

    def output(self) -> str:
        """The value that counts; others are what training needs."""
        for name in ("Out", "Output", "Y"):
            values = self.operator.attributes.get(f"out.{name}", ())
            if values:
                return str(values[0])
        raise self.refused("has no output")

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        value = self.operator.attributes.get(name)
        return default if value is None else value

    def refused(self, why: str) -> UnsupportedModel:
        """The error that names this operator."""
        return UnsupportedModel(
            f"Paddle.js: {self.operator.name} {why}",
            hint="run the model with ONNX Runtime Web instead: seatrial convert MODEL --to web",
        )


class Program:
    """The new graph while it grows.

    Args:
        input_name: The source's name of its input.
        shape: Of one row.
        constants: Parameters by the source's names.
    """

    def __init__(self, input_name: str, shape: Shape, constants: Mapping[str, Array]) -> None:
        self.shapes: dict[str, Shape] = {input_name: shape}
        self.constants: dict[str, Array] = dict(constants)
        self.operators: list[Emitted] = []
        self.names: dict[str, str] = {input_name: INPUT}
        self.weights: dict[str, Array] = {}
        self._count = 0

    def shape(self, name: str) -> Shape:
        """Of a value or a constant."""
        return self.constants[name].shape if name in self.constants else self.shapes[name]

    def constant(self, name: str) -> Array | None:
        """The value of a constant; None of what is computed."""
        return self.constants.get(name)

    def set_constant(self, name: str, value: Array) -> None:
        """What a folded operator gives."""
        self.constants[name] = value

    def same(self, name: str, as_name: str) -> None:
        """A value that is another one: what an operator gives that does nothing here."""
        if as_name in self.constants:
            self.constants[name] = self.constants[as_name]
            return
        self.shapes[name], self.names[name] = self.shapes[as_name], self.names[as_name]

    def weight(self, value: Array) -> str:
        """The new name of a constant that a new operator takes."""
        name = f"w{len(self.weights)}"
        self.weights[name] = np.ascontiguousarray(value, "float32")
        return name

    def taken(self, name: str) -> str:
        """The new name of a value or constant of the source."""
        return self.weight(self.constants[name]) if name in self.constants else self.names[name]

    def emit(
        self, kind: str, inputs: Mapping[str, str | list[str]], output: str, shape: Shape, **attributes: Any
    ) -> None:
        """Adds an operator that gives `output` of the source, or a value of its own name."""
        new = f"v{self._count}"
        self._count += 1
        listed = {slot: [each] if isinstance(each, str) else each for slot, each in inputs.items()}
        self.operators.append(Emitted(kind, listed, new, attributes))
        self.shapes[output], self.names[output] = tuple(shape), new

    def reshaped(self, name: str, shape: Shape) -> str:
        """The new name of a value in another shape."""
        if name in self.constants:
            return self.weight(self.constants[name].reshape(shape))
        if self.shapes[name] == shape:
            return self.names[name]
        other = f"{name} as {list(shape)}"
        if other not in self.names:
            self.emit("reshape2", {"X": self.names[name]}, other, shape)
        return self.names[other]


def document(program: Program, input_name: str, output_name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """The text of `model.json`; the weights follow in the order of its variables.

    Args:
        program: Complete.
        input_name: The source's name of the input.
        output_name: The source's name of the output.
        about: What Seatrial adds for itself.
    """
    shape, result = program.shapes[input_name], program.names[output_name]
    kept = list(_reaching(program, result))
    _one_reader(kept)
    variables: dict[str, dict[str, Any]] = {INPUT: _variable(INPUT, shape)}
    new_shapes = {new: program.shapes[old] for old, new in program.names.items()}
    for each in kept:
        for name in (name for names in each.inputs.values() for name in names):
            if name in program.weights:
                variables[name] = {**_variable(name, program.weights[name].shape), "persistable": True}
        variables[each.output] = _variable(each.output, new_shapes.get(each.output, shape))
    channels, height, width = _feed(shape)
    operators = [{"type": "feed", "inputs": {"X": ["feed"]}, "outputs": {"Out": [INPUT]}, "attrs": {}}]
    operators += [
        {
            "type": each.type,
            "inputs": each.inputs,
            "outputs": {"Out": [each.output]},
            "attrs": each.attributes,
        }
        for each in kept
    ]
    operators.append({"type": "fetch", "inputs": {"X": [result]}, "outputs": {"Out": ["fetch"]}, "attrs": {}})
    return {
        "seatrial": about,
        "dataLayout": "nchw",
        "feedShape": {"fc": channels, "fh": height, "fw": width},
        "ops": operators,
        "vars": variables,
    }


def _variable(name: str, shape: Shape) -> dict[str, Any]:
    # It reduces over the dimensions, and a number has none.
    return {"name": name, "shape": list(shape) or [1], "persistable": False}


def _feed(shape: Shape) -> tuple[int, int, int]:
    padded = (1, 1, 1, *shape)[-3:]
    return padded[0], padded[1], padded[2]


def _reaching(program: Program, result: str) -> Iterator[Emitted]:
    """The operators that the result needs, in order: the one before the last place is drawn as the answer."""
    wanted, kept = {result}, []
    for each in reversed(program.operators):
        if each.output in wanted:
            wanted.update(name for names in each.inputs.values() for name in names)
            kept.append(each)
    return reversed(kept)


def _one_reader(kept: list[Emitted]) -> None:
    """Gives the input to one operator: only the first that reads it would get new values."""
    readers = [each for each in kept if any(INPUT in names for names in each.inputs.values())]
    if len(readers) < 2:
        return
    for each in readers:
        each.inputs = {
            slot: ["input" if name == INPUT else name for name in names]
            for slot, names in each.inputs.items()
        }
    passed = Emitted("scale", {"X": [INPUT]}, "input", {"scale": 1.0, "bias": 0.0, "bias_after_scale": True})
    kept.insert(0, passed)
