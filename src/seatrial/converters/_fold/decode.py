"""decode_image: PNG and JPEG by the engine's extensions, behind guards that the decoder itself lacks.

Its JPEG decoder waits for ever for data that a cut file does not have, and ends the process on headers that
it does not know. So the markers of a JPEG are walked in the graph first, and sizes are read before anything
is unpacked.
"""

from __future__ import annotations

from typing import Any

from seatrial.converters._fold.emitter import Emitter, Family, one
from seatrial.converters._fold.exif import orientation, upright
from seatrial.converters._fold.graph import EXTENSIONS, Graph, Value, refused
from seatrial.converters._fold.images import gray

_SMALLEST = 24  # bytes: a PNG's signature and the sizes after it; no JPEG is smaller
_PNG = (0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A)
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive, all with Huffman codes
_QUANTIZERS = (0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x13)  # bits and number of a table
_SCAN, _END, _TABLE, _MOST_SEGMENTS = 0xDA, 0xD9, 0xC4, 10_000
_HEAD = 21  # bytes of a segment that are looked at: up to the counts of a Huffman table
# After 0xFF in and between scans: stuffing, restarts, the end, tables, further scans, comments.
_BEFORE_SCANS = (*_FRAMES, _TABLE, _SCAN, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE, 0xFF)
_IN_SCANS = {0x00, *range(0xD0, 0xD8), _END, 0xFF, _TABLE, _SCAN, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}


def _decode_image(graph: Graph, value: Any, *, color: str, exif: bool, alpha: str, max_pixels: int) -> Value:
    source = one(value, "decode_image")
    if source.rank == 3:
        image = source
    elif alpha != "drop":
        raise refused("decode_image", f"transparent pixels cannot be laid over {alpha} in the graph")
    else:
        image = _decoded(graph, source, color=color, exif=exif, max_pixels=max_pixels)
    graph.notes["source_size"] = graph.row(graph.size(image, 0), graph.size(image, 1)).shaped(2)
    graph.notes["scale"] = graph.constant([1.0, 1.0], "float64")
    graph.notes["offset"] = graph.constant([0.0, 0.0], "float64")
    return image


def _decoded(graph: Graph, data: Value, *, color: str, exif: bool, max_pixels: int) -> Value:
    length = graph.put("Squeeze", graph.put("Shape", data, dtype="int64"), graph.ints(0))
    enough = graph.compared("GreaterOrEqual", length, graph.whole(_SMALLEST))
    data = graph.require(enough, data, "the bytes are too few for an image")
    numbers = graph.cast(data, "int64")
    png, jpeg = _begins(graph, numbers, _PNG), _begins(graph, numbers, (0xFF, 0xD8, 0xFF))
    data = graph.require(graph.put("Or", png, jpeg), data, "the bytes are no PNG or JPEG image")
    width, height = _whole(graph, numbers, 16), _whole(graph, numbers, 20)
    pixels, sound, scan = _walked(graph, numbers, length, jpeg)
    pixels = graph.put("Where", png, graph.put("Mul", width, height), pixels, dtype="int64")
    few = graph.compared("LessOrEqual", pixels, graph.whole(max_pixels))
    data = graph.require(few, data, f"the image has more than {max_pixels} pixels")
    sound = graph.put("Or", png, graph.put("And", sound, _ends(graph, numbers, length, scan)))
    data = graph.require(sound, data, "the JPEG image is damaged or of a kind that is not decoded")
    # Asked for BGR, it decodes a gray JPEG a little differently.
    image = graph.put("DecodeImage", data, dtype="uint8", domain=EXTENSIONS, color_space="rgb")
    # A gray JPEG comes with one channel.
    image = graph.put("Expand", image, graph.ints(1, 1, 3)).shaped(None, None, 3)
    if color == "BGR":
        image = graph.take(image, graph.ints(2, 1, 0), 2).shaped(None, None, 3)
    elif color == "GRAY":  # Pillow's weights of 16 bits
        planes = [graph.take(image, graph.ints(each), 2) for each in range(3)]
        image = gray(graph, planes, (19595, 38470, 7471), 16).shaped(None, None, 1)
    if exif:
        until = graph.put("Where", png, length, scan, dtype="int64")
        image = upright(graph, image, orientation(graph, numbers, length, png=png, until=until))
    return image


def _begins(graph: Graph, numbers: Value, signature: tuple[int, ...]) -> Value:
    places = graph.ints(*range(len(signature)))
    same = graph.compared("Equal", graph.take(numbers, places, 0), graph.ints(*signature))
    least = graph.put("ReduceMin", graph.cast(same, "int32"), keepdims=0)
    return graph.compared("Equal", least, graph.constant(1, "int32"))


