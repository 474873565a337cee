"""How the camera was held: the orientation out of a picture's metadata, and the picture turned by it."""

from __future__ import annotations

from seatrial.converters._fold.graph import Graph, Value

_TAG, _ENTRY, _MOST_ENTRIES = 0x0112, 12, 200
_FAR = 1 << 40


def orientation(graph: Graph, numbers: Value, length: Value, *, png: Value, until: Value) -> Value:
    """1 to 8 as Exif has it; 1 where nothing is said.

    Args:
        graph: Where to.
        numbers: The file's bytes as int64.
        length: How many.
        png: Whether it is a PNG, whose metadata stands in a chunk `eXIf`; a JPEG's begins with `Exif`.
        until: Where to stop looking.
    """
    plain = _first(graph, numbers, length, b"Exif\0\0")
    chunk = _first(graph, numbers, length, b"eXIf")
    mark = graph.put("Where", png, chunk, plain, dtype="int64")
    more = graph.put("Where", png, graph.whole(4), graph.whole(6), dtype="int64")
    start = graph.put("Add", mark, more)
    last = graph.put("Sub", length, graph.whole(1))

    def byte(at: Value) -> Value:
        inside = graph.put("Max", graph.put("Min", at, last), graph.whole(0))
        return graph.take(numbers, inside, 0)

    def after(at: Value, count: int) -> Value:
        return graph.put("Add", at, graph.whole(count))

    little = graph.compared("Equal", byte(start), graph.whole(0x49))

    def short(at: Value) -> Value:
        one, two = byte(at), byte(after(at, 1))
        big = graph.put("Add", graph.put("Mul", one, graph.whole(256)), two)
        small = graph.put("Add", graph.put("Mul", two, graph.whole(256)), one)
        return graph.put("Where", little, small, big, dtype="int64")

    def long(at: Value) -> Value:
        one, two = short(at), short(after(at, 2))
        shift = graph.whole(1 << 16)
        big = graph.put("Add", graph.put("Mul", one, shift), two)
        small = graph.put("Add", graph.put("Mul", two, shift), one)
        return graph.put("Where", little, small, big, dtype="int64")

    table = graph.put("Add", start, long(after(start, 4)))
    count = graph.put("Min", short(table), graph.whole(_MOST_ENTRIES))
    entries = graph.put("Mul", graph.range(count), graph.whole(_ENTRY))
    entries = graph.put("Add", entries, after(table, 2))
    is_tag = graph.compared("Equal", short(entries), graph.whole(_TAG))
    values = graph.put("Where", is_tag, short(after(entries, 8)), graph.whole(0), dtype="int64")
    # One more, so that there is a largest where there are no entries.
    found = graph.put("ReduceMax", graph.put("Concat", values, graph.ints(0), axis=0), keepdims=0)
    said = graph.compared("Less", mark, until)
    said = graph.put("And", said, graph.compared("GreaterOrEqual", found, graph.whole(1)))
    said = graph.put("And", said, graph.compared("LessOrEqual", found, graph.whole(8)))
    return graph.put("Where", said, found, graph.whole(1), dtype="int64")


def _first(graph: Graph, numbers: Value, length: Value, pattern: bytes) -> Value:
    """Where a pattern stands first; far beyond the end where it does not."""
    end = graph.put("Reshape", length, graph.ints(1))
    found = graph.constant([True], "bool")
    for place, letter in enumerate(pattern):
        stop = graph.put("Sub", end, graph.ints(len(pattern) - 1 - place))
        part = graph.put("Slice", numbers, graph.ints(place), stop, graph.ints(0))
        found = graph.put("And", found, graph.compared("Equal", part, graph.whole(letter)))
    places = graph.range(graph.put("Sub", length, graph.whole(len(pattern) - 1)))
    return graph.put(
        "ReduceMin", graph.put("Where", found, places, graph.whole(_FAR), dtype="int64"), keepdims=0
    )


def upright(graph: Graph, image: Value, held: Value) -> Value:
    """The picture as it was seen: turned, mirrored or both."""
    with graph.body() as turned:
        across = graph.put("Transpose", image, perm=[1, 0, 2]).shaped(None, None, None)
    with graph.body() as kept:
        same = graph.put("Identity", image).shaped(None, None, None)
    image = graph.put(
        "If",
        graph.compared("Greater", held, graph.whole(4)),
        dtype="uint8",
        then_branch=graph.subgraph(turned, [], [across]),
        else_branch=graph.subgraph(kept, [], [same]),
    ).shaped(*image.shape)
    for axis, mirrored in ((1, (2, 3, 6, 7)), (0, (3, 4, 7, 8))):
        same = graph.cast(graph.compared("Equal", held, graph.ints(*mirrored)), "int32")
        flip = graph.cast(graph.put("ReduceMax", same, keepdims=0), "bool")
        size = graph.size(image, axis)
        forth = graph.range(size)
        back = graph.put("Sub", graph.put("Sub", size, graph.whole(1)), forth)
        order = graph.put("Where", flip, back, forth, dtype="int64")
        image = graph.take(image, order, axis).shaped(*image.shape)
    return image
