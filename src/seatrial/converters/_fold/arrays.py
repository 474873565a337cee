"""Steps that only move or convert numbers."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from seatrial.converters._fold.emitter import Emitter, Family, one
from seatrial.converters._fold.graph import Graph, Value, is_float, refused


def _cast(graph: Graph, value: Any, *, dtype: str) -> Value:
    array = one(value, "cast")
    if array.dtype == dtype:
        return array
    if dtype[0] in "iu" and array.dtype != "bool":
        array = _held(graph, array, np.iinfo(dtype), dtype)
    return graph.cast(array, dtype)


def _held(graph: Graph, array: Value, bounds: Any, dtype: str) -> Value:
    """The array, refused where a number does not fit into the type: the Python step does not wrap either."""
    if not is_float(array):
        own = np.iinfo(array.dtype)
        if own.min >= bounds.min and own.max <= bounds.max:
            return array
    wide = graph.cast(array, "float64")
    low = graph.compared("GreaterOrEqual", wide, graph.double(float(bounds.min)))
    high = graph.compared("LessOrEqual", wide, graph.double(float(bounds.max)))
    fits = graph.cast(graph.put("And", low, high), "int32")  # NaN fits nowhere
    whole = graph.put("ReduceMin", fits, keepdims=0)
    good = graph.compared("Equal", whole, graph.constant(1, "int32"))
    return graph.require(good, array, f"a number does not fit into {dtype}")


def _transpose(graph: Graph, value: Any, *, order: tuple[int, ...]) -> Value:
    array = one(value, "transpose", rank=len(order))
    if sorted(order) != list(range(array.rank)):
        raise refused("transpose", f"order {list(order)} is no permutation")
    lead = list(range(graph.lead))
    made = graph.put("Transpose", array, perm=[*lead, *(each + graph.lead for each in order)])
    return made.shaped(*(array.shape[each] for each in order))


def _expand(graph: Graph, value: Any, *, axis: int = 0) -> Value:
    array = one(value, "expand")
    at = graph.place(axis, array.rank + 1, "expand")
    shape = list(array.shape)
    shape.insert(at - graph.lead, 1)
    return graph.put("Unsqueeze", array, graph.ints(at)).shaped(*shape)


def _squeeze(graph: Graph, value: Any, *, axes: tuple[int, ...]) -> Value:
    array = one(value, "squeeze")
    places = sorted({graph.place(each, array.rank, "squeeze") for each in axes})
    shape = [size for place, size in enumerate(array.shape) if place + graph.lead not in places]
    return graph.put("Squeeze", array, graph.ints(*places)).shaped(*shape) if places else array


def _reshape(graph: Graph, value: Any, *, shape: tuple[int, ...]) -> Value:
    array = one(value, "reshape")
    sizes = list(shape)
    if -1 in sizes and None not in array.shape and 0 not in sizes:
        known = prod([each for each in sizes if each != -1])
        every = [size for size in array.shape if size is not None]
        sizes[sizes.index(-1)] = prod(every) // known
    if not graph.lead:
        made = graph.put("Reshape", array, graph.ints(*shape), allowzero=1)
    elif 0 in shape or (-1 in sizes):
        raise refused("reshape", "its sizes are not known beforehand")
    else:
        made = graph.put("Reshape", array, graph.ints(0, *sizes))
    return made.shaped(*(None if each == -1 else each for each in sizes))


def _pad(
    graph: Graph,
    value: Any,
    *,
    axes: tuple[int, ...],
    to: tuple[int, ...],
    multiple: int,
    fill: float,
    where: str,
) -> Value:
    array = one(value, "pad")
    if array.dtype in {"int16", "string"}:
        raise refused("pad", f"ONNX Runtime does not pad {array.dtype}")
    if (to and len(to) != len(axes)) or multiple < 1:
        raise refused("pad", "its options contradict each other")
    if array.dtype[0] in "iu" and (
        fill != int(fill) or not np.iinfo(array.dtype).min <= fill <= np.iinfo(array.dtype).max
    ):
        raise refused("pad", f"fill {fill} does not fit into {array.dtype}")
    zero = graph.whole(0)
    before, after, shape = [zero] * array.rank, [zero] * array.rank, list(array.shape)
    for place, axis in enumerate(axes):
        at = graph.place(axis, array.rank, "pad") - graph.lead
        size, fixed = graph.size(array, at), shape[at]
        wanted = graph.put("Max", size, graph.whole(to[place])) if to else size
        blocks = graph.put("Div", graph.put("Add", wanted, graph.whole(multiple - 1)), graph.whole(multiple))
        more = graph.put("Sub", graph.put("Mul", blocks, graph.whole(multiple)), size)
        half = graph.put("Div", more, graph.whole(2))
        before[at] = {"end": zero, "center": half, "start": more}[where]
        after[at] = graph.put("Sub", more, before[at])
        if fixed is not None:
            shape[at] = -(-max(fixed, to[place] if to else 0) // multiple) * multiple
    if where != "end" and len(axes) == 2:
        places = [graph.place(axis, array.rank, "pad") - graph.lead for axis in axes]
        moved(graph, *(graph.cast(before[at], "float64") for at in places))
    lead = [zero] * graph.lead
    pads = graph.row(*lead, *before, *lead, *after)
    filling = graph.constant(bool(fill) if array.dtype == "bool" else fill, array.dtype)
    return graph.put("Pad", array, pads, filling).shaped(*shape)


def moved(graph: Graph, y: Value, x: Value) -> None:
    """Notes that the content moved by this many pixels, as `_geometry.moved`."""
    old = graph.notes.get("offset", graph.constant([0.0, 0.0], "float64"))
    graph.notes["offset"] = graph.put("Add", old, graph.row(y, x))


def _select(_graph: Graph, value: Any, *, output: int) -> Value:
    if not isinstance(value, list) or not 0 <= output < len(value):
        raise refused("select", f"there is no output {output}")
    found: Value = value[output]
    return found


def _feed(graph: Graph, value: Any, *, inputs: dict[str, str]) -> dict[str, Value]:
    return {name: _fed(graph, value, source) for name, source in inputs.items()}


def _fed(graph: Graph, value: Any, source: str) -> Value:
    word, _, key = source.partition(".")
    if word == "value":
        found = value.get(key) if key and isinstance(value, dict) else value
    else:
        found = graph.notes.get(source)
    if not isinstance(found, Value):
        raise refused("feed", f"'{source}' is no array in the folded graph")
    if found.dtype == "float64" and word != "value":  # as the Python step: a note of plain numbers is float32
        return graph.cast(found, "float32")
    return replace(found)


EMITTERS: Family = {
    "cast": Emitter(_cast, batched=True),
    "transpose": Emitter(_transpose, batched=True),
    "expand": Emitter(_expand, batched=True),
    "squeeze": Emitter(_squeeze, batched=True),
    "reshape": Emitter(_reshape, batched=True),
    "pad": Emitter(_pad, batched=True, limits="not int16"),
    "select": Emitter(_select, batched=True),
    "feed": Emitter(_feed),
}
