"""A pickled dictionary of NumPy arrays (`.pdparams`): where their bytes lie, and what else it asks for.

An array is `numpy._core.multiarray._reconstruct(ndarray, (0,), b"b")` and a BUILD with (version, shape,
dtype, Fortran order, bytes). Paddle 2 writes by protocol 2 to 4; with 2 the bytes are text to be encoded,
and have no place in the file.
"""

from __future__ import annotations

import pickletools
import re
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from seatrial.model.artifact import Parameter
from seatrial.model.formats._bytes import our_errors
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import ITEM_SIZES
from seatrial.model.formats._probe import printable

_ALLOWED = re.compile(
    r"numpy\.(_?core\.multiarray\._reconstruct|_?core\.multiarray\.scalar|_?core\.numeric\._frombuffer"
    r"|ndarray|dtype)"
    r"|collections\.OrderedDict|_codecs\.encode|__builtin__\.tuple|builtins\.tuple"
)
_MARK = object()
# What stands before the bytes themselves.
_BEFORE = {"SHORT_BINBYTES": 2, "BINBYTES": 5, "BINBYTES8": 9}
# Paddle keeps the names of the graph's variables beside those of the layers.
_NOT_WEIGHTS = ("StructuredToParameterName@@", "UnpackBigParamInfor@@")


@dataclass
class Found:
    """What a pickle holds."""

    parameters: tuple[Parameter, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass
class _Array:
    dtype: str = ""
    shape: tuple[int, ...] = ()
    offset: int = -1
    count: int = 0


@dataclass(frozen=True)
class _Bytes:
    offset: int
    count: int


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass
class _Type:
    code: str
    order: str = "<"


@dataclass
class _Machine:
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    arrays: dict[str, _Array] = field(default_factory=dict)

    def pop(self) -> Any:
        if not self.stack:
            raise Garbled("the pickle takes more than it put down")
        return self.stack.pop()

    def to_mark(self) -> list[Any]:
        taken = []
        while (value := self.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def named(self, module: Any, name: Any) -> None:
        full = f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else "a computed name"
        if not _ALLOWED.fullmatch(full):
            self.refused.append(full)
        self.stack.append(_Name(full))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        name = function.name.rpartition(".")[2] if isinstance(function, _Name) else ""
        if name == "_reconstruct":
            self.stack.append(_Array())
        elif name == "dtype" and isinstance(arguments, tuple) and arguments:
            self.stack.append(_Type(str(arguments[0])))
        else:
            self.stack.append(None)

    def build(self) -> None:
        state = self.pop()
        target = self.stack[-1] if self.stack else None
        if not isinstance(state, tuple):
            return
        if isinstance(target, _Type) and len(state) > 1 and isinstance(state[1], str):
            target.order = state[1]
        if isinstance(target, _Array) and len(state) == 5:
            _, shape, kind, fortran, data = state
            target.shape = shape if isinstance(shape, tuple) else ()
            target.dtype = _dtype(kind)
            if isinstance(data, _Bytes) and fortran is not True:
                target.offset, target.count = data.offset, data.count

    def pairs(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=False):
            # Paddle 2 keeps (name of the variable, array).
            inner = value[1] if isinstance(value, tuple) and len(value) == 2 else value
            if isinstance(key, str) and isinstance(inner, _Array) and key not in _NOT_WEIGHTS:
                self.arrays[key] = inner


def _dtype(kind: Any) -> str:
    if not isinstance(kind, _Type) or kind.order == ">":
        return ""
    try:
        name = np.dtype(kind.code).name
    except TypeError:
        return ""
    # Paddle writes bfloat16 as 16-bit integers; nothing in the file tells them apart.
    return name if name in ITEM_SIZES else ""


def read(path: Path) -> Found:
    """The arrays of a pickle and the names it asks for that are not on the list; nothing is executed.

    Raises:
        Garbled: It is cut off or damaged.
    """
    machine = _Machine()
    try:
        with our_errors(path), path.open("rb") as file:
            for opcode, argument, position in pickletools.genops(file):
                _step(machine, opcode, argument, position or 0)
                if opcode.name == "STOP":
                    break
    except Garbled:
        raise
    except Exception as error:
        # genops raises whatever a damaged pickle makes it trip over; all of it means the same.
        raise Garbled(f"the pickle is cut off or damaged: {error}", code="parameters-truncated") from error
    parameters = tuple(_parameter(path, name, each) for name, each in machine.arrays.items())
    return Found(parameters, tuple(machine.refused))


def _parameter(path: Path, name: str, array: _Array) -> Parameter:
    shape = array.shape if all(isinstance(each, int) and each >= 0 for each in array.shape) else ()
    fits = array.offset >= 0 and prod(shape) * ITEM_SIZES.get(array.dtype, 0) == array.count
    place = (path, array.offset, array.count) if fits else (None, 0, 0)
    return Parameter(printable(name)[:200], array.dtype, shape, *place)


_CONSTANTS: dict[str, Any] = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "EMPTY_DICT": None,
    "EMPTY_LIST": None, "EMPTY_SET": None, "MARK": _MARK,
}  # fmt: skip


def _step(machine: _Machine, opcode: pickletools.OpcodeInfo, argument: Any, position: int) -> None:
    name, stack = opcode.name, machine.stack
    if name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _BEFORE:
        stack.append(_Bytes(position + _BEFORE[name], len(argument)))
    elif name in ("GLOBAL", "INST"):
        machine.named(*str(argument).split(" ", 1))
    elif name == "STACK_GLOBAL":
        attribute, module = machine.pop(), machine.pop()
        machine.named(module, attribute)
    elif name.startswith("EXT"):
        machine.named("copyreg extension", str(argument))
    elif name.startswith("TUPLE"):
        items = machine.to_mark() if name == "TUPLE" else [machine.pop() for _ in range(int(name[5:]))][::-1]
        stack.append(tuple(items))
    elif name in ("REDUCE", "NEWOBJ"):
        machine.call()
    elif name == "BUILD":
        machine.build()
    elif name in ("SETITEM", "SETITEMS"):
        items = machine.to_mark() if name == "SETITEMS" else [machine.pop(), machine.pop()][::-1]
        machine.pairs(items)
    else:
        _other(machine, opcode, argument)


def _other(machine: _Machine, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
    name, stack = opcode.name, machine.stack
    if name == "MEMOIZE":
        machine.memo[len(machine.memo)] = stack[-1] if stack else None
    elif "PUT" in name:
        machine.memo[int(argument)] = stack[-1] if stack else None
    elif "GET" in name:
        stack.append(machine.memo.get(int(argument)))
    elif pickletools.markobject in opcode.stack_before:
        machine.to_mark()
    elif opcode.stack_before:
        for _ in opcode.stack_before:
            machine.pop()
        stack.extend(None for _ in opcode.stack_after)
    elif opcode.stack_after:
        stack.append(argument)
