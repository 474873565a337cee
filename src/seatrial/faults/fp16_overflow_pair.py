"""One layer makes huge numbers and the next makes them small again: float32 does not notice."""

from __future__ import annotations

from pathlib import Path

from seatrial.faults._edits import chosen, values_of, with_tensors
from seatrial.faults._fault import Fault, Good, Release
from seatrial.faults._net import SHAPING, Layer, Net, main_output
from seatrial.model import Operator, Parameter
from seatrial.text import Text

# A power of two: the float32 answers stay the same to the last bit.
_FACTOR = 2.0**20
_HOMOGENEOUS = SHAPING | {
    "relu", "Relu", "leaky_relu", "LeakyRelu", "pool2d", "MaxPool", "AveragePool", "GlobalAveragePool",
    "GlobalMaxPool", "dropout", "Dropout",
}  # fmt: skip


def make(good: Good, folder: Path, seed: int) -> Release:
    """Multiplies a layer (or a batch normalisation) and divides the next one, for a deployment in float16.

    Raises:
        NotApplicable: Between no two layers lies only what keeps a factor (ReLU, pooling, reshaping).
    """
    pair, next_layer = chosen(_pairs(Net.of(good)), seed, "no two layers have only a ReLU or pooling between")
    tensors = {each.name: values_of(each) * _FACTOR for each in pair}
    tensors[next_layer.weight.name] = values_of(next_layer.weight) / _FACTOR
    return with_tensors(good, folder, tensors, profile={**good.release.profile, "precision": "float16"})


def _pairs(net: Net) -> list[tuple[list[Parameter], Layer]]:
    """What is multiplied, and the layer that is divided."""
    starts = [([each.weight, *([each.bias] if each.bias else [])], each.output) for each in net.layers()]
    starts += [([each.scale, each.shift], each.output) for each in net.norms()]
    layers = {each.operator.name: each for each in net.layers()}
    found = []
    for tensors, value in starts:
        end = _next(net, value, layers)
        shared = end is not None and end.weight in tensors
        if end is not None and not shared and all(each.dtype != "float16" for each in (*tensors, end.weight)):
            found.append((tensors, end))
    return found


def _next(net: Net, value: str, layers: dict[str, Layer]) -> Layer | None:
    """The layer that alone reads a value, through nothing but what keeps a factor."""
    for _ in range(16):
        readers: list[Operator] = net.readers(value)
        if len(readers) != 1:
            return None
        layer = layers.get(readers[0].name)
        if layer is not None:
            return layer if layer.data == value else None
        if readers[0].type not in _HOMOGENEOUS:
            return None
        value = main_output(readers[0])
    return None


FAULT = Fault(
    name="fp16-overflow-pair",
    title=Text("two layers overflow in float16", "相邻两层在 float16 下溢出"),
    kind="weights",
    checks=frozenset({"structure", "weights", "consistency"}),
    make=make,
    number="F26",
)
