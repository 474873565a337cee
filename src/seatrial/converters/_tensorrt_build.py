"""The child of `onnx_to_tensorrt`: `python -m seatrial.converters._tensorrt_build REQUEST ANSWER`.

Types are those of the ONNX file (a strongly typed network): float16 comes from `halve_onnx`, int8 from
`quantize_onnx`, so that what was measured before is what is built here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial import lazy
from seatrial.converters._answering import answer

_EXTRA = "tensorrt"


def main(arguments: list[str]) -> int:
    """Builds as the request says and leaves an answer."""
    return answer(
        arguments, lambda request: build(request, lazy.load("tensorrt", extra=_EXTRA)), bounded=False
    )


def build(request: Mapping[str, Any], trt: Any) -> dict[str, Any]:
    """Parses, builds and describes an engine."""
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(request["graph"]):
        said = "; ".join(str(parser.get_error(place)) for place in range(parser.num_errors))
        return {"error": f"it does not read this graph: {said}"}
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request["workspace"])
    profile = builder.create_optimization_profile()
    for name, (least, likeliest, largest) in request["ranges"].items():
        profile.set_shape(name, least, likeliest, largest)
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        return {"error": "it found no engine for this graph on this GPU"}
    _write(request, bytes(plan), network, trt)
    return {"layers": network.num_layers}


def _write(request: Mapping[str, Any], plan: bytes, network: Any, trt: Any) -> None:
    folder, stem = Path(request["folder"]), request["stem"]
    (folder / f"{stem}.engine").write_bytes(plan)
    name, capability = _device()
    told = {
        "format": "seatrial/tensorrt/1",
        "engine": f"{stem}.engine",
        "sha256": hashlib.sha256(plan).hexdigest(),
        "version": str(trt.__version__),
        "device": name,
        "capability": capability,
        "ranges": request["ranges"],
        "source": request["source"],
        "inputs": [_spec(network.get_input(place), trt) for place in range(network.num_inputs)],
        "outputs": [_spec(network.get_output(place), trt) for place in range(network.num_outputs)],
    }
    text = json.dumps(told, indent=1)
    (folder / f"{stem}.tensorrt.json").write_text(text, "utf-8")


def _spec(tensor: Any, trt: Any) -> dict[str, Any]:
    import numpy as np

    shape = [None if dim < 0 else int(dim) for dim in tensor.shape]
    return {"name": tensor.name, "dtype": np.dtype(trt.nptype(tensor.dtype)).name, "shape": shape}


def _device() -> tuple[str, str]:
    """Name and compute capability of the GPU that the engine was built on."""
    cuda: Any = lazy.load("cuda.bindings.runtime", extra=_EXTRA)
    error, device = cuda.cudaGetDeviceProperties(0)
    if int(error):
        raise RuntimeError(f"the GPU cannot be asked: {error}")
    return device.name.decode(), f"{device.major}.{device.minor}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
