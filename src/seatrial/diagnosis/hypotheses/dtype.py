"""The numbers pass through another type than in training: cut to whole numbers, or not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import inserted, moved, without
from seatrial.diagnosis.hypotheses._images import axes_at, range_at
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "dtype"
_WHOLE = ("uint8", "int8", "int16", "int32", "int64", "bool")


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Without the type that loses digits, with the one that is missing."""
    if setup.opaque:
        return []
    look = look_at(case, setup)
    return worth(look, [*_surplus(look), *_missing(look), *_early(look), *_truncated(look)])


def _surplus(look: Look) -> Iterator[Intervention]:
    """A cast that loses what comes after the point, or half of the digits."""
    places = look.setup.places("preprocess", "cast")
    for place in places:
        kind = str(look.calls[place].options.get("dtype"))
        if kind not in (*_WHOLE, "float16"):
            continue
        lossy = any(isinstance(value, np.ndarray) and value.dtype.kind == "f" for value in look.values(place))
        said = Text(
            f"Numbers are cut to {kind} on their way; training kept their fractions.",
            f"数值中途被截断为 {kind}，训练时保留了小数部分。",
        )
        fix = Text(f"take out cast: {{dtype: {kind}}}", f"删除 cast: {{dtype: {kind}}}")
        at = ("preprocess", place)
        prior = 6.0 if lossy else 0.5
        yield Intervention(_NAME, f"no-{kind}-{place}", without(look.setup, place), said, fix, prior, at)
        if place + 1 in places:
            edited = without(without(look.setup, place), place)
            yield Intervention(_NAME, f"no-{kind}-and-back-{place}", edited, said, fix, prior, at)
        wide = look.setup.with_options("preprocess", place, dtype="float32")
        yield Intervention(_NAME, f"float32-at-{place}", wide, said, fix, 0.8 * prior, at)


def _missing(look: Look) -> Iterator[Intervention]:
    """The model takes another type than the preprocessing ends with."""
    specs = look.setup.contract.inputs
    feed = next(iter(look.feeds.values()), {})
    if len(specs) != 1 or specs[0].name not in feed or feed[specs[0].name].dtype.name == specs[0].dtype:
        return
    place = len(look.calls)
    yield Intervention(
        _NAME,
        f"to-{specs[0].dtype}",
        inserted(look.setup, place, "cast", dtype=specs[0].dtype),
        Text(
            f"The type is wrong: the service feeds {feed[specs[0].name].dtype}, "
            f"the model takes {specs[0].dtype}.",
            f"数据类型不符：服务送入 {feed[specs[0].name].dtype}，模型要求 {specs[0].dtype}。",
        ),
        Text(
            f"end the preprocessing with cast: {{dtype: {specs[0].dtype}}}",
            f"在预处理最后加入 cast: {{dtype: {specs[0].dtype}}}",
        ),
        10.0,
        ("preprocess", place),
    )


def _early(look: Look) -> Iterator[Intervention]:
    """Resized as whole numbers, where training made floats first (or the other way round)."""
    resizes = [at for at, call in enumerate(look.calls) if call.name.startswith("resize")]
    for place in resizes:
        kinds = {value.dtype.kind for value in look.values(place) if isinstance(value, np.ndarray)}
        casts = [at for at in look.setup.places("preprocess", "cast") if at < place]
        if kinds == {"u"}:
            edited = inserted(look.setup, place, "cast", dtype="float32")
            yield Intervention(
                _NAME,
                f"float-before-resize-{place}",
                edited,
                Text(
                    "Pixels are resized as bytes and rounded; training resized floats.",
                    "图片以整数缩放并取整，训练时以浮点数缩放。",
                ),
                Text(
                    f"add cast: {{dtype: float32}} before {look.calls[place].name}",
                    f"在 {look.calls[place].name} 之前加入 cast: {{dtype: float32}}",
                ),
                0.4,
                ("preprocess", place),
            )
        for cast in casts:
            yield Intervention(
                _NAME,
                f"bytes-through-resize-{place}",
                moved(look.setup, cast, place),
                Text(
                    "Pixels are resized as floats; training resized bytes, which are rounded.",
                    "图片以浮点数缩放，训练时以整数缩放并取整。",
                ),
                Text(
                    f"move cast behind {look.calls[place].name}",
                    f"把 cast 移到 {look.calls[place].name} 之后",
                ),
                0.6,
                ("preprocess", cast),
            )


def _truncated(look: Look) -> Iterator[Intervention]:
    """Training cut to whole numbers where the service keeps fractions: only seen where bytes would do."""
    for place in range(len(look.calls) + 1):
        values = look.values(place)
        if axes_at(look, place) and all(value.dtype == np.float32 for value in values):
            low, high = range_at(look, place)
            if low >= 0 and 30 < high <= 255:
                edited = inserted(look.setup, place, "cast", dtype="float32")
                yield Intervention(
                    _NAME,
                    f"whole-{place}",
                    inserted(edited, place, "cast", dtype="uint8"),
                    Text(
                        "Pixels keep fractions; training cut them to whole numbers.",
                        "像素保留了小数，训练时截断为整数。",
                    ),
                    Text(
                        f"add cast: {{dtype: uint8}} as step {place + 1} of the preprocessing",
                        f"在预处理第 {place + 1} 步加入 cast: {{dtype: uint8}}",
                    ),
                    0.3,
                    ("preprocess", place),
                )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("number type", "数据类型"),
    question=Text("Do numbers keep their digits on the way?", "数值在途中是否丢失精度？"),
    stage="preprocessed",
    propose=propose,
    source="PaddleDetection #2586",
)
