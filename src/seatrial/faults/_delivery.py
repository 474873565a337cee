"""Releases that hand over more than the model: what lies beside it."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.faults._fault import Good, Release


def with_files(good: Good, folder: Path, files: Mapping[str, bytes]) -> Release:
    """The good release with more files handed over.

    Args:
        good: The release.
        folder: Where the files go.
        files: Bytes by name; a name may lie in folders.
    """
    written = []
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.append(path)
    return replace(good.release, delivered=(*good.release.delivered, *written))


def state_dict(good: Good, *, largest: int = 1 << 16) -> dict[str, Any]:
    """Small tensors under the names of the model's own, as a training saves them."""
    named = [each for each in good.artifact.parameters if each.nbytes <= largest][:8]
    return {each.name: np.zeros(each.shape, "float32") for each in named} or {"w": np.zeros(4, "float32")}


class Call:
    """Pickles into the call of a function. Nothing here ever loads it.

    Args:
        function: What an unpickler would call.
        arguments: With what; harmless ones.
    """

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """What the pickle says."""
        return self._call


def pickled(value: Any) -> bytes:
    """A pickle as training frameworks write it."""
    return pickle.dumps(value, protocol=4)


def packed(value: Any, *, name: str = "archive/data.pkl") -> bytes:
    """A pickle inside a ZIP archive, as newer checkpoints are."""
    return zipped({name: pickled(value)})


def zipped(members: Mapping[str, bytes], *, compress: bool = False) -> bytes:
    """A ZIP archive whose member names are written as they are."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return buffer.getvalue()


def field(number: int, value: bytes | str | int) -> bytes:
    """One field of a Protocol Buffers message: a number as varint, the rest by its length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += struct.pack("B", value & 0x7F | 0x80)
        value >>= 7
    return out + struct.pack("B", value)


def small_onnx(*, location: str = "", domain: str = "", operator: str = "Add") -> bytes:
    """An ONNX model of one operator that adds a tensor to its input.

    Args:
        location: File that the tensor is said to lie in; empty puts it into the model.
        domain: Of the operator; empty is ONNX's own.
        operator: Its type.
    """
    spec = field(2, field(1, field(1, 1) + field(2, field(1, field(1, 4)))))  # float32, shape [4]
    tensor = field(1, 4) + field(2, 1) + field(8, "w")
    if location:
        tensor += field(13, field(1, "location") + field(2, location)) + field(14, 1)
    else:
        tensor += field(9, bytes(16))
    node = field(1, "x") + field(1, "w") + field(2, "y") + field(3, "add") + field(4, operator)
    node += field(7, domain) if domain else b""
    graph = field(1, node) + field(2, "small") + field(5, tensor)
    graph += field(11, field(1, "x") + spec) + field(12, field(1, "y") + spec)
    opsets = field(8, field(1, "") + field(2, 13))
    opsets += field(8, field(1, domain) + field(2, 1)) if domain else b""
    return field(1, 8) + field(2, "exporter") + field(7, graph) + opsets
