"""`infer_cfg.yml` of PaddleDetection and `inference.yml` of PaddleX 3 for object detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seatrial.contract.contract import Contract
from seatrial.contract.pipeline import Pipeline, StepCall
from seatrial.contract.readers import _images
from seatrial.contract.readers._config import (
    Config,
    FunctionReader,
    Steps,
    apply_operation,
    kept,
    number,
    numbers,
    only,
    size_hw,
    texts,
)  # fmt: skip
from seatrial.contract.tensor import TensorSpec
from seatrial.errors import ContractViolation

NOTES = ("im_shape", "scale_factor")


def _resize(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "target_size", "keep_ratio", "interp")
    steps.add(
        "resize",
        size=size_hw(options["target_size"], width_first=False),
        keep_ratio=bool(options.get("keep_ratio", True)),
        interpolation=_images.interpolation(options.get("interp", 1)),
    )


def _normalize(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "mean", "std", "is_scale", "norm_type")
    kind = options.get("norm_type") or "mean_std"
    if kind not in ("mean_std", "none"):
        raise ContractViolation(f"norm_type {kind!r} is not known", hint="known are: mean_std, none")
    scale = 1 / 255 if options.get("is_scale", True) else 1.0
    # An older exporter writes `none` next to a mean of 0 and a deviation of 1: the same thing.
    mean = numbers(options.get("mean"), _images.IMAGENET_MEAN) if kind == "mean_std" else [0.0]
    std = numbers(options.get("std"), _images.IMAGENET_STD) if kind == "mean_std" else [1.0]
    steps.normalize(scale, mean, std)


def _pad_stride(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "stride")
    if int(options.get("stride", 0)) > 0:
        steps.add("pad", axes=steps.plane, multiple=int(options["stride"]))
        steps.low, steps.high = min(steps.low, 0.0), max(steps.high, 0.0)


def _pad(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "size", "fill_value")
    fills = set(numbers(options.get("fill_value"), [127.5]))
    if len(fills) != 1:
        raise ContractViolation("a fill_value that differs by channel is not known here")
    fill = fills.pop()
    if fill != int(fill):
        steps.add("cast", dtype="float32")
    steps.add("pad", axes=steps.plane, to=[int(each) for each in options["size"][-2:]], fill=fill)


_KNOWN = {
    "Resize": _resize,
    "NormalizeImage": _normalize,
    "Permute": _images.to_chw_image,
    "PadStride": _pad_stride,
    "Pad": _pad,
}


def _sniff(data: Mapping[str, Any]) -> bool:
    return isinstance(data.get("Preprocess"), list)


def _read(config: Config) -> Contract:
    steps = Steps()
    steps.add("decode_image", color="RGB")
    for each in config.data["Preprocess"]:
        if not isinstance(each, Mapping) or "type" not in each:
            raise ContractViolation(
                f"{config.path.name}: Preprocess holds an operation without a type: {each!r}"
            )
        options = {key: value for key, value in each.items() if key != "type"}
        apply_operation(steps, str(each["type"]), options, _KNOWN)
    inputs = _inputs(config, steps)
    labels = texts(config.data.get("label_list") or [], "label_list")
    score = number(config.data.get("draw_threshold", 0.5))
    return Contract(
        name=str(config.data.get("arch") or config.name)
        if config.data.get("Global") is None
        else config.name,
        task="detection",
        inputs=inputs,
        outputs=_outputs(config),
        preprocess=Pipeline(tuple(steps.calls)),
        postprocess=Pipeline((StepCall("detection_rows", {"score": score, "coordinates": "source"}),)),
        labels=labels,
        files=kept(labels),
        source=config.path.name,
        root=config.path.parent,
    )


def _inputs(config: Config, steps: Steps) -> tuple[TensorSpec, ...]:
    """The image's spec with its range; `im_shape` and `scale_factor` as the graph has them."""
    images = [spec for spec in config.inputs if spec.name not in NOTES]
    if len(images) != 1:
        names = ", ".join(spec.name for spec in config.inputs)
        raise ContractViolation(f"the graph takes {names}; known are one image, {' and '.join(NOTES)}")
    if len(config.inputs) > 1:
        steps.add(
            "feed", inputs={spec.name: spec.name if spec.name in NOTES else "value" for spec in config.inputs}
        )
    return tuple(
        steps.image_spec(spec) if spec in images else replace(spec, low=0.0) for spec in config.inputs
    )


def _outputs(config: Config) -> tuple[TensorSpec, ...]:
    """Rows of boxes are shared by the batch; the second output counts them."""
    if not config.outputs:
        return ()
    rows, *others = config.outputs
    if len(rows.shape) != 2 or (rows.shape[1] not in (6, None) and not isinstance(rows.shape[1], str)):
        raise ContractViolation(
            f"output '{rows.name}' has shape {list(rows.shape)}, not rows of (class, score, x0, y0, x1, y1)",
            hint="export the model with its non-maximum suppression (export.nms=True)",
        )
    return (
        replace(rows, layout="DV"),
        *(replace(each, layout="N") if len(each.shape) == 1 else each for each in others),
    )


READER = FunctionReader(
    "paddledetection", "infer_cfg.yml of PaddleDetection, inference.yml of PaddleX 3", _sniff, _read
)
