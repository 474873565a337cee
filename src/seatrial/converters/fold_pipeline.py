"""The contract's pipelines into the ONNX graph: one file from bytes, text or arrays to the answer (M26)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.contract import Contract, load_contract, save_contract
from seatrial.converters import _child
from seatrial.converters._converter import Converter
from seatrial.converters._fold.assemble import PARTS, Entry, check_foldable
from seatrial.converters._provenance import made_from
from seatrial.errors import MissingDependency, UnsupportedModel, UsageError
from seatrial.model.artifact import Artifact

LARGEST = (1 << 31) - 1
INPUTS = ("bytes", "pixels")
_OPTIONS: Mapping[str, Any] = {
    "contract": "",
    "part": "both",
    "input": "bytes",
    "dtype": "",
    "shape": (),
    "timeout": 600,
}


def available() -> bool:
    """Whether ONNX is installed; the extensions are asked for where a model needs them."""
    return lazy.installed("onnx") and lazy.installed("onnxruntime")


def entry_of(
    contract: Contract, *, part: str, given: str, dtype: str = "", shape: tuple[int | None, ...] = ()
) -> Entry:
    """What the folded model will take, by the first step of the preprocessing.

    Args:
        contract: Of the source.
        part: What is folded.
        given: `bytes`, or `pixels` where the decoding of images stays outside.
        dtype: Of arrays, where the preprocessing begins with some; the model's own by default.
        shape: Likewise, of one sample.

    Raises:
        UnsupportedModel: The preprocessing begins with something a model cannot be given.
    """
    calls = contract.preprocess.calls
    first = calls[0] if calls else None
    if part == "post":
        return Entry("", "", (), "feeds")
    if first is not None and first.name == "decode_image":
        if given == "bytes":
            return Entry("image", "uint8", (None,), "bytes")
        channels = 1 if first.options.get("color") == "GRAY" else 3
        return Entry("image", "uint8", (None, None, channels), "pixels")
    if first is not None and first.name.startswith("tokenize_"):
        return Entry("text", "string", (), "text")
    if len(contract.inputs) != 1:
        raise UnsupportedModel(
            "the preprocessing begins with arrays by name, which have no one input in the folded model",
            hint="fold the postprocessing alone: --fold post",
        )
    own = contract.inputs[0]
    sizes = tuple(each if isinstance(each, int) else None for each in own.shape[1:])
    if len(shape) == len(sizes):  # what the model leaves free stays free
        sizes = tuple(None if free is None else size for size, free in zip(shape, sizes, strict=True))
    return Entry(own.name, dtype or own.dtype, sizes if len(shape) in (0, len(sizes)) else shape, "array")


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`.

    Options: `contract` (its file), `part` (`pre`, `post` or `both`), `input` (`bytes`, or `pixels` where
    images come decoded), `dtype` and `shape` (of arrays, where the samples are some), `timeout`.
    """
    chosen = {**_OPTIONS, **options}
    for name, allowed in (("part", PARTS), ("input", INPUTS)):
        if chosen[name] not in allowed:
            raise UsageError(f"{name} is {', '.join(allowed)}, not '{chosen[name]}'")
    if not chosen["contract"]:
        raise UsageError(
            "a pipeline is folded from a contract, and none is given", hint="give one with --contract"
        )
    if artifact.size > LARGEST:
        raise UnsupportedModel("a model over 2 GB does not fit in one .onnx file with its pipeline")
    contract = load_contract(Path(chosen["contract"]))
    check_foldable(contract, chosen["part"])
    if not contract.preprocess.calls and chosen["part"] == "pre":
        raise UsageError("the contract has no preprocessing to fold", hint="leave --fold out, or fold post")
    sizes = tuple(chosen["shape"])
    entry = entry_of(contract, part=chosen["part"], given=chosen["input"], dtype=chosen["dtype"], shape=sizes)
    if entry.kind == "bytes" and not lazy.installed("onnxruntime_extensions"):
        raise MissingDependency(
            "a model that decodes images runs with onnxruntime-extensions, which is not installed",
            hint="pip install 'seatrial[fold]', or leave the decoding outside: --fold-input pixels",
        )
    target = folder / f"{artifact.graph.stem}.onnx"
    progress(f"folding {'preprocessing and postprocessing' if chosen['part'] == 'both' else chosen['part']}")
    with tempfile.TemporaryDirectory(prefix="seatrial-fold-") as scratch:
        path = Path(scratch) / "contract.yaml"
        save_contract(replace(contract, root=Path(scratch)), path)
        told = _child.run(
            "seatrial.converters._fold_program",
            {
                "graph": str(artifact.graph.resolve()),
                "contract": str(path),
                "entry": asdict(entry),
                "part": chosen["part"],
                "target": str(target),
                "metadata": made_from(artifact, folded=f"{chosen['part']}, takes {entry.kind}"),
            },
            tool="folding",
            timeout=float(chosen["timeout"]),
        )
    many = "several samples at once" if told["batched"] else "one sample at a time"
    progress(f"{told['nodes']} nodes, {many}")
    return target


CONVERTER = Converter(
    name="fold_pipeline",
    summary="the contract's pre- and postprocessing into the graph: bytes or text in, the answer out",
    sources=("onnx",),
    target="onnx",
    extra="fold",
    available=available,
    make=make,
    options=_OPTIONS,
)
