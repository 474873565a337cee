"""Bodies for `double` that break the protocol or its specs, with the status and a word of the answer."""

from __future__ import annotations

from typing import Any

from support.served import infer_body

GOOD = infer_body(1)["inputs"][0]
BAD: list[tuple[str, Any, int, str]] = [
    ("wrong name", {"inputs": [{**GOOD, "name": "z"}]}, 400, "missing: x"),
    ("wrong shape", {"inputs": [{**GOOD, "shape": [1, 2], "data": [1, 2]}]}, 400, "'x'"),
    ("shape and data differ", {"inputs": [{**GOOD, "shape": [3, 1]}]}, 400, "inputs[0].data"),
    ("wrong dtype", {"inputs": [{**GOOD, "datatype": "FP32"}]}, 400, "'x'"),
    ("no such dtype", {"inputs": [{**GOOD, "datatype": "FP99"}]}, 400, "inputs[0].datatype"),
    ("dtype is a list", {"inputs": [{**GOOD, "datatype": []}]}, 400, "inputs[0].datatype"),
    ("wrong rank", {"inputs": [{**GOOD, "shape": [1]}]}, 400, "'x'"),
    ("missing input", {"inputs": []}, 400, "inputs"),
    ("extra input", {"inputs": [GOOD, {**GOOD, "name": "z"}]}, 400, "z"),
    ("input twice", {"inputs": [GOOD, GOOD]}, 400, "twice"),
    ("empty batch", {"inputs": [{**GOOD, "shape": [0, 1], "data": []}]}, 400, "empty"),
    ("too many rows", infer_body(*range(9)), 400, "9 rows"),
    ("null for a number", {"inputs": [{**GOOD, "data": [None]}]}, 400, "inputs[0].data"),
    ("text for a number", {"inputs": [{**GOOD, "data": ["1"]}]}, 400, "inputs[0].data"),
    ("ragged", {"inputs": [{**GOOD, "shape": [2, 1], "data": [[1], [1, 2]]}]}, 400, "inputs[0].data"),
    ("negative shape", {"inputs": [{**GOOD, "shape": [-1, 1]}]}, 400, "inputs[0].shape"),
    ("huge shape", {"inputs": [{**GOOD, "shape": [1 << 39, 1 << 39], "data": []}]}, 400, "inputs[0].data"),
    (
        "huge empty shape",
        {"inputs": [{**GOOD, "shape": [0, 1 << 39, 1 << 39], "data": []}]},
        400,
        "inputs[0]",
    ),
    ("no data", {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 1]}]}, 400, "inputs[0].data"),
    ("no such output", infer_body(1, outputs=[{"name": "q"}]), 400, "'q'"),
    ("output parameters", infer_body(1, outputs=[{"name": "y", "parameters": 5}]), 400, "outputs[0]"),
    ("timeout is text", infer_body(1, parameters={"timeout": "soon"}), 400, "parameters.timeout"),
    ("priority is negative", infer_body(1, parameters={"priority": -1}), 400, "parameters.priority"),
    ("NaN", b'{"inputs": [{"name":"x","datatype":"FP64","shape":[1,1],"data":[NaN]}]}', 400, "JSON"),
    ("infinity", {"inputs": [{**GOOD, "data": [1e400]}]}, 400, "JSON"),
    ("no JSON", b"hello", 400, "JSON"),
    ("no object", b"[1]", 400, "object"),
    ("nothing", b"", 400, "JSON"),
    ("a JSON bomb", b"[" * 100_000, 400, "JSON"),
    ("deep data", {"inputs": [{**GOOD, "data": [[[[[[1]]]]]]}]}, 200, ""),
]
