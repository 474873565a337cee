"""`inference.yml` of PaddleOCR 3 and PaddleX 3 for text: detection, recognition, direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seatrial.contract.contract import Contract
from seatrial.contract.labels import check_names, fingerprint
from seatrial.contract.pipeline import Pipeline, StepCall
from seatrial.contract.readers import _images
from seatrial.contract.readers._config import (
    Config,
    FunctionReader,
    Steps,
    apply_operation,
    kept,
    number,
    one_input,
    only,
    pairs,
    section,
    texts,
    whole,
)  # fmt: skip
from seatrial.errors import ContractViolation

MAX_WIDTH = 3200  # PaddleX cuts longer lines of text here


def _decode(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "img_mode", "channel_first")
    mode = str(options.get("img_mode", "BGR"))
    if mode not in ("RGB", "BGR") or options.get("channel_first"):
        raise ContractViolation(
            f"img_mode {mode} with channel_first {options.get('channel_first')} is not known here"
        )
    steps.add("decode_image", color=mode)


def _det_resize(steps: Steps, options: Mapping[str, Any]) -> None:
    only(
        options, "limit_side_len", "limit_type", "resize_long", "image_shape", "input_shape", "keep_ratio",
        "max_side_limit",
    )  # fmt: skip
    shape = options.get("input_shape") or options.get("image_shape")
    if shape is not None:
        if options.get("keep_ratio"):
            raise ContractViolation("image_shape with keep_ratio is not known here")
        steps.add("resize", size=[int(each) for each in shape[-2:]])
    elif "limit_side_len" in options or "resize_long" not in options:
        # Without any option PaddleOCR takes 736 for the short side.
        limit = str(options.get("limit_type", "min"))
        names = {"min": "min", "max": "max", "resize_long": "long"}
        if limit not in names:
            raise ContractViolation(
                f"limit_type {limit!r} is not known", hint="known are: " + ", ".join(names)
            )
        more = {"max_side": int(options["max_side_limit"])} if options.get("max_side_limit") else {}
        steps.add(
            "resize_limit",
            side=int(options.get("limit_side_len", 736)),
            limit=names[limit],
            multiple=32,
            **more,
        )
    else:
        # This branch of PaddleOCR goes up to the next multiple of 128, not to the nearest of 32.
        side = int(options["resize_long"])
        steps.add("resize_limit", side=side, limit="long", multiple=128, rounding="up")


def _rec_resize(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "image_shape", "infer_mode", "eval_mode", "padding", "character_dict_path")
    channels, height, width = (int(each) for each in options["image_shape"])
    if channels != 3 or options.get("padding") is False:
        raise ContractViolation("only 3 channels with padding are known here")
    steps.add("resize_width", height=height, base_width=width, max_width=MAX_WIDTH)
    steps.normalize(1 / 255, [0.5], [0.5])
    steps.to_channels_first()
    # The padding is 0 after the normalisation, which is a middle gray.
    steps.add("pad", axes=[2], to=[width])


_KNOWN = {
    "DecodeImage": _decode,
    "DetResizeForTest": _det_resize,
    "NormalizeImage": _images.normalize_image,
    "ToCHWImage": _images.to_chw_image,
    "RecResizeImg": _rec_resize,
    "KeepKeys": _images.nothing,
    "DetLabelEncode": _images.nothing,
    "CTCLabelEncode": _images.nothing,
    "MultiLabelEncode": _images.nothing,
    "ClsLabelEncode": _images.nothing,
}


def _sniff(data: Mapping[str, Any]) -> bool:
    before, after = data.get("PreProcess"), data.get("PostProcess")
    return (
        isinstance(before, Mapping)
        and "transform_ops" in before
        and isinstance(after, Mapping)
        and "name" in after
    )


def _read(config: Config) -> Contract:
    steps = Steps()
    for name, options in pairs(config.data["PreProcess"]["transform_ops"], "PreProcess.transform_ops"):
        apply_operation(steps, name, options, _KNOWN)
    if not steps.calls or steps.calls[0].name != "decode_image":
        steps.calls.insert(0, StepCall("decode_image", {"color": "BGR"}))
    steps.to_channels_first()
    after = dict(section(config.data, "PostProcess", config.path))
    name = str(after.pop("name"))
    if name not in _ANSWERS:
        raise ContractViolation(
            f"{config.path.name}: the postprocessing '{name}' is not known here",
            hint="known are: " + ", ".join(sorted(_ANSWERS)),
        )
    draft = Contract(
        name=config.name,
        task="tensor",
        inputs=(steps.image_spec(one_input(config)),),
        outputs=config.outputs,
        preprocess=Pipeline(tuple(steps.calls)),
        source=config.path.name,
        root=config.path.parent,
    )
    return _ANSWERS[name](draft, after)


def _boxes(draft: Contract, options: Mapping[str, Any]) -> Contract:
    only(
        options, "thresh", "box_thresh", "max_candidates", "unclip_ratio", "use_dilation", "score_mode",
        "box_type",
    )  # fmt: skip
    if options.get("score_mode", "fast") != "fast" or options.get("box_type", "quad") != "quad":
        raise ContractViolation("DBPostProcess: only score_mode fast and box_type quad are known here")
    call = StepCall(
        "db_boxes",
        {
            "thresh": number(options.get("thresh", 0.3)),
            "box_thresh": number(options.get("box_thresh", 0.7)),
            "unclip_ratio": number(options.get("unclip_ratio", 2.0)),
            "max_candidates": whole(options.get("max_candidates", 1000)),
            "dilation": bool(options.get("use_dilation", False)),
        },
    )
    return replace(draft, task="text-detection", postprocess=Pipeline((call,)))


def _text(draft: Contract, options: Mapping[str, Any]) -> Contract:
    only(options, "character_dict", "use_space_char", "character_dict_path")
    if options.get("character_dict") is None:
        raise ContractViolation("CTCLabelDecode: the file holds no character_dict")
    characters = texts(options["character_dict"], "PostProcess.character_dict")
    check_names(characters, "characters", expected=fingerprint(characters))
    classes = draft.outputs[0].shape[-1] if draft.outputs and draft.outputs[0].shape else None
    space = bool(options.get("use_space_char", classes != len(characters) + 1))
    expected = len(characters) + 1 + space
    if isinstance(classes, int) and classes != expected:
        raise ContractViolation(
            f"the model gives {classes} classes, and the dictionary makes {expected}: "
            f"{len(characters)} characters, a blank{' and a space' if space else ''}",
            hint="this dictionary is not the one the model was trained with",
        )
    calls = (StepCall("ctc_decode", {"blank": 0, "space": space}),)
    return replace(
        draft, task="text-recognition", labels=characters, files=kept(characters), postprocess=Pipeline(calls)
    )


def _direction(draft: Contract, options: Mapping[str, Any]) -> Contract:
    only(options, "label_list")
    labels = texts(options.get("label_list") or ["0", "180"], "PostProcess.label_list")
    return replace(
        draft, task="classification", labels=labels, postprocess=Pipeline((StepCall("topk", {"k": 1}),))
    )


_ANSWERS = {"DBPostProcess": _boxes, "CTCLabelDecode": _text, "ClsPostProcess": _direction}

READER = FunctionReader("paddleocr", "inference.yml of PaddleOCR 3 and PaddleX 3, text models", _sniff, _read)
