"""What the model was fed, as deployed and with the cause undone, on one scale."""

from __future__ import annotations

import numpy as np

from seatrial.checks import Picture, picture, tile
from seatrial.cli._diagnosis_document import Fed
from seatrial.contract.sample import Array
from seatrial.diagnosis import Case, Diagnosis
from seatrial.text import Text

_SHOWN = 3
_WIDTH, _HEIGHT = 320, 200
_NUMBERS = 16


def before_and_after(case: Case, found: Diagnosis) -> tuple[tuple[Picture, ...], tuple[Fed, ...]]:
    """What went into the model for some samples that disagreed: pictures in pairs, other inputs as numbers.

    Nothing where the input is not ours to see, or where undoing the cause does not change it.

    Args:
        case: What was diagnosed.
        found: Its setup is the corrected one.
    """
    seen = case.observed
    if found.cause is None or case.setup.opaque:
        return (), ()
    wrong = [place for place in seen.places if not seen.agrees[place]][:_SHOWN]
    after = case.observe(found.setup, wrong)
    pictures: list[Picture] = []
    numbers: list[Fed] = []
    for at, place in enumerate(wrong):
        key, old, new = case.samples[place].key, seen.feeds[place] or {}, after.feeds[at] or {}
        for name, value in new.items():
            before = old.get(name)
            if before is not None and np.array_equal(before, value):
                continue
            if _image(value) is None:
                numbers.append(Fed(key, name, _first(before), _first(value)))
            else:
                pictures += _pair(None if before is None else _image(before), _image(value), key)
    return tuple(pictures), tuple(numbers)


def _first(array: Array | None) -> str:
    """The first numbers of an input; a dash where nothing could be prepared."""
    if array is None:
        return "–"
    values = array.reshape(-1)
    shown = ", ".join(f"{each:.4g}" if array.dtype.kind == "f" else str(each) for each in values[:_NUMBERS])
    return f"{shown}{', …' if len(values) > _NUMBERS else ''}  {list(array.shape[1:])}"


def _pair(old: Array | None, new: Array | None, key: str) -> list[Picture]:
    if new is None:
        return []
    low, high = float(new.min()), float(new.max())
    sides = (old, Text("as deployed", "部署侧")), (new, Text("with the cause undone", "改正后"))
    return [_drawn(values, low, high, words, key) for values, words in sides if values is not None]


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


def _image(array: Array) -> Array | None:
    """An input that looks like an image, as [height, width, 1 or 3]; else None."""
    if array.ndim != 4 or array.dtype.kind not in "fiub":
        return None
    value: Array = np.nan_to_num(np.asarray(array[0], "float64"), posinf=0, neginf=0)
    if value.shape[0] in (1, 3) and min(value.shape[1:]) > 1:
        return value.transpose(1, 2, 0)
    if value.shape[2] in (1, 3) and min(value.shape[:2]) > 1:
        return value
    return None
