"""The name of a class that the model gives as an index."""

from __future__ import annotations

from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._scores import name_of
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def _label_map(value: Any, context: Context, /) -> dict[str, Any]:
    """One index -> `{"class", "index"}`. There is no confidence: the model did not give one."""
    array = as_array(value, what="one class index").reshape(-1)
    if array.size != 1 or not float(array[0]).is_integer():
        raise ContractViolation(f"takes one class index, not {array.tolist()!r:.80}")
    index = int(array[0])
    return {"class": name_of(context.labels, index), "index": index}


STEP = FunctionStep("label_map", "postprocess", "a class index -> its name", _label_map)
