"""Normalized with the constants of another model: ImageNet's, 0.5, or none (PaddleClas #1633)."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    calls_of,
    changed,
    edited,
    image_end,
    image_order,
    inserted,
    option,
    places,
)
from seatrial.text import Text

_HALF = ((0.5,), (0.5,))
_NONE = ((0.0,), (1.0,))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_IMAGENET_GRAY = ((0.449,), (0.226,))


def _instances(contract: Contract) -> Iterator[Contract]:
    found = places(contract, "preprocess", "normalize")
    for place in found:
        call = calls_of(contract, "preprocess")[place]
        mean, std = option(call, "mean"), option(call, "std")
        unit = 255 if option(call, "scale") == 1 and max(mean) > 1 else 1
        for means, stds in (_HALF, _NONE, _IMAGENET, _IMAGENET_GRAY, (mean, (1.0,)), ((0.0,), std)):
            own = unit if means is not mean and stds is not std else 1
            wrong = tuple(each * own for each in means), tuple(each * own for each in stds)
            if not _same(wrong, (mean, std)):
                yield changed(contract, "preprocess", place, mean=wrong[0], std=wrong[1])
    if not found:
        order = image_order(contract)
        for means, stds in (_HALF, _IMAGENET, _IMAGENET_GRAY):
            call = StepCall("normalize", {"scale": 1.0, "mean": means, "std": stds, "order": order})
            yield inserted(contract, "preprocess", image_end(contract), call)


def _same(one: tuple[tuple[float, ...], ...], other: tuple[tuple[float, ...], ...]) -> bool:
    """Whether two pairs do the same: one number stands for every channel."""
    return [sorted(set(each)) for each in one] == [sorted(set(each)) for each in other]


FAULT = Fault(
    name="mean-std-wrong",
    title=Text("normalized with the mean and deviation of another model", "归一化用了其他模型的均值与标准差"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F22",
    cause="mean-std",
    needs=BASELINE,
)
