"""The numbers are read wrongly: another CTC blank, boxes grown by another ratio, corners in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from seatrial.contract import StepCall
from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._decoding_solved import affine_values, unclip_ratio
from seatrial.diagnosis.hypotheses._edits import Suspect, written
from seatrial.diagnosis.hypotheses._models import MOST
from seatrial.diagnosis.hypotheses._outputs import (
    calls,
    each_float,
    option,
    reference_option,
    scores_of,
    seen_by,
    with_outputs,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

# Options that decide how numbers are read, with other values worth a try.
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ctc_decode": {"blank": (0, -1), "merge": (True, False)},
    "db_boxes": {
        "unclip_ratio": (1.5, 2.0, 1.6, 1.8),
        "dilation": (False, True),
        "min_size": (3, 5),
        "max_candidates": (1000, 100),
        "coordinates": ("source", "model"),
        "order": ("xy", "yx"),
    },
    "detection_rows": {"coordinates": ("source", "model"), "order": ("xy", "yx")},
    "argmax": {"axis": (-1, 0, 1)},
    "softmax": {"axis": (-1, 0, 1)},
    "select": {"output": (0, 1, 2)},
    "nms": {"keep": (100, 300), "candidates": (1000,)},
}
ROWS = 6  # class, score, four corners


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Options as the reference has them or as they solve, then the other usual values."""
    if setup.opaque:
        return
    found = [*_options(case, setup), *_corners(case, setup), *_number(case, setup)]
    yield from sorted(found, key=lambda each: -each.prior)[:MOST]


def _options(case: Case, setup: Setup) -> Iterator[Intervention]:
    for place, call in calls(setup, *OPTIONS):
        for name, usual in OPTIONS[call.name].items():
            candidates: dict[Any, float] = {}
            right = reference_option(case, call, name)
            if right is not None:
                candidates[right] = 20.0
            for value, prior in _evident(case, setup, call, name):
                candidates.setdefault(value, prior)
            for value in usual:
                candidates.setdefault(value, 1.0)
            now = option(call, name)
            for value, prior in candidates.items():
                if value != now and _possible(setup, name, now, value):
                    yield _changed(setup, place, call, (name, now, value), prior)


def _possible(setup: Setup, name: str, now: Any, value: Any) -> bool:
    rank = len(setup.contract.outputs[0].shape) - 1
    if name == "axis":
        return bool(-rank <= value < rank and value % rank != now % rank)
    return name != "output" or value < len(setup.contract.outputs)


def _evident(case: Case, setup: Setup, call: StepCall, name: str) -> list[tuple[Any, float]]:
    """Values that the numbers themselves speak for."""
    if name == "blank":
        return _blank(case, setup)
    if name == "unclip_ratio":
        return [(value, 15.0) for value in unclip_ratio(case, setup, float(option(call, name)))]
    return []


def _blank(case: Case, setup: Setup) -> list[tuple[Any, float]]:
    """The class that stands at most places of most texts is the blank."""
    best = [scores.argmax(axis=-1).reshape(-1) for scores in scores_of(seen_by(case, setup))[:8]]
    if not best:
        return []
    joined = np.concatenate(best)
    most = int(np.bincount(joined).argmax())
    last = scores_of(seen_by(case, setup))[0].shape[-1] - 1
    return [(0, 20.0)] if most == 0 else [(-1, 20.0)] if most == last else [(most, 5.0)]


def _changed(
    setup: Setup, place: int, call: StepCall, values: tuple[str, Any, Any], prior: float
) -> Intervention:
    name, now, value = values
    said, suspect = _said(call.name, name, now, value), Suspect("decoding", setup, place, "postprocess")
    return suspect.given(name, value, said, prior, name=f"{call.name}-{name}-{value}")


