"""Stands for TensorRT and the CUDA runtime where there is no GPU: the engine doubles its input.

Device memory is host memory, so that addresses, sizes and the order of copies are those that a GPU would see.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import numpy as np

VERSION, CAPABILITY = "10.16.1", (9, 0)


class Context:
    def __init__(self) -> None:
        self.shape, self.addresses = (), {}

    def set_input_shape(self, name, shape):
        self.shape = tuple(shape)
        return shape[0] <= 8

    def get_tensor_shape(self, name):
        return self.shape

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        count = int(np.prod(self.shape))
        source = (ctypes.c_float * count).from_address(self.addresses["x"])
        result = (ctypes.c_float * count).from_address(self.addresses["y"])
        for place in range(count):
            result[place] = 2 * source[place]
        return True


class Tensor:
    name, shape, dtype = "x", (-1, 3), "float32"


class Output(Tensor):
    name = "y"


def tensorrt(problems=(), plan=b"plan"):
    """The library; `problems` are what its parser says of every graph."""
    log = []
    profile = SimpleNamespace(set_shape=lambda *shapes: log.append(("shape", *shapes)))
    config = SimpleNamespace(
        set_memory_pool_limit=lambda pool, size: log.append((pool, size)),
        add_optimization_profile=lambda _: None,
    )
    network = SimpleNamespace(
        num_layers=1,
        num_inputs=1,
        num_outputs=1,
        get_input=lambda _: Tensor,
        get_output=lambda _: Output,
    )
    builder = SimpleNamespace(
        create_network=lambda flags: log.append(("flags", flags)) or network,
        create_builder_config=lambda: config,
        create_optimization_profile=lambda: profile,
        build_serialized_network=lambda *_: plan,
    )
    parser = SimpleNamespace(
        parse_from_file=lambda _: not problems,
        num_errors=len(problems),
        get_error=lambda place: problems[place],
    )
    loaded = SimpleNamespace(create_execution_context=Context, get_tensor_dtype=lambda _: "float32")
    made = SimpleNamespace(deserialize_cuda_engine=lambda data: loaded if data == b"plan" else None)

    class Logger:
        WARNING, ERROR = 2, 1

        def __init__(self, level) -> None:
            pass

    return SimpleNamespace(
        __version__=VERSION,
        Logger=Logger,
        Builder=lambda _: builder,
        OnnxParser=lambda *_: parser,
        Runtime=lambda _: made,
        NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=1),
        MemoryPoolType=SimpleNamespace(WORKSPACE="workspace"),
        nptype=np.dtype,
        log=log,
    )


class Cuda:
    """The calls that are used; `error` is what every one answers."""

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)  # noqa: N815

    def __init__(self, error=0) -> None:
        self.error, self.held, self.freed = error, {}, []

    def cudaGetDeviceProperties(self, device):  # noqa: N802
        return self.error, SimpleNamespace(name=b"H200", major=CAPABILITY[0], minor=CAPABILITY[1])

    def cudaStreamCreate(self):  # noqa: N802
        return self.error, 7

    def cudaMalloc(self, size):  # noqa: N802
        memory = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(memory)] = memory
        return self.error, ctypes.addressof(memory)

    def cudaFree(self, address):  # noqa: N802
        self.freed.append(address)
        del self.held[address]
        return (self.error,)

    def cudaMemcpyAsync(self, target, source, size, kind, stream):  # noqa: N802
        ctypes.memmove(target, source, size)
        return (self.error,)

    def cudaStreamSynchronize(self, stream):  # noqa: N802
        return (self.error,)
