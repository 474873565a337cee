"""Small models written byte by byte, without an engine, for the tests of every room."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CODES = {
    "bool": 0,
    "int16": 1,
    "int32": 2,
    "int64": 3,
    "float16": 4,
    "float32": 5,
    "float64": 6,
    "uint8": 20,
    "int8": 21,
}
PIR_TYPES = {"float32": "t_f32", "int64": "t_i64", "int32": "t_i32", "float16": "t_f16", "bool": "t_bool"}
ONNX_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10, "float64": 11}


# -- protobuf ------------------------------------------------------------------------------------------------
def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


# -- Paddle --------------------------------------------------------------------------------------------------
def stored(array: np.ndarray, *, lod: int = 0, version: int = 0) -> bytes:
    """One tensor of a .pdiparams file."""
    desc = number(1, CODES[array.dtype.name]) + b"".join(number(2, each) for each in array.shape)
    return struct.pack("<IQIi", version, lod, 0, len(desc)) + desc + array.tobytes()


def pdiparams(arrays: Mapping[str, np.ndarray]) -> bytes:
    return b"".join(stored(arrays[name]) for name in sorted(arrays))


def pir_value(index: int, dtype: str, shape: Sequence[int]) -> dict[str, Any]:
    return {
        "%": index,
        "TT": {"#": "0.t_dtensor", "D": [{"#": f"0.{PIR_TYPES[dtype]}"}, list(shape), "NCHW", [], 0]},
    }


def pir_attribute(name: str, kind: str, data: Any) -> dict[str, Any]:
    return {"AT": {"#": kind, "D": data}, "N": name}


def pir_op(
    kind: str, inputs: Iterable[int], outputs: Sequence[dict[str, Any]], **attributes: Any
) -> dict[str, Any]:
    kinds = {bool: "0.a_bool", int: "0.a_i32", float: "0.a_f32", str: "0.a_str"}
    listed = [pir_attribute(name, kinds[type(value)], value) for name, value in attributes.items()]
    return {"#": kind, "A": listed, "I": [{"%": each} for each in inputs], "O": list(outputs), "OA": []}


def pir_parameter(name: str, index: int, array: np.ndarray, *, persistable: int = 1) -> dict[str, Any]:
    output = pir_value(index, array.dtype.name, array.shape)
    return {"#": "p", "A": [0, 1, 1, name], "DA": [], "O": output, "OA": [persistable, 0, 1], "QA": []}


def pir(ops: Sequence[dict[str, Any]], *, version: Any = 3, magic: str = "pir") -> dict[str, Any]:
    blocks = [{"#": "block_0", "args": [], "ops": list(ops)}]
    base = {"magic": magic, "trainable": True, "version": version}
    return {"base_code": base, "program": {"regions": [{"#": "region_0", "blocks": blocks}]}}


def weights() -> dict[str, np.ndarray]:
    """Those of the small network below: image [-1, 1, 4, 4] -> conv -> batch norm -> relu."""
    rng = np.random.default_rng(7)
    shapes = {"conv.w_0": (2, 1, 3, 3), "bn.w_0": (2,), "bn.b_0": (2,), "bn.w_1": (2,), "bn.w_2": (2,)}
    return {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}


def pir_network(
    arrays: Mapping[str, np.ndarray] | None = None, *, relu: str = "1.relu", **head: Any
) -> dict[str, Any]:
    arrays = weights() if arrays is None else arrays
    names = list(arrays)
    ops = [pir_parameter(name, index + 1, arrays[name]) for index, name in enumerate(names)]
    at = {name: index + 1 for index, name in enumerate(names)}
    image = [-1, 1, 4, 4]
    ops += [
        pir_op("1.data", [], [pir_value(20, "float32", image)], name="image"),
        pir_op(
            "1.conv2d",
            [20, at["conv.w_0"]],
            [pir_value(21, "float32", [-1, 2, 4, 4])],
            data_format="NCHW",
            groups=1,
        ),
        pir_op(
            "1.batch_norm_",
            [21, at["bn.w_1"], at["bn.w_2"], at["bn.w_0"], at["bn.b_0"]],
            [pir_value(22, "float32", [-1, 2, 4, 4])],
            is_test=True,
            epsilon=1e-5,
        ),
        pir_op(relu, [22], [pir_value(23, "float32", [-1, 2, 4, 4])]),
        pir_op("1.fetch", [23], [pir_value(24, "float32", [-1, 2, 4, 4])], name="fetch_name_0", col=0),
    ]
    return pir(ops, **head)


def pir_text_network(rows: int = 50) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """ids [-1, -1] and lens [-1] -> embedding -> rnn, with a random state that is not persistable."""
    arrays = {"emb.w_0": np.ones((rows, 4), np.float32), "rnn.w_0": np.ones((12, 4), np.float32)}
    ops = [pir_parameter(name, index + 1, arrays[name]) for index, name in enumerate(arrays)]
    ops += [
        pir_parameter("dropout_state_0", 3, np.zeros(0, np.float32), persistable=0),
        pir_op("1.data", [], [pir_value(10, "int64", [-1, -1])], name="ids"),
        pir_op("1.data", [], [pir_value(11, "int64", [-1])], name="lens"),
        pir_op("1.embedding", [10, 1], [pir_value(12, "float32", [-1, -1, 4])], padding_idx=0),
        pir_op("0.combine", [2], [{"%": 13, "TT": {"#": "0.t_vec", "D": []}}]),
        pir_op("1.rnn", [12, 13, 11, 3], [pir_value(14, "float32", [-1, -1, 4])], mode="GRU"),
        pir_op("1.fetch", [14], [pir_value(15, "float32", [-1, -1, 4])], name="fetch_name_0", col=0),
    ]
    return pir(ops), arrays


def write_paddle_json(
    folder: Path, *, stem: str = "inference", graph: Any = None, params: bytes | None = None
) -> Path:
    """Writes both files and returns the graph's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(pir_network() if graph is None else graph), "utf-8")
    path.with_suffix(".pdiparams").write_bytes(pdiparams(weights()) if params is None else params)
    return path