def _said(step: str, name: str, now: Any, value: Any) -> Text:
    if name == "blank":
        return Text(
            f"The CTC blank is read as class {now}, the model has it at {value} (-1 is the last).",
            f"CTC 空白符按第 {now} 类读取，而模型的空白符在 {value}（-1 表示最后一类）。",
        )
    if name == "order":
        return Text(
            f"x and y of the boxes are exchanged: {step} gives them as {now}, they were {value}.",
            f"框的 x 与 y 被互换：{step} 按 {now} 给出，应为 {value}。",
        )
    if name == "merge":
        return _NOT_MERGED if value else _MERGED
    if name == "coordinates":
        return Text(
            f"The boxes are taken as pixels of the {_of(now)}, the model gives those of the {_of(value)}: "
            "the scaling is undone twice or not at all.",
            f"框的坐标被当作{_of_zh(now)}像素，而模型给出的是{_of_zh(value)}像素：缩放还原了两次或没有还原。",
        )
    return Text(
        f"{name} of {step} is {written(now)}, it was {written(value)}.",
        f"{step} 的 {name} 现为 {written(now)}，原为 {written(value)}。",
    )


_NOT_MERGED = Text(
    "Repeats of the CTC head are not merged: a character that lasts is written twice.",
    "CTC 的重复输出没有合并：同一个字被写了两次。",
)
_MERGED = Text("Repeats of the CTC head are merged: doubles vanish.", "CTC 的重复输出被合并：叠字丢失。")


def _of(value: Any) -> str:
    return "source image" if value == "source" else "model's input"


def _of_zh(value: Any) -> str:
    return "原图" if value == "source" else "模型输入图"


def _corners(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Corners of detection rows in another order."""
    scores = scores_of(seen_by(case, setup)) if setup.contract.task == "detection" else []
    if not scores or scores[0].shape[-1] not in (4, ROWS):
        return
    for name, said, change in _ORDERS:
        yield Intervention(
            hypothesis="decoding",
            name=name,
            setup=with_outputs(setup, each_float(f"boxes {name}", change)),
            said=said,
            fix=Text(
                "bring the columns into the order class, score, x0, y0, x1, y1",
                "把各列调整为 类别、得分、x0、y0、x1、y1 的顺序",
            ),
            prior=1.0,
            place=("postprocess",),
        )


def _boxes(array: Array, columns: Sequence[Array]) -> Array:
    found = array.copy()
    found[..., -4:] = np.stack(columns, axis=-1)
    return found


def _from_size(array: Array) -> Array:
    x, y, width, height = (array[..., -4 + i] for i in range(4))
    return _boxes(array, (x, y, x + width, y + height))


def _from_center(array: Array) -> Array:
    x, y, width, height = (array[..., -4 + i] for i in range(4))
    return _boxes(array, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))


_ORDERS: tuple[tuple[str, Text, Callable[[Array], Array]], ...] = (
    (
        "width-and-height",
        Text(
            "The boxes come as corner, width and height and are read as two corners.",
            "框以左上角加宽高给出，却被当作两个角点读取。",
        ),
        _from_size,
    ),
    (
        "center-and-size",
        Text(
            "The boxes come as center and size and are read as two corners.",
            "框以中心点加宽高给出，却被当作两个角点读取。",
        ),
        _from_center,
    ),
)


def _number(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Scale and offset of a regression, solved from the right values."""
    for place, call in calls(setup, "number"):
        solved = affine_values(case, setup)
        if solved is None:
            continue
        gain, shift = solved
        scale, offset = float(option(call, "scale")), float(option(call, "offset"))
        new = (float(f"{scale * gain:.6g}"), float(f"{offset * gain + shift:.6g}"))
        if np.allclose(new, (scale, offset), rtol=1e-4):
            continue
        yield Intervention(
            hypothesis="decoding",
            name="number-scale",
            setup=setup.with_options("postprocess", place, scale=new[0], offset=new[1]),
            said=Text(
                f"The target's scaling is undone wrongly: value * {scale:g} + {offset:g}, it was value * "
                f"{new[0]:g} + {new[1]:g}.",
                f"目标值的缩放还原有误：现为 值×{scale:g}+{offset:g}，应为 值×{new[0]:g}+{new[1]:g}。",
            ),
            fix=Text(
                f"set scale: {new[0]:g} and offset: {new[1]:g} in number",
                f"把 number 的 scale 改为 {new[0]:g}、offset 改为 {new[1]:g}",
            ),
            prior=15.0,
            place=("postprocess", place),
        )


HYPOTHESIS = Hypothesis(
    name="decoding",
    title=Text("decoding", "解码"),
    question=Text("Are the numbers read as the model means them?", "模型的输出是否按其含义解读？"),
    stage="answers",
    propose=propose,
    source="PaddleOCR #15141, PaddleDetection #2586",
)
