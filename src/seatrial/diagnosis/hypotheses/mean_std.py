"""Another mean or deviation than in training: wrong constants, another order of them, or none at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import inserted, without
from seatrial.diagnosis.hypotheses._images import channels_at, range_at
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._solve import (
    Constants,
    constants,
    fitted,
    is_scaling,
    place_for_normalize,
    solved,
    with_normalize,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.diagnosis.statistics import plain_number
from seatrial.text import Text

_NAME = "mean-std"
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_COLOR = {
    "imagenet": _IMAGENET,
    "imagenet-reversed": (_IMAGENET[0][::-1], _IMAGENET[1][::-1]),
    "half": ((0.5,) * 3, (0.5,) * 3),
    "none": ((0.0,) * 3, (1.0,) * 3),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "cifar": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "mean-only": (_IMAGENET[0], (1.0,) * 3),
}
_PLAIN = {"half": ((0.5,), (0.5,)), "none": ((0.0,), (1.0,)), "mnist": ((0.1307,), (0.3081,))}


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Other constants: solved when the training side's tensors are known, else the usual ones."""
    if setup.opaque:
        return []  # a picture is bytes; its mean cannot be moved beyond them
    look = look_at(case, setup)
    if not look.feeds:
        return []
    return worth(look, [*_solved(look), *_surplus(look), *_rearranged(look), *_usual(look), *_missing(look)])


def _numbers(values: Sequence[float]) -> str:
    shown = values[:1] if len(set(values)) == 1 else values
    return "[" + ", ".join(f"{value:.6g}" for value in shown) + "]"


def _texts(old: Constants, new: Constants) -> tuple[Text, Text]:
    fed = f"mean {_numbers(old.mean)}, std {_numbers(old.std)}"
    right = f"mean {_numbers(new.mean)}, std {_numbers(new.std)}"
    said = Text(
        f"The normalization differs: the service uses {fed}, training used {right}.",
        f"归一化常数不同：服务使用 {fed}，训练时使用 {right}。",
    )
    numbers = f"mean: {_numbers(new.mean)}, std: {_numbers(new.std)}"
    return said, Text(f"set {numbers} in normalize", f"把 normalize 改为 {numbers}")


def _set(look: Look, place: int, new: Constants, name: str, prior: float) -> Intervention:
    old = constants(look.setup, place, len(new.mean))
    said, fix = _texts(old, new)
    edited = look.setup.with_options("preprocess", place, mean=new.mean, std=new.std)
    return Intervention(_NAME, f"{name}-at-{place}", edited, said, fix, prior, ("preprocess", place))


def _rounded(found: Constants) -> Constants:
    mean, std = (tuple(plain_number(value) for value in each) for each in (found.mean, found.std))
    return Constants(found.scale, mean, std)


def _solved(look: Look) -> Iterator[Intervention]:
    """The constants that the tensors of both sides imply, as people write them and to the last digit."""
    fit = fitted(look)
    if fit is None:
        return
    for place in look.setup.places("preprocess", "normalize")[-1:]:
        old = constants(look.setup, place, len(fit.order))
        if is_scaling(fit, old) is None and len(old.mean) == len(fit.order):
            found = solved(fit, old)
            if all(_rounded(found).std):
                yield _set(look, place, _rounded(found), "solved", 3.0)
            yield _set(look, place, found, "solved-exactly", 2.0)


def _surplus(look: Look) -> Iterator[Intervention]:
    """A normalization too many: applied twice, or where training had none."""
    places = look.setup.places("preprocess", "normalize")
    for place in places:
        old = constants(look.setup, place, 1)
        twice = len(places) > 1
        if not twice and not any(old.mean) and set(old.std) == {1.0}:
            continue
        said = (
            Text(
                "The normalization is applied twice; training applied it once.",
                "归一化执行了两次，训练时只执行一次。",
            )
            if twice
            else Text("The service normalizes; training did not.", "服务做了归一化，训练时没有做。")
        )
        fix = Text("take out this normalize step", "删除这个 normalize 步骤")
        prior = 6.0 if twice else 0.5
        edited = without(look.setup, place)
        yield Intervention(_NAME, f"no-normalize-{place}", edited, said, fix, prior, ("preprocess", place))


def _rearranged(look: Look) -> Iterator[Intervention]:
    """The same constants in another order, exchanged, left out, or in another unit."""
    for place in look.setup.places("preprocess", "normalize"):
        channels = max(channels_at(look, place), 1)
        old = constants(look.setup, place, channels)
        if len(old.mean) != len(old.std):
            continue
        if len(set(old.mean)) > 1 or len(set(old.std)) > 1:
            reverse = Constants(old.scale, old.mean[::-1], old.std[::-1])
            yield _set(look, place, reverse, "reversed", 2.0)
            yield _set(look, place, Constants(old.scale, old.mean[::-1], old.std), "mean-reversed", 0.7)
            yield _set(look, place, Constants(old.scale, old.mean, old.std[::-1]), "std-reversed", 0.7)
        if all(old.mean) and old.mean != old.std:
            yield _set(look, place, Constants(old.scale, old.std, old.mean), "exchanged", 1.5)
        ones, zeros = (1.0,) * channels, (0.0,) * channels
        yield _set(look, place, Constants(old.scale, old.mean, ones), "no-std", 0.7)
        yield _set(look, place, Constants(old.scale, zeros, old.std), "no-mean", 0.7)
        inverse = tuple(1 / each for each in old.std)
        yield _set(look, place, Constants(old.scale, old.mean, inverse), "std-inverted", 0.5)
        negated = tuple(-each for each in old.mean)
        yield _set(look, place, Constants(old.scale, negated, old.std), "mean-negated", 0.5)
        yield from _units(look, place, old)


