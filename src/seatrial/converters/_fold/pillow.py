"""Pillow's filters as matrices: the filter is widened when the image shrinks."""

from __future__ import annotations

import math

from seatrial.converters._fold.graph import Graph, Value

_ONE = float(1 << 22)
_SUPPORT = {"area": 0.5, "linear": 1.0, "cubic": 2.0, "lanczos": 3.0}


def filtered(graph: Graph, image: Value, size: tuple[Value, Value], interpolation: str) -> Value:
    """An image [height, width, channels] through Pillow's two passes, across and then down."""
    if interpolation == "nearest":
        rows, columns = (_nearest(graph, graph.size(image, axis), size[axis]) for axis in (0, 1))
        return graph.take(graph.take(image, rows, 0), columns, 1)
    raw = image.dtype == "uint8"
    across = _matrix(graph, graph.size(image, 1), size[1], interpolation, whole=raw)
    line = _rounded(graph, graph.put("MatMul", across, graph.cast(image, "float64")), raw=raw)
    height = graph.size(image, 0)
    down = _matrix(graph, height, size[0], interpolation, whole=raw)
    flat = graph.put("Reshape", line, graph.row(height, graph.whole(-1)))
    made = _rounded(graph, graph.put("MatMul", down, flat), raw=raw)
    shape = graph.row(size[0], size[1], graph.size(image, 2))
    made = graph.put("Reshape", made, shape)
    return graph.cast(made, "uint8" if raw else "float32")


def _rounded(graph: Graph, sums: Value, *, raw: bool) -> Value:
    """What Pillow stores between and after the passes, still in float64."""
    if not raw:
        return graph.cast(graph.cast(sums, "float32"), "float64")
    more = graph.put("Add", sums, graph.double(_ONE / 2))
    whole = graph.put("Floor", graph.put("Div", more, graph.double(_ONE)))
    return graph.put("Clip", whole, graph.double(0.0), graph.double(255.0))


def _matrix(graph: Graph, of: Value, to: Value, interpolation: str, *, whole: bool) -> Value:
    """Weights [to, of] in float64; for bytes as whole numbers of 22 bits."""
    wide, far = graph.cast(of, "float64"), graph.cast(to, "float64")
    scale = graph.put("Div", wide, far)
    stretch = graph.put("Max", scale, graph.double(1.0))
    support = graph.put("Mul", graph.double(_SUPPORT[interpolation]), stretch)
    shrink = graph.put("Div", graph.double(1.0), stretch)
    middle = graph.put("Add", graph.cast(graph.range(to), "float64"), graph.double(0.5))
    center = graph.put("Reshape", graph.put("Mul", middle, scale), graph.ints(-1, 1))
    half = graph.double(0.5)
    # A conversion to a whole number cuts towards zero; what is cut there is below the first place anyway.
    first = graph.put("Add", graph.put("Sub", center, support), half)
    first = graph.put("Max", graph.put("Floor", first), graph.double(0.0))
    end = graph.put("Floor", graph.put("Add", graph.put("Add", center, support), half))
    place = graph.cast(graph.range(of), "float64")
    away = graph.put("Add", graph.put("Sub", place, center), half)
    weights = _weights(graph, graph.put("Mul", away, shrink), interpolation)
    inside = graph.put(
        "And", graph.compared("GreaterOrEqual", place, first), graph.compared("Less", place, end)
    )
    weights = graph.put("Where", inside, weights, graph.double(0.0), dtype="float64")
    total = graph.put("ReduceSum", weights, graph.ints(1), keepdims=1)
    weights = graph.put("Mul", weights, graph.put("Div", graph.double(1.0), total))
    if not whole:
        return weights
    scaled = graph.put("Mul", weights, graph.double(_ONE))
    away_from_zero = graph.put("Mul", graph.put("Sign", scaled), half)
    return graph.cast(graph.cast(graph.put("Add", scaled, away_from_zero), "int64"), "float64")


def _weights(graph: Graph, x: Value, interpolation: str) -> Value:
    """The filter at `x`."""
    size, zero, one = graph.put("Abs", x), graph.double(0.0), graph.double(1.0)

    def times(left: Value, right: Value) -> Value:
        return graph.put("Mul", left, right)

    if interpolation == "area":
        low = graph.compared("Greater", x, graph.double(-0.5))
        inside = graph.put("And", low, graph.compared("LessOrEqual", x, graph.double(0.5)))
        return graph.put("Where", inside, one, zero, dtype="float64")
    if interpolation == "linear":
        return graph.put("Max", graph.put("Sub", one, size), zero)
    if interpolation == "lanczos":
        third = graph.put("Div", x, graph.double(3.0))
        inside = graph.compared("Less", size, graph.double(3.0))
        value = times(_sinc(graph, x), _sinc(graph, third))
        return graph.put("Where", inside, value, zero, dtype="float64")
    a = -0.5
    near = graph.put("Sub", times(graph.double(a + 2), size), graph.double(a + 3))
    near = graph.put("Add", times(times(near, size), size), one)
    far = graph.put("Add", times(graph.put("Sub", size, graph.double(5.0)), size), graph.double(8.0))
    far = times(graph.put("Sub", times(far, size), graph.double(4.0)), graph.double(a))
    far = graph.put("Where", graph.compared("Less", size, graph.double(2.0)), far, zero, dtype="float64")
    return graph.put("Where", graph.compared("Less", size, one), near, far, dtype="float64")


def _sinc(graph: Graph, x: Value) -> Value:
    angle = graph.put("Mul", x, graph.double(math.pi))
    none = graph.compared("Equal", x, graph.double(0.0))
    safe = graph.put("Where", none, graph.double(1.0), angle, dtype="float64")
    wave = graph.put("Div", graph.put("Sin", safe), safe)
    return graph.put("Where", none, graph.double(1.0), wave, dtype="float64")


def _nearest(graph: Graph, of: Value, to: Value) -> Value:
    """Places are summed up, as Pillow does, rather than multiplied."""
    scale = graph.put("Div", graph.cast(of, "float64"), graph.cast(to, "float64"))
    one = graph.ints(1)
    rest = graph.put("Reshape", graph.put("Sub", to, graph.whole(1)), one)
    steps = graph.put(
        "Concat",
        graph.put("Reshape", graph.put("Mul", scale, graph.double(0.5)), one),
        graph.put("Expand", scale, rest),
        axis=0,
    )
    at = graph.cast(graph.put("CumSum", steps, graph.whole(0)), "int64")
    return graph.put("Min", at, graph.put("Sub", of, graph.whole(1)))
