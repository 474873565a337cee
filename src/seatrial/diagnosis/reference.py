"""What was right: the training side's numbers, answers or model, or at the least the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seatrial.contract import Contract
from seatrial.contract.sample import Array
from seatrial.model import Artifact


@dataclass(frozen=True)
class Reference:
    """What was right, for each sample of the case, in its order. What is not known is None.

    Attributes:
        source: Where it comes from, for people.
        feeds: The tensors that went into the model, by input name, batch axis of 1 kept.
        outputs: The model's raw outputs in the graph's order, batch axis of 1 kept.
        answers: What the pipeline answered, as `Contract.answer` gives it, or the bare label, text or boxes.
        artifact: The model that was right (an earlier release), when it can be run here.
        contract: Its contract, when there is one.
        labels_only: Nothing is known but the samples' labels (then `answers` holds them).
    """

    source: str
    feeds: tuple[dict[str, Array] | None, ...] | None = None
    outputs: tuple[tuple[Array, ...] | None, ...] | None = None
    answers: tuple[Any, ...] | None = None
    artifact: Artifact | None = None
    contract: Contract | None = None
    labels_only: bool = False
