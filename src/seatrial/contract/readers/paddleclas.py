"""`inference_cls.yaml` of PaddleClas and `inference.yml` of PaddleX 3 for classification."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial.contract.contract import Contract
from seatrial.contract.labels import from_mapping, inside, read_names
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
    size_hw,
    texts,
    whole,
)  # fmt: skip
from seatrial.errors import ContractViolation


def _resize(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "resize_short", "size", "interpolation", "backend", "return_numpy")
    how = {
        "interpolation": _images.interpolation(options.get("interpolation")),
        "library": _images.library(options.get("backend")),
    }
    if options.get("resize_short"):
        steps.add("resize_short", size=int(options["resize_short"]), **how)
    elif options.get("size") is not None:
        steps.add("resize", size=size_hw(options["size"], width_first=True), **how)
    else:
        raise ContractViolation("neither resize_short nor size is given")


def _crop(steps: Steps, options: Mapping[str, Any]) -> None:
    only(options, "size")
    steps.add("crop", size=size_hw(options.get("size", 224), width_first=True))


_KNOWN = {
    "ResizeImage": _resize,
    "CropImage": _crop,
    "NormalizeImage": _images.normalize_image,
    "ToCHWImage": _images.to_chw_image,
}


def _sniff(data: Mapping[str, Any]) -> bool:
    before, after = data.get("PreProcess"), data.get("PostProcess", {})
    return (
        isinstance(before, Mapping)
        and "transform_ops" in before
        and isinstance(after, Mapping)
        and "name" not in after
    )


def _read(config: Config) -> Contract:
    steps = Steps()
    steps.add("decode_image", color="RGB")
    for name, options in pairs(config.data["PreProcess"]["transform_ops"], "PreProcess.transform_ops"):
        apply_operation(steps, name, options, _KNOWN)
    calls, labels = _answer(config)
    return Contract(
        name=config.name,
        task="classification",
        inputs=(steps.image_spec(one_input(config)),),
        outputs=config.outputs,
        preprocess=Pipeline(tuple(steps.calls)),
        postprocess=Pipeline(calls),
        labels=labels,
        files=kept(labels),
        source=config.path.name,
        root=config.path.parent,
    )


def _answer(config: Config) -> tuple[tuple[StepCall, ...], tuple[str, ...]]:
    after = section(config.data, "PostProcess", config.path)
    kind = after.get("main_indicator") or next(iter(after), "Topk")
    options = section(after, str(kind), config.path)
    if kind == "Topk":
        only(options, "topk", "class_id_map_file", "label_list", "delimiter", "save_dir")
        return (StepCall("topk", {"k": whole(options.get("topk", 1))}),), _labels(config, options)
    if kind == "ThreshOutput":
        only(options, "threshold", "label_0", "label_1", "default_label_index")
        labels = (str(options.get("label_0", "0")), str(options.get("label_1", "1")))
        return (StepCall("threshold", {"at": number(options.get("threshold", 0.5))}),), labels
    raise ContractViolation(
        f"{config.path.name}: the postprocessing '{kind}' is not known here",
        hint="known are: ThreshOutput, Topk",
    )


def _labels(config: Config, options: Mapping[str, Any]) -> tuple[str, ...]:
    if options.get("label_list") is not None:
        listed = options["label_list"]
        if isinstance(listed, Mapping):
            return from_mapping(dict(listed), "PostProcess.Topk.label_list")
        return texts(listed, "PostProcess.Topk.label_list")
    named = options.get("class_id_map_file")
    if not named:
        return ()
    # PaddleClas writes the path of the training machine; what is delivered lies beside the configuration.
    store = config.path.resolve().parent
    beside = inside(config.path.parent, Path(str(named)).name, store=store)
    if not beside.is_file():
        raise ContractViolation(
            f"{config.path.name} names the label file '{named}', and there is no '{beside.name}' beside it",
            hint="copy the label file there, or take the line out if class numbers are enough",
        )
    return _from_lines(read_names(beside), beside.name)


def _from_lines(lines: tuple[str, ...], where: str) -> tuple[str, ...]:
    """`0 tench, Tinca tinca`, one a line; or names alone."""
    split = [line.strip().partition(" ") for line in lines if line.strip()]
    if not all(index.isdecimal() and name for index, _, name in split):
        return tuple(line.strip() for line in lines if line.strip())
    found = from_mapping({index: name.strip() for index, _, name in split}, where)
    if len(found) != len(split):
        raise ContractViolation(f"'{where}': {len(split) - len(found)} indices occur twice")
    return found


READER = FunctionReader(
    "paddleclas", "inference_cls.yaml of PaddleClas, inference.yml of PaddleX 3", _sniff, _read
)