def _units(look: Look, place: int, old: Constants) -> Iterator[Intervention]:
    """Constants for pixels of 0..255 at a scale for 0..1; the other way round a scale is missing."""
    if max(map(abs, old.mean), default=0.0) > 2 and old.scale < 0.1:
        small = Constants(old.scale, *(tuple(v / 255 for v in each) for each in (old.mean, old.std)))
        yield _set(look, place, small, "units-of-one", 6.0)


def _usual(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "normalize"):
        channels = channels_at(look, place)
        old = constants(look.setup, place, max(channels, 1))
        unit = _unit(look, place, old)
        for name, (mean, std) in (_COLOR if channels == 3 else _PLAIN).items():
            wide = [
                tuple(v * unit for v in each) * (1 if len(each) > 1 else max(channels, 1))
                for each in (mean, std)
            ]
            new = Constants(old.scale, wide[0], wide[1])
            if (new.mean, new.std) != (old.mean, old.std) and not _only_scales(old, new):
                common = name in ("imagenet", "half", "none")
                yield _set(look, place, new, name, 1.5 if common else 0.6)


def _only_scales(old: Constants, new: Constants) -> bool:
    """Whether one common factor is all the difference: that is `scaling`, and another hypothesis."""
    ratios = {round(a / b, 6) for a, b in zip(new.std, old.std, strict=False) if b}
    return not any(old.mean) and not any(new.mean) and len(ratios) == 1


def _unit(look: Look, place: int, old: Constants) -> float:
    """255 where constants belong to pixels of 0..255; small ones on such pixels only lack the scale."""
    largest = old.scale * max(map(abs, range_at(look, place)))
    trivial = not any(old.mean) and set(old.std) == {1.0}
    return 255.0 if largest > 2 and (trivial or max(map(abs, old.mean)) > 2) else 1.0


def _missing(look: Look) -> Iterator[Intervention]:
    """No step normalizes at all."""
    spot = place_for_normalize(look)
    if spot is None or look.setup.places("preprocess", "normalize"):
        return
    channels = channels_at(look, spot[0])
    largest = max((float(abs(value).max()) for value in look.values(spot[0])), default=1.0)
    scale = 1 / 255 if largest > 2 else 1.0
    for name, (mean, std) in (_COLOR if channels == 3 else _PLAIN).items():
        if name == "none":
            continue
        added = with_normalize(look, scale=scale, mean=mean, std=std)
        if added is not None:
            edited, place = added
            yield _added(edited, place, name, Constants(scale, mean, std))
    yield from _solved_missing(look, scale, channels)


def _solved_missing(look: Look, scale: float, channels: int) -> Iterator[Intervention]:
    spot, fit = place_for_normalize(look), fitted(look)
    if fit is None or spot is None or len(fit.order) != channels:
        return
    gain = tuple(each / scale for each in fit.gain)
    base = Constants(scale, (0.0,) * channels, (1.0,) * channels)
    found = _rounded(solved(type(fit)(fit.order, gain, fit.shift, fit.residual), base))
    if all(found.std) and (any(found.mean) or set(found.std) != {1.0}):
        options = {"order": spot[1]} if spot[1] == "CHW" else {}
        edited = inserted(
            look.setup, spot[0], "normalize", scale=scale, mean=found.mean, std=found.std, **options
        )
        yield _added(edited, spot[0], "solved", found)


def _added(edited: Setup, place: int, name: str, new: Constants) -> Intervention:
    numbers = f"mean: {_numbers(new.mean)}, std: {_numbers(new.std)}"
    return Intervention(
        _NAME,
        f"{name}-added",
        edited,
        Text(
            f"The normalization is missing: training used {numbers}.",
            f"缺少归一化：训练时使用 {numbers}。",
        ),
        Text(
            f"add normalize with {numbers} as step {place + 1} of the preprocessing",
            f"在预处理第 {place + 1} 步加入 normalize（{numbers}）",
        ),
        2.0 if name in ("imagenet", "half", "solved") else 0.8,
        ("preprocess", place),
    )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("mean and deviation", "均值与标准差"),
    question=Text("Are pixels centered and spread as in training?", "归一化的均值和标准差与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="PaddleDetection #2586, PaddleSeg #2495",
)
