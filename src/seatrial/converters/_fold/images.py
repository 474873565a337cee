"""Steps on the pixels of an image that is already decoded."""

from __future__ import annotations

from typing import Any

from seatrial.converters._fold.arrays import moved
from seatrial.converters._fold.emitter import Emitter, Family, one
from seatrial.converters._fold.graph import Graph, Value, refused


def _color(graph: Graph, value: Any, *, source: str, target: str) -> Value:
    image = one(value, "color", rank=3)
    channels = 1 if source == "GRAY" else 3
    if image.shape[2] not in (channels, None):
        raise refused("color", f"{source} has {channels} channels, and the image {image.shape[2]}")
    if source == target:
        return image
    height, width = image.shape[:2]
    if source == "GRAY":
        return graph.take(image, graph.ints(0, 0, 0), 2).shaped(height, width, 3)
    if target != "GRAY":
        return graph.take(image, graph.ints(2, 1, 0), 2).shaped(height, width, 3)
    red = 0 if source == "RGB" else 2
    planes = [graph.take(image, graph.ints(each), 2) for each in (red, 1, 2 - red)]
    if image.dtype == "uint8":  # OpenCV's weights of 15 bits
        return gray(graph, planes, (9798, 19235, 3735), 15).shaped(height, width, 1)
    if image.dtype != "float32":
        raise refused("color", f"it makes gray of uint8 or float32, not {image.dtype}")
    parts = [
        graph.put("Mul", plane, graph.constant(share, "float32"))
        for plane, share in zip(planes, (0.299, 0.587, 0.114), strict=True)
    ]
    total = graph.put("Add", graph.put("Add", parts[0], parts[1]), parts[2])
    return total.shaped(height, width, 1)


def gray(graph: Graph, planes: list[Value], weights: tuple[int, int, int], bits: int) -> Value:
    """Red, green and blue bytes weighed in fixed point, rounded."""
    total = graph.constant(1 << (bits - 1), "int32")
    for plane, weight in zip(planes, weights, strict=True):
        part = graph.put("Mul", graph.cast(plane, "int32"), graph.constant(weight, "int32"))
        total = graph.put("Add", total, part)
    return graph.cast(graph.put("Div", total, graph.constant(1 << bits, "int32")), "uint8")


def _crop(graph: Graph, value: Any, *, size: tuple[int, int]) -> Value:
    image = one(value, "crop", rank=3)
    two = graph.whole(2)
    starts = []
    for axis, wanted in enumerate(size):
        side = graph.size(image, axis)
        enough = graph.compared("GreaterOrEqual", side, graph.whole(wanted))
        image = graph.require(enough, image, f"the image is smaller than the crop of {size[0]} x {size[1]}")
        starts.append(graph.put("Div", graph.put("Sub", side, graph.whole(wanted)), two))
    ends = [graph.put("Add", start, graph.whole(wanted)) for start, wanted in zip(starts, size, strict=True)]
    made = graph.put("Slice", image, graph.row(*starts), graph.row(*ends), graph.ints(0, 1))
    moved(graph, *(graph.put("Neg", graph.cast(each, "float64")) for each in starts))
    return made.shaped(size[0], size[1], image.shape[2])


def _normalize(
    graph: Graph, value: Any, *, scale: float, mean: tuple[float, ...], std: tuple[float, ...], order: str
) -> Value:
    image = one(value, "normalize", rank=3)
    channels = image.shape[2 if order == "HWC" else 0]
    if not all(std) or any(len(each) not in (1, channels or len(each)) for each in (mean, std)):
        raise refused("normalize", f"mean and std must have 1 or {channels} numbers, std none of them 0")
    shape = (1, 1, -1) if order == "HWC" else (-1, 1, 1)

    def numbers(values: tuple[float, ...]) -> Value:
        return graph.put("Reshape", graph.constant(list(values), "float32"), graph.ints(*shape))

    scaled = graph.put("Mul", graph.cast(image, "float32"), graph.constant(scale, "float32"))
    made = graph.put("Div", graph.put("Sub", scaled, numbers(mean)), numbers(std))
    return made.shaped(*image.shape)


EMITTERS: Family = {
    "color": Emitter(_color, agreement="exact on bytes; on float32 within 1e-6 of the range"),
    "crop": Emitter(_crop),
    "normalize": Emitter(_normalize, batched=True),
}
