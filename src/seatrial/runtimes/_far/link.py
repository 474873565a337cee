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
# Nothing that is told is longer; four letters of a message that got between the frames are.
_LONGEST = 64 << 20
KINDS = "biufc"  # of arrays: truth values, numbers


class LinkError(ValueError):
    """What came over the pipe is no frame."""


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
            answer["memory"] = isinstance(error, MemoryError)
        write(sink, answer, results)


def read(source: IO[bytes]) -> tuple[dict[str, Any], list[Any]] | None:
    """One frame as its JSON and its arrays; None at the end.

    Raises:
        LinkError: What comes is no frame, or it is cut off.
    """
    head = source.read(_LENGTH.size)
    if not head:
        return None
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    if not 0 < length <= _LONGEST:
        raise LinkError(f"{head!r} is no frame's length")
    try:
        message = json.loads(_exactly(source, length))
        told = [(np.dtype(dtype), tuple(shape)) for dtype, shape in message.pop("arrays", [])]
    except (ValueError, TypeError, AttributeError) as error:
        raise LinkError(f"no frame: {error}") from error
    if any(kind.kind not in KINDS or any(size < 0 for size in shape) for kind, shape in told):
        raise LinkError("a frame with arrays of no numbers, or of less than nothing")
    arrays = []
    for kind, shape in told:
        data = _exactly(source, kind.itemsize * math.prod(shape))
        arrays.append(np.frombuffer(data, kind).reshape(shape))
    return message, arrays


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise LinkError(f"cut off after {len(data)} of {size} bytes")
    return data


def write(sink: IO[bytes], message: dict[str, Any], arrays: list[Any]) -> None:
    """Sends one frame. Arrays of anything but numbers are answered by an error in their place."""
    # In C order; `ascontiguousarray` would give a scalar an axis.
    arrays = [np.asarray(each, order="C") for each in arrays]
    strange = next((each.dtype for each in arrays if each.dtype.kind not in KINDS), None)
    if strange is not None:
        message, arrays = {"error": f"the model answers with {strange}, which are no numbers"}, []
    told = dict(message, arrays=[[each.dtype.str, list(each.shape)] for each in arrays])
    data = json.dumps(told).encode()
    sink.write(_LENGTH.pack(len(data)) + data)
    for each in arrays:
        sink.write(each.reshape(-1).view("uint8"))
    sink.flush()


def own_folder_off_the_path() -> None:
    """Takes the folder of these programs off the path: what lies there must not be taken for an engine."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != here]
