"""The far side of `ProgramEngine`: frames of JSON and raw arrays over two pipes. No pickle.

A frame is the length of its JSON (4 bytes, little-endian), the JSON, and the bytes of its arrays in C order.
Runs in interpreters as old as Python 3.8.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np

_LENGTH = struct.Struct("<I")


def serve(engine: Any) -> None:
    """Answers `load`, `run` and whatever else the engine has a method for, until the pipe ends.

    Args:
        engine: Has `load(task) -> dict` and `run(feeds) -> list of arrays`; what they raise goes back.
    """
    # What engines print on standard output must not get between the frames.
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        frame = read(source)
        if frame is None:
            return
        request, arrays = frame
        try:
            if request["op"] == "load":
                answer, results = dict(engine.load(request["task"]) or {}), []
            else:
                method = getattr(engine, request["op"])
                answer, results = {}, method(dict(zip(request["names"], arrays)))  # noqa: B905 - Python 3.8
        except Exception as error:  # noqa: BLE001 - whatever an engine raises goes back as data
            answer, results = {"error": f"{type(error).__name__}: {error}"}, []
        write(sink, answer, results)


def read(source: IO[bytes]) -> tuple[dict[str, Any], list[Any]] | None:
    """One frame as its JSON and its arrays; None at the end."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    message = json.loads(source.read(_LENGTH.unpack(head)[0]))
    arrays = []
    for dtype, shape in message.pop("arrays", []):
        kind = np.dtype(dtype)
        data = source.read(kind.itemsize * math.prod(shape))
        arrays.append(np.frombuffer(data, kind).reshape(shape))
    return message, arrays


def write(sink: IO[bytes], message: dict[str, Any], arrays: list[Any]) -> None:
    """Sends one frame."""
    arrays = [np.ascontiguousarray(each) for each in arrays]
    if any(each.dtype.kind not in "biufc" for each in arrays):
        message, arrays = {"error": "the model answers with something that is no number"}, []
    told = dict(message, arrays=[[each.dtype.str, list(each.shape)] for each in arrays])
    data = json.dumps(told).encode()
    sink.write(_LENGTH.pack(len(data)) + data)
    for each in arrays:
        sink.write(each.tobytes())
    sink.flush()


def own_folder_off_the_path() -> None:
    """Takes the folder of these programs off the path: what lies there must not be taken for an engine."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != here]
