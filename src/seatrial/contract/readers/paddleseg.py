"""`deploy.yaml` of PaddleSeg and `inference.yml` of PaddleX 3 for segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.contract.contract import Contract
from seatrial.contract.pipeline import Pipeline, StepCall
from seatrial.contract.readers import _images
from seatrial.contract.readers._config import (
    Config,
    FunctionReader,
    Steps,
    apply_operation,
    numbers,
    one_input,
    only,
    section,
    size_hw,
)  # fmt: skip
from seatrial.errors import ContractViolation


def _resize(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "target_size", "interp")
    size = size_hw(options.get("target_size", [512, 512]), width_first=True)
    steps.add("resize", size=size, interpolation=_images.interpolation(options.get("interp")))


def _resize_long(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "long_size")
    steps.add("resize_long", size=int(options["long_size"]))


def _resize_short(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "short_size")
    steps.add("resize_short", size=int(options["short_size"]))


def _padding(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "target_size", "im_padding_value", "label_padding_value")
    fills = set(numbers(options.get("im_padding_value"), [127.5]))
    if len(fills) != 1:
        raise ContractViolation("an im_padding_value that differs by channel is not known here")
    steps.add("pad", axes=[0, 1], to=size_hw(options["target_size"], width_first=True), fill=fills.pop())


def _normalize(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "mean", "std")
    steps.normalize(1 / 255, numbers(options.get("mean"), [0.5]), numbers(options.get("std"), [0.5]))


_KNOWN = {
    "Resize": _resize,
    "ResizeByLong": _resize_long,
    "ResizeByShort": _resize_short,
    "Padding": _padding,
    "Normalize": _normalize,
}


def _sniff(data: Mapping[str, Any]) -> bool:
    return isinstance(data.get("Deploy"), Mapping)


def _read(config: Config) -> Contract:
    deploy = section(config.data, "Deploy", config.path)
    steps = Steps()
    steps.add("decode_image", color="RGB")
    # PaddleSeg resizes float pixels: bytes would be rounded on the way.
    steps.add("cast", dtype="float32")
    listed = deploy.get("transforms") or []
    if not isinstance(listed, list) or not all(
        isinstance(each, Mapping) and "type" in each for each in listed
    ):
        raise ContractViolation(
            f"{config.path.name}: Deploy.transforms must be a list of operations with a type"
        )
    for each in listed:
        options = {key: value for key, value in each.items() if key != "type"}
        apply_operation(steps, str(each["type"]), options, _KNOWN)
    steps.to_channels_first()
    return Contract(
        name=config.name,
        task="segmentation",
        inputs=(steps.image_spec(one_input(config)),),
        outputs=config.outputs,
        preprocess=Pipeline(tuple(steps.calls)),
        postprocess=Pipeline((StepCall("mask"),)),
        source=config.path.name,
        root=config.path.parent,
    )


READER = FunctionReader("paddleseg", "deploy.yaml of PaddleSeg, inference.yml of PaddleX 3", _sniff, _read)
