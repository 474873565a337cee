"""Tensors of a TorchScript archive: the instructions of its pickle are followed on symbols, never executed.

A tensor is `torch._utils._rebuild_tensor_v2(persistent id, offset, size, stride, ...)`, and the persistent id
names a file `<archive>/data/<key>` in the zip with the raw values, stored without compression.
"""

from __future__ import annotations

import pickletools
import struct
import zipfile
from math import prod
from pathlib import Path
from typing import Any

from seatrial.model.artifact import Parameter, Problem
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import ITEM_SIZES, problem
from seatrial.model.formats._probe import printable

MAX_PICKLE = 64 << 20
_STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "LongStorage": "int64",
    "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "BFloat16Storage": "bfloat16", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip
_MARK = object()


def parameters(archive: zipfile.ZipFile, path: Path) -> tuple[list[Parameter], list[Problem]]:
    """The tensors of the model with the place of their bytes, and what is wrong with them."""
    entry = next((each for each in archive.infolist() if each.filename.endswith("/data.pkl")), None)
    if entry is None:
        raise Garbled("the zip has no data.pkl", code="graph-truncated")
    data = read_entry(archive, entry, MAX_PICKLE)
    folder = entry.filename[: -len("data.pkl")]
    places = {each.filename: each for each in archive.infolist()}
    found, problems, seen = [], [], set()
    for name, dtype, key, start, shape in _tensors(data):
        if (name, key) in seen:
            continue
        seen.add((name, key))
        parameter = Parameter(name, dtype, shape, None, 0, 0)
        place = places.get(f"{folder}data/{key}")
        nbytes = prod(shape) * ITEM_SIZES[dtype]
        begin = start * ITEM_SIZES[dtype]
        if place is None or place.compress_type != zipfile.ZIP_STORED or begin + nbytes > place.file_size:
            problems.append(_short(name, key, path, missing=place is None))
        else:
            parameter = Parameter(name, dtype, shape, path, data_offset(path, place) + begin, nbytes)
        found.append(parameter)
    return found, problems[:20]


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """One small entry; a bomb is not blown up, whatever size its header claims.

    Raises:
        Garbled: It is damaged, or larger than `limit` bytes.
    """
    name = printable(entry.filename)[:200]
    try:
        with archive.open(entry) as file:
            data = file.read(max(limit, 0) + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise Garbled(f"'{name}' in the zip is damaged: {error}") from error
    except Exception as error:
        # zlib and lzma have errors of their own, whose modules need not be there.
        if type(error).__module__ not in ("zlib", "lzma", "_lzma"):
            raise
        raise Garbled(f"'{name}' in the zip is damaged: {error}") from error
    if len(data) > limit:
        raise Garbled(f"'{name}' in the zip is larger than {limit:,} bytes")
    return data


def _short(name: str, key: str, path: Path, *, missing: bool) -> Problem:
    return problem(
        "parameters-missing" if missing else "parameters-truncated",
        f"'{name}' lies in data/{key[:40]}, which is {'not there' if missing else 'too short or compressed'}",
        f"{path.name}, tensor {name}",
        "export the model again with torch.jit.save",
        room="weights",
    )


def data_offset(path: Path, entry: zipfile.ZipInfo) -> int:
    """Where an entry's bytes begin: behind its local header, whose length only the header itself knows."""
    with path.open("rb") as file:
        file.seek(entry.header_offset + 26)
        lengths = file.read(4)
    if len(lengths) < 4:
        raise Garbled(f"'{entry.filename[:200]}' has no header", code="graph-truncated")
    name, extra = struct.unpack("<HH", lengths)
    return entry.header_offset + 30 + int(name) + int(extra)


def _tensors(data: bytes) -> list[tuple[str, str, str, int, tuple[int, ...]]]:
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.step(opcode.name, argument)
    except Garbled:
        raise
    except Exception as error:
        # genops raises whatever a damaged pickle makes it trip over; all of it means the same.
        raise Garbled(f"data.pkl is damaged: {type(error).__name__}: {error}") from error
    return machine.tensors


class _Machine:
    """A pickle machine that knows tuples, names and tensors, and takes everything else for a symbol."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.tensors: list[tuple[str, str, str, int, tuple[int, ...]]] = []

    def step(self, name: str, argument: Any) -> None:
        """One instruction."""
        handler = getattr(self, f"_{name.lower()}", None)
        if handler is not None:
            handler(argument)
        elif name in ("PROTO", "FRAME", "STOP"):
            return
        elif isinstance(argument, str | int) and not isinstance(argument, bool):
            self.stack.append(argument)
        elif name in ("NONE", "NEWTRUE", "NEWFALSE", "EMPTY_DICT", "EMPTY_LIST", "BINFLOAT", "EMPTY_SET"):
            self.stack.append(None)
        else:
            raise Garbled(f"data.pkl has the instruction {name}, which TorchScript does not write")

    def _top(self) -> Any:
        if not self.stack:
            raise Garbled("data.pkl takes more than it put down")
        return self.stack.pop()

    def _to_mark(self) -> list[Any]:
        taken = []
        while (value := self._top()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def _mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _global(self, argument: str) -> None:
        self.stack.append(argument.replace(" ", "."))

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._to_mark()))

    def _empty_tuple(self, _: Any) -> None:
        self.stack.append(())

    def _tuple1(self, _: Any) -> None:
        self.stack.append((self._top(),))

    def _tuple2(self, _: Any) -> None:
        second, first = self._top(), self._top()
        self.stack.append((first, second))

    def _tuple3(self, _: Any) -> None:
        third, second, first = self._top(), self._top(), self._top()
        self.stack.append((first, second, third))

    def _binput(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    _long_binput = _binput

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _binget(self, argument: int) -> None:
        self.stack.append(self.memo.get(argument))

    _long_binget = _binget

    def _binpersid(self, _: Any) -> None:
        self.stack.append(("storage", self._top()))

    def _newobj(self, _: Any) -> None:
        self._top()
        self._top()
        self.stack.append(None)

    def _reduce(self, _: Any) -> None:
        arguments, function = self._top(), self._top()
        rebuild = isinstance(function, str) and function.endswith(("_rebuild_tensor_v2", "_rebuild_tensor"))
        self.stack.append(_tensor(arguments) if rebuild else None)

    def _build(self, _: Any) -> None:
        self._top()

    def _append(self, _: Any) -> None:
        self._top()

    def _appends(self, _: Any) -> None:
        self._to_mark()

    def _setitem(self, _: Any) -> None:
        value, key = self._top(), self._top()
        self._named(key, value)

    def _setitems(self, _: Any) -> None:
        pairs = self._to_mark()
        for key, value in zip(pairs[::2], pairs[1::2], strict=False):
            self._named(key, value)

    def _named(self, key: Any, value: Any) -> None:
        # Names are text. A tuple that holds itself twice, sixty times over, has 2**60 characters.
        if isinstance(value, _Found) and isinstance(key, str):
            self.tensors.append((key[:200], value.dtype, value.key, value.start, value.shape))


class _Found:
    """A tensor on the machine's stack."""

    def __init__(self, dtype: str, key: str, start: int, shape: tuple[int, ...]) -> None:
        self.dtype, self.key, self.start, self.shape = dtype, key, start, shape


def _tensor(arguments: Any) -> _Found | None:
    """`(("storage", (kind, class, key, device, count)), offset, size, stride, ...)`; None when it is not."""
    try:
        (_, (_, kind, key, *_)), start, shape = arguments[:3]
        dtype = _STORAGES[kind.rpartition(".")[2]]
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    whole = all(isinstance(each, int) and 0 <= each < 2**48 for each in (start, *shape)) and len(shape) <= 32
    return _Found(dtype, key, start, tuple(shape)) if whole and isinstance(key, str) else None