def _whole(graph: Graph, numbers: Value, at: int) -> Value:
    """A whole number of four bytes, the highest first."""
    parts = graph.take(numbers, graph.ints(*range(at, at + 4)), 0)
    weights = graph.ints(1 << 24, 1 << 16, 1 << 8, 1)
    return graph.put("ReduceSum", graph.put("Mul", parts, weights), keepdims=0)


def _ends(graph: Graph, numbers: Value, length: Value, scan: Value) -> Value:
    """Whether a JPEG's end stands after its first scan, and nothing before it that the decoder dies of."""
    end = graph.put("Reshape", length, graph.ints(1))
    first = graph.put("Slice", numbers, graph.ints(0), graph.put("Sub", end, graph.ints(1)), graph.ints(0))
    second = graph.put("Slice", numbers, graph.ints(1), end, graph.ints(0))
    places = graph.range(graph.put("Sub", length, graph.whole(1)))
    mark = graph.compared("Equal", first, graph.whole(0xFF))
    mark = graph.put("And", mark, graph.compared("Greater", places, scan))
    done = graph.put("And", mark, graph.compared("Equal", second, graph.whole(_END)))
    far = graph.whole(1 << 40)
    stop = graph.put("ReduceMin", graph.put("Where", done, places, far, dtype="int64"), keepdims=0)
    known = graph.take(graph.constant([each in _IN_SCANS for each in range(256)], "bool"), second, 0)
    strange = graph.put("And", mark, graph.put("Not", known))
    strange = graph.put("And", strange, graph.compared("Less", places, stop))
    worst = graph.put("ReduceMax", graph.cast(strange, "int32"), keepdims=0)
    clean = graph.compared("Equal", worst, graph.constant(0, "int32"))
    return graph.put("And", clean, graph.compared("Less", stop, far))


def _walked(graph: Graph, numbers: Value, length: Value, jpeg: Value) -> tuple[Value, Value, Value]:
    """A JPEG's segments up to its first scan: its pixels, whether they are sound, and where the scan is."""
    names = {each: graph.name() for each in ("turn", "on", "at", "sound", "pixels", "done")}
    with graph.body() as nodes:
        at, sound = Value(names["at"], "int64"), Value(names["sound"], "bool")
        pixels = Value(names["pixels"], "int64")
        head, marker, size, inside = _segment(graph, numbers, length, at)
        frame, good, found = _frame(graph, head, marker)
        good = graph.put("And", good, _table(graph, head, marker, size))
        pixels = graph.put("Where", frame, found, pixels, dtype="int64")
        filling = graph.compared("Equal", marker, graph.whole(0xFF))
        fits = graph.put("And", inside, graph.compared("Greater", size, graph.whole(1)))
        sound = graph.put("And", sound, graph.put("Or", filling, graph.put("And", fits, good)))
        done = graph.compared("Equal", marker, graph.whole(_SCAN))
        step = graph.put(
            "Where", filling, graph.whole(1), graph.put("Add", size, graph.whole(2)), dtype="int64"
        )
        after = graph.put("Add", at, graph.put("Where", done, graph.whole(0), step, dtype="int64"))
        going = graph.put("And", sound, graph.put("Not", done))
        results = [graph.put("Identity", each) for each in (going, after, sound, pixels, done)]
    kinds = {"turn": "int64", "on": "bool", "at": "int64", "sound": "bool", "pixels": "int64", "done": "bool"}
    body = graph.subgraph(nodes, [(names[each], kind) for each, kind in kinds.items()], results)
    false, true = graph.constant(0, "bool"), graph.true()
    scan, sound, pixels, done = graph.puts(
        "Loop",
        [graph.whole(_MOST_SEGMENTS), jpeg, graph.whole(2), true, graph.whole(0), false],
        ["int64", "bool", "int64", "bool"],
        body=body,
    )
    seen = graph.compared("Greater", pixels, graph.whole(0))
    return pixels, graph.put("And", graph.put("And", sound, done), seen), scan


