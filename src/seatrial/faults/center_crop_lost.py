"""The whole picture is pressed into the size that training cut out of its middle."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import (
    BASELINE,
    SEEN_BY,
    SIZED,
    calls_of,
    changed,
    edited,
    exchanged,
    needed,
    option,
    places,
)
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    calls = calls_of(contract, "preprocess")
    for place in needed(contract, "preprocess", "crop"):
        before = [each for each in places(contract, "preprocess", *SIZED) if each < place]
        if not before:
            raise NotApplicable("nothing is resized before the crop")
        size, at = option(calls[place], "size"), before[-1]
        whole = exchanged(contract, "preprocess", place)
        kept = {
            name: calls[at].options[name]
            for name in ("interpolation", "library")
            if name in calls[at].options
        }
        yield exchanged(whole, "preprocess", at, StepCall("resize", {"size": size, **kept}))
        if calls[at].name == "resize_short" and option(calls[at], "size") != max(size):
            yield changed(contract, "preprocess", at, size=max(size))


FAULT = Fault(
    name="center-crop-lost",
    title=Text("the center crop is lost", "中心裁剪丢失"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
