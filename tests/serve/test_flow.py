"""Pipelines as they are declared: what is wrong is said before the server serves, with stage and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.contract import Contract, TensorSpec, load_contract
from seatrial.errors import NotFound, UsageError
from seatrial.serve.flow.check import check_flow
from seatrial.serve.flow.declaration import Reference, load_flow, parse_flow

PPOCR = Path(__file__).resolve().parents[2] / "examples" / "ppocr"
OCR = (PPOCR / "ocr.pipeline.yaml").read_text("utf-8")


def contract_of(name: str, version: str) -> Contract:
    assert not version
    if name == "rec":  # its dictionary is no part of the repository
        spec = TensorSpec("x", "float32", ("batch", 3, 48, "width"))
        base = load_contract(PPOCR / "cls.contract.yaml")
        return Contract("rec", "text-recognition", (spec,), (spec,), preprocess=base.preprocess)
    if name not in ("det", "cls"):
        raise NotFound(f"there is no model '{name}'", hint="there are: det, cls, rec")
    return load_contract(PPOCR / f"{name}.contract.yaml")


def test_the_example_fits_its_contracts() -> None:
    flow = load_flow(PPOCR / "ocr.pipeline.yaml")
    assert list(flow.stages) == ["page", "found", "crops", "direction", "upright", "read", "lines", "sure"]
    assert flow.models == [("det", ""), ("cls", ""), ("rec", "")]
    assert flow.stages["lines"].takes["box"] == Reference("found", ("boxes",))
    assert flow.stages["crops"].options == {"tall": 1.5}
    kinds = check_flow(flow, contract_of)
    assert str(kinds["lines"]) == "object[]"
    assert {name: str(kind) for name, kind in kinds["lines"].fields.items()} == {
        "text": "text", "confidence": "number", "box": "number[][]", "angle": "text",
    }  # fmt: skip


WRONG = {
    "unknown model": ("model: det,", "model: dot,", "stages.found.model: there is no model 'dot'"),
    "unknown joint": ("joint: crop_quads", "joint: crop_quad", "stages.crops.joint: there is no joint"),
    "unknown stage": ("take: page}", "take: side}", "stages.found.take: there is no stage 'side'"),
    "circle": ("boxes: found.boxes}, opt", "boxes: sure.box}, opt", "wait for each other: "),
    "unknown key": ("takes: file", "take: file", "take: there is no key 'take'"),
    "unknown option": ("tall: 1.5", "high: 1.5", "stages.crops.options: joint 'crop_quads' has no option"),
    "kind of an option": ("minimum: 0.5", "minimum: much", "option 'minimum' of joint 'at_least'"),
    "missing option": (", minimum: 0.5", "", "option 'minimum' of joint 'at_least': field required"),
    "unknown field": ("found.boxes}, opt", "found.quads}, opt", "take.boxes: 'found' has no field 'quads'"),
    "wrong kind": ("boxes: found.boxes}, opt", "boxes: found.scores}, opt", "'found.scores' is a number"),
    "color": ("{color: BGR}", "{color: RGB}", "found.take: 'page' is a RGB picture, and the model"),
    "no list": ("each: crops", "each: page", "direction.each: 'page' is a picture, and each asks"),
    "a list at once": ("each: crops", "take: crops", "stages.direction.take: 'crops' is a picture"),
    "missing value": ("{picture: page, boxes", "{boxes", "joint 'crop_quads' is not given picture"),
    "unknown value": ("{picture: page,", "{picture: page, mask: page,", "joint 'crop_quads' takes no 'mask'"),
    "not taken": ("angle: direction.class}", "angle: direction.class, n: read.index}", "'read' has no field"),
    "both": ("model: det,", "model: det, joint: rows,", "say either model or joint"),
    "neither": ("model: det, ", "", "say either model or joint"),
    "drop of one": ("model: det,", "model: det, on_error: drop,", "on_error: drop is for the items of each"),
    "options of a model": ("model: det,", "model: det, options: {a: 1},", "a model has no options here"),
    "name": ("  page:", "  Page:", "'Page' is no name for a stage"),
    "reference": ("take: page}", "take: 'page[0]'}", "'page\\[0\\]' is no reference"),
    "answer": ("{lines: sure}", "{lines: safe}", "answer.lines: there is no stage 'safe'"),
    "unused": ("{lines: sure}", "{lines: lines}", "nobody takes what the stage 'sure' gives"),
    "version": ("seatrial/pipeline/1", "seatrial/pipeline/9", "schema"),
    "answer's schema": ("type: array\n", "type: list\n", "output_schema: no JSON Schema"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case: str) -> None:
    old, new, message = WRONG[case]
    assert old in OCR
    with pytest.raises(UsageError, match=message):
        check_flow(parse_flow(OCR.replace(old, new, 1), "ocr.pipeline.yaml"), contract_of)


def test_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("schema: seatrial/pipeline/1\nstages:\n  a: {model: x, take: b}\nanswer: a\n")
    with pytest.raises(UsageError, match=r"a.yaml line 3, stages.a.take: there is no stage 'b'"):
        load_flow(path)
    path.write_text("stages: [\n")
    with pytest.raises(UsageError, match=r"a.yaml line"):
        load_flow(path)
    with pytest.raises(UsageError, match="there is no file"):
        load_flow(tmp_path / "b.yaml")
