"""The pixels have another range than in training: not divided by 255, divided twice, or by another number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, option, without
from seatrial.diagnosis.hypotheses._images import axes_at, images_at, range_at
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._solve import constants, fitted, is_scaling, with_normalize
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.diagnosis.statistics import plain_number
from seatrial.text import Text

_NAME = "scaling"
_FACTORS = {"1/255": 1 / 255, "1": 1.0, "1/127.5": 1 / 127.5, "1/256": 1 / 256, "1/128": 1 / 128}
_RELATIVE = (255.0, 1 / 255, 2.0, 0.5, 16.0, 1 / 16)  # digits of 0..16 are common in teaching


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Other factors, from the training side's tensors when they are known."""
    if setup.opaque:
        return []  # pictures cannot be brought to a service in another range
    look = look_at(case, setup)
    if not look.feeds:
        return []
    return worth(look, [*_solved(look), *_surplus(look), *_factors(look), *_missing(look)])


def _prior(look: Look, factor: float) -> float:
    """Odds of a factor on what is fed: nobody means pixels of 0..255, or a flat image."""
    span = _span(look)
    strange = span > 30 or span < 0.1
    fits = 0.5 <= span * factor <= 10
    return 10.0 if strange and fits else 0.4 if not strange and not fits else 1.0


def _span(look: Look) -> float:
    """Range of one channel behind the last normalization: means and padding do not count."""
    places = look.setup.places("preprocess", "normalize")
    step = places[-1] + 1 if places else len(look.calls)
    axes, images = axes_at(look, step), images_at(look, step)
    if not axes or not images:
        low, high = range_at(look, len(look.calls))
        return max(high - low, 1e-12)
    others = tuple(axis for axis in range(3) if axes[axis] != "C")
    return max(1e-12, *(float(np.ptp(image.astype("float32"), axis=others).max()) for image in images))


def _said(look: Look, factor: float) -> Text:
    low, high = range_at(look, len(look.calls))
    fed = f"{low:.4g}..{high:.4g}"
    if abs(factor - 1 / 255) < 1e-6:
        return Text(
            f"Scaling by 1/255 is missing: the service feeds {fed}, training fed 255 times smaller pixels.",
            f"缺少除以 255 的缩放：服务送入的范围是 {fed}，训练时的像素要小 255 倍。",
        )
    if abs(factor - 255) < 1e-3:
        return Text(
            f"Pixels are scaled by 1/255 once too often: the service feeds {fed}.",
            f"像素多除了一次 255：服务送入的范围是 {fed}。",
        )
    return Text(
        f"Scaling differs: the service feeds {fed}, training fed numbers {factor:.4g} times as large.",
        f"缩放系数不同：服务送入的范围是 {fed}，训练时的数值是其 {factor:.4g} 倍。",
    )


def _written(scale: float) -> str:
    return next(
        (name for name, value in _FACTORS.items() if abs(value - scale) < 1e-4 * value), f"{scale:.6g}"
    )


def _scaled(look: Look, place: int, scale: float, prior: float) -> Intervention:
    old = float(option(look.setup, place, "scale"))
    said, shown = _said(look, scale / old if old else 1.0), _written(scale)
    normalize = Suspect(_NAME, look.setup, place)
    return normalize.given("scale", scale, said, prior, name=f"scale-{shown}-at-{place}", shown=shown)


def _solved(look: Look) -> Iterator[Intervention]:
    fit = fitted(look)
    if fit is None:
        return
    for place in look.setup.places("preprocess", "normalize")[-1:]:
        scale = is_scaling(fit, constants(look.setup, place, len(fit.order)))
        if scale is not None:
            yield _scaled(look, place, _exactly(scale), 3.0)


def _exactly(scale: float) -> float:
    near = plain_number(scale)
    return near if near and abs(near - scale) <= 2e-3 * abs(scale) else scale


def _factors(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "normalize"):
        old = float(option(look.setup, place, "scale"))
        root = (old**0.5,) if 0 < old < 0.01 else ()  # applied twice, whatever it was
        for scale in (*root, *_FACTORS.values(), *(old * factor for factor in _RELATIVE)):
            if abs(scale - old) > 1e-6 * abs(old):
                yield _scaled(look, place, scale, _prior(look, scale / old if old else 1.0))


def _surplus(look: Look) -> Iterator[Intervention]:
    """A normalization that only scales, where training had none."""
    for place in look.setup.places("preprocess", "normalize"):
        old = constants(look.setup, place, 1)
        if any(old.mean) or set(old.std) != {1.0}:
            continue
        edited = without(look.setup, place)
        if place + 1 == len(look.calls) or look.calls[place + 1].name != "cast":
            after = [value.dtype for value in look.values(place + 1)]
            before = [value.dtype for value in look.values(place)]
            if after != before:  # the step made floats of bytes as well; that stays
                edited = look.setup.with_options("preprocess", place, scale=1.0)
        yield Intervention(
            _NAME,
            f"no-scaling-{place}",
            edited,
            _said(look, 1 / old.scale if old.scale else 1.0),
            Text("take out this normalize step", "删除这个 normalize 步骤"),
            1.5 * _prior(look, 1 / old.scale if old.scale else 1.0),
            ("preprocess", place),
        )


def _missing(look: Look) -> Iterator[Intervention]:
    """No step scales at all."""
    if look.setup.places("preprocess", "normalize"):
        return
    for factor in (1 / 255, 255.0, 1 / 127.5, 1 / 16, 16.0):
        added = with_normalize(look, scale=factor)
        if added is None:
            return
        edited, place = added
        yield Intervention(
            _NAME,
            f"scale-{_written(factor)}-added",
            edited,
            _said(look, factor),
            Text(
                f"add normalize: {{scale: {_written(factor)}}} as step {place + 1} of the preprocessing",
                f"在预处理第 {place + 1} 步加入 normalize: {{scale: {_written(factor)}}}",
            ),
            _prior(look, factor),
            ("preprocess", place),
        )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("scaling", "像素缩放"),
    question=Text("Do the pixels have the range of training?", "像素的取值范围与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="PaddleOCR #10619, PaddleSeg #2325",
)
