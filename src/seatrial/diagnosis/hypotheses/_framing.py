"""How a picture is fitted into the model's input: stretched, ratio kept, cut from the middle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seatrial.contract import StepCall
from seatrial.diagnosis.hypotheses._edits import Suspect, exchanged, inserted, option, without, written
from seatrial.diagnosis.hypotheses._images import axes_at
from seatrial.diagnosis.hypotheses._look import Look
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_MARGIN = (256 / 224, 1.0, 232 / 224, 1.25)  # short side over window: the usual 256 for 224, and others


def framings(look: Look) -> Iterator[Intervention]:
    """The other ways, for each step that frames."""
    for place, call in enumerate(look.calls):
        if call.name == "resize":
            yield from _ratio(look, place)
            yield from _stretched(look, place)
        elif call.name in ("resize_short", "resize_long"):
            yield from _side(look, place)
        elif call.name == "crop":
            yield from _cropped(look, place)
        elif call.name == "resize_width":
            yield from _line(look, place)


def _kept(look: Look, place: int) -> dict[str, Any]:
    """How the step samples: that stays."""
    options = look.calls[place].options
    return {name: options[name] for name in ("interpolation", "library") if name in options}


def framed(name: str, edited: Setup, texts: tuple[Text, Text], prior: float, place: int) -> Intervention:
    """A change of a step that frames; `texts` are what would be wrong and what to do about it."""
    return Intervention("geometry", name, edited, *texts, prior, ("preprocess", place))


def _ratio(look: Look, place: int) -> Iterator[Intervention]:
    resize, keeps = Suspect("geometry", look.setup, place), bool(option(look.setup, place, "keep_ratio"))
    said = (
        Text("The ratio of the picture is kept; training stretched it.", "服务保持了宽高比，训练时直接拉伸。")
        if keeps
        else Text(
            "The picture is stretched; training kept its ratio.", "服务直接拉伸图片，训练时保持宽高比。"
        )
    )
    other = resize.given("keep_ratio", not keeps, said, 1.5)
    edited, fix = other.setup, other.fix
    yield other
    size = tuple(int(each) for each in option(look.setup, place, "size"))
    if not keeps:
        for where in ("end", "center"):
            texts = (
                said,
                Text(fix.en + f", then pad to {written(size)}", fix.zh + f"，再填充到 {written(size)}"),
            )
            padded = inserted(edited, place + 1, "pad", axes=(0, 1), to=size, where=where)
            yield framed(f"letterbox-{where}", padded, texts, 1.0, place)
    elif place + 1 < len(look.calls) and look.calls[place + 1].name == "pad":
        bare = without(edited, place + 1)
        yield framed("stretched-unpadded", bare, (said, fix), 1.2, place)
    if len(set(size)) == 2:
        swapped = Text(
            f"Height and width are exchanged: the service resizes to {written(size)}.",
            f"高和宽写反了：服务缩放到 {written(size)}。",
        )
        yield resize.given("size", size[::-1], swapped, 1.0, name="size-exchanged")


def _stretched(look: Look, place: int) -> Iterator[Intervention]:
    """Stretched to the model's size, where training cut the middle out or kept the ratio of a line."""
    size = tuple(int(each) for each in option(look.setup, place, "size"))
    followed = place + 1 < len(look.calls) and look.calls[place + 1].name == "crop"
    if not followed:
        for margin in _MARGIN:
            short = round(min(size) * margin)
            calls = (
                StepCall("resize_short", {"size": short, **_kept(look, place)}),
                StepCall("crop", {"size": size}),
            )
            texts = (
                Text(
                    "The picture is stretched; training cut the middle out of it with its ratio kept.",
                    "服务直接拉伸图片，训练时保持宽高比并从中间裁剪。",
                ),
                Text(
                    f"use resize_short: {{size: {short}}}, then crop: {{size: {written(size)}}}",
                    f"改用 resize_short: {{size: {short}}}，再 crop: {{size: {written(size)}}}",
                ),
            )
            yield framed(f"crop-of-{short}", exchanged(look.setup, place, calls), texts, 1.0, place)
    if size[1] >= 2 * size[0]:
        yield from _as_line(look, place, size)
    if size[0] == size[1] and not followed:
        yield from _by_side(look, place, size[0])
    yield from _limited(look, place, size)


