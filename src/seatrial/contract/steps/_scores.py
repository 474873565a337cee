"""What the class steps share: one score a class, and the name of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.contract.pipeline import Context
from seatrial.contract.sample import Array
from seatrial.contract.steps._values import as_array
from seatrial.errors import ContractViolation


def class_scores(value: Any, context: Context) -> Array:
    """One row of scores, as many as there are labels.

    Raises:
        ContractViolation: Not a row, empty, or not one score a label.
    """
    scores = as_array(value, rank=1, what="one score a class")
    if not scores.size:
        raise ContractViolation("there are no scores")
    if context.labels and len(context.labels) != scores.size:
        raise ContractViolation(
            f"the model gives {scores.size} scores and the contract has {len(context.labels)} labels",
            hint="a label is missing or too many: compare the label file with the training",
        )
    return scores


def name_of(labels: Sequence[str], index: int) -> str:
    """The name of a class: its label, or its number where there are no labels.

    Raises:
        ContractViolation: There are labels, and none for this class.
    """
    if not labels:
        return str(index)
    if not 0 <= index < len(labels):
        raise ContractViolation(f"class {index} has no label; there are {len(labels)}")
    return labels[index]
