"""Gives what onnx2tf made the outputs of its source: their order, and the layout that ONNX has.

It turns images to channels last inside, and leaves outputs that way and in an order of its own. Which output
is which is found by running both on one made-up batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.converters._answering import Refused

_SIGNATURE = "serving_default"
_FREE_SIDE, _FREE_STEPS = 64, 12
_SAME = 1e-2  # of the output's range; another output or another layout is far above


@dataclass(frozen=True)
class Output:
    """Where one output of the source is found: its name there, and the order of its axes."""

    name: str
    axes: tuple[int, ...]

    @property
    def as_is(self) -> bool:
        """Whether its axes are in the source's order."""
        return self.axes == tuple(range(len(self.axes)))


def found(graph: str, folder: Path, inputs: Sequence[Mapping[str, Any]]) -> list[Output]:
    """The outputs of a SavedModel in the order of the ONNX graph that it was made from.

    Raises:
        Refused: An output is not among those that were made.
    """
    runtime: Any = lazy.load("onnxruntime", extra="onnx")
    tensorflow: Any = lazy.load("tensorflow", extra="tensorflow")
    feeds = {each["name"]: _made_up(each) for each in inputs}
    session = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    wanted = session.run(None, feeds)
    signature = tensorflow.saved_model.load(str(folder)).signatures[_SIGNATURE]
    told = signature(**{name: tensorflow.constant(each) for name, each in feeds.items()})
    got = {name: each.numpy() for name, each in told.items()}
    names = [each.name for each in session.get_outputs()]
    return [_closest(name, each, got) for name, each in zip(names, wanted, strict=True)]


def _made_up(spec: Mapping[str, Any]) -> Any:
    free = _FREE_SIDE if len(spec["shape"]) == 4 else _FREE_STEPS
    shape = [
        each if isinstance(each, int) else 1 if axis == 0 else free for axis, each in enumerate(spec["shape"])
    ]
    if spec["dtype"].startswith("float"):
        return np.random.default_rng(0).uniform(-1, 1, shape).astype(spec["dtype"])
    return np.ones(shape, spec["dtype"])


def _closest(name: str, wanted: Any, got: Mapping[str, Any]) -> Output:
    rank = wanted.ndim
    orders = {tuple(range(rank)), (0, rank - 1, *range(1, rank - 1)) if rank > 2 else tuple(range(rank))}
    ranked = []
    for other, axes in product(sorted(got), sorted(orders)):
        if got[other].ndim == rank and got[other].transpose(axes).shape == wanted.shape:
            difference = np.abs(got[other].transpose(axes).astype("float64") - wanted).max(initial=0.0)
            ranked.append((difference, Output(other, axes)))
    if not ranked or min(ranked, key=_first)[0] > _SAME * max(float(np.abs(wanted).max(initial=0.0)), 1e-3):
        raise Refused(
            f"onnx2tf: the output '{name}' is not among those that it made, in any layout",
            hint="run the ONNX file itself, or convert it to ort",
        )
    return min(ranked, key=_first)[1]


def _first(pair: tuple[float, Output]) -> float:
    return pair[0]


def wrap(folder: Path, outputs: Sequence[Output], inputs: Sequence[Mapping[str, Any]], into: Path) -> None:
    """Writes the SavedModel once more, with the outputs in order and in the source's layout."""
    tensorflow: Any = lazy.load("tensorflow", extra="tensorflow")
    module = tensorflow.Module()
    module.inner = tensorflow.saved_model.load(str(folder))
    signature = module.inner.signatures[_SIGNATURE]
    names = [each["name"] for each in inputs]
    width = len(str(len(outputs) - 1))

    def serve(*tensors: Any) -> dict[str, Any]:
        told = signature(**dict(zip(names, tensors, strict=True)))
        # Names are sorted as text on the way.
        return {
            f"output_{place:0{width}d}": tensorflow.transpose(told[each.name], each.axes)
            for place, each in enumerate(outputs)
        }

    specs = [
        tensorflow.TensorSpec(
            [size if isinstance(size, int) else None for size in each["shape"]], each["dtype"], each["name"]
        )
        for each in inputs
    ]
    concrete = tensorflow.function(serve, input_signature=specs).get_concrete_function()
    tensorflow.saved_model.save(module, str(into), signatures={_SIGNATURE: concrete})


def to_litert(folder: Path, precision: str, target: Path) -> None:
    """A SavedModel as a `.tflite` file."""
    tensorflow: Any = lazy.load("tensorflow", extra="tensorflow")
    converter = tensorflow.lite.TFLiteConverter.from_saved_model(str(folder))
    if precision == "float16":
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tensorflow.float16]
    target.write_bytes(converter.convert())
