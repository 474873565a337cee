"""Refuses a batch that would break or kill an engine, before it crosses to the worker."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seatrial.contract.sample import Array
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import ContractViolation
from seatrial.model.artifact import Artifact

_RECURRENT = ("rnn", "lstm", "gru")


def check_feeds(artifact: Artifact, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Checks a batch against the graph's inputs and returns it in the graph's order.

    Raises:
        ContractViolation: A missing or unknown input, a wrong dtype, rank or size, an empty batch, a value
            out of range, a length beyond its sequence. Engines answer most of these with a signal or
            silently with garbage (facts: paddle, 2.5).
    """
    expected = [each.name for each in artifact.inputs]
    if set(feeds) != set(expected):
        raise ContractViolation(
            f"inputs {sorted(feeds)} were given, the model takes {sorted(expected)}",
            hint="give every input of the graph by its name",
        )
    arrays = {name: np.asarray(feeds[name]) for name in expected}
    sizes: dict[str, int] = {}
    for spec in artifact.inputs:
        _check_one(spec, arrays[spec.name], sizes)
    _check_batch(artifact, arrays)
    _check_lengths(artifact, arrays)
    return arrays


def _check_one(spec: TensorSpec, array: Array, sizes: dict[str, int]) -> None:
    wanted = {"bfloat16": "uint16", "string": "object"}.get(spec.dtype, spec.dtype)
    if array.dtype.name not in (wanted, spec.dtype) and not (spec.dtype == "string" and array.dtype.kind in "OSU"):
        raise ContractViolation(f"input '{spec.name}' is {array.dtype}, the model takes {spec.dtype}")
    if array.ndim != len(spec.shape):
        raise ContractViolation(
            f"input '{spec.name}' has {array.ndim} dimensions {list(array.shape)}, the model takes {list(spec.shape)}"
        )
    for axis, (size, wish) in enumerate(zip(array.shape, spec.shape, strict=True)):
        if size == 0:
            raise ContractViolation(f"axis {axis} of input '{spec.name}' is empty: shape {list(array.shape)}")
        if isinstance(wish, str):
            wish = sizes.setdefault(wish, size)
        if wish is not None and size != wish:
            raise ContractViolation(
                f"axis {axis} of input '{spec.name}' is {size}, the model takes {wish}: shape {list(array.shape)}"
            )
    if array.dtype.kind in "iuf" and spec.dtype != "bfloat16":
        low, high = array.min(), array.max()
        if (spec.low is not None and low < spec.low) or (spec.high is not None and high > spec.high):
            raise ContractViolation(
                f"input '{spec.name}' goes from {low:g} to {high:g}, the model takes {spec.low} to {spec.high}"
            )


def _check_batch(artifact: Artifact, arrays: Mapping[str, Array]) -> None:
    batches = {each.name: arrays[each.name].shape[0] for each in artifact.inputs if each.batch_is_free}
    if len(set(batches.values())) > 1:
        raise ContractViolation(f"the inputs disagree on the batch: {batches}")


def _check_lengths(artifact: Artifact, arrays: Mapping[str, Array]) -> None:
    """Paddle's RNN writes past its buffers when a length exceeds the sequence."""
    if not any(part in operator.lower() for operator in artifact.operators for part in _RECURRENT):
        return
    longest = max((each.shape[1] for each in arrays.values() if each.ndim > 1), default=0)
    for spec in artifact.inputs:
        array = arrays[spec.name]
        if not longest or array.dtype.kind not in "iu" or array.ndim != 1 or not spec.batch_is_free:
            continue
        if array.min() < 1 or array.max() > longest:
            raise ContractViolation(
                f"input '{spec.name}' holds lengths {array.min()}..{array.max()}, the sequences have {longest} steps"
            )
