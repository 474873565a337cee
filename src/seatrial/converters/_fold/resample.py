"""Resampling in the arithmetic of the library that the step names, as nodes (see `contract/steps/_resample`).

OpenCV samples: two, four or eight taps a place, bytes in 11-bit fixed point, first across, then down. Pillow
filters: a matrix of weights for each axis, bytes in 22-bit fixed point; in float64 every such sum is exact.
"""

from __future__ import annotations

from typing import Any

from seatrial.converters._fold.emitter import one
from seatrial.converters._fold.graph import Graph, Value, refused
from seatrial.converters._fold.pillow import filtered

LARGEST_SIDE = 16384
_BITS = 2048.0


def resample(
    graph: Graph, value: Any, size: tuple[Value, Value], known: tuple[int | None, int | None], **how: str
) -> Value:
    """An image [height, width, channels] stretched to `size`, with the note of the scale.

    Args:
        graph: Where to.
        value: uint8 or float32.
        size: Height and width wanted, int64 without axes.
        known: The same where they are known beforehand.
        **how: `interpolation` and `library`, as the step has them, and the `step`'s name.

    Raises:
        UnsupportedModel: A way of resampling that has no nodes.
    """
    step, interpolation, library = how["step"], how["interpolation"], how["library"]
    image = one(value, step, rank=3)
    if image.dtype not in {"uint8", "float32"}:
        raise refused(step, f"it takes an image of uint8 or float32, not {image.dtype}")
    for each, number in zip(size, known, strict=True):
        if number is None:
            most = graph.compared("LessOrEqual", each, graph.whole(LARGEST_SIDE))
            image = graph.require(most, image, f"a side would be over {LARGEST_SIDE} pixels")
    if library == "opencv":
        made = _opencv(graph, image, size, interpolation, step)
    elif library == "pillow":
        made = filtered(graph, image, size, interpolation)
    else:
        made = _on_grid(graph, image, size, interpolation, library, step)
    stretch = [_ratio(graph, size[axis], graph.size(image, axis)) for axis in (0, 1)]
    _scaled(graph, graph.row(*stretch))
    return made.shaped(known[0], known[1], image.shape[2])


def _ratio(graph: Graph, to: Value, of: Value) -> Value:
    return graph.put("Div", graph.cast(to, "float64"), graph.cast(of, "float64"))


def _scaled(graph: Graph, factors: Value) -> None:
    ones, zeros = graph.constant([1.0, 1.0], "float64"), graph.constant([0.0, 0.0], "float64")
    graph.notes["scale"] = graph.put("Mul", graph.notes.get("scale", ones), factors)
    graph.notes["offset"] = graph.put("Mul", graph.notes.get("offset", zeros), factors)


def _clipped(graph: Graph, indices: Value, last: Value) -> Value:
    return graph.put("Min", graph.put("Max", indices, graph.whole(0)), last)


def _opencv(graph: Graph, image: Value, size: tuple[Value, Value], interpolation: str, step: str) -> Value:
    if interpolation == "area":
        raise refused(
            step, "OpenCV's area resampling has no nodes yet", hint="linear, cubic and nearest have"
        )
    if interpolation == "lanczos":
        raise refused(step, "OpenCV's lanczos resampling has no nodes", hint="linear, cubic and nearest have")
    if interpolation == "nearest":
        for axis in (0, 1):
            image = graph.take(image, _nearest(graph, graph.size(image, axis), size[axis]), axis).shaped(
                *(None if each == axis else known for each, known in enumerate(image.shape))
            )
        return image
    cubic, raw = interpolation == "cubic", image.dtype == "uint8"
    image = graph.cast(image, "int32") if raw else image
    places, weights = _taps(graph, graph.size(image, 1), size[1], cubic=cubic, across=True)
    parts = [
        graph.put("Mul", graph.take(image, place, 1), _weight(graph, weight, [1, -1, 1], whole=raw))
        for place, weight in zip(places, weights, strict=True)
    ]
    line = _sum(graph, parts)
    places, weights = _taps(graph, graph.size(image, 0), size[0], cubic=cubic, across=False)
    rows = [graph.take(line, place, 0) for place in places]
    shaped = [_weight(graph, weight, [-1, 1, 1], whole=raw) for weight in weights]
    if not raw:
        return _sum(graph, [graph.put("Mul", row, weight) for row, weight in zip(rows, shaped, strict=True)])
    return _cubic_bytes(graph, rows, shaped) if cubic else _linear_bytes(graph, rows, shaped)


def _sum(graph: Graph, parts: list[Value]) -> Value:
    total = parts[0]
    for each in parts[1:]:
        total = graph.put("Add", total, each)
    return total


def _weight(graph: Graph, weight: Value, shape: list[int], *, whole: bool) -> Value:
    if whole:
        scaled = graph.put("Mul", weight, graph.constant(_BITS, "float32"))
        weight = graph.cast(graph.put("Round", scaled), "int32")
    return graph.put("Reshape", weight, graph.ints(*shape))


def _linear_bytes(graph: Graph, rows: list[Value], weights: list[Value]) -> Value:
    """OpenCV drops bits early here, to stay in 32: all numbers are positive, so that division is a shift."""

    def whole(number: int) -> Value:
        return graph.constant(number, "int32")

    parts = []
    for row, weight in zip(rows, weights, strict=True):
        product = graph.put("Mul", graph.put("Div", row, whole(1 << 4)), weight)
        parts.append(graph.put("Div", product, whole(1 << 16)))
    rounded = graph.put("Add", _sum(graph, parts), whole(2))
    return graph.cast(graph.put("Div", rounded, whole(4)), "uint8")


