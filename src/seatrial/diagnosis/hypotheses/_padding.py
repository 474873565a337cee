"""Where pictures are padded, with what, and how far."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seatrial.diagnosis.hypotheses._edits import Suspect, inserted, moved, option, without
from seatrial.diagnosis.hypotheses._framing import framed
from seatrial.diagnosis.hypotheses._images import axes_at
from seatrial.diagnosis.hypotheses._look import Look
from seatrial.diagnosis.setup import Intervention
from seatrial.diagnosis.statistics import padding
from seatrial.text import Text

_FILLS = (0.0, 127.5, 255.0, 114.0, 128.0, 127.0, 1.0, -1.0, 0.5)


def paddings(look: Look) -> Iterator[Intervention]:
    """Other fillings, sides, places in the order of steps; none, or one that is missing."""
    places = look.setup.places("preprocess", "pad")
    for place in places:
        if any(axes_at(look, place)):
            yield from _changed(look, place)
            yield from _reordered(look, place)
    if not places:
        yield from _missing(look)


def _changed(look: Look, place: int) -> Iterator[Intervention]:
    pad = Suspect("geometry", look.setup, place)
    where = str(option(look.setup, place, "where"))
    for right in ("end", "center", "start"):
        if right != where:
            said = Text(
                f"Padding goes to the {where}; in training it went to the {right}.",
                f"填充的位置不同：服务为 {where}，训练时为 {right}。",
            )
            yield pad.given("where", right, said, 1.2, name=f"pad-{right}")
    fed = float(option(look.setup, place, "fill"))
    for fill in _fills(look, place):
        if fill != fed:
            said = Text(
                f"The padding holds {fed:g}; in training it held {fill:g}.",
                f"填充值不同：服务为 {fed:g}，训练时为 {fill:g}。",
            )
            yield pad.given("fill", fill, said, 1.0 if fill == 0 else 0.7)
    texts = (
        Text("The picture is padded; in training it was not.", "服务做了填充，训练时没有。"),
        Text("take out this pad step", "删除这个 pad 步骤"),
    )
    yield framed(f"no-pad-{place}", without(look.setup, place), texts, 0.8, place)


def _fills(look: Look, place: int) -> list[float]:
    """Fillings that are usual at this place: in bytes 0 to 255, in normalized pixels what black becomes."""
    values = look.values(place)
    known = [*_known_fill(look), *_normalized(look, place)]
    if values and values[0].dtype == np.uint8:
        usual = [fill for fill in _FILLS if fill in (0, 255, 114, 128, 127)]
    else:
        largest = max((float(np.abs(value).max()) for value in values), default=1.0)
        usual = [fill for fill in _FILLS if abs(fill) <= 1.05 * max(largest, 1.0)]
    return [*known, *(fill for fill in usual if fill not in known)]


def _normalized(look: Look, place: int) -> list[float]:
    """What black and white became in the normalization before a step."""
    before = [at for at in look.setup.places("preprocess", "normalize") if at < place]
    if not before:
        return []
    mean, std, scale = (option(look.setup, before[-1], name) for name in ("mean", "std", "scale"))
    middle, spread = sum(mean) / len(mean), sum(std) / len(std)
    return [round((each * float(scale) - middle) / spread, 4) for each in (0.0, 255.0)]


def _known_fill(look: Look) -> list[float]:
    """What the training side's tensors are filled with, where they are known."""
    found = []
    for place in look.known:
        for array in (look.reference(place) or {}).values():
            for axis in range(2, array.ndim):
                before, after = padding(array, axis)
                if before or after:
                    edge = array.take(0 if before else -1, axis)
                    found.append(float(edge.flat[0]))
    return sorted(set(found))[:2]


def _reordered(look: Look, place: int) -> Iterator[Intervention]:
    """Before the normalization, where filling is normalized too, or after it."""
    for normalize in look.setup.places("preprocess", "normalize"):
        late = place > normalize
        same = axes_at(look, place) == axes_at(look, normalize)
        edited = moved(look.setup, place, normalize)
        if late and not same:  # axes were counted behind a transposition; before it they stand elsewhere
            axes = tuple(option(look.setup, place, "axes"))
            shift = {"HWC": {1: 0, 2: 1}, "CHW": {0: 1, 1: 2}}[axes_at(look, normalize) or "HWC"]
            if any(axis not in shift for axis in axes):
                continue
            edited = edited.with_options("preprocess", normalize, axes=tuple(shift[axis] for axis in axes))
        texts = (
            Text(
                "Padding comes after the normalization; in training it came before."
                if late
                else "Padding comes before the normalization; in training it came after.",
                "填充在归一化之后，训练时在归一化之前。"
                if late
                else "填充在归一化之前，训练时在归一化之后。",
            ),
            Text(
                f"move pad {'before' if late else 'behind'} normalize",
                f"把 pad 移到 normalize {'之前' if late else '之后'}",
            ),
        )
        yield framed(f"pad-{'before' if late else 'after'}-normalize", edited, texts, 1.0, place)


def _missing(look: Look) -> Iterator[Intervention]:
    """A padding that is missing: to the size of the model's input, to 320, or to a multiple."""
    last = len(look.calls)
    axes = axes_at(look, last)
    values = look.values(last)
    if not axes or not values:
        return
    rows, columns = axes.index("H"), axes.index("W")
    heights, widths = ({int(value.shape[axis]) for value in values} for axis in (rows, columns))
    if len(heights) == 1 and len(widths) > 1:
        for width in _widths(look, columns):
            edited = inserted(look.setup, last, "pad", axes=(columns,), to=(width,))
            yield framed(f"pad-{width}", edited, _missing_texts(f"to [{width}]", f"到 [{width}]"), 1.5, last)
    for multiple in (32, 64):
        edited = inserted(look.setup, last, "pad", axes=(rows, columns), multiple=multiple)
        texts = _missing_texts(f"to a multiple of {multiple}", f"到 {multiple} 的倍数")
        yield framed(f"pad-multiple-{multiple}", edited, texts, 0.8, last)
    spec = look.setup.contract.inputs[0]
    size = tuple(spec.shape[axis + 1] for axis in (rows, columns)) if len(spec.shape) == 4 else ()
    if len(size) == 2 and all(isinstance(each, int) for each in size):
        for where in ("end", "center"):
            edited = inserted(look.setup, last, "pad", axes=(rows, columns), to=size, where=where)
            texts = _missing_texts(f"to {list(size)}", f"到 {list(size)}")
            yield framed(f"pad-to-input-{where}", edited, texts, 1.5, last)


def _widths(look: Look, axis: int) -> list[int]:
    known = {
        array.shape[axis + 1]
        for place in look.known
        for array in (look.reference(place) or {}).values()
        if array.ndim == 4
    }
    return sorted({320, *({min(known)} if known else set())})


def _missing_texts(how: str, chinese: str) -> tuple[Text, Text]:
    return (
        Text(f"Padding is missing; training padded {how}.", f"缺少填充：训练时填充{chinese}。"),
        Text(f"add a pad step {how} at the end of the preprocessing", f"在预处理最后加入 pad，填充{chinese}"),
    )