def _program_variable(name: str, dtype: str, shape: Sequence[int], *, persistable: bool = False) -> bytes:
    desc = number(1, CODES[dtype]) + b"".join(number(2, each) for each in shape)
    kind = number(1, 7) + block(3, block(1, desc) + number(2, 0))
    return block(3, block(1, name) + block(2, kind) + (number(3, 1) if persistable else b""))


def _program_op(kind: str, inputs: Mapping[str, str], outputs: Mapping[str, str], **attributes: int) -> bytes:
    out = b"".join(block(1, block(1, slot) + block(2, name)) for slot, name in inputs.items())
    out += b"".join(block(2, block(1, slot) + block(2, name)) for slot, name in outputs.items())
    out += block(3, kind)
    out += b"".join(
        block(4, block(1, name) + number(2, 0) + number(3, value)) for name, value in attributes.items()
    )
    return block(4, out)


def program(*, version: int = 2006002, kind: str = "relu", feeds: bool = True) -> bytes:
    """A ProgramDesc: x [-1, 3] times w [3, 2], then `kind`."""
    body = number(1, 0) + number(2, -1)
    body += _program_variable("x", "float32", [-1, 3]) + _program_variable(
        "w", "float32", [3, 2], persistable=True
    )
    body += _program_variable("h", "float32", [-1, 2]) + _program_variable("y", "float32", [-1, 2])
    if feeds:
        body += _program_op("feed", {"X": "feed"}, {"Out": "x"}, col=0)
    body += _program_op("matmul_v2", {"X": "x", "Y": "w"}, {"Out": "h"})
    body += _program_op(kind, {"X": "h"}, {"Out": "y"})
    if feeds:
        body += _program_op("fetch", {"X": "y"}, {"Out": "fetch"}, col=0)
    return block(1, body) + block(4, number(1, version))


