"""The truth of a sample in the form the task wants it, or a sentence saying why it cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seatrial.contract.contract import Contract
from seatrial.errors import ContractViolation

_CLASSES = ("classification", "text-classification")


def checked_label(label: Any, contract: Contract | None, key: str) -> Any:
    """A label as the metrics take it: class index, text, number, or a mapping with boxes; None stays None.

    Args:
        label: As it stood in the file.
        contract: Chooses the form; without one, whole numbers written as text become numbers.
        key: Of the sample, for the error.

    Raises:
        ContractViolation: The label does not fit the task, or there is no such class.
    """
    label = label.item() if isinstance(label, np.generic) else label
    if isinstance(label, np.ndarray) and label.ndim == 0:
        label = label.item()
    if label is None:
        return None
    if contract is None:
        return int(label) if isinstance(label, str) and label.isascii() and label.isdecimal() else label
    if contract.task in _CLASSES:
        return _class_index(label, contract, key)
    if contract.task == "text-recognition":
        return _text(label, key)
    if contract.task == "regression":
        return _number(label, key)
    if contract.task in ("text-detection", "detection") and not isinstance(label, Mapping | list):
        raise ContractViolation(
            f"sample '{key}': the label of a {contract.task} model is boxes, not {label!r}"
        )
    return label


def _class_index(label: Any, contract: Contract, key: str) -> int:
    names = contract.labels
    if isinstance(label, str):
        if label in names:
            return names.index(label)
        if not (label.isascii() and label.isdecimal()):
            raise ContractViolation(
                f"sample '{key}' has the label {label!r}, none of the contract's {len(names)} labels",
                hint="the labels are: " + ", ".join(names[:12]) + (" ..." if len(names) > 12 else ""),
            )
        label = int(label)
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if isinstance(label, bool) or not isinstance(label, int):
        raise ContractViolation(f"sample '{key}': the label of a class is its name or index, not {label!r}")
    count = len(names) or _classes(contract)
    if label < 0 or (count and label >= count):
        raise ContractViolation(
            f"sample '{key}' has label {label}, and the classes go from 0 to {count - 1}" if count else
            f"sample '{key}' has label {label}; classes count from 0",
            hint="labels that count from 1 are a usual cause",
        )  # fmt: skip
    return label


def _classes(contract: Contract) -> int:
    """Classes by the shape of the output, 0 when it does not say."""
    last = contract.outputs[0].shape[-1] if contract.outputs and len(contract.outputs[0].shape) == 2 else None
    return last if isinstance(last, int) else 0


def _text(label: Any, key: str) -> str:
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        raise ContractViolation(f"sample '{key}': the label of a text recogniser is text, not {label!r}")
    return str(label)


def _number(label: Any, key: str) -> float:
    try:
        number = float(label)
    except (TypeError, ValueError) as error:
        raise ContractViolation(f"sample '{key}': the label must be a number, not {label!r}") from error
    if not math.isfinite(number):
        raise ContractViolation(f"sample '{key}': the label is {number}")
    return number
