"""ONNX to ncnn by pnnx, in an environment beside this one (M20)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.contract.tensor import TensorSpec
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.errors import UnsupportedModel
from seatrial.model.artifact import Artifact
from seatrial.model.formats.ncnn import layers

_TIMEOUT = 600.0
# Two sizes of what is free: what is the same for both is taken for fixed.
_SIDES = {3: (64, 96), 2: (64, 128), 1: (16, 24)}
_TAKEN = re.compile(r"in(\d+)")
# Settings of an Input by the axis counted from the last: width, height, then channels or depth and channels.
_SETTINGS = {1: ("0",), 2: ("1", "0"), 3: ("2", "1", "0"), 4: ("2", "11", "1", "0")}


def available() -> bool:
    """Whether the environment with pnnx is there."""
    return tools.find("edge") is not None


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `fp16` (weights in 16 bits), `timeout`."""
    side = tools.require("edge")
    for each in artifact.inputs:
        _refuse(each)
    switches = [f"fp16={int(bool(options.get('fp16')))}", _shapes("inputshape", artifact.inputs, 0)]
    if any(_is_free(size) for each in artifact.inputs for size in each.shape[1:]):
        switches.append(_shapes("inputshape2", artifact.inputs, 1))
    progress("pnnx converts to ncnn")
    _child.run(
        Path(__file__).with_name("_pnnx.py"),
        {"graph": str(artifact.graph.resolve()), "folder": str(folder.resolve()), "switches": switches},
        tool="pnnx",
        timeout=float(options.get("timeout") or _TIMEOUT),
        python=side.path,
    )
    graph = folder / f"{artifact.graph.stem}.param"
    text = (folder / "model.ncnn.param").read_text("utf-8")
    (folder / "model.ncnn.param").unlink()
    (folder / "model.ncnn.bin").rename(graph.with_suffix(".bin"))
    graph.write_text(named(text, artifact.inputs), "utf-8")
    return graph


def _refuse(spec: TensorSpec) -> None:
    if spec.dtype != "float32":
        raise UnsupportedModel(
            f"ncnn takes float32, the input '{spec.name}' is {spec.dtype}",
            hint="take MNN or ONNX Runtime's .ort for a model of tokens",
        )
    if len(spec.shape) - 1 not in _SETTINGS:
        raise UnsupportedModel(
            f"ncnn knows no batch and one to four other axes; the input '{spec.name}' has {len(spec.shape)}"
        )
    if isinstance(spec.shape[0], int) and spec.shape[0] != 1:
        raise UnsupportedModel(
            f"ncnn knows no batch, and the input '{spec.name}' has one of {spec.shape[0]}",
            hint="export the model with a batch of 1 or a free one",
        )
    if len(spec.name.split()) != 1:
        raise UnsupportedModel(f"ncnn separates names by spaces, and an input is called '{spec.name}'")


def _is_free(size: object) -> bool:
    return not isinstance(size, int)


def _shapes(switch: str, inputs: Sequence[TensorSpec], turn: int) -> str:
    """`inputshape=[1,3,64,64],[1,4]`: every free axis in one of two sizes."""
    shown = []
    for spec in inputs:
        sides = _SIDES.get(len(spec.shape) - 1, _SIDES[3])
        last = len(spec.shape) - 1
        # Height and width differ in the second turn, lest one is taken for the other.
        sizes = [
            size if isinstance(size, int) else sides[turn] + (32 * turn if axis == last else 0)
            for axis, size in enumerate(spec.shape)
        ]
        shown.append("[" + ",".join(map(str, [1, *sizes[1:]])) + "]")
    return f"{switch}={','.join(shown)}"


def named(text: str, inputs: Sequence[TensorSpec]) -> str:
    """The `.param` file with the inputs' own names and shapes; pnnx calls them in0, in1 and says no shape.

    Args:
        text: As pnnx wrote it.
        inputs: Of the source, in its order.
    """
    found = list(layers(text))
    renamed = {
        name: inputs[int(place[1])].name
        for each in found
        if each.type == "Input"
        for name in each.outputs
        if (place := _TAKEN.fullmatch(name)) and int(place[1]) < len(inputs)
    }
    own = set(renamed.values())
    inner = {name for each in found for name in each.outputs if name not in renamed and name in own}
    renamed |= {name: f"{name}_inner" for name in inner}
    shapes = {each.name: each.shape[1:] for each in inputs}
    lines = text.splitlines()[:2]
    for each in found:
        taken = [renamed.get(name, name) for name in each.inputs]
        made = [renamed.get(name, name) for name in each.outputs]
        settings = dict(each.settings)
        if each.type == "Input" and made[0] in shapes:
            shape = shapes[made[0]]
            sizes = (size if isinstance(size, int) else 0 for size in shape)
            settings |= {key: str(size) for key, size in zip(_SETTINGS[len(shape)], sizes, strict=True)}
        words = [f"{each.type:<24}", f"{each.name:<24}", str(len(taken)), str(len(made)), *taken, *made]
        lines.append(" ".join([*words, *(f"{key}={value}" for key, value in settings.items())]))
    return "\n".join(lines) + "\n"


CONVERTER = Converter(
    name="onnx_to_ncnn",
    summary="pnnx in an environment beside",
    sources=("onnx",),
    target="ncnn",
    extra="",
    available=available,
    make=make,
    options={"fp16": False, "timeout": 600},
    tool="edge",
    tolerances={"fp16": 0.02},
)
