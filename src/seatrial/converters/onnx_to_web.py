"""ONNX to a folder for a web page: one model file, a description, and a page that runs it (M22)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.contract.tensor import TensorSpec
from seatrial.converters import _child
from seatrial.converters._batches import invented
from seatrial.converters._compare import compare
from seatrial.converters._converter import Converter
from seatrial.converters._provenance import made_from
from seatrial.converters._shapes import shapes_of
from seatrial.errors import EngineFailure, ModelError, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.model.artifact import Artifact
from seatrial.runtimes import SessionOptions, open_session

_PAGE = Path(__file__).parent / "_web"
_PROVIDERS = ("wasm", "webgl", "webgpu")
_MB = 1_000_000
_OPTIONS: Mapping[str, Any] = {
    "batch": 0,
    "shapes": "",
    "budget": 10.0,
    "providers": ("wasm",),
    "timeout": 600,
}
_TOLERANCE = 1e-3  # of a provider against the source, a part of the output's range: as of a conversion
# ONNX Runtime Web's tensors come in these.
_DTYPES = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}


def available() -> bool:
    """Whether ONNX is installed; the browser that judges the result is asked for when it is judged."""
    return lazy.installed("onnx")


def make(
    artifact: Artifact, folder: Path, *, options: Mapping[str, Any], progress: Callable[[str], None]
) -> Path:
    """See `Make`.

    Options: `batch` (1 fixes it to one row a run; 0 leaves it free), `shapes` (sizes for dimensions that
    are free: `image:1x3x48x320`, several with `;`), `budget` (megabytes the model may have; 0 for any),
    `providers` (on which it must run: wasm, webgl, webgpu), `timeout`.
    """
    chosen = {**_OPTIONS, **options}
    providers = tuple(dict.fromkeys(("wasm", *chosen["providers"])))
    _possible(artifact, providers, chosen)
    model = folder / "model" / f"{artifact.graph.stem}.onnx"
    model.parent.mkdir()
    told = _child.run(
        "seatrial.converters._web_model",
        {
            "graph": str(artifact.graph.resolve()),
            "target": str(model),
            "batch": chosen["batch"],
            "shapes": shapes_of(chosen["shapes"]),
            "metadata": made_from(artifact),
        },
        tool="the writer of models for web pages",
        timeout=float(chosen["timeout"]),
    )
    if "webgl" in providers and told["free"]:
        raise UsageError(
            f"WebGL takes fixed shapes only, and {', '.join(told['free'])} has free dimensions",
            hint="fix them with the options batch=1 and shapes=NAME:1x3x224x224, or leave webgl out",
        )
    size = model.stat().st_size
    _within(size, chosen["budget"], artifact)
    progress(f"{model.name}: {size / _MB:.1f} MB for a page, providers: {', '.join(providers)}")
    made = _written(folder, model, artifact, providers)
    for name in ("index.html", "model.mjs"):
        (folder / name).write_bytes((_PAGE / name).read_bytes())
    for provider in providers[1:]:
        _proved(artifact, made, provider, float(chosen["timeout"]), progress)
    return made


def _possible(artifact: Artifact, providers: Sequence[str], chosen: Mapping[str, Any]) -> None:
    unknown = [each for each in providers if each not in _PROVIDERS]
    if unknown:
        raise UsageError(
            f"there is no provider {', '.join(unknown)}", hint=f"there is: {', '.join(_PROVIDERS)}"
        )
    if chosen["batch"] not in (0, 1):
        raise UsageError("batch is 0, for as many rows as come, or 1", hint="a page runs batches row by row")
    if chosen["budget"] < 0:
        raise UsageError("the budget is megabytes, or 0 for any size")
    odd = sorted({each.dtype for each in (*artifact.inputs, *artifact.outputs)} - _DTYPES)
    if odd:
        raise UnsupportedModel(
            f"a page has no arrays of {', '.join(odd)}",
            hint="text is tokenized before the model, in the page",
        )


def _within(size: int, budget: float, artifact: Artifact) -> None:
    """Refuses a model that is too large for a page, and says what would make it fit.

    Raises:
        ModelError: It is over the budget.
    """
    if not budget or size <= budget * _MB:
        return
    floats = sum(each.nbytes for each in artifact.parameters if each.dtype == "float32")
    int8, float16 = (size - floats * 3 / 4) / _MB, (size - floats / 2) / _MB
    raise ModelError(
        f"the model has {size / _MB:.1f} MB, over the {budget:g} MB that a page may have to fetch: about "
        f"{float16:.1f} MB in float16, {int8:.1f} MB in int8",
        hint="quantize or halve it first, take a smaller network, or lift the limit: --option budget=0",
    )


def _written(folder: Path, model: Path, source: Artifact, providers: Sequence[str]) -> Path:
    inner = open_model(model)
    told = {
        "format": "seatrial/web/1",
        "model": {
            "file": model.relative_to(folder).as_posix(),
            "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
            "bytes": model.stat().st_size,
        },
        "opset": inner.version,
        "inputs": [_spec(each) for each in inner.inputs],
        "outputs": [_spec(each) for each in inner.outputs],
        "rows": _rows(source, inner),
        "providers": list(providers),
        "source": source.digest,
    }
    made = folder / "web.json"
    made.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return made


def _rows(source: Artifact, inner: Artifact) -> int:
    """Rows that one run takes where the source takes any number; 0 where that stayed so.

    Raises:
        UsageError: The batch was fixed to more than one row.
    """
    if all(each.batch_is_free for each in inner.inputs) or not all(
        each.batch_is_free for each in source.inputs
    ):
        return 0
    if any(each.shape[0] != 1 for each in inner.inputs):
        raise UsageError("a page takes one row at a time, or any number", hint="begin every shape with 1")
    return 1


def _spec(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}


def _proved(
    source: Artifact, made: Path, provider: str, timeout: float, progress: Callable[[str], None]
) -> None:
    """Runs the result on a provider: what is listed has run.

    Raises:
        ModelError: It does not run there, or answers otherwise.
    """
    feeds = _fitting(invented(source, np.random.default_rng(0)), open_model(made))
    options = SessionOptions(optimize=False, timeout=timeout)
    with open_session(source, "auto", options) as session:
        wanted = session.run(feeds)
    engine = SessionOptions(optimize=False, timeout=timeout, engine={"provider": provider})
    try:
        with open_session(open_model(made), "browser", engine) as session:
            got = session.run(feeds)
    except EngineFailure as error:
        raise ModelError(
            f"not converted: {provider} does not run it: {error.message}",
            hint=f"leave {provider} out of the providers",
        ) from error
    found = compare(f"1 made-up sample on {provider}", feeds, wanted, got, tolerance=_TOLERANCE)
    progress(f"compared {found}")
    if found.problem:
        raise ModelError(
            f"not converted: on {provider}, {found.problem}", hint=f"leave {provider} out of the providers"
        )


def _fitting(feeds: Mapping[str, Any], result: Artifact) -> dict[str, Any]:
    """The feeds, each axis repeated or cut to the size that was given to it."""
    made = {}
    for spec in result.inputs:
        array = feeds[spec.name]
        for axis, size in enumerate(spec.shape):
            if isinstance(size, int):
                array = array.take(np.arange(size) % array.shape[axis], axis)
        made[spec.name] = array
    return made


CONVERTER = Converter(
    name="onnx_to_web",
    summary="a folder for a web page: one ONNX file, its description, a page that runs it",
    sources=("onnx",),
    target="web",
    extra="onnx",
    available=available,
    make=make,
    options=_OPTIONS,
)
