"""What the model was fed, as deployed and with the cause undone, on one scale."""

from __future__ import annotations

import numpy as np

from seatrial.checks import Picture, picture, tile
from seatrial.contract.sample import Array
from seatrial.diagnosis import Case, Diagnosis, Observation
from seatrial.text import Text

_SHOWN = 3
_WIDTH, _HEIGHT = 320, 200


def before_and_after(case: Case, found: Diagnosis) -> tuple[Picture, ...]:
    """Pairs of pictures of the preprocessed input for some samples that disagreed; none where it is no image.

    Args:
        case: What was diagnosed.
        found: Its setup is the corrected one.
    """
    seen = case.observed
    if found.cause is None or case.setup.opaque:
        return ()
    wrong = [place for place in seen.places if not seen.agrees[place]][:_SHOWN]
    after = case.observe(found.setup, wrong)
    made: list[Picture] = []
    for at, place in enumerate(wrong):
        old, new = _image(seen, place), _image(after, at)
        if new is None:
            continue
        key = case.samples[place].key
        low, high = float(new.min()), float(new.max())
        told = Text("as deployed", "部署侧"), Text("with the cause undone", "改正后")
        for values, words in ((old, told[0]), (new, told[1])):
            if values is not None:
                made.append(_drawn(values, low, high, words, key))
    return tuple(made)


def _drawn(values: Array, low: float, high: float, words: Text, key: str) -> Picture:
    """One input; the scale is that of the corrected one, so that wrong scaling is seen as wrong."""
    scaled = np.clip((values - low) / ((high - low) or 1.0), 0, 1) * 255
    pixels = np.repeat(scaled, 3, axis=2) if scaled.shape[2] == 1 else scaled
    height = int(np.clip(_WIDTH * values.shape[0] / values.shape[1], 40, _HEIGHT))
    numbers = f"{values.min():.3g} … {values.max():.3g}, {values.shape[1]}x{values.shape[0]}"
    return picture(
        tile(pixels.astype("uint8"), height=height, width=_WIDTH),
        Text(f"{key}: {words.en} ({numbers})", f"{key}：{words.zh}（{numbers}）"),
        Text(f"The model's input for {key}, {words.en}", f"样本 {key} 的模型输入，{words.zh}"),
    )


def _image(seen: Observation, place: int) -> Array | None:
    """The first input that looks like an image, as [height, width, 1 or 3]."""
    feed = seen.feeds[place]
    for array in (feed or {}).values():
        if array.ndim != 4 or array.dtype.kind not in "fiub":
            continue
        value: Array = np.nan_to_num(np.asarray(array[0], "float64"), posinf=0, neginf=0)
        if value.shape[0] in (1, 3) and min(value.shape[1:]) > 1:
            return value.transpose(1, 2, 0)
        if value.shape[2] in (1, 3) and min(value.shape[:2]) > 1:
            return value
    return None
