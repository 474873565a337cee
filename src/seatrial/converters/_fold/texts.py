"""Steps on text: characters and words, their ids, and the text that a CTC head spells."""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache
from typing import Any

from seatrial.contract.steps._vocabulary import id_of, ids_of
from seatrial.contract.steps.ctc_decode import alphabet
from seatrial.converters._fold.emitter import Emitter, Family, one
from seatrial.converters._fold.graph import Graph, Value, refused

_NONE = "\ufffe\uffff"  # two code points that no text holds: what is in no table


@lru_cache(maxsize=1)
def _spaces() -> str:
    """Everything Python takes for white space, as the inside of a class of a regular expression."""
    return "".join(f"\\x{{{code:x}}}" for code in range(sys.maxunicode + 1) if chr(code).isspace())


@lru_cache(maxsize=8)
def _changed(form: str | None, *, lower: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every character that normalization or lower case changes, and what it becomes."""
    keys, values = [], []
    for code in range(sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000:
            continue
        character = chr(code)
        new = unicodedata.normalize(form, character) if form else character  # type: ignore[arg-type]
        new = new.lower() if lower else new
        if new != character:
            keys.append(character)
            values.append(new)
    return tuple(keys), tuple(values)


def _cut(graph: Graph, text: Value, expression: str) -> Value:
    """The pieces of a text that match, in their order."""
    rows = graph.put("Unsqueeze", text, graph.ints(0))
    pieces = graph.put(
        "Tokenizer",
        rows,
        domain="com.microsoft",
        mark=0,
        tokenexp=expression,
        pad_value=_NONE,
        mincharnum=1,
    )
    return graph.put("Reshape", pieces, graph.ints(-1)).shaped(None)


def _normalized(graph: Graph, text: Value, form: str | None, *, lower: bool) -> Value:
    keys, values = _changed(form, lower=lower)
    characters = _cut(graph, text, "(?s).")
    new = graph.put(
        "LabelEncoder",
        characters,
        domain="ai.onnx.ml",
        keys_strings=list(keys),
        values_strings=list(values),
        default_string=_NONE,
    )
    same = graph.compared("Equal", new, graph.constant(_NONE, "string"))
    return joined(graph, graph.put("Where", same, characters, new, dtype="string"))


def joined(graph: Graph, pieces: Value) -> Value:
    """A row of texts as one text."""
    turn, on, so_far = graph.name(), graph.name(), graph.name()
    with graph.body() as nodes:
        piece = graph.take(pieces, Value(turn, "int64"), 0)
        longer = graph.put("StringConcat", Value(so_far, "string"), piece)
        going = graph.put("Identity", Value(on, "bool"))
    inputs = [(turn, "int64"), (on, "bool"), (so_far, "string")]
    body = graph.subgraph(nodes, inputs, [going, longer])
    count = graph.put("Size", pieces, dtype="int64")
    start = graph.constant("", "string")
    return graph.puts("Loop", [count, graph.true(), start], ["string"], body=body)[0].shaped()


def _text(graph: Graph, value: Any, step: str, form: str | None, *, lower: bool) -> Value:
    text = one(value, step, rank=0)
    if text.dtype != "string":
        raise refused(step, f"it takes text, and {text.dtype} comes in")
    if form is None and not lower:
        return text
    return _normalized(graph, text, form, lower=lower)


def _tokenize_chars(graph: Graph, value: Any, *, lower: bool, spaces: bool, form: str | None) -> Value:
    text = _text(graph, value, "tokenize_chars", form, lower=lower)
    return _cut(graph, text, "(?s)." if spaces else f"[^{_spaces()}]")


def _tokenize_words(graph: Graph, value: Any, *, lower: bool, form: str | None) -> Value:
    text = _text(graph, value, "tokenize_words", form, lower=lower)
    return _cut(graph, text, f"[^{_spaces()}]+")


def _lookup(
    graph: Graph,
    value: Any,
    *,
    unknown: str | None,
    max_length: int | None,
    pad: str | None,
    side: str,
    dtype: str,
) -> Value:
    tokens = one(value, "lookup", rank=1)
    if tokens.dtype != "string":
        raise refused("lookup", "it takes tokens")
    known = dict(ids_of(graph.vocabulary))
    if max_length is not None:
        tokens = _first_of(graph, tokens, max_length)
    missing = -1 if unknown is None else id_of(known, unknown)
    found = graph.put(
        "LabelEncoder",
        tokens,
        dtype="int64",
        domain="ai.onnx.ml",
        keys_strings=list(known),
        values_int64s=list(known.values()),
        default_int64=missing,
    ).shaped(None)
    if unknown is None:
        worst = graph.put("ReduceMin", graph.put("Concat", found, graph.ints(0), axis=0), keepdims=0)
        good = graph.compared("GreaterOrEqual", worst, graph.whole(0))
        found = graph.require(good, found, "a token is not in the vocabulary")
    graph.notes["length"] = graph.put("Size", found, dtype="int64").shaped()
    if pad is not None and max_length is not None:
        more = graph.put("Sub", graph.whole(max_length), graph.notes["length"])
        zero = graph.whole(0)
        pads = graph.row(more, zero) if side == "start" else graph.row(zero, more)
        found = graph.put("Pad", found, pads, graph.whole(id_of(known, pad))).shaped(max_length)
    return graph.cast(found, dtype)


def _first_of(graph: Graph, tokens: Value, count: int) -> Value:
    return graph.put("Slice", tokens, graph.ints(0), graph.ints(count), graph.ints(0)).shaped(None)


def _ctc_decode(graph: Graph, value: Any, *, blank: int, space: bool, merge: bool) -> dict[str, Value]:
    scores = one(value, "ctc_decode", rank=2)
    characters = alphabet(tuple(graph.labels), blank=blank, space=space)
    if scores.shape[1] not in (len(characters), None):
        raise refused("ctc_decode", f"{scores.shape[1]} classes, and the dictionary makes {len(characters)}")
    best = graph.put("ArgMax", scores, dtype="int64", axis=1, keepdims=0)
    kept = graph.put("Not", graph.compared("Equal", best, graph.whole(blank % len(characters))))
    if merge:
        none, count = graph.ints(-1), graph.put("Shape", best, dtype="int64")
        before = graph.put("Concat", none, best, axis=0)
        before = graph.put("Slice", before, graph.ints(0), count, graph.ints(0))
        kept = graph.put("And", kept, graph.put("Not", graph.compared("Equal", best, before)))
    classes = graph.put("Compress", best, kept, axis=0)
    text = joined(graph, graph.put("Gather", graph.constant(characters, "string"), classes, axis=0))
    largest = graph.put("ReduceMax", scores, graph.ints(1), keepdims=0)
    strong = graph.cast(graph.put("Compress", largest, kept, axis=0), "float64")
    count = graph.put(
        "Max", graph.cast(graph.put("Size", strong, dtype="int64"), "float64"), graph.double(1.0)
    )
    confidence = graph.put("Div", graph.put("ReduceSum", strong, keepdims=0), count)
    return {"text": text, "confidence": confidence}


_FORMS = (
    "exact; lower and form change each character by itself, so that a mark that would melt into the letter "
    "before it, and a final sigma, stay as they are"
)
EMITTERS: Family = {
    "tokenize_chars": Emitter(_tokenize_chars, agreement=_FORMS),
    "tokenize_words": Emitter(_tokenize_words, agreement=_FORMS),
    "lookup": Emitter(_lookup),
    "ctc_decode": Emitter(_ctc_decode, agreement="text exact, confidence within 1e-12"),
}
