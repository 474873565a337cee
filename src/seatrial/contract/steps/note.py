"""Takes what a model says of its input's geometry aside, for a later step."""

from __future__ import annotations

from typing import Any, Literal

from seatrial.contract.pipeline import Context
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import as_array, describe
from seatrial.errors import ContractViolation

Name = Literal["source_size", "scale", "offset"]


def _note(value: Any, context: Context, /, *, names: tuple[Name, ...]) -> Any:
    """The last outputs become the notes `names`, in their order; the others go on, a single one bare.

    A model whose preprocessing is folded into it gives `source_size`, `scale` and `offset` (y, x) this way.
    """
    if not isinstance(value, list | tuple) or len(value) <= len(names):
        raise ContractViolation(f"takes more than {len(names)} outputs, not {describe(value)}")
    first = len(value) - len(names)
    for name, each in zip(names, value[first:], strict=True):
        pair = as_array(each, rank=1, what="two numbers")
        if pair.size != 2 or (name == "source_size" and pair.dtype.kind not in "iu"):
            raise ContractViolation(
                f"'{name}' is two numbers, whole ones for a size, not {pair.tolist()!r:.80}"
            )
        context.notes[name] = tuple(pair.tolist())
    rest = list(value[:first])
    return rest[0] if len(rest) == 1 else rest


STEP = FunctionStep("note", "postprocess", "the last outputs -> notes for a later step", _note)