def _cubic_bytes(graph: Graph, rows: list[Value], weights: list[Value]) -> Value:
    """Its vector code computes the second pass in float32, the last tap first."""
    share = graph.constant(1.0 / (_BITS * _BITS), "float32")
    parts = [
        graph.put("Mul", graph.cast(row, "float32"), graph.put("Mul", graph.cast(weight, "float32"), share))
        for row, weight in zip(rows, weights, strict=True)
    ]
    return as_bytes(graph, _sum(graph, parts[::-1]))


def as_bytes(graph: Graph, numbers: Value) -> Value:
    """Rounded to the nearest, half to even, and kept in 0..255."""
    low, high = graph.constant(0, numbers.dtype), graph.constant(255, numbers.dtype)
    return graph.cast(graph.put("Clip", graph.put("Round", numbers), low, high), "uint8")


def _nearest(graph: Graph, of: Value, to: Value) -> Value:
    scale = graph.put("Div", graph.double(1.0), _ratio(graph, to, of))
    at = graph.put("Floor", graph.put("Mul", graph.cast(graph.range(to), "float64"), scale))
    return graph.put("Min", graph.cast(at, "int64"), graph.put("Sub", of, graph.whole(1)))


def _taps(
    graph: Graph, of: Value, to: Value, *, cubic: bool, across: bool
) -> tuple[list[Value], list[Value]]:
    """Which source places each target place is made of, and their weights in float32."""
    scale = graph.put("Div", graph.double(1.0), _ratio(graph, to, of))
    middle = graph.put("Add", graph.cast(graph.range(to), "float64"), graph.double(0.5))
    where = graph.put("Sub", graph.put("Mul", middle, scale), graph.double(0.5))
    exact = graph.cast(where, "float32")
    low = graph.put("Floor", exact)
    part, first = graph.put("Sub", exact, low), graph.cast(low, "int64")
    last, zero = graph.put("Sub", of, graph.whole(1)), graph.constant(0, "float32")
    if cubic:
        taps = [_clipped(graph, graph.put("Add", first, graph.whole(each - 1)), last) for each in range(4)]
        return taps, _cubic_weights(graph, part)
    if across:
        outside = graph.put(
            "Or",
            graph.compared("Less", first, graph.whole(0)),
            graph.compared("GreaterOrEqual", first, last),
        )
        part = graph.put("Where", outside, zero, part, dtype="float32")
        first = _clipped(graph, first, last)
    rest = graph.put("Sub", graph.constant(1, "float32"), part)
    second = graph.put("Add", first, graph.whole(1))
    return [_clipped(graph, first, last), _clipped(graph, second, last)], [rest, part]


def _cubic_weights(graph: Graph, part: Value) -> list[Value]:
    """Keys' kernel with a = -0.75, in the order of OpenCV's own operations."""
    a = -0.75

    def number(value: float) -> Value:
        return graph.constant(value, "float32")

    def times(left: Value, right: Value) -> Value:
        return graph.put("Mul", left, right)

    def inner(x: Value) -> Value:
        outer = graph.put("Sub", times(number(a + 2), x), number(a + 3))
        return graph.put("Add", times(times(outer, x), x), number(1))

    more = graph.put("Add", part, number(1))
    first = graph.put("Sub", times(number(a), more), number(5 * a))
    first = graph.put("Add", times(first, more), number(8 * a))
    first = graph.put("Sub", times(first, more), number(4 * a))
    second, third = inner(part), inner(graph.put("Sub", number(1), part))
    rest = number(1)
    for each in (first, second, third):
        rest = graph.put("Sub", rest, each)
    return [first, second, third, rest]


def _on_grid(
    graph: Graph, image: Value, size: tuple[Value, Value], interpolation: str, library: str, step: str
) -> Value:
    if interpolation not in {"nearest", "linear"}:
        raise refused(step, f"{library} samples nearest or linear, not {interpolation}")
    result = graph.cast(image, "float32")
    for axis, wanted in enumerate(size):
        of = graph.size(image, axis)
        last = graph.put("Sub", of, graph.whole(1))
        if library == "align_corners":
            spaces = graph.put("Max", graph.put("Sub", wanted, graph.whole(1)), graph.whole(1))
            pitch = _ratio(graph, last, spaces)
        else:
            pitch = _ratio(graph, of, wanted)
        exact = graph.put("Mul", graph.cast(graph.range(wanted), "float64"), pitch)
        where = graph.put("Min", exact, graph.cast(last, "float64"))
        if interpolation == "nearest":
            near = graph.put("Floor", graph.put("Add", where, graph.double(1e-9)))
            result = graph.take(result, graph.cast(near, "int64"), axis)
            continue
        floor = graph.put("Floor", where)
        shape = graph.ints(*([-1, 1, 1] if axis == 0 else [1, -1, 1]))
        part = graph.put("Reshape", graph.cast(graph.put("Sub", where, floor), "float32"), shape)
        low = graph.cast(floor, "int64")
        high = graph.put("Min", graph.put("Add", low, graph.whole(1)), last)
        rest = graph.put("Sub", graph.constant(1, "float32"), part)
        result = graph.put(
            "Add",
            graph.put("Mul", graph.take(result, low, axis), rest),
            graph.put("Mul", graph.take(result, high, axis), part),
        )
    return as_bytes(graph, result) if image.dtype == "uint8" else result
