"""Padded with black or white where the model learned another value: often a pad before normalizing."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, changed, edited, image_pads, option
from seatrial.text import Text

_BYTES = (0.0, 114.0, 255.0)


def _instances(contract: Contract) -> Iterator[Contract]:
    calls = calls_of(contract, "preprocess")
    for place in image_pads(contract):
        now = option(calls[place], "fill")
        for other in _fills(calls[:place]):
            if abs(other - now) > 1e-3:
                yield changed(contract, "preprocess", place, fill=other)


def _fills(before: tuple[StepCall, ...]) -> tuple[float, ...]:
    """Black, gray and white as they are at this place of the pipeline."""
    call = next((each for each in reversed(before) if each.name == "normalize"), None)
    if call is None:
        return _BYTES
    mean, std, scale = (option(call, name) for name in ("mean", "std", "scale"))
    middle, spread = sum(mean) / len(mean), sum(std) / len(std)
    return (0.0, *(round((each * scale - middle) / spread, 4) for each in (0.0, 255.0)))


FAULT = Fault(
    name="pad-value-changed",
    title=Text("the picture is padded with another value", "图像填充值不对"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
