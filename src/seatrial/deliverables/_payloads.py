"""Payloads as files: what a person hands in, in the form in which a stranger has it, and back."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.contract import Contract
from seatrial.contract.cases import npy, npz
from seatrial.contract.sample import Array, Payload
from seatrial.deliverables._deliverable import Kind
from seatrial.errors import ContractViolation

_IMAGES = (
    (b"\x89PNG", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"BM", ".bmp"),
    (b"GIF8", ".gif"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"\0\0\0\x0cjP", ".jp2"),
)


def packed(payload: Payload, contract: Contract) -> tuple[Kind, str, bytes]:
    """A payload as the kind, the suffix and the bytes of a file.

    Pictures keep the bytes they lie in: another encoder would give other pixels.

    Raises:
        ContractViolation: Its file cannot be read.
    """
    if isinstance(payload, str) and _decodes(contract):
        payload = contract.root / payload  # the pipeline takes a text for the name of a picture
    if isinstance(payload, bytes | Path):
        data = _read(payload) if isinstance(payload, Path) else payload
        return "image", _suffix_of(data), data
    if isinstance(payload, str):
        return "text", ".txt", payload.encode()
    if not isinstance(payload, Mapping):
        return "array", ".npy", npy(payload)
    if any(np.asarray(each).dtype.kind in "OUS" for each in payload.values()):
        inputs = {name: np.asarray(each).tolist() for name, each in payload.items()}
        return "json", ".json", json.dumps({"inputs": inputs}, ensure_ascii=False).encode()
    return "array", ".npz", npz(payload)


def unpacked(kind: str, suffix: str, data: bytes, contract: Contract) -> Payload:
    """What a pipeline starts from, out of the file that `packed` gave.

    Raises:
        ContractViolation: The file is damaged.
    """
    try:
        if kind == "image":
            return data
        if kind == "text":
            return data.decode()
        if kind == "json":
            return _from_json(json.loads(data), contract)
        if suffix == ".npz":
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        return read_npy(data)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ContractViolation(f"the payload ({kind}, {suffix}) is damaged: {error}") from error


def read_npy(data: bytes) -> Array:
    """An array of an `.npy` file; text as the objects that engines take.

    Raises:
        ValueError: It is damaged or holds pickles.
    """
    array: Array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    return array.astype(object) if array.dtype.kind == "U" else array


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ContractViolation(f"'{path.name}' cannot be read: {error.strerror}") from error


def _decodes(contract: Contract) -> bool:
    return bool(contract.preprocess.calls) and contract.preprocess.calls[0].name == "decode_image"


def _suffix_of(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for magic, suffix in _IMAGES if data.startswith(magic)), ".bin")


def _from_json(data: Any, contract: Contract) -> Payload:
    """As the predict endpoint reads it: numbers in the type that the input of that name has."""
    if "text" in data:
        return str(data["text"])
    kinds = {each.name: each.dtype for each in contract.inputs}
    return {name: _array(value, kinds.get(name, "")) for name, value in data["inputs"].items()}


def _array(value: Any, dtype: str) -> Array:
    array = np.asarray(value)
    if array.dtype.kind == "U":
        return array.astype(object)
    return array.astype(dtype) if dtype in np.sctypeDict else array
