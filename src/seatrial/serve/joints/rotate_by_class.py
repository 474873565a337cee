"""Turns the pictures that a classifier says are turned, such as text that stands on its head."""

from __future__ import annotations

from typing import Literal

import numpy as np

from seatrial.contract.sample import Array
from seatrial.serve.joints._joint import Joint


def _rotate_by_class(
    pictures: list[Array],
    classes: list[str],
    confidences: list[float] | None = None,
    *,
    label: str = "180",
    above: float = 0.9,
    degrees: Literal[90, 180, 270] = 180,
) -> list[Array]:
    """Pictures and what a classifier says of each -> the same pictures, upright.

    Args:
        pictures: As they are.
        classes: One a picture.
        confidences: Likewise; without them a class is believed.
        label: The class of pictures to be turned.
        above: They are turned when the classifier is surer than this.
        degrees: Counter-clockwise.
    """
    sure = confidences if confidences is not None else [float("inf")] * len(pictures)
    return [
        np.ascontiguousarray(np.rot90(picture, degrees // 90)) if name == label and trust > above else picture
        for picture, name, trust in zip(pictures, classes, sure, strict=True)
    ]


JOINT = Joint(
    "rotate_by_class",
    "pictures and their classes -> pictures upright",
    {"pictures": "picture[]", "classes": "text[]", "confidences": "number[]"},
    "picture[]",
    _rotate_by_class,
    one_for_one=True,
)
