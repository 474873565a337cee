"""The part of an int8 graph that computes in integers: the graph up to the last values that are quantized.

What follows, mostly a softmax, is float32 and rounds; what comes before has no reason to differ by one bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.checks._consistency.variants import ran
from seatrial.checks._inference import Predictions
from seatrial.checks._trial import SessionPool
from seatrial.model import open_model
from seatrial.model.artifact import Artifact
from seatrial.runtimes import SessionOptions


@dataclass(frozen=True)
class IntegerPart:
    """A graph that ends where its integers end.

    Attributes:
        artifact: It.
        after: Operators of the whole graph that come after it, by count.
    """

    artifact: Artifact
    after: Counter[str]


def integer_part(artifact: Artifact, folder: Path) -> IntegerPart | None:
    """Cuts an ONNX graph after the last quantized values; None where it has none, or ends with them.

    Args:
        artifact: A model in QDQ form.
        folder: Where the shorter graph is written.
    """
    if artifact.format != "onnx" or not lazy.installed("onnx"):
        return None
    onnx: Any = lazy.load("onnx", extra="onnx")
    model = onnx.load(str(artifact.graph))
    nodes = list(model.graph.node)
    makers = {name: place for place, node in enumerate(nodes) for name in node.output}
    after: Counter[str] = Counter()
    ends = _ends([each.name for each in model.graph.output], nodes, makers, after)
    if not ends or not after:
        return None
    copies = [
        onnx.NodeProto.FromString(nodes[each].SerializeToString()) for each in _needed(ends, nodes, makers)
    ]
    del model.graph.output[:]
    float32 = onnx.TensorProto.FLOAT
    model.graph.output.extend(onnx.helper.make_tensor_value_info(each, float32, None) for each in ends)
    del model.graph.node[:]
    model.graph.node.extend(copies)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "integers.onnx"))
    return IntegerPart(open_model(folder / "integers.onnx"), after)


def _ends(
    names: list[str], nodes: Sequence[Any], makers: Mapping[str, int], after: Counter[str]
) -> list[str]:
    """Walks back from the outputs to the values that were integers before they became float again."""
    ends, seen = [], set()
    while names:
        name = names.pop()
        if name not in makers or name in seen:
            continue
        seen.add(name)
        node = nodes[makers[name]]
        integers = node.op_type == "DequantizeLinear" and node.input[0] in makers
        if integers and nodes[makers[node.input[0]]].op_type != "Constant":
            ends.append(name)
            continue
        if node.op_type not in ("Constant", "DequantizeLinear"):
            after[node.op_type] += 1
        names.extend(node.input)
    return sorted(ends)


def _needed(ends: Sequence[str], nodes: Sequence[Any], makers: Mapping[str, int]) -> list[int]:
    """Places of the nodes that the ends are made by, in the graph's order."""
    kept: set[int] = set()
    names = list(ends)
    while names:
        place = makers.get(names.pop())
        if place is not None and place not in kept:
            kept.add(place)
            names.extend(nodes[place].input)
    return sorted(kept)


def same_integers(
    pool: SessionPool,
    part: IntegerPart,
    asked: Predictions,
    *,
    sides: tuple[tuple[str, SessionOptions], tuple[str, SessionOptions]],
) -> bool:
    """Whether two runtimes agree to the bit on every sample that was asked.

    Args:
        pool: Opens the sessions.
        part: What they run.
        asked: The samples, as they were fed.
        sides: Runtime and options of both.

    Raises:
        SeatrialError: One of them cannot run it.
    """
    one, other = (pool.get(name, options, artifact=part.artifact) for name, options in sides)
    feeds = [feed for i in ran(asked) if (feed := asked.feeds[i]) is not None]
    return bool(feeds) and all(
        np.array_equal(mine, theirs, equal_nan=True)
        for feed in feeds
        for mine, theirs in zip(one.run(feed), other.run(feed), strict=True)
    )