def _by_side(look: Look, place: int, size: int) -> Iterator[Intervention]:
    """Stretched to a square, where training brought one side to its length."""
    for name, side, chinese in (("resize_short", "short", "短边"), ("resize_long", "long", "长边")):
        texts = (
            Text(
                f"The picture is stretched; training brought its {side} side to {size} and kept its ratio.",
                f"服务直接拉伸图片，训练时把{chinese}缩放到 {size} 并保持宽高比。",
            ),
            Text(f"use {name}: {{size: {size}}} instead", f"改用 {name}: {{size: {size}}}"),
        )
        call = StepCall(name, {"size": size, **_kept(look, place)})
        yield framed(name.replace("_", "-"), exchanged(look.setup, place, (call,)), texts, 0.8, place)


def _limited(look: Look, place: int, size: Sequence[int]) -> Iterator[Intervention]:
    """Stretched to one size, where training kept the ratio as text detection does; for inputs of any size."""
    shape = look.setup.contract.inputs[0].shape
    if len(shape) != 4 or any(isinstance(each, int) for each in shape[2:]):
        return
    for limit, side in (
        ("max", 960),
        ("min", 736),
        ("max", max(size)),
        ("min", max(size)),
        ("long", max(size)),
    ):
        call = StepCall("resize_limit", {"side": side, "limit": limit, **_kept(look, place)})
        texts = (
            Text(
                "The picture is stretched to one size; training kept its ratio, each side a multiple of 32.",
                "服务把图片拉伸到固定尺寸，训练时保持宽高比，并使各边为 32 的倍数。",
            ),
            Text(
                f"use resize_limit: {{side: {side}, limit: {limit}}} instead of resize",
                f"用 resize_limit: {{side: {side}, limit: {limit}}} 代替 resize",
            ),
        )
        yield framed(f"limit-{limit}-{side}", exchanged(look.setup, place, (call,)), texts, 0.8, place)


def _as_line(look: Look, place: int, size: Sequence[int]) -> Iterator[Intervention]:
    """A line of text, stretched where training kept its ratio and padded."""
    line = StepCall("resize_width", {"height": size[0], "base_width": size[1], **_kept(look, place)})
    bounded = StepCall("resize_width", {"height": size[0], "max_width": size[1], **_kept(look, place)})
    texts = (
        Text(
            "Lines are stretched to one width; training kept their ratio and padded them.",
            "服务把文本行拉伸到固定宽度，训练时保持宽高比再填充。",
        ),
        Text(
            f"use resize_width: {{height: {size[0]}}} and pad the width to {size[1]}",
            f"改用 resize_width: {{height: {size[0]}}}，并把宽度填充到 {size[1]}",
        ),
    )
    for name, call in (("line-free", line), ("line-bounded", bounded)):
        edited = exchanged(look.setup, place, (call,))
        yield framed(name, edited, texts, 1.5, place)
        last = len(look.calls)
        if axes_at(look, last) == "CHW" and not look.setup.places("preprocess", "pad"):
            padded = inserted(edited, last, "pad", axes=(2,), to=(size[1],))
            yield framed(f"{name}-padded", padded, texts, 1.5, place)


def _side(look: Look, place: int) -> Iterator[Intervention]:
    """The other side of the picture decides, or none."""
    call = look.calls[place]
    size = int(option(look.setup, place, "size"))
    other = "resize_long" if call.name == "resize_short" else "resize_short"
    side = {"resize_long": ("long", "长边"), "resize_short": ("short", "短边")}
    texts = (
        Text(
            f"The {side[call.name][0]} side is brought to {size}; "
            f"training brought the {side[other][0]} side there.",
            f"服务按{side[call.name][1]}缩放到 {size}，训练时按{side[other][1]}缩放。",
        ),
        Text(f"use {other} instead of {call.name}", f"用 {other} 代替 {call.name}"),
    )
    yield framed(other, exchanged(look.setup, place, (StepCall(other, call.options),)), texts, 1.0, place)
    yield from _unkept(look, place, size)
    following = place + 1 < len(look.calls) and look.calls[place + 1].name in ("crop", "pad")
    if not following:
        yield from _uncut(look, place, size)


