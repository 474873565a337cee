"""Steps that read boxes and masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.converters._fold.emitter import Emitter, Family, class_name, one
from seatrial.converters._fold.graph import Graph, Value, refused

_LOWEST = -3.0e38  # stands for a box that is not of the class


def _detection_rows(
    graph: Graph, value: Any, *, score: float, coordinates: str, order: str
) -> dict[str, Value]:
    rows = one(value[0] if isinstance(value, list) and value else value, "detection_rows", rank=2)
    if rows.shape[1] not in (6, None):
        raise refused("detection_rows", f"it takes rows of 6 numbers, not of {rows.shape[1]}")
    kinds, scores = graph.take(rows, graph.whole(0), 1), graph.take(rows, graph.whole(1), 1)
    real = graph.compared("GreaterOrEqual", kinds, graph.constant(0, rows.dtype))
    enough = graph.compared("GreaterOrEqual", scores, graph.constant(score, rows.dtype))
    rows = graph.put("Compress", rows, graph.put("And", real, enough), axis=0)
    rows = _best_first(graph, graph.cast(rows, "float64"))
    columns = (2, 3, 4, 5) if order == "xy" else (3, 2, 5, 4)
    boxes = graph.take(rows, graph.ints(*columns), 1)
    if coordinates == "model":
        ones, zeros = graph.constant([1.0, 1.0], "float64"), graph.constant([0.0, 0.0], "float64")
        twice = graph.ints(1, 0, 1, 0)  # (y, x) -> x, y, x, y
        offset = graph.take(graph.notes.get("offset", zeros), twice, 0)
        scale = graph.take(graph.notes.get("scale", ones), twice, 0)
        boxes = graph.put("Div", graph.put("Sub", boxes, offset), scale)
    if "source_size" in graph.notes:
        size = graph.cast(graph.take(graph.notes["source_size"], graph.ints(1, 0, 1, 0), 0), "float64")
        boxes = graph.put("Min", graph.put("Max", boxes, graph.double(0.0)), size)
    index = graph.cast(graph.take(rows, graph.whole(0), 1), "int64").shaped(None)
    return {
        "boxes": boxes.shaped(None, 4),
        "scores": graph.take(rows, graph.whole(1), 1).shaped(None),
        "classes": class_name(graph, index),
    }


def _best_first(graph: Graph, rows: Value, keep: int | None = None) -> Value:
    """Rows by their second column, the largest first; equal ones stay in their order."""
    scores = graph.take(rows, graph.whole(1), 1)
    count = graph.put("Shape", scores, dtype="int64")
    if keep is not None:
        count = graph.put("Min", count, graph.ints(keep))
    _, places = graph.puts("TopK", [scores, count], [scores.dtype, "int64"], axis=0, largest=1, sorted=1)
    return graph.take(rows, places, 0)


def _nms(graph: Graph, value: Any, *, iou: float, score: float, keep: int, candidates: int) -> Value:
    if isinstance(value, list):
        if len(value) != 2:
            raise refused("nms", f"it takes rows, or boxes and scores, not {len(value)} arrays")
        boxes, table = (graph.cast(one(each, "nms", rank=2), "float32") for each in value)
        kinds = graph.cast(graph.range(graph.at(graph.put("Shape", table, dtype="int64"), 0)), "float32")
    else:
        boxes, table, kinds = _by_class(graph, one(value, "nms", rank=2))
    lowest = graph.constant(_LOWEST, "float32")
    table = _candidates(graph, table, candidates, lowest)
    first = graph.ints(0)
    picked = graph.put(
        "NonMaxSuppression",
        graph.put("Unsqueeze", boxes, first),
        graph.put("Unsqueeze", table, first),
        graph.constant([np.iinfo(np.int32).max], "int64"),
        graph.constant([iou], "float32"),
        # It keeps what is above, the step what is at least.
        graph.constant([np.nextafter(np.float32(score), np.float32(-np.inf))], "float32"),
        dtype="int64",
    )
    kind, place = graph.take(picked, graph.whole(1), 1), graph.take(picked, graph.whole(2), 1)
    pairs = graph.take(picked, graph.ints(1, 2), 1)
    columns = [
        graph.put("Unsqueeze", graph.take(kinds, kind, 0), graph.ints(1)),
        graph.put("Unsqueeze", graph.put("GatherND", table, pairs), graph.ints(1)),
        graph.take(boxes, place, 0),
    ]
    return _best_first(graph, graph.put("Concat", *columns, axis=1), keep).shaped(None, 6)


def _by_class(graph: Graph, rows: Value) -> tuple[Value, Value, Value]:
    """Rows as boxes, a table of scores [classes, boxes] and the classes that occur."""
    rows = graph.cast(rows, "float32")
    column = graph.take(rows, graph.whole(0), 1)
    kinds = graph.put("Unique", column, sorted=1)
    same = graph.compared("Equal", graph.put("Unsqueeze", kinds, graph.ints(1)), column)
    scores = graph.take(rows, graph.whole(1), 1)
    table = graph.put("Where", same, scores, graph.constant(_LOWEST, "float32"), dtype="float32")
    return graph.take(rows, graph.ints(2, 3, 4, 5), 1), table, kinds


def _candidates(graph: Graph, table: Value, most: int, lowest: Value) -> Value:
    """The table with only the best `most` of each class."""
    shape = graph.put("Shape", table, dtype="int64")
    count = graph.put("Min", graph.take(shape, graph.ints(1), 0), graph.ints(most))
    best, places = graph.puts("TopK", [table, count], ["float32", "int64"], axis=1, largest=1, sorted=1)
    empty = graph.put("Expand", lowest, shape)
    return graph.put("ScatterElements", empty, places, best, axis=1)


def _mask(graph: Graph, value: Any) -> dict[str, Value]:
    array = one(value, "mask")
    if array.rank == 3 and array.shape[0] == 1:
        array = graph.put("Squeeze", array, graph.ints(0)).shaped(*array.shape[1:])
    elif array.rank == 3 and array.shape[0] is not None:
        array = graph.put("ArgMax", array, dtype="int64", axis=0, keepdims=0).shaped(*array.shape[1:])
    if array.rank != 2:
        raise refused("mask", "it takes scores by class, height and width, with the classes known beforehand")
    if "source_size" not in graph.notes:
        raise refused("mask", "the size of the source image is not known: fold the preprocessing too")
    for axis in (0, 1):
        array = _brought_back(graph, array, axis)
    return {"mask": graph.cast(array, "int64").shaped(None, None)}


def _brought_back(graph: Graph, array: Value, axis: int) -> Value:
    """An axis without its padding and at the size of the source, by nearest neighbour."""
    side = graph.at(graph.notes["source_size"], axis)
    start, scale = graph.at(graph.notes["offset"], axis), graph.at(graph.notes["scale"], axis)
    end = graph.put("Add", start, graph.put("Mul", graph.cast(side, "float64"), scale))
    first = graph.put("Max", graph.cast(graph.put("Round", start), "int64"), graph.whole(0))
    last = graph.put("Max", graph.cast(graph.put("Round", end), "int64"), graph.whole(1))
    last = graph.put("Min", last, graph.size(array, axis))
    content = graph.put("Sub", last, first)
    ratio = graph.put("Div", graph.cast(side, "float64"), graph.cast(content, "float64"))
    pitch = graph.put("Div", graph.double(1.0), ratio)
    where = graph.put("Floor", graph.put("Mul", graph.cast(graph.range(side), "float64"), pitch))
    inside = graph.put("Min", graph.cast(where, "int64"), graph.put("Sub", content, graph.whole(1)))
    shape = [None if each == axis else size for each, size in enumerate(array.shape)]
    return graph.take(array, graph.put("Add", inside, first), axis).shaped(*shape)


EMITTERS: Family = {
    "detection_rows": Emitter(_detection_rows, agreement="within 1e-9 of the coordinates"),
    "nms": Emitter(_nms, limits="corners in order (x0 <= x1, y0 <= y1)"),
    "mask": Emitter(_mask),
}
