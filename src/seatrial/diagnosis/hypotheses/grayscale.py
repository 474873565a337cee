"""Color where the model learned gray, or gray where it learned color."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.contract import StepCall
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect, exchanged, inserted, without
from seatrial.diagnosis.hypotheses._images import axes_at, channels_at, takes
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._payloads import gray, redrawn, sent_as
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "grayscale"
_TO_GRAY = Text(
    "The model learned gray pictures: the service feeds color, training fed gray.",
    "模型是用灰度图训练的：服务送入彩色图，训练时送入灰度图。",
)
_TO_COLOR = Text(
    "Color is lost: the service feeds gray, training fed color.",
    "颜色丢失：服务送入灰度图，训练时送入彩色图。",
)


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Gray instead of color and the other way round, as the model's channels allow."""
    look = look_at(case, setup)
    if setup.opaque:
        return list(_service(look)) if takes(look, "color") else []
    return worth(look, [*_decoder(look), *_surplus(look), *_weights(look), *_added(look)])


def _decoder(look: Look) -> Iterator[Intervention]:
    """The decoder itself makes gray, or color."""
    for place in look.setup.places("preprocess", "decode_image"):
        color = str(look.calls[place].options.get("color", "RGB"))
        for right in ("RGB", "BGR") if color == "GRAY" else ("GRAY",):
            said, name = _TO_GRAY if right == "GRAY" else _TO_COLOR, f"decode-{right}".lower()
            yield Suspect(_NAME, look.setup, place).given("color", right, said, 1.0, name=name)


def _surplus(look: Look) -> Iterator[Intervention]:
    """A step, or two in a row, that take the color away; a decoder that does before a step repeats it."""
    places = look.setup.places("preprocess", "color")
    for place in places:
        options = look.calls[place].options
        edited = None
        if options.get("target") == "GRAY":
            edited = without(look.setup, place)
            if place + 1 in places and look.calls[place + 1].options.get("source") == "GRAY":
                edited = without(edited, place)
        elif options.get("source") == "GRAY" and options.get("target") != "GRAY":
            decoders = [at for at in look.setup.places("preprocess", "decode_image") if at < place]
            for right in ("RGB", "BGR") if decoders else ():
                colored = look.setup.with_options("preprocess", decoders[-1], color=right)
                yield _without_gray(without(colored, place), place, f"color-{right}".lower())
        if edited is not None:
            yield _without_gray(edited, place, f"no-gray-{place}")


def _without_gray(edited: Setup, place: int, name: str) -> Intervention:
    return Intervention(
        _NAME,
        name,
        edited,
        _TO_COLOR,
        Text("take out the steps that make the picture gray", "删除把图片变灰的步骤"),
        3.0,
        ("preprocess", place),
    )


def _weights(look: Look) -> Iterator[Intervention]:
    """Gray weighed as if blue were red."""
    for place in look.setup.places("preprocess", "color"):
        source = look.calls[place].options.get("source")
        if look.calls[place].options.get("target") == "GRAY" and source in ("RGB", "BGR"):
            right = "BGR" if source == "RGB" else "RGB"
            call = StepCall("color", {**look.calls[place].options, "source": right})
            yield Intervention(
                _NAME,
                f"gray-of-{right}".lower(),
                exchanged(look.setup, place, (call,)),
                Text(
                    f"Gray is made of the wrong channels: the step takes {source} for what is {right}.",
                    f"灰度计算用错了通道：该步骤把 {right} 当成了 {source}。",
                ),
                Text(f"set source: {right} in color", f"把 color 的 source 改为 {right}"),
                1.0,
                ("preprocess", place),
            )


def _added(look: Look) -> Iterator[Intervention]:
    """Three equal channels, for a model that takes three."""
    place = next((at for at in range(len(look.calls) + 1) if axes_at(look, at) == "HWC"), None)
    if place is None or channels_at(look, place) != 3:
        return
    decoders = look.setup.places("preprocess", "decode_image")
    source = str(look.calls[decoders[0]].options.get("color", "RGB")) if decoders else "RGB"
    if source not in ("RGB", "BGR"):
        return
    edited = inserted(look.setup, place, "color", source="GRAY", target=source)
    yield Intervention(
        _NAME,
        "gray-in-three",
        inserted(edited, place, "color", source=source, target="GRAY"),
        _TO_GRAY,
        Text(
            f"make pictures gray after step {place}: color to GRAY, then color back to {source}",
            f"在第 {place} 步之后先用 color 转为 GRAY，再用 color 转回 {source}",
        ),
        0.5,
        ("preprocess", place),
    )


def _service(look: Look) -> Iterator[Intervention]:
    yield Intervention(
        _NAME,
        "service-gray",
        sent_as(look.setup, redrawn(gray)),
        _TO_GRAY,
        Text("make pictures gray where the service decodes them", "在服务解码图片的地方转为灰度"),
        0.5,
    )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("gray or color", "灰度与彩色"),
    question=Text("Is color there, or not, as in training?", "图片的颜色是否与训练时一致？"),
    stage="decoded",
    propose=propose,
    source="PaddleOCR #11551",
)