def _unkept(look: Look, place: int, size: int) -> Iterator[Intervention]:
    """Stretched into the window that a crop, or a padding, makes here."""
    follower = look.calls[place + 1].name if place + 1 < len(look.calls) else ""
    named = {"crop": "size", "pad": "to"}.get(follower, "")
    window = tuple(int(each) for each in option(look.setup, place + 1, named)) if named else ()
    whole = len(window) == 2
    stretch = StepCall("resize", {"size": window if whole else (size, size), **_kept(look, place)})
    edited = exchanged(look.setup, place, (stretch,))
    texts = (
        Text("The picture's ratio is kept; training stretched it.", "服务保持了宽高比，训练时直接拉伸。"),
        Text(
            f"use resize: {{size: {written(stretch.options['size'])}}} instead",
            f"改用 resize: {{size: {written(stretch.options['size'])}}}",
        ),
    )
    yield framed("stretched", without(edited, place + 1) if whole else edited, texts, 1.0, place)


def _uncut(look: Look, place: int, size: int) -> Iterator[Intervention]:
    """A window in the middle of what is resized here, or of something a little larger."""
    name = look.calls[place].name
    for share in (0.875, 1.0):
        cut = round(size * share)
        texts = (
            Text("The middle of the picture is not cut out; training did.", "缺少中心裁剪，训练时有。"),
            Text(f"add crop: {{size: [{cut}, {cut}]}}", f"加入 crop: {{size: [{cut}, {cut}]}}"),
        )
        added = inserted(look.setup, place + 1, "crop", size=(cut, cut))
        yield framed(f"crop-{cut}-added", added, texts, 1.0, place)
    short = round(size * _MARGIN[0])
    texts = (
        Text(
            "The middle of a larger picture is not cut out; training did.",
            "训练时先缩放到更大的尺寸再做中心裁剪，服务没有。",
        ),
        Text(
            f"set size: {short} in {name}, then add crop: {{size: [{size}, {size}]}}",
            f"把 {name} 的 size 改为 {short}，再加入 crop: {{size: [{size}, {size}]}}",
        ),
    )
    larger = look.setup.with_options("preprocess", place, size=short)
    added = inserted(larger, place + 1, "crop", size=(size, size))
    yield framed(f"crop-of-{short}", added, texts, 1.0, place)


def _cropped(look: Look, place: int) -> Iterator[Intervention]:
    said = Text(
        "The middle is cut out; training used the whole picture.", "服务做了中心裁剪，训练时用整张图。"
    )
    fix = Text("take out this crop step", "删除这个 crop 步骤")
    yield framed(f"no-crop-{place}", without(look.setup, place), (said, fix), 1.5, place)
    size = tuple(int(each) for each in option(look.setup, place, "size"))
    stretch = StepCall("resize", {"size": size})
    yield framed(f"stretched-{place}", exchanged(look.setup, place, (stretch,)), (said, fix), 1.0, place)
    # A window cut out of the finished size, then enlarged again.
    if place + 1 < len(look.calls) and look.calls[place + 1].name == "resize":
        without_both = without(without(look.setup, place + 1), place)
        yield framed(f"no-crop-no-resize-{place}", without_both, (said, fix), 1.0, place)


def _line(look: Look, place: int) -> Iterator[Intervention]:
    """A line of text with its ratio kept, where training stretched it; other bounds of its width."""
    height = int(option(look.setup, place, "height"))
    bounds = {name: option(look.setup, place, name) for name in ("base_width", "max_width")}
    for width in sorted({320, *(int(each) for each in bounds.values() if each)}):
        stretch = StepCall("resize", {"size": (height, width), **_kept(look, place)})
        texts = (
            Text(
                f"Lines keep their ratio; training stretched them to {width} pixels.",
                f"服务保持文本行的宽高比，训练时拉伸到 {width} 像素宽。",
            ),
            Text(
                f"use resize: {{size: [{height}, {width}]}} instead of resize_width",
                f"用 resize: {{size: [{height}, {width}]}} 代替 resize_width",
            ),
        )
        yield framed(f"stretched-{width}", exchanged(look.setup, place, (stretch,)), texts, 0.8, place)
    for name, fed in bounds.items():
        for right in dict.fromkeys((None, 320, 3200, *((int(fed) * 2,) if fed else ()))):
            if right == fed:
                continue
            said = Text(
                f"The width of lines is bounded otherwise: {name} is {fed}, in training {written(right)}.",
                f"文本行宽度的上限不同：{name} 为 {fed}，训练时为 {written(right)}。",
            )
            yield Suspect("geometry", look.setup, place).given(name, right, said, 1.2)
