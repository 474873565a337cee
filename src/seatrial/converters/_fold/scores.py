"""Steps that read classes and numbers out of scores; the parts of an answer are named by their keys."""

from __future__ import annotations

from typing import Any

from seatrial.converters._fold.emitter import Emitter, Family, class_name, one
from seatrial.converters._fold.graph import Graph, Value, refused


def _as_float(graph: Graph, wide: Value, scores: Value) -> Value:
    dtype = "float64" if scores.dtype == "float64" else "float32"
    return graph.cast(wide, dtype).shaped(*scores.shape)


def _softmax(graph: Graph, value: Any, *, axis: int) -> Value:
    scores = one(value, "softmax")
    at = graph.place(axis, scores.rank, "softmax")
    wide = graph.cast(scores, "float64")
    largest = graph.put("ReduceMax", wide, graph.ints(at), keepdims=1)
    grown = graph.put("Exp", graph.put("Sub", wide, largest))
    total = graph.put("ReduceSum", grown, graph.ints(at), keepdims=1)
    return _as_float(graph, graph.put("Div", grown, total), scores)


def _sigmoid(graph: Graph, value: Any) -> Value:
    scores = one(value, "sigmoid")
    wide, one_ = graph.cast(scores, "float64"), graph.double(1.0)
    small = graph.put("Exp", graph.put("Neg", graph.put("Abs", wide)))
    positive = graph.compared("GreaterOrEqual", wide, graph.double(0.0))
    top = graph.put("Where", positive, one_, small, dtype="float64")
    return _as_float(graph, graph.put("Div", top, graph.put("Add", one_, small)), scores)


def _argmax(graph: Graph, value: Any, *, axis: int) -> Value:
    scores = one(value, "argmax")
    at = graph.place(axis, scores.rank, "argmax")
    shape = [size for place, size in enumerate(scores.shape) if place + graph.lead != at]
    if scores.dtype in {"bool", "int16"}:
        scores = graph.cast(scores, "int32")
    return graph.put("ArgMax", scores, dtype="int64", axis=at, keepdims=0).shaped(*shape)


def _topk(graph: Graph, value: Any, *, k: int) -> dict[str, Value]:
    scores = one(value, "topk", rank=1)
    count = scores.shape[0] or len(graph.labels) or None
    if graph.labels and scores.shape[0] not in (None, len(graph.labels)):
        raise refused("topk", f"there are {scores.shape[0]} scores and {len(graph.labels)} labels")
    if k < 1 or count is None:
        raise refused("topk", "the number of classes is not known, or k is under 1")
    best, places = graph.puts(
        "TopK",
        [graph.cast(scores, "float64"), graph.ints(min(k, count))],
        ["float64", "int64"],
        axis=-1,
        largest=1,
        sorted=1,
    )
    confidence = best if scores.dtype == "float64" else graph.cast(best, "float32")
    rows = (None,)
    parts = {
        "class": class_name(graph, places.shaped(*rows)),
        "index": places,
        "confidence": confidence,
    }
    answer = {key: graph.take(each, graph.whole(0), graph.lead).shaped() for key, each in parts.items()}
    if k > 1:
        answer |= {f"top.{key}": each.shaped(min(k, count)) for key, each in parts.items()}
    return answer


def _label_map(graph: Graph, value: Any) -> dict[str, Value]:
    number = one(value, "label_map")
    sizes = [size for size in number.shape if size != 1]
    if sizes and sizes != [None]:
        raise refused("label_map", f"it takes one class index, not an array of shape {list(number.shape)}")
    index = graph.cast(graph.put("Reshape", number, graph.ints(*[-1] * (graph.lead or 0))), "int64").shaped()
    if graph.labels:
        low = graph.compared("GreaterOrEqual", index, graph.whole(0))
        flat = graph.put("ReduceMin", graph.cast(low, "int32"), keepdims=0)
        good = graph.compared("Equal", flat, graph.constant(1, "int32"))
        index = graph.require(good, index, "a class index under 0")
    return {"class": class_name(graph, index).shaped(), "index": index}


def _threshold(graph: Graph, value: Any, *, at: float) -> dict[str, Value]:
    scores = one(value, "threshold")
    known = [size for size in scores.shape if size != 1]
    if known not in ([], [2]) or not 0 <= at <= 1:
        raise refused("threshold", "it takes the probability of one class or of two, and at from 0 to 1")
    flat = graph.put("Reshape", graph.cast(scores, "float64"), graph.ints(*[0] * graph.lead, -1))
    probability = graph.take(flat, graph.whole(1 if known else 0), graph.lead)
    yes = graph.compared("GreaterOrEqual", probability, graph.double(at))
    index = graph.cast(yes, "int64").shaped()
    rest = graph.put("Sub", graph.double(1.0), probability)
    confidence = graph.put("Where", yes, probability, rest, dtype="float64")
    return {"class": class_name(graph, index), "index": index, "confidence": confidence}


def _number(graph: Graph, value: Any, *, scale: float, offset: float, digits: int | None) -> dict[str, Value]:
    number = one(value, "number")
    if any(size not in (1, None) for size in number.shape):
        raise refused("number", f"it takes one number, not an array of shape {list(number.shape)}")
    wide = graph.put("Reshape", graph.cast(number, "float64"), graph.ints(*[-1] * graph.lead))
    wide = graph.put("Add", graph.put("Mul", wide, graph.double(scale)), graph.double(offset))
    if digits is not None:
        power = graph.double(10.0 ** abs(digits))
        there, back = ("Mul", "Div") if digits >= 0 else ("Div", "Mul")
        wide = graph.put(back, graph.put("Round", graph.put(there, wide, power)), power)
    return {"value": wide}


EMITTERS: Family = {
    "softmax": Emitter(_softmax, agreement="within 1e-7", batched=True),
    "sigmoid": Emitter(_sigmoid, agreement="within 1e-7", batched=True),
    "argmax": Emitter(_argmax, batched=True),
    "topk": Emitter(_topk, batched=True),
    "label_map": Emitter(_label_map, batched=True),
    "threshold": Emitter(_threshold, batched=True),
    "number": Emitter(_number, agreement="exact, but for ties where it is rounded to digits", batched=True),
}
