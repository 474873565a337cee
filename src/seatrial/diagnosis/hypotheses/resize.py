"""The picture is resampled otherwise than in training: another interpolation, or another library's grid."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import option, steps_with
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "resize"
# Odds by what people use; nothing but linear and nearest exists on the last two grids.
_COMMON = {
    ("linear", "opencv"): 1.5,
    ("linear", "pillow"): 1.5,
    ("area", "opencv"): 1.2,
    ("cubic", "opencv"): 1.0,
    ("cubic", "pillow"): 1.0,
    ("nearest", "opencv"): 1.0,
    ("linear", "align_corners"): 1.0,
    ("linear", "asymmetric"): 0.9,
    ("nearest", "pillow"): 0.5,
    ("area", "pillow"): 0.5,
    ("lanczos", "opencv"): 0.6,
    ("lanczos", "pillow"): 0.8,
    ("nearest", "align_corners"): 0.2,
    ("nearest", "asymmetric"): 0.3,
}
_CHINESE = {
    "nearest": "最近邻",
    "linear": "双线性",
    "cubic": "双三次",
    "area": "区域",
    "lanczos": "Lanczos",
}


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """Every other way to sample that the steps can express; those in use first."""
    if setup.opaque:
        return []
    look = look_at(case, setup)
    return worth(look, _others(look), most=14)


def _others(look: Look) -> Iterator[Intervention]:
    for place in steps_with(look.setup, "interpolation"):
        name = look.calls[place].name
        fed = (str(option(look.setup, place, "interpolation")), str(option(look.setup, place, "library")))
        for right, odds in _COMMON.items():
            if right == fed:
                continue
            # One thing wrong is likelier than two.
            prior = odds if right[0] == fed[0] or right[1] == fed[1] else 0.6 * odds
            yield Intervention(
                _NAME,
                f"{right[0]}-{right[1].replace('_', '-')}-at-{place}",
                look.setup.with_options("preprocess", place, interpolation=right[0], library=right[1]),
                Text(
                    f"Pictures are resampled otherwise: the service uses {fed[0]} ({fed[1]}), "
                    f"training used {right[0]} ({right[1]}).",
                    f"缩放插值方式不同：服务使用{_CHINESE[fed[0]]}插值（{fed[1]}），"
                    f"训练时使用{_CHINESE[right[0]]}插值（{right[1]}）。",
                ),
                Text(
                    f"set interpolation: {right[0]}, library: {right[1]} in {name}",
                    f"把 {name} 改为 interpolation: {right[0]}, library: {right[1]}",
                ),
                prior,
                ("preprocess", place),
            )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("resampling", "缩放插值"),
    question=Text("Is the picture resampled as in training?", "图片的插值方式与训练时一致吗？"),
    stage="preprocessed",
    propose=propose,
    source="PaddleSeg #2325, PaddleOCR #11644",
)
