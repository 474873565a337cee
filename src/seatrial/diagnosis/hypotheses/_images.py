"""Where in a preprocessing a picture is what: its axes, its channels, its range."""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.contract.sample import Array
from seatrial.diagnosis.hypotheses._look import Look
from seatrial.diagnosis.hypotheses._payloads import traits

_CHANNELS = (1, 3, 4)


def axes_of(value: Any) -> str:
    """`HWC` or `CHW` by where the channels would stand; empty for what is no image."""
    if not isinstance(value, np.ndarray) or value.ndim != 3 or value.dtype.kind not in "biuf":
        return ""
    if value.shape[2] in _CHANNELS and (value.shape[0] not in _CHANNELS or value.shape[2] != 1):
        return "HWC"
    return "CHW" if value.shape[0] in _CHANNELS else ""


def axes_at(look: Look, step: int) -> str:
    """The axes of what goes into a step, when the probes agree."""
    found = {axes_of(value) for value in look.values(step)}
    return found.pop() if len(found) == 1 else ""


def images_at(look: Look, step: int) -> list[Array]:
    """What goes into a step, where that is an image."""
    return [value for value in look.values(step) if axes_of(value)]


def last_hwc(look: Look) -> int | None:
    """The last place before which an image lies with its channels behind: where color steps fit."""
    places = [place for place in range(len(look.calls) + 1) if axes_at(look, place) == "HWC"]
    return places[-1] if places else None


def first_image(look: Look) -> int | None:
    """The first place before which there is an image of any axes."""
    return next((place for place in range(len(look.calls) + 1) if axes_at(look, place)), None)


def channels_at(look: Look, step: int) -> int:
    """Channels of the image that goes into a step; 0 where there is none."""
    axes, values = axes_at(look, step), look.values(step)
    return int(values[0].shape[axes.index("C")]) if axes and values else 0


def range_at(look: Look, step: int) -> tuple[float, float]:
    """Smallest and largest number that goes into a step; (0, 0) where there are no numbers."""
    values = [
        each for each in look.values(step) if isinstance(each, np.ndarray) and each.dtype.kind in "biuf"
    ]
    if not values:
        return 0.0, 0.0
    return min(float(each.min()) for each in values), max(float(each.max()) for each in values)


def image_input(look: Look) -> bool:
    """Whether an image goes into the model: some input has channels, height and width."""
    return (
        any(
            array.ndim == 4 and array.dtype.kind in "biuf"
            for feed in look.feeds.values()
            for array in feed.values()
        )
        or first_image(look) is not None
    )


def takes(look: Look, kind: str) -> bool:
    """Whether some sample has a trait, such as `picture`, `turned`, `alpha` or `text`."""
    return any(kind in traits(look.case.samples[place].payload).kinds for place in look.places)
