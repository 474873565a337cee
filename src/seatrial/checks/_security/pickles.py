"""Reads pickles as lists of instructions and never executes one (`M08`).

A pickle is a program for a small stack machine. This module runs that program on symbols: it knows which
global names the program asks for, even when the name is put together on the stack, and compares them with
a list of names that can do nothing but rebuild numbers. What is not on the list is a threat; there is no
list of forbidden names, since any importable function is a way in.
"""

from __future__ import annotations

import io
import pickletools
import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_INSTRUCTIONS = 5_000_000

_BUILTINS = "set frozenset slice complex bytearray bytes range tuple list dict int float str bool object"
ALLOWED = frozenset(
    {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _BUILTINS.split()}
    | {f"collections.{name}" for name in ("OrderedDict", "defaultdict", "deque", "Counter")}
    | {
        f"numpy.{core}.{name}"
        for core in ("core", "_core")
        for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
    }
    | {"numpy.ndarray", "numpy.dtype", "_codecs.encode", "copyreg._reconstructor", "copy_reg._reconstructor"}
    | {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"}
    | {"torch.Size", "torch.device", "torch.jit._pickle.restore_type_tag"}
)
# Storage classes of PyTorch, its list rebuilders, and the classes a TorchScript archive declares itself.
ALLOWED_SHAPE = re.compile(
    r"torch\.(\w+Storage|b?float\d*|u?int\d+|bool)|torch\.jit\._pickle\.build_\w+list|__torch__\..+"
)


@dataclass(frozen=True, slots=True)
class PickleThreat:
    """What a pickle would do that a file of numbers has no need to.

    Attributes:
        code: `global` (a name that is not allowed), `computed-global` (a name made while loading),
            `extension` (a name from the copyreg registry), `corrupt` (breaks off), `too-long`.
        what: The name, or what happened.
        position: Byte in the stream.
    """

    code: str
    what: str
    position: int


class _Opaque:
    """A value that does not matter here."""


_MARK = object()
_OPAQUE = _Opaque()


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass
class _Machine:
    """Stack and memo on symbols: short strings, names, tuples of them, and opaque values."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    threats: list[PickleThreat] = field(default_factory=list)
    position: int = 0
    named: bool = False
    called: bool = False
    starved: bool = False  # took more than there was, which the real machine does not survive

    def pop(self) -> Any:
        self.starved |= not self.stack
        return self.stack.pop() if self.stack else _OPAQUE

    def pop_to_mark(self) -> tuple[Any, ...]:
        items: list[Any] = []
        while self.stack:
            item = self.stack.pop()
            if item is _MARK:
                break
            items.append(item)
        else:
            self.starved = True
        return tuple(reversed(items))

    def refuse(self, code: str, what: str) -> None:
        self.threats.append(PickleThreat(code, what, self.position))

    def name(self, module: Any, attribute: Any) -> None:
        """A global is asked for: judge it and push it."""
        self.named = True
        if not isinstance(module, str) or not isinstance(attribute, str):
            self.refuse("computed-global", "a name that is only known while loading")
            self.stack.append(_OPAQUE)
            return
        full = f"{module}.{attribute}"
        # `paddle.save` writes a dense tensor as eval("data", {...}); judged when it is called.
        is_eval = full in {"builtins.eval", "__builtin__.eval"}
        if not is_eval and full not in ALLOWED and not ALLOWED_SHAPE.fullmatch(full):
            self.refuse("global", full)
        self.stack.append(_Global(full))

    def call(self, function: Any, arguments: Any) -> None:
        """Something is called: only the one harmless form of eval passes, and only allowed names build."""
        self.called = True
        if isinstance(function, _Global) and function.name.endswith(".eval"):
            harmless = isinstance(arguments, tuple) and len(arguments) == 2 and arguments[0] == "data"
            if not harmless:
                self.refuse("global", function.name)
        self.stack.append(_OPAQUE)


def _get(machine: _Machine, argument: Any) -> None:
    machine.stack.append(machine.memo.get(int(argument), _OPAQUE))


def _put(machine: _Machine, argument: Any) -> None:
    if machine.stack:
        machine.memo[int(argument)] = machine.stack[-1]


def _memoize(machine: _Machine, _: Any) -> None:
    if machine.stack:
        machine.memo[len(machine.memo)] = machine.stack[-1]


def _global(machine: _Machine, argument: Any) -> None:
    module, _, attribute = str(argument).partition(" ")
    machine.name(module, attribute)


def _stack_global(machine: _Machine, _: Any) -> None:
    attribute, module = machine.pop(), machine.pop()
    machine.name(module, attribute)


def _inst(machine: _Machine, argument: Any) -> None:
    arguments = machine.pop_to_mark()
    _global(machine, argument)
    machine.call(machine.pop(), arguments)


def _obj(machine: _Machine, _: Any) -> None:
    items = machine.pop_to_mark()
    machine.call(items[0] if items else _OPAQUE, items[1:])


def _reduce(machine: _Machine, _: Any) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.call(function, arguments)


def _newobj_ex(machine: _Machine, _: Any) -> None:
    machine.pop()
    _reduce(machine, None)


def _extension(machine: _Machine, argument: Any) -> None:
    machine.refuse("extension", f"copyreg extension {argument}")
    machine.stack.append(_OPAQUE)


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    def apply(machine: _Machine, _: Any) -> None:
        items = [machine.pop() for _ in range(count)]
        machine.stack.append(tuple(reversed(items)))

    return apply


_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _memoize,
    "MARK": lambda machine, _: machine.stack.append(_MARK),
    "POP": lambda machine, _: (machine.pop(), None)[1],
    "POP_MARK": lambda machine, _: (machine.pop_to_mark(), None)[1],
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1] if machine.stack else _OPAQUE),
    "TUPLE": lambda machine, _: machine.stack.append(machine.pop_to_mark()),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
}


def _generic(machine: _Machine, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
    """Any other instruction: what it takes and gives is in the table of the standard library."""
    if pickletools.markobject in opcode.stack_before:
        machine.pop_to_mark()
        below = opcode.stack_before.index(pickletools.markobject)
    else:
        below = len(opcode.stack_before)
    for _ in range(below):
        machine.pop()
    for given in opcode.stack_after:
        constant = isinstance(argument, str) and len(argument) <= 256 and given in _STRINGS
        machine.stack.append(argument if constant else _OPAQUE)


_STRINGS = (pickletools.pyunicode, pickletools.pybytes_or_str)


def scan_pickle(stream: IO[bytes]) -> tuple[list[PickleThreat], int]:
    """Walks one pickle from the stream's position to its STOP.

    Args:
        stream: Seekable; left after the STOP, or somewhere inside when the pickle is corrupt.

    Returns:
        The threats, in order, and the number of instructions understood.
    """
    machine, count = _Machine(), 0
    try:
        for count in _walk(stream, machine):
            if count > MAX_INSTRUCTIONS:
                machine.refuse("too-long", f"more than {MAX_INSTRUCTIONS} instructions")
                break
    except _BREAKS_OFF as error:
        machine.refuse("corrupt", f"breaks off after {count} instructions: {str(error)[:120]}")
    return machine.threats, count


# What the standard library raises on bytes that are no pickle.
_BREAKS_OFF = (ValueError, IndexError, OverflowError, UnicodeError, EOFError, MemoryError)


def _walk(stream: IO[bytes], machine: _Machine) -> Iterator[int]:
    """Runs one pickle on the machine; yields how many instructions were understood so far."""
    for count, (opcode, argument, position) in enumerate(pickletools.genops(stream), start=1):
        machine.position = position or 0
        handler = _HANDLERS.get(opcode.name)
        if handler is not None:
            handler(machine, argument)
        else:
            _generic(machine, opcode, argument)
        yield count


def scan_stream(stream: IO[bytes]) -> tuple[list[PickleThreat], int]:
    """Walks a whole file of pickles laid one after another (a second one may hide behind a good first).

    Returns:
        Threats with positions in the file, and how many pickles were walked.
    """
    threats: list[PickleThreat] = []
    walked = 0
    while True:
        start = stream.tell()
        head = stream.read(1)
        if not head:
            return threats, walked
        stream.seek(start)
        found, count = scan_pickle(stream)
        if walked and count <= 1 and all(each.code == "corrupt" for each in found):
            threats.append(PickleThreat("trailing", "bytes that are no pickle follow the last one", start))
            return threats, walked
        threats += found
        walked += 1
        if any(each.code in {"corrupt", "too-long"} for each in found):
            return threats, walked


def looks_like_pickle(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pickle, whatever its name is.

    Args:
        head: The first bytes, some hundred or more: a call that lies behind them is not seen in the old
            protocols, which have no header.
    """
    if head[:1] == b"\x80" and len(head) > 2 and 2 <= head[1] <= 5:
        return head[2] in _KNOWN
    # Protocols 0 and 1 have no header: a container followed by a known instruction, or a call.
    return bool(re.match(rb"\((d|l)p?\d*\n?|[\])}]q\x00", head)) or _calls(head)


def _calls(head: bytes) -> bool:
    """Whether the bytes run as a pickle up to a call, or to the end of one that only imports.

    A list of words (`cat`, `dog`) begins like one that asks for a name, and then starves the machine.
    """
    machine = _Machine()
    try:
        for _ in _walk(io.BytesIO(head), machine):
            if machine.starved or machine.called:
                return machine.called and not machine.starved
    except _BREAKS_OFF as error:
        cut = any(said in str(error) for said in ("remain", "not enough data", "no newline", "exhausted"))
        return cut and len(head) >= 512 and machine.named
    return machine.named


_KNOWN = frozenset(ord(each.code) for each in pickletools.opcodes)
