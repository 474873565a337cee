"""The child of `onnx_to_web`: `python -m seatrial.converters._web_model REQUEST ANSWER`.

One file, weights inside: a page fetches it once. Dimensions that were left free are given their size on
request, since WebGL takes fixed shapes only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import Refused, answer


def _work(request: Mapping[str, Any]) -> dict[str, Any]:
    onnx: Any = lazy.load("onnx", extra="onnx")
    model = onnx.load(request["graph"])
    names = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in names]
    sizes = _sizes(inputs, request)
    if sizes.places:
        _fix(model, inputs, sizes)
        model = onnx.shape_inference.infer_shapes(model)
    del model.metadata_props[:]
    for key, value in sorted(request["metadata"].items()):
        model.metadata_props.add(key=key, value=value)
    data = model.SerializeToString(deterministic=True)
    Path(request["target"]).write_bytes(data)
    free = [each.name for each in inputs if any(_is_free(dim) for dim in each.type.tensor_type.shape.dim)]
    return {"free": free}


class _Sizes:
    """What free dimensions become: by input and axis, and by the name that others share with them."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, int], int] = {}
        self._names: dict[str, set[int]] = {}

    def set(self, name: str, axis: int, dim: Any, size: int) -> None:
        """One dimension of one input."""
        if not _is_free(dim):
            if dim.dim_value != size:
                raise Refused(f"dimension {axis} of '{name}' is {dim.dim_value} and cannot become {size}")
            return
        self.places[name, axis] = size
        self._names.setdefault(dim.dim_param, set()).add(size)

    def named(self, name: str) -> int | None:
        """The size that a name stands for; some exporters call every free dimension `?`."""
        sizes = self._names.get(name, set()) if any(each.isalpha() for each in name) else set()
        return next(iter(sizes)) if len(sizes) == 1 else None


def _is_free(dim: Any) -> bool:
    return not dim.HasField("dim_value") or dim.dim_value <= 0


def _sizes(inputs: list[Any], request: Mapping[str, Any]) -> _Sizes:
    sizes = _Sizes()
    dims = {each.name: list(each.type.tensor_type.shape.dim) for each in inputs}
    for name, shape in request["shapes"].items():
        if name not in dims:
            raise Refused(f"there is no input '{name}'", hint=f"there is: {', '.join(dims)}")
        if len(shape) != len(dims[name]):
            raise Refused(f"'{name}' has {len(dims[name])} dimensions, and {len(shape)} were given")
        for axis, size in enumerate(shape):
            sizes.set(name, axis, dims[name][axis], size)
    if request["batch"]:
        for name, shape in dims.items():
            if not shape:
                raise Refused(f"'{name}' is one number and has no batch")
            sizes.set(name, 0, shape[0], request["batch"])
    return sizes


def _fix(model: Any, inputs: list[Any], sizes: _Sizes) -> None:
    for each in inputs:
        for axis, dim in enumerate(each.type.tensor_type.shape.dim):
            size = sizes.places.get((each.name, axis)) or sizes.named(dim.dim_param)
            if size is not None and _is_free(dim):
                dim.dim_value = size
    # What was inferred for free dimensions is inferred again.
    del model.graph.value_info[:]
    for each in model.graph.output:
        for dim in each.type.tensor_type.shape.dim:
            if _is_free(dim):
                size = sizes.named(dim.dim_param)
                dim.Clear()
                if size is not None:
                    dim.dim_value = size


if __name__ == "__main__":
    sys.exit(answer(sys.argv[1:], _work))