def _segment(graph: Graph, numbers: Value, length: Value, at: Value) -> tuple[Value, Value, Value, Value]:
    """A segment's first bytes, its marker and length, and whether it is one and ends before the file does."""
    last = graph.put("Sub", length, graph.whole(_HEAD))
    start = graph.put("Max", graph.put("Min", at, last), graph.whole(0))
    head = graph.take(numbers, graph.put("Add", graph.ints(*range(_HEAD)), start), 0)
    marker = graph.at(head, 1)
    high = graph.put("Mul", graph.at(head, 2), graph.whole(256))
    size = graph.put("Add", high, graph.at(head, 3))
    begins = graph.compared("Equal", graph.at(head, 0), graph.whole(0xFF))
    end = graph.put("Add", graph.put("Add", at, size), graph.whole(2))
    inside = graph.put("And", begins, graph.compared("LessOrEqual", end, length))
    return head, marker, size, inside


def _table(graph: Graph, head: Value, marker: Value, size: Value) -> Value:
    """Whether a segment is no Huffman table, or its first one is one that the decoder takes.

    That is: of a class and a number that exist, not longer than its segment, codes that fit their bits.
    """
    none = graph.put("Not", graph.compared("Equal", marker, graph.whole(_TABLE)))
    kind = graph.at(head, 4)
    family = graph.put("Div", kind, graph.whole(16))
    number = graph.put("Mod", kind, graph.whole(16))
    counts = graph.take(head, graph.ints(*range(5, 21)), 0)
    symbols = graph.put("ReduceSum", counts, keepdims=0)
    room = graph.put("Sub", size, graph.whole(19))
    shares = graph.put("Mul", counts, graph.ints(*(1 << (15 - each) for each in range(16))))
    used = graph.put("ReduceSum", shares, keepdims=0)
    good = graph.compared("LessOrEqual", symbols, room)
    for value, most in ((family, 1), (number, 3), (symbols, 256), (used, 1 << 16)):
        good = graph.put("And", good, graph.compared("LessOrEqual", value, graph.whole(most)))
    return graph.put("Or", none, good)


def _sampling(graph: Graph, head: Value) -> Value:
    """Whether a frame's components are sampled 1 to 4 times and name tables that can be."""
    many = graph.compared("Equal", graph.at(head, 9), graph.whole(3))
    rows = graph.put("Reshape", graph.take(head, graph.ints(*range(10, 19)), 0), graph.ints(3, 3))
    factors, tables = graph.take(rows, graph.whole(1), 1), graph.take(rows, graph.whole(2), 1)
    once = graph.constant(
        [each >> 4 in range(1, 5) and each & 15 in range(1, 5) for each in range(256)], "bool"
    )
    named = graph.compared("LessOrEqual", tables, graph.whole(3))
    fine = graph.put("And", graph.take(once, factors, 0), named)
    single = graph.put("Not", graph.put("Or", many, graph.constant([True, False, False], "bool")))
    least = graph.put("ReduceMin", graph.cast(graph.put("Or", fine, single), "int32"), keepdims=0)
    return graph.compared("Equal", least, graph.constant(1, "int32"))


def _frame(graph: Graph, head: Value, marker: Value) -> tuple[Value, Value, Value]:
    """Whether a segment is a frame's header; whether it is none or one that is decoded; its pixels."""

    def among(value: Value, numbers: tuple[int, ...]) -> Value:
        same = graph.cast(graph.compared("Equal", value, graph.ints(*numbers)), "int32")
        most = graph.put("ReduceMax", same, keepdims=0)
        return graph.compared("Equal", most, graph.constant(1, "int32"))

    def pair(place: int) -> Value:
        high = graph.put("Mul", graph.at(head, place), graph.whole(256))
        return graph.put("Add", high, graph.at(head, place + 1))

    frame, known = among(marker, _FRAMES), among(marker, _BEFORE_SCANS)
    bits = graph.compared("Equal", graph.at(head, 4), graph.whole(8))
    channels = among(graph.at(head, 9), (1, 3))
    pixels = graph.put("Mul", pair(5), pair(7))
    some = graph.compared("Greater", pixels, graph.whole(0))
    right = graph.put("And", graph.put("And", bits, channels), graph.put("And", some, _sampling(graph, head)))
    good = graph.put("And", graph.put("Or", graph.put("Not", frame), right), known)
    quantizing = graph.put("Not", graph.compared("Equal", marker, graph.whole(0xDB)))
    good = graph.put("And", good, graph.put("Or", quantizing, among(graph.at(head, 4), _QUANTIZERS)))
    return frame, good, pixels


EMITTERS: Family = {
    "decode_image": Emitter(
        _decode_image,
        agreement=(
            "PNG, and JPEG without subsampled colors, exact; other JPEG within 1.5 of 255 in the mean, "
            "single pixels at sharp colored edges within 64"
        ),
        limits="PNG and JPEG only, three channels or gray, alpha dropped; from pixels everything",
    )
}
