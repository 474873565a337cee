"""The channels came in another order: BGR where the model learned RGB, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, inserted, without
from seatrial.diagnosis.hypotheses._images import (
    axes_at,
    channels_at,
    first_image,
    images_at,
    last_hwc,
    takes,
)
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._payloads import redrawn, sent_as, swapped
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.diagnosis.statistics import spread_of_color
from seatrial.text import Text

_NAME = "channel-order"
_OTHER = {"RGB": "BGR", "BGR": "RGB"}
_GRAY = 0.01  # mean spread of the channels under which pictures have no color to exchange


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """The other order, wherever a step decides it, and by a step of its own where none does."""
    look = look_at(case, setup)
    if setup.opaque:
        return list(_service(look))
    return worth(look, [*_decoded(look), *_converted(look), *_constants(look), *_added(look)])


def _prior(look: Look) -> float:
    start = first_image(look)
    colored = start is not None and spread_of_color(images_at(look, start), axes_at(look, start).index("C"))
    return 3.0 if colored and colored > _GRAY else 0.1


def _decoded(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "decode_image"):
        fed = str(look.calls[place].options.get("color", "RGB"))
        if fed in _OTHER:
            right = _OTHER[fed]
            said, name = _swapped(fed, right), f"{fed}-to-{right}".lower()
            yield Suspect(_NAME, look.setup, place).given("color", right, said, _prior(look), name=name)


def _swapped(fed: str, right: str) -> Text:
    return Text(
        f"Channels are swapped: the service feeds {fed}, training used {right}.",
        f"通道顺序颠倒：服务送入的是 {fed}，训练时用的是 {right}。",
    )


def _converted(look: Look) -> Iterator[Intervention]:
    """A step that exchanges the channels where training had none."""
    for place in look.setup.places("preprocess", "color"):
        source, target = (str(look.calls[place].options.get(name)) for name in ("source", "target"))
        if {source, target} == {"RGB", "BGR"}:
            yield Intervention(
                _NAME,
                f"no-conversion-{place}",
                without(look.setup, place),
                _swapped(target, source),
                Text("take out this color step", "删除这个 color 步骤"),
                _prior(look),
                ("preprocess", place),
            )


def _constants(look: Look) -> Iterator[Intervention]:
    """Channels exchanged, with the constants of the normalization on the right ones all the same."""
    for place in look.setup.places("preprocess", "normalize"):
        options = look.calls[place].options
        mean, std = tuple(options.get("mean", ())), tuple(options.get("std", ()))
        decoders = look.setup.places("preprocess", "decode_image")
        if (len(set(mean)) > 1 or len(set(std)) > 1) and decoders:
            color = str(look.calls[decoders[0]].options.get("color", "RGB"))
            if color not in _OTHER:
                continue
            reordered = look.setup.with_options(
                "preprocess", place, mean=mean[::-1] or None, std=std[::-1] or None
            )
            yield Intervention(
                _NAME,
                f"{color}-to-{_OTHER[color]}-with-constants".lower(),
                reordered.with_options("preprocess", decoders[0], color=_OTHER[color]),
                _swapped(color, _OTHER[color]),
                Text(
                    f"set color: {_OTHER[color]} in decode_image and reverse mean and std in normalize",
                    f"把 decode_image 的 color 改为 {_OTHER[color]}，并把 normalize 的 mean 和 std 顺序颠倒",
                ),
                0.3 * _prior(look),
                ("preprocess", decoders[0]),
            )


def _added(look: Look) -> Iterator[Intervention]:
    """For pixels that come as arrays no decoder decides the order: a step of its own exchanges them."""
    start = first_image(look)
    if start is None or channels_at(look, start) != 3:
        return
    place = last_hwc(look)
    said = Text(
        "Channels are swapped: red and blue are fed in the other order than training used.",
        "通道顺序颠倒：送入的红、蓝通道与训练时的顺序相反。",
    )
    weight = 0.8 * _prior(look)
    if place is not None:
        fix = Text(
            f"add color: {{source: RGB, target: BGR}} as step {start + 1} of the preprocessing",
            f"在预处理第 {start + 1} 步加入 color: {{source: RGB, target: BGR}}",
        )
        first = next(at for at in range(place + 1) if axes_at(look, at) == "HWC")
        edited = inserted(look.setup, first, "color", source="RGB", target="BGR")
        yield Intervention(_NAME, "exchanged", edited, said, fix, weight, ("preprocess", first))
        late = inserted(look.setup, place, "color", source="RGB", target="BGR")
        yield Intervention(_NAME, "exchanged-late", late, said, fix, 0.3 * weight, ("preprocess", place))
        return
    edited = inserted(look.setup, start, "transpose", order=(2, 0, 1))
    edited = inserted(edited, start, "color", source="RGB", target="BGR")
    edited = inserted(edited, start, "transpose", order=(1, 2, 0))
    fix = Text("exchange channels 0 and 2 of the arrays", "交换数组的第 0 和第 2 通道")
    yield Intervention(_NAME, "exchanged", edited, said, fix, weight, ("preprocess", start))


def _service(look: Look) -> Iterator[Intervention]:
    if takes(look, "picture"):
        yield Intervention(
            _NAME,
            "service-exchanges",
            sent_as(look.setup, redrawn(swapped)),
            Text(
                "Channels are swapped: the service reads red as blue.",
                "通道顺序颠倒：服务把红色当作了蓝色。",
            ),
            Text(
                "exchange RGB and BGR where the service decodes pictures",
                "在服务解码图片的地方交换 RGB 与 BGR",
            ),
            3.0,
        )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("channel order", "通道顺序"),
    question=Text("Are red and blue exchanged?", "红蓝通道是否对调？"),
    stage="decoded",
    propose=propose,
    source="PaddleOCR #11551, PaddleClas #1633",
)
