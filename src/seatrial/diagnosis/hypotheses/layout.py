"""The axes stand in another order than in training: rows and columns exchanged, channels misplaced."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from seatrial.contract import StepCall
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, exchanged, inserted, without, written
from seatrial.diagnosis.hypotheses._images import axes_at
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "layout"


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Other orders of the axes, where the shapes allow them."""
    if setup.opaque:
        return []
    look = look_at(case, setup)
    return worth(look, [*_reordered(look), *_surplus(look), *_reshaped(look), *_added(look)])


def _said(deployed: tuple[int, ...], right: tuple[int, ...]) -> Text:
    return Text(
        f"The axes are in another order: the service transposes by {written(deployed)}, "
        f"training by {written(right)}.",
        f"轴的顺序不同：服务按 {written(deployed)} 转置，训练时按 {written(right)} 转置。",
    )


def _reordered(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "transpose"):
        deployed = tuple(look.calls[place].options.get("order", ()))
        channels = axes_at(look, place).find("C")
        for right in permutations(range(len(deployed))) if len(deployed) <= 4 else ():
            if right not in (deployed, tuple(range(len(right)))):  # to leave axes alone is to take it out
                # Channels that stay where they are put: rows and columns exchanged are the common slip.
                usual = channels >= 0 and right.index(channels) == deployed.index(channels)
                yield Suspect(_NAME, look.setup, place).given(
                    "order",
                    right,
                    _said(deployed, right),
                    2.0 if usual else 1.0,
                    name="order-" + "".join(map(str, right)),
                )


def _surplus(look: Look) -> Iterator[Intervention]:
    """A transposition too many."""
    for place in look.setup.places("preprocess", "transpose"):
        yield Intervention(
            _NAME,
            f"no-transpose-{place}",
            without(look.setup, place),
            Text("The axes are transposed once too often.", "轴多转置了一次。"),
            Text("take out this transpose step", "删除这个 transpose 步骤"),
            2.0,
            ("preprocess", place),
        )


def _reshaped(look: Look) -> Iterator[Intervention]:
    """Numbers poured into the right shape in the wrong order: reshape where transpose was meant."""
    for place in look.setup.places("preprocess", "reshape"):
        before, after = look.values(place), look.values(place + 1)
        if not before or not after or not isinstance(before[0], np.ndarray):
            continue
        for order in permutations(range(before[0].ndim)) if before[0].ndim <= 4 else ():
            if tuple(before[0].shape[axis] for axis in order) == after[0].shape:
                calls = (
                    () if order == tuple(range(len(order))) else (StepCall("transpose", {"order": order}),)
                )
                yield Intervention(
                    _NAME,
                    "transpose-" + "".join(str(each) for each in order),
                    exchanged(look.setup, place, calls),
                    Text(
                        "The array is reshaped where training transposed it: pixels land in wrong places.",
                        "训练时是转置，服务却用了 reshape：像素落到了错误的位置。",
                    ),
                    Text(
                        f"use transpose: {{order: {written(order)}}} instead of reshape",
                        f"用 transpose: {{order: {written(order)}}} 代替 reshape",
                    ),
                    5.0 if order == (2, 0, 1) else 3.0,
                    ("preprocess", place),
                )


def _added(look: Look) -> Iterator[Intervention]:
    """A transposition that is missing: at the end, before the tensor goes into the model."""
    last = len(look.calls)
    values = [value for value in look.values(last) if isinstance(value, np.ndarray)]
    if not values or not 2 <= values[0].ndim <= 4:
        return
    axes = axes_at(look, last)
    for right in permutations(range(values[0].ndim)):
        if right == tuple(range(len(right))):
            continue
        said = _said(tuple(range(len(right))), right)
        steady = "C" in axes and right.index(axes.index("C")) == axes.index("C")
        yield Intervention(
            _NAME,
            "added-" + "".join(str(each) for each in right),
            inserted(look.setup, last, "transpose", order=right),
            said,
            Text(
                f"end the preprocessing with transpose: {{order: {written(right)}}}",
                f"在预处理最后加入 transpose: {{order: {written(right)}}}",
            ),
            1.0 if steady else 0.6,
            ("preprocess", last),
        )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("order of axes", "轴的顺序"),
    question=Text(
        "Do rows, columns and channels stand where the model expects them?", "行、列、通道的位置是否正确？"
    ),
    stage="preprocessed",
    propose=propose,
    source="PaddleOCR #15141",
)
