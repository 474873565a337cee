"""ONNX to MNN by MNN's own converter, in an environment beside this one (M20)."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial import tools
from seatrial.contract.tensor import TensorSpec
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.errors import ModelError
from seatrial.model.artifact import Artifact
from seatrial.model.formats._flatbuffer import Table
from seatrial.model.formats.mnn import type_of

_TIMEOUT = 600.0
_INT32, _INT64 = 3, 9  # DataType of MNN
_SPACE = uuid.UUID("3f1c3a52-6c5a-5c83-9d0f-6f1d6f5b7c11")  # of the identities of models that are made here


def available() -> bool:
    """Whether the environment with MNN is there."""
    return tools.find("edge") is not None


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`. Options: `fp16` (weights in 16 bits), `timeout`."""
    side = tools.require("edge")
    switches = ["--fp16"] if options.get("fp16") else []
    out = folder / f"{artifact.graph.stem}.mnn"
    progress("MNN converts")
    request = {
        "graph": str(artifact.graph.resolve()),
        "out": str(out.resolve()),
        "maker": "seatrial",
        "switches": switches,
    }
    _child.run(
        Path(__file__).with_name("_mnn_convert.py"),
        request,
        tool="MNN",
        timeout=float(options.get("timeout") or _TIMEOUT),
        python=side.path,
    )
    if not out.is_file():
        raise ModelError(
            "MNN said that all is well and left no file",
            hint="the model has an operator that MNN does not know; try ncnn, or ONNX Runtime's .ort",
        )
    identity = uuid.uuid5(_SPACE, " ".join([artifact.digest, *switches]))
    out.write_bytes(settled(out.read_bytes(), artifact.inputs, str(identity)))
    return out


def settled(data: bytes, inputs: Sequence[TensorSpec], identity: str) -> bytes:
    """The file with what the converter left to chance or to its defaults set right.

    Args:
        data: The bytes of an `.mnn` file.
        inputs: Of the source: the converter writes a batch of 1 where the axis is free.
        identity: 36 characters in place of a random one: the same model gives the same file.
    """
    net = Table.root(memoryview(data))
    out = bytearray(data)
    start, length = net.bytes_of(11)
    if length == len(identity):
        out[start : start + length] = identity.encode("ascii")
    names = net.texts(7)
    known = {each.name: each for each in inputs}
    for op in net.tables(3):
        main = op.table(2)
        if type_of(op.integer(5)) != "Input" or main is None:
            continue
        place = op.integers(4)
        spec = known.get(names[place[0]] if place and place[0] < len(names) else op.text(3))
        start, rank = main.bytes_of(0)
        if spec is None or rank != len(spec.shape):
            continue
        for axis, size in enumerate(spec.shape):
            if not isinstance(size, int):
                struct.pack_into("<i", out, start + 4 * axis, -1)
        if spec.dtype == "int64" and main.integer(1) == _INT32 and main.place(1):
            # Both are 32 bits wide to the engine; the file says what the model takes.
            struct.pack_into("<i", out, main.place(1), _INT64)
    return bytes(out)


CONVERTER = Converter(
    name="onnx_to_mnn",
    summary="MNN's converter in an environment beside",
    sources=("onnx",),
    target="mnn",
    extra="",
    available=available,
    make=make,
    options={"fp16": False, "timeout": 600},
    tool="edge",
    tolerances={"fp16": 0.02},
)
