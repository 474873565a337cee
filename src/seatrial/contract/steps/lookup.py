"""Turns tokens into their ids in the vocabulary."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._step import FunctionStep
from seatrial.contract.steps._values import describe
from seatrial.contract.steps._vocabulary import id_of, ids_of
from seatrial.errors import ContractViolation


def _lookup(
    value: Any,
    context: Context,
    /,
    *,
    unknown: str | None = "[UNK]",
    max_length: int | None = None,
    pad: str | None = None,
    side: Literal["end", "start"] = "end",
    dtype: Literal["int32", "int64"] = "int64",
) -> Array:
    """Tokens -> ids [length]; more than `max_length` are cut off, fewer filled up with `pad`, if given.

    The filling goes to `side`. A token that is not in the vocabulary becomes `unknown`, or is refused when
    that is null. The number of ids before filling is noted as `length`.
    """
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ContractViolation(f"takes a list of tokens, not {describe(value)}")
    if max_length is not None and max_length < 1:
        raise ContractViolation(f"max_length is {max_length} and must be 1 or more")
    ids = ids_of(context.vocabulary)
    tokens = list(value)[:max_length]
    strange = next((token for token in tokens if token not in ids), None)
    if strange is not None and unknown is None:
        raise ContractViolation(f"{strange!r} is not in the vocabulary")
    found = [ids[token] if token in ids else id_of(ids, unknown or "") for token in tokens]
    context.notes["length"] = len(found)
    if pad is not None and max_length is not None:
        filling = [id_of(ids, pad)] * (max_length - len(found))
        found = found + filling if side == "end" else filling + found
    return np.array(found, dtype)


STEP = FunctionStep("lookup", "preprocess", "tokens -> ids", _lookup)
