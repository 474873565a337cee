"""The picture keeps its ratio and is padded where training stretched it."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import Fault, NotApplicable
from seatrial.faults._pipeline import BASELINE, SEEN_BY, calls_of, edited, exchanged, needed, option
from seatrial.text import Text


def _instances(contract: Contract) -> Iterator[Contract]:
    for place in needed(contract, "preprocess", "resize"):
        call = calls_of(contract, "preprocess")[place]
        if option(call, "keep_ratio"):
            raise NotApplicable("the ratio is kept already")
        size = option(call, "size")
        kept = {name: call.options[name] for name in ("interpolation", "library") if name in call.options}
        for where in ("end", "center"):
            yield exchanged(
                contract,
                "preprocess",
                place,
                StepCall("resize_long", {"size": min(size), **kept}),
                StepCall("pad", {"axes": (0, 1), "to": size, "where": where}),
            )


FAULT = Fault(
    name="ratio-kept",
    title=Text("pictures are padded where training stretched them", "训练时拉伸，部署时却保持比例并填充"),
    kind="pipeline",
    checks=SEEN_BY,
    make=edited(_instances),
    number="F23",
    cause="geometry",
    needs=BASELINE,
)
