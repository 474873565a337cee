"""Weights as training saved them: safetensors, PyTorch's zip, and pickles of arrays. None is unpickled.

A pickle is followed instruction by instruction on symbols. A name it asks for that can do more than rebuild
numbers is a problem of the artifact, and such a model is handed to no engine.
"""

from __future__ import annotations

import json
import pickletools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.model.artifact import Parameter, Problem
from seatrial.model.formats import _numpy_pickle
from seatrial.model.formats._bytes import head, our_errors, size_of
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import problem
from seatrial.model.formats._probe import printable
from seatrial.model.formats._torch_weights import MAX_PICKLE, parameters, read_entry
from seatrial.model.formats._zip import archive_of

_MAX_HEADER = 100 << 20
_MAX_PICKLE_FILE = 4 << 30
_SAFETENSORS = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "U16": "uint16",
    "U32": "uint32", "U64": "uint64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip
# What optimizers keep for each weight, under no name of its own.
_OPTIMIZER = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "sum", "step"}
_TORCH_NAMES = re.compile(
    r"torch\.(\w+Storage|Size|device|b?float\d*|u?int\d+|bool)"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|parameter|parameter_with_state)"
    r"|collections\.(OrderedDict|defaultdict)|torch\.jit\._pickle\..+|__torch__\..+"
)


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file says.

    Attributes:
        parameters: Its tensors; empty when the file is of a kind whose tensors are not listed.
        problems: What is wrong with it.
        metadata: What it is, for people.
    """

    parameters: tuple[Parameter, ...]
    problems: tuple[Problem, ...]
    metadata: Mapping[str, str]


def read_checkpoint(path: Path) -> Checkpoint:
    """The tensors of a weights file."""
    data = head(path, 16)
    try:
        with our_errors(path):
            if data.startswith(b"PK\x03\x04"):
                return _zip(path)
            if data[:1] == b"\x80":
                return _pickle(path)
            if data[8:9] == b"{":
                return _safetensors(path)
    except Garbled as error:
        hint = error.hint or "save the checkpoint again"
        return Checkpoint((), (problem(error.code, error.message, path.name, hint),), {})
    hint = "give .pdparams, .pt, .pth or .safetensors as the framework saved it"
    return Checkpoint((), (problem("weights-unknown", "no kind of checkpoint", path.name, hint),), {})


def _zip(path: Path) -> Checkpoint:
    with archive_of(path, code="parameters-truncated") as archive:
        pickles = [each for each in archive.infolist() if each.filename.endswith(".pkl")]
        found, problems = parameters(archive, path)
        asked: set[str] = set()
        for each in pickles:
            asked |= _names(read_entry(archive, each, MAX_PICKLE))
        scripted = any("/code/" in each for each in archive.namelist())
    threats = _threats(path, (each for each in asked if not _TORCH_NAMES.fullmatch(each)))
    kind = "TorchScript archive" if scripted else "PyTorch checkpoint"
    weights = tuple(each for each in found if each.name not in _OPTIMIZER)
    return Checkpoint(weights, (*threats, *problems), {"weights": kind})


def _pickle(path: Path) -> Checkpoint:
    if size_of(path) > _MAX_PICKLE_FILE:
        raise Garbled("a pickle over 4 GB is not read", hint="save the weights as safetensors")
    first = head(path, 64)
    if b"torch_magic" in first or b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19" in first:
        # Before PyTorch 1.6 a checkpoint was a row of pickles; the values lie behind them.
        return Checkpoint((), (), {"weights": "PyTorch checkpoint before 1.6, tensors not listed"})
    found = _numpy_pickle.read(path)
    return Checkpoint(found.parameters, _threats(path, found.refused), {"weights": "Paddle checkpoint"})


def _threats(path: Path, names: Iterable[str]) -> tuple[Problem, ...]:
    asked = sorted(set(names))
    if not asked:
        return ()
    listed = ", ".join(printable(each)[:80] for each in asked[:5])
    message = f"its pickle asks for {listed}: more than rebuilding numbers needs"
    hint = "a checkpoint from a stranger can run code: have it saved again as weights only, or as safetensors"
    return (problem("pickle-runs-code", message, path.name, hint),)


def _names(data: bytes) -> set[str]:
    """Global names that a pickle asks for; one put together while loading is told as such."""
    names: set[str] = set()
    strings: list[str] = []
    memo: dict[int, str] = {}
    try:
        for opcode, argument, _ in pickletools.genops(data):
            name = opcode.name
            if name in ("GLOBAL", "INST"):
                names.add(str(argument).replace(" ", "."))
            elif name == "STACK_GLOBAL":
                names.add(".".join(strings[-2:]) if len(strings) > 1 else "a computed name")
            elif name.startswith("EXT"):
                names.add(f"copyreg extension {argument}")
            elif "UNICODE" in name or "STRING" in name:
                strings.append(str(argument))
            elif name in ("BINPUT", "LONG_BINPUT", "PUT") and strings:
                memo[int(argument or 0)] = strings[-1]
            elif name == "MEMOIZE":
                memo[len(memo)] = strings[-1] if strings else ""
            elif name in ("BINGET", "LONG_BINGET", "GET") and int(argument or 0) in memo:
                strings.append(memo[int(argument or 0)])
    except Exception as error:
        # genops raises whatever a damaged pickle makes it trip over; all of it means the same.
        raise Garbled(f"data.pkl is damaged: {type(error).__name__}: {error}") from error
    return names


def _safetensors(path: Path) -> Checkpoint:
    length = int.from_bytes(head(path, 8), "little")
    size = size_of(path)
    if length > min(_MAX_HEADER, size - 8):
        raise Garbled(
            f"the header announces {length:,} bytes, {size - 8:,} are there", code="parameters-truncated"
        )
    with path.open("rb") as file:
        file.seek(8)
        text = file.read(length)
    try:
        header: Any = json.loads(text)
        found = [
            _tensor(path, name, each, 8 + length, size)
            for name, each in header.items()
            if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Garbled(f"the header is not what safetensors prescribes: {error}") from error
    short = [each for each in found if each.file is None]
    problems = [
        problem(
            "parameters-truncated",
            f"'{each.name}' lies beyond the end of the file",
            path.name,
            "copy it again",
            room="weights",
        )
        for each in short[:20]
    ]
    return Checkpoint(tuple(found), tuple(problems), {"weights": "safetensors"})


def _tensor(path: Path, name: str, told: Mapping[str, Any], start: int, size: int) -> Parameter:
    begin, end = (int(each) for each in told["data_offsets"])
    shape = tuple(int(each) for each in told["shape"])
    inside = 0 <= begin <= end and start + end <= size
    return Parameter(
        printable(str(name))[:200], _SAFETENSORS.get(told["dtype"], ""), shape,
        path if inside else None, start + begin if inside else 0, end - begin if inside else 0,
    )  # fmt: skip
