"""Photos lie on their side: the Exif turn is ignored where training applied it, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._edits import Suspect
from seatrial.diagnosis.hypotheses._images import takes
from seatrial.diagnosis.hypotheses._look import Look, look_at, worth
from seatrial.diagnosis.hypotheses._payloads import redrawn, sent_as, unturned, upright
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

_NAME = "orientation"
_IGNORED = Text(
    "The Exif orientation is ignored: the service sees turned photos as they are stored, "
    "training saw them upright.",
    "忽略了 EXIF 方向信息：服务看到的是未转正的照片，训练时看到的是转正后的照片。",
)
_APPLIED = Text(
    "The Exif orientation is applied: the service turns photos, training saw them as they are stored.",
    "应用了 EXIF 方向信息：服务会转正照片，训练时用的是原样存储的像素。",
)


def propose(case: Case, setup: Setup) -> list[Intervention]:
    """The other way to treat Exif, when a sample has it."""
    look = look_at(case, setup)
    if not takes(look, "turned"):
        return []
    return list(_service(look)) if setup.opaque else worth(look, _decoder(look))


def _decoder(look: Look) -> Iterator[Intervention]:
    for place in look.setup.places("preprocess", "decode_image"):
        yield Suspect(_NAME, look.setup, place).toggled("exif", _APPLIED, _IGNORED, (2.0, 3.0))


def _service(look: Look) -> Iterator[Intervention]:
    edits = (
        ("service-turns", upright, _IGNORED, "turn", "先按 EXIF 转正"),
        ("service-leaves", unturned, _APPLIED, "do not turn", "不要按 EXIF 转动"),
    )
    for name, change, said, verb, chinese in edits:
        yield Intervention(
            _NAME,
            name,
            sent_as(look.setup, redrawn(change)),
            said,
            Text(
                f"{verb} pictures as their Exif says where the service decodes them",
                f"在服务解码图片的地方，{chinese}",
            ),
            3.0 if change is upright else 1.5,
        )


HYPOTHESIS = Hypothesis(
    name=_NAME,
    title=Text("photo orientation", "照片方向"),
    question=Text("Are photos turned as their Exif says?", "照片是否按 EXIF 信息转正？"),
    stage="decoded",
    propose=propose,
    source="PaddleOCR #11644",
)
