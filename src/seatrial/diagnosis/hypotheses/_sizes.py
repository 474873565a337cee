"""Other sizes: the neighbors people use, and those that the training side's tensors show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.diagnosis.hypotheses._edits import Suspect, option, written
from seatrial.diagnosis.hypotheses._images import axes_at
from seatrial.diagnosis.hypotheses._look import Look
from seatrial.diagnosis.setup import Intervention
from seatrial.text import Text

_SQUARES = (224, 256, 299, 320, 384, 416, 448, 512, 608, 640)
_HEIGHTS = (32, 48, 64)
_PARTS = (8 / 7, 7 / 8, 3 / 2, 2 / 3, 2, 1 / 2)
_LIMITS = (960, 736, 640, 1280, 480, 320)


def sizes(look: Look) -> Iterator[Intervention]:
    """Other numbers in the steps that resize."""
    for place, call in enumerate(look.calls):
        if call.name == "resize":
            yield from _targets(look, place)
        elif call.name in ("resize_short", "resize_long"):
            yield from _sides(look, place)
        elif call.name == "resize_limit":
            yield from _limits(look, place)
        elif call.name == "resize_width":
            heights = [*_shown(look, "H"), *_HEIGHTS]
            yield from _each(look, place, "height", heights, 1.0)
        elif call.name == "crop":
            yield from _windows(look, place)


def _shown(look: Look, letter: str) -> list[int]:
    """Sizes of one axis that the training side's tensors have, when all agree; else none."""
    axes = axes_at(look, len(look.calls))
    if not axes:
        return []
    found = {
        array.shape[axes.index(letter) + 1]
        for place in look.known
        for array in (look.reference(place) or {}).values()
        if array.ndim == 4
    }
    return list(found) if len(found) == 1 else []


def _each(look: Look, place: int, name: str, rights: list[Any], prior: float) -> Iterator[Intervention]:
    fed, step = option(look.setup, place, name), look.calls[place].name
    for right in dict.fromkeys(rights):
        if right == fed:
            continue
        word = written(right).replace("[", "").replace("]", "").replace(", ", "x")
        was = list(fed) if isinstance(fed, tuple) else fed
        said = Text(
            f"{step} works with another {name}: the service has {was}, training had {written(right)}.",
            f"{step} 的 {name} 不同：服务为 {was}，训练时为 {written(right)}。",
        )
        called = f"{step}-{name}-{word}".replace("_", "-")
        yield Suspect("geometry", look.setup, place).given(name, right, said, prior, name=called)


def _targets(look: Look, place: int) -> Iterator[Intervention]:
    size = tuple(int(each) for each in option(look.setup, place, "size"))
    rights: list[Any] = []
    if _shown(look, "H") and _shown(look, "W"):
        rights.append((_shown(look, "H")[0], _shown(look, "W")[0]))
    spec = look.setup.contract.inputs[0].shape
    if len(spec) == 4 and all(isinstance(each, int) for each in spec[2:]):
        rights.append(tuple(spec[2:]))  # the model takes one size only
    rights += [tuple(round(each * part) for each in size) for part in _PARTS]
    if size[0] == size[1]:
        rights += [(each, each) for each in _SQUARES]
    else:
        rights += [(each, size[1]) for each in _HEIGHTS]
    yield from _each(look, place, "size", rights, 0.6)


def _sides(look: Look, place: int) -> Iterator[Intervention]:
    size = int(option(look.setup, place, "size"))
    near = [*_shown(look, "H"), *_shown(look, "W"), *(round(size * part) for part in _PARTS), *_SQUARES]
    yield from _each(look, place, "size", near, 0.6)


def _limits(look: Look, place: int) -> Iterator[Intervention]:
    limit = str(option(look.setup, place, "limit"))
    side = int(option(look.setup, place, "side"))
    yield from _each(look, place, "limit", ["max", "min", "long"], 1.2)
    parts = [max(32, round(side * part / 32) * 32) for part in (2, 3 / 2, 2 / 3, 1 / 2)]
    yield from _each(look, place, "side", [*_LIMITS, *parts], 0.8)
    yield from _each(look, place, "multiple", [32, 64, 128, 16, 1], 1.0)
    yield from _each(look, place, "rounding", ["nearest", "up"], 0.8)
    yield from _each(look, place, "max_side", [None, 4000, 960], 0.5)
    for right, sides in (("min", (736, 64)), ("max", (960,))):
        for other in sides:
            if right != limit and other != side:
                yield Intervention(
                    "geometry",
                    f"limit-{right}-{other}",
                    look.setup.with_options("preprocess", place, limit=right, side=other),
                    Text(
                        f"The limit of sides differs: the service has {limit} {side}, "
                        f"training had {right} {other}.",
                        f"边长限制不同：服务为 {limit} {side}，训练时为 {right} {other}。",
                    ),
                    Text(
                        f"set limit: {right}, side: {other} in resize_limit",
                        f"把 resize_limit 改为 limit: {right}, side: {other}",
                    ),
                    1.0,
                    ("preprocess", place),
                )


def _windows(look: Look, place: int) -> Iterator[Intervention]:
    size = tuple(int(each) for each in option(look.setup, place, "size"))
    rights: list[Any] = [(each, each) for each in _SQUARES] if size[0] == size[1] else []
    yield from _each(look, place, "size", rights, 0.5)