def write_pdmodel(folder: Path, *, stem: str = "inference", **options: Any) -> Path:
    path = folder / f"{stem}.pdmodel"
    path.write_bytes(program(**options))
    path.with_suffix(".pdiparams").write_bytes(pdiparams({"w": np.ones((3, 2), np.float32)}))
    return path


# -- ONNX ----------------------------------------------------------------------------------------------------
def onnx_tensor(name: str, array: np.ndarray, *, raw: bytes | None = None) -> bytes:
    head = (
        b"".join(number(1, each) for each in array.shape)
        + number(2, ONNX_TYPES[array.dtype.name])
        + block(8, name)
    )
    return head + block(9, array.tobytes() if raw is None else raw)


def onnx_external(name: str, array: np.ndarray, **entries: str | int) -> bytes:
    head = (
        b"".join(number(1, each) for each in array.shape)
        + number(2, ONNX_TYPES[array.dtype.name])
        + block(8, name)
    )
    return (
        head + b"".join(block(13, block(1, k) + block(2, str(v))) for k, v in entries.items()) + number(14, 1)
    )


def onnx_value(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(block(1, block(2, d) if isinstance(d, str) else number(1, d)) for d in shape)
    return block(1, name) + block(2, block(1, number(1, ONNX_TYPES[dtype]) + block(2, dims)))


def onnx_node(
    kind: str, inputs: Iterable[str], outputs: Iterable[str], *, domain: str = "", extra: bytes = b""
) -> bytes:
    out = (
        b"".join(block(1, each) for each in inputs)
        + b"".join(block(2, each) for each in outputs)
        + block(4, kind)
    )
    return out + (block(7, domain) if domain else b"") + extra


def onnx_model(
    nodes: Iterable[bytes],
    *,
    tensors: Iterable[bytes] = (),
    inputs: Iterable[bytes] = (),
    outputs: Iterable[bytes] = (),
    opset: int = 17,
    ir: int = 8,
    extra: bytes = b"",
) -> bytes:
    graph = (
        b"".join(block(1, each) for each in nodes)
        + block(2, "g")
        + b"".join(block(5, each) for each in tensors)
    )
    graph += b"".join(block(11, each) for each in inputs) + b"".join(block(12, each) for each in outputs)
    return number(1, ir) + block(7, graph) + block(8, block(1, "") + number(2, opset)) + extra


def onnx_network(**options: Any) -> bytes:
    """ids [batch, T] -> Gather from a table of 50 rows -> Relu."""
    table = onnx_tensor("table", np.ones((50, 4), np.float32))
    return onnx_model(
        [onnx_node("Gather", ["table", "ids"], ["e"]), onnx_node(options.pop("kind", "Relu"), ["e"], ["y"])],
        tensors=options.pop("tensors", [table]),
        inputs=[onnx_value("ids", "int64", ["batch", "T"])],
        outputs=[onnx_value("y", "float32", ["batch", "T", 4])],
        **options,
    )


# -- OpenVINO ------------------------------------------------------------------------------------------------
def openvino(*, size: int = 24, version: int = 11, head: str = "") -> str:
    """x [?, 3] times a constant [3, 2]."""
    return f"""<?xml version="1.0"?>{head}
<net name="small" version="{version}"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,3" element_type="f32"/>
<output><port id="0" precision="FP32" names="x"><dim>-1</dim><dim>3</dim></port></output></layer>
<layer id="1" name="w" type="Const" version="opset1">
<data element_type="f32" shape="3, 2" offset="0" size="{size}"/>
<output><port id="0" precision="FP32"><dim>3</dim><dim>2</dim></port></output></layer>
<layer id="2" name="mul" type="MatMul" version="opset1"><data transpose_a="false"/></layer>
<layer id="3" name="y" type="Result" version="opset1">
<input><port id="0" precision="FP32"><dim>-1</dim><dim>2</dim></port></input></layer></layers><edges>
<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/></edges></net>"""
