"""TensorRT on an NVIDIA GPU (M25)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial import lazy
from seatrial.errors import UsageError
from seatrial.runtimes._engine import Array, Engine, Runtime, Task

_EXTRA = "tensorrt"


class TensorRtEngine(Engine):
    """An execution context of one engine, and buffers on the GPU that grow as they must."""

    def __init__(self) -> None:
        self._trt: Any = lazy.load("tensorrt", extra=_EXTRA)
        self._cuda: Any = lazy.load("cuda.bindings.runtime", extra=_EXTRA)
        self.notes = []

    def version(self) -> str:
        """See `Engine.version`."""
        return str(self._trt.__version__)

    def load(self, task: Task) -> None:
        """See `Engine.load`."""
        self._task, trt = task, self._trt
        told = json.loads(Path(task.graph).read_text("utf-8"))
        self._refuse_others(told)
        runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = runtime.deserialize_cuda_engine(Path(task.weights).read_bytes())
        if self._engine is None:
            raise UsageError("the engine does not load on this GPU", hint="build it again on this machine")
        self._context = self._engine.create_execution_context()
        self._stream = self._done(self._cuda.cudaStreamCreate())
        self._buffers: dict[str, tuple[int, int]] = {}
        self._outputs = [each["name"] for each in told["outputs"]]
        if task.precision != task.native:
            self.notes.append(f"{task.precision} was asked for; an engine keeps the types it was built with")

    def _refuse_others(self, told: Mapping[str, Any]) -> None:
        """An engine of another version or another GPU may crash, or compute something else."""
        device = self._done(self._cuda.cudaGetDeviceProperties(0))
        here = (str(self._trt.__version__), f"{device.major}.{device.minor}")
        built = (told["version"], told["capability"])
        if here != built:
            raise UsageError(
                f"the engine was built by TensorRT {built[0]} for compute capability {built[1]};"
                f" here are {here[0]} and {here[1]}",
                hint="build it again on this machine: seatrial convert MODEL.onnx --to tensorrt",
            )

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """See `Engine.run`."""
        copy, to_device = self._cuda.cudaMemcpyAsync, self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        held = {name: np.ascontiguousarray(array) for name, array in feeds.items()}
        for name, array in held.items():
            if not self._context.set_input_shape(name, array.shape):
                raise ValueError(
                    f"{list(array.shape)} of '{name}' is outside of what the engine was built for"
                )
            address = self._buffer(name, array.nbytes)
            self._done(copy(address, array.ctypes.data, array.nbytes, to_device, self._stream))
        results = [self._result(name) for name in self._outputs]
        if not self._context.execute_async_v3(self._stream):
            raise RuntimeError("the engine refused to run")
        to_host = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        for name, array in zip(self._outputs, results, strict=True):
            self._done(copy(array.ctypes.data, self._buffers[name][0], array.nbytes, to_host, self._stream))
        self._done(self._cuda.cudaStreamSynchronize(self._stream))
        return results

    def _result(self, name: str) -> Array:
        """Room for an output on both sides; its shape follows from those of the inputs."""
        shape = tuple(self._context.get_tensor_shape(name))
        if any(dim < 0 for dim in shape):
            raise UsageError(
                f"the shape of output '{name}' depends on values, which this runtime does not take"
            )
        array = np.empty(shape, self._trt.nptype(self._engine.get_tensor_dtype(name)))
        self._buffer(name, array.nbytes)
        return array

    def _buffer(self, name: str, size: int) -> int:
        address, room = self._buffers.get(name, (0, 0))
        if room < size:
            if address:
                self._done(self._cuda.cudaFree(address))
            room = 1 << math.ceil(math.log2(max(size, 256)))
            address = int(self._done(self._cuda.cudaMalloc(room)))
            self._buffers[name] = (address, room)
        self._context.set_tensor_address(name, address)
        return address

    def _done(self, answer: tuple[Any, ...]) -> Any:
        """What a call of the CUDA runtime gave beside its error code."""
        error, *rest = answer
        if int(error):
            raise RuntimeError(f"CUDA: {error}")
        return rest[0] if rest else None

    def exercise(self) -> dict[str, Any]:
        """See `Engine.exercise`."""
        return {"threads": 1, "precision": self._task.native, "operators": {}}


RUNTIME = Runtime(
    name="tensorrt",
    summary="TensorRT: runs engines built for this GPU",
    formats=("tensorrt",),
    extra=_EXTRA,
    module="tensorrt",
    distribution="tensorrt",
    engine=TensorRtEngine,
    # A driver maps all of the GPU's memory, and more, into the process.
    bounded=False,
)
