"""The steps that work out a size and stretch an image to it."""

from __future__ import annotations

from typing import Any

from seatrial.converters._fold.emitter import Emitter, Family, one
from seatrial.converters._fold.graph import Graph, Value, refused
from seatrial.converters._fold.resample import resample

_AGREEMENT = (
    "bytes exact for OpenCV's linear, for both grids, and for Pillow where it filters across first; where "
    "Pillow filters down first (height shrinks more), linear and area within 1, cubic and lanczos within 2 "
    "of 255 on photographs; OpenCV's cubic within 1, its nearest may take the pixel beside; float32 within "
    "1e-4 of the range"
)
_LIMITS = "OpenCV's area and lanczos are not folded"


def _sides(graph: Graph, image: Value) -> tuple[Value, Value]:
    """Height and width as float64."""
    return graph.cast(graph.size(image, 0), "float64"), graph.cast(graph.size(image, 1), "float64")


def _times(graph: Graph, side: Value, factor: Value, *, rounding: str) -> Value:
    """`round`, `int` or `ceil` of side * factor, at least 1."""
    exact = graph.put(rounding, graph.put("Mul", side, factor))
    return graph.put("Max", graph.cast(exact, "int64"), graph.whole(1))


def _resize(
    graph: Graph, value: Any, *, size: tuple[int, int], keep_ratio: bool, interpolation: str, library: str
) -> Value:
    image = one(value, "resize", rank=3)
    how = {"interpolation": interpolation, "library": library, "step": "resize"}
    if not keep_ratio:
        wanted = (graph.whole(size[0]), graph.whole(size[1]))
        stretch = [
            graph.put("Div", graph.cast(to, "float64"), side)
            for to, side in zip(wanted, _sides(graph, image), strict=True)
        ]
        made = resample(graph, image, wanted, size, **how)
    else:
        sides = _sides(graph, image)
        short, long = graph.put("Min", *sides), graph.put("Max", *sides)
        factor = graph.put("Div", graph.double(min(size)), short)
        reached = graph.put("Round", graph.put("Mul", factor, long))
        over = graph.compared("Greater", reached, graph.double(max(size)))
        other = graph.put("Div", graph.double(max(size)), long)
        factor = graph.put("Where", over, other, factor, dtype="float64")
        height, width = (_times(graph, side, factor, rounding="Round") for side in sides)
        stretch = [factor, factor]
        made = resample(graph, image, (height, width), (None, None), **how)
    shape = [graph.size(made, 0), graph.size(made, 1)]
    graph.notes["im_shape"] = graph.cast(graph.row(*shape), "float32").shaped(2)
    graph.notes["scale_factor"] = graph.cast(graph.row(*stretch), "float32").shaped(2)
    return made


def _to_side(which: str, step: str) -> Any:
    def emit(graph: Graph, value: Any, *, size: int, interpolation: str, library: str) -> Value:
        image = one(value, step, rank=3)
        sides = _sides(graph, image)
        factor = graph.put("Div", graph.double(size), graph.put(which, *sides))
        height, width = (_times(graph, side, factor, rounding="Round") for side in sides)
        how = {"interpolation": interpolation, "library": library, "step": step}
        return resample(graph, image, (height, width), (None, None), **how)

    return emit


def _resize_width(
    graph: Graph,
    value: Any,
    *,
    height: int,
    base_width: int | None,
    max_width: int | None,
    interpolation: str,
    library: str,
) -> Value:
    image = one(value, "resize_width", rank=3)
    tall, wide = _sides(graph, image)
    exact = graph.put("Mul", graph.double(height), graph.put("Div", wide, tall))
    width = graph.cast(graph.put("Ceil", exact), "int64")
    if base_width is not None:
        base = graph.whole(base_width)
        cut = graph.put("Max", base, graph.cast(graph.put("Floor", exact), "int64"))
        width = graph.put("Where", graph.compared("Greater", width, base), cut, width, dtype="int64")
    if max_width is not None:
        width = graph.put("Min", width, graph.whole(max_width))
    graph.notes["valid_width"] = width.shaped()
    how = {"interpolation": interpolation, "library": library, "step": "resize_width"}
    return resample(graph, image, (graph.whole(height), width), (height, None), **how)


def _resize_limit(
    graph: Graph,
    value: Any,
    *,
    side: int,
    limit: str,
    multiple: int,
    rounding: str,
    max_side: int | None,
    interpolation: str,
    library: str,
) -> Value:
    image = one(value, "resize_limit", rank=3)
    if side < 1 or multiple < 1 or (max_side is not None and max_side < 1):
        raise refused("resize_limit", "side, multiple and max_side must be 1 or more")
    sides = _sides(graph, image)
    chosen = graph.put("Min" if limit == "min" else "Max", *sides)
    factor = graph.put("Div", graph.double(side), chosen)
    if limit != "long":
        beyond = graph.compared("Less" if limit == "min" else "Greater", chosen, graph.double(side))
        factor = graph.put("Where", beyond, factor, graph.double(1.0), dtype="float64")
    found = [graph.put("Floor", graph.put("Mul", each, factor)) for each in sides]
    if max_side is not None:
        most, longest = graph.double(max_side), graph.put("Max", *found)
        less = graph.put("Div", most, longest)
        over = graph.compared("Greater", longest, most)
        cut = [graph.put("Floor", graph.put("Mul", each, less)) for each in found]
        found = [
            graph.put("Where", over, small, each, dtype="float64")
            for small, each in zip(cut, found, strict=True)
        ]
    times = graph.double(multiple)
    blocks = [
        graph.put("Ceil" if rounding == "up" else "Round", graph.put("Div", each, times)) for each in found
    ]
    height, width = (
        graph.cast(graph.put("Mul", graph.put("Max", each, graph.double(1.0)), times), "int64")
        for each in blocks
    )
    how = {"interpolation": interpolation, "library": library, "step": "resize_limit"}
    return resample(graph, image, (height, width), (None, None), **how)


EMITTERS: Family = {
    "resize": Emitter(_resize, agreement=_AGREEMENT, limits=_LIMITS),
    "resize_short": Emitter(_to_side("Min", "resize_short"), agreement=_AGREEMENT, limits=_LIMITS),
    "resize_long": Emitter(_to_side("Max", "resize_long"), agreement=_AGREEMENT, limits=_LIMITS),
    "resize_width": Emitter(_resize_width, agreement=_AGREEMENT, limits=_LIMITS),
    "resize_limit": Emitter(_resize_limit, agreement=_AGREEMENT, limits=_LIMITS),
}
