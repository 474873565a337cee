"""Small files of Paddle Lite, ncnn, MNN and ExecuTorch, written by hand."""

from __future__ import annotations

import json
import struct

from support.flatbuffers import flatbuffer

_FLOAT32, _DENSE = 5, 7


def lite(*, target: int = 2, version: bytes = b"v2.13-rc", meta: int = 2) -> bytes:
    """An `.nb` file: x float32[-1, 4] -> softmax -> y; one parameter. `target`: 2 x86, 4 ARM."""

    def variable(name, dims):
        tensor = {0: {0: ("i", _FLOAT32), 1: ("q", dims)}}
        return {0: name, 1: {0: ("i", _DENSE), 2: tensor}}

    def attribute(name, text):
        return {0: name, 1: ("i", 2), 4: text}

    def operator(kind, taken, made, code):
        kernel = attribute("__@kernel_type_attr@__", f"{kind}/def/{code}/1/1")
        column = {0: "col", 1: ("i", 0), 2: ("i", 0)}
        return {0: kind, 1: [{0: "X", 1: taken}], 2: [{0: "Out", 1: made}], 3: [kernel, column]}

    block = {
        2: [variable("x", [-1, 4]), variable("y", [-1, 4]), variable("w", [4])],
        3: [
            operator("feed", ["feed"], ["x"], 1),
            operator("softmax", ["x"], ["y"], target),
            operator("fetch", ["y"], ["fetch"], 1),
        ],
    }
    program = flatbuffer({0: [block]})
    value = {2: ("q", [4]), 3: ("i", _FLOAT32), 4: ("b", [0] * 16)}
    parameter = flatbuffer({1: "w", 3: value})
    head = struct.pack("<H16sQ", meta, version.ljust(16, b"\0"), len(program))
    body = struct.pack("<HIHI", 0, 6, 1, 16) + struct.pack("<II", 4 + len(parameter), 4) + parameter
    return head + program + body


PARAM = """\
7767517
4 5
Input                    x                        0 1 x 0=8 1=0 2=1
Split                    split_0                  1 2 x 1 2
Convolution              conv_0                   1 1 1 out1 0=16 6=144
ReLU                     relu_0                   1 1 2 out0
"""


def mnn(*, dims=(-1, 4), uuid: str = "0" * 36, maker: str = "test") -> bytes:
    """An `.mnn` file: x float32 -> Softmax -> y."""
    operators = [
        {1: ("B", 21), 2: {0: ("i", list(dims)), 1: ("i", 1)}, 3: "x", 4: ("i", [0]), 5: ("i", 34)},
        {0: ("i", [0]), 3: "soft", 4: ("i", [1]), 5: ("i", 85)},
    ]
    return flatbuffer({0: maker, 3: operators, 4: ["y"], 7: ["x", "y"], 11: uuid})


def pte(*, told: dict | str | None = None, segments: int = 16, method: str = "forward") -> bytes:
    """A `.pte` file: one input float32 of at most [8, 4], given to a backend."""

    def tensor(dims):
        return {0: ("B", 5), 1: {0: ("b", 6), 2: ("i", dims), 8: ("b", 1)}}

    calls = [{0: ("B", 2), 1: {0: ("i", 0)}}, {0: ("B", 1), 1: {0: ("i", 0)}}]
    forward = {
        0: method, 2: [tensor([8, 4]), tensor([8, 3])], 3: ("i", [0]), 4: ("i", [1]), 5: [{2: calls}],
        6: [{0: "aten::view", 1: "out"}], 7: [{0: "XnnpackBackend"}],
    }  # fmt: skip
    plans = [forward]
    if told is not None:
        text = told if isinstance(told, str) else json.dumps(told)
        plans.append({0: "seatrial_interface", 2: [{0: ("B", 6), 1: {0: text}}], 4: ("i", [0])})
    header = b"eh00" + struct.pack("<IQQ", 24, 0, 0)
    program = bytearray(
        flatbuffer({0: ("I", 0), 1: plans, 4: [{0: ("Q", 0), 1: ("Q", segments)}]}, mark=b"ET12" + header)
    )
    struct.pack_into("<QQ", program, 16, len(program), len(program))
    return bytes(program) + b"\0" * 16


TOLD = {"inputs": [{"name": "image", "shape": ["batch", 4]}], "outputs": [{"name": "y", "shape": [None, 3]}]}
