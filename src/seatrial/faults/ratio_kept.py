"""The picture keeps its ratio and is padded where training stretched it."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import Contract, StepCall
from seatrial.faults._fault import NotApplicable
from seatrial.faults._pipeline import BASELINE, calls_of, contract_fault, exchanged, needed, option
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


FAULT = contract_fault(
    "ratio-kept",
    Text("pictures are padded where training stretched them", "训练时拉伸，部署时却保持比例并填充"),
    _instances,
    cause="geometry",
    number="F23",
    needs=BASELINE,
)
