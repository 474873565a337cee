"""Refuses a batch that would break or kill an engine, before it crosses to the worker."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seatrial.contract.feeds import check_feeds
from seatrial.contract.sample import Array
from seatrial.errors import ContractViolation
from seatrial.model.artifact import Artifact

_RECURRENT = ("rnn", "lstm", "gru")


def checked(artifact: Artifact, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Checks a batch against the graph's inputs and returns it in the graph's order.

    Raises:
        ContractViolation: As `contract.feeds.check_feeds`; also inputs that disagree on the batch, and a
            length beyond its sequence. Engines answer these with a signal or silently with garbage.
    """
    check_feeds(artifact.inputs, feeds)
    arrays = {each.name: np.asarray(feeds[each.name]) for each in artifact.inputs}
    _check_batch(artifact, arrays)
    _check_lengths(artifact, arrays)
    return arrays


def _check_batch(artifact: Artifact, arrays: Mapping[str, Array]) -> None:
    batches = {each.name: arrays[each.name].shape[0] for each in artifact.inputs if each.batch_is_free}
    if len(set(batches.values())) > 1:
        raise ContractViolation(
            f"the inputs disagree on the batch: {batches}", hint="axis 0 of every input is the batch"
        )


def length_input(artifact: Artifact) -> str:
    """The input that holds one sequence length a row, as recurrent graphs have it; empty when there is none.

    It is the one integer input of rank 1 with a free batch, beside an input with a time axis, in a graph
    with an RNN, LSTM or GRU.
    """
    if not any(part in operator.lower() for operator in artifact.operators for part in _RECURRENT):
        return ""
    if not any(len(each.shape) > 1 for each in artifact.inputs):
        return ""
    found = [
        each.name
        for each in artifact.inputs
        if len(each.shape) == 1 and each.batch_is_free and each.dtype in {"int32", "int64"}
    ]
    return found[0] if len(found) == 1 else ""


def _check_lengths(artifact: Artifact, arrays: Mapping[str, Array]) -> None:
    """Paddle's RNN writes past its buffers when a length exceeds the sequence (SIGABRT, SIGSEGV)."""
    name = length_input(artifact)
    if not name:
        return
    steps = max(each.shape[1] for each in arrays.values() if each.ndim > 1)
    lengths = arrays[name]
    if lengths.min() < 1 or lengths.max() > steps:
        raise ContractViolation(
            f"input '{name}' holds lengths {lengths.min()}..{lengths.max()}, the sequence has {steps} steps",
            hint=f"give lengths from 1 to {steps}",
        )
