"""Changes a `ProgramDesc` (`.pdmodel`, Paddle 2).

Field numbers are those in `_program`, and of OpDesc.Attr {1 name, 2 type, 3 i, 4 f, 5 s, 6 ints, 7 floats,
8 strings, 10 b, 11 bools, 13 l, 15 longs, 16 float64s, 19 float64}.
"""

from __future__ import annotations

from typing import Any

from seatrial.model.formats import _wire as wire
from seatrial.model.formats._edit import Changes, OperatorEdit, cannot, items
from seatrial.model.formats._edit_values import Kind, written

# By AttrType of framework.proto.
_TYPES: dict[int, Kind] = {
    0: (3, False, wire.number), 1: (4, False, wire.float32), 2: (5, False, wire.block),
    3: (6, True, wire.number), 4: (7, True, wire.float32), 5: (8, True, wire.block),
    6: (10, False, wire.number), 7: (11, True, wire.number), 9: (13, False, wire.number),
    11: (15, True, wire.number), 12: (16, True, wire.float64), 15: (19, False, wire.float64),
}  # fmt: skip
_OF_VALUE = {bool: (6, 7), int: (0, 3), float: (1, 4), str: (2, 5)}


def edit(data: bytes, changes: Changes) -> bytes:
    """The bytes of a `.pdmodel` graph with `changes`.

    Raises:
        Garbled: They are no `ProgramDesc`.
        UsageError: An attribute cannot be given that value.
    """
    return _Editor(changes).program(memoryview(data))


class _Editor:
    """Walks the operators in the order of the reader (`_program`) and counts as it does."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.count = 0

    def program(self, data: memoryview) -> bytes:
        version = self.changes.version

        def change(each: wire.Part) -> bytes | None:
            if each.number == 4 and version is not None:
                return b""
            return wire.inside(each, self.block) if each.number == 1 else None

        extra = [] if version is None else [wire.block(4, wire.number(1, version))]
        return wire.changed(data, change, extra=extra)

    def block(self, part: wire.Part) -> bytes | None:
        if part.number == 3:
            return self.variable(part)
        return self.operator(part) if part.number == 4 else None

    def variable(self, part: wire.Part) -> bytes | None:
        """VarDesc {1 name, 2 type {3 lod_tensor {1 tensor {2 dims}}}}."""
        name = next((each.text for each in wire.parts(part.message) if each.number == 1), "")
        shape = self.changes.shapes.get(name)

        def change(each: wire.Part) -> bytes | None:
            if each.number == 1 and name in self.changes.names:
                return wire.block(1, self.changes.names[name])
            return wire.inside(each, dense) if each.number == 2 and shape is not None else None

        def dense(each: wire.Part) -> bytes | None:
            return wire.inside(each, tensor) if each.number == 3 else None

        def tensor(each: wire.Part) -> bytes | None:
            if each.number != 1 or shape is None:
                return None
            dims = [wire.number(2, dim if isinstance(dim, int) else -1) for dim in shape]
            return wire.inside(each, lambda old: b"" if old.number == 2 else None, extra=dims)

        return wire.inside(part, change)

    def operator(self, part: wire.Part) -> bytes | None:
        """OpDesc {1 inputs, 2 outputs, 3 type, 4 attrs}."""
        kind = next((each.text for each in wire.parts(part.message) if each.number == 3), "")
        wanted = None
        if kind not in ("feed", "fetch"):
            wanted = self.changes.operators.get(self.count)
            self.count += 1
        seen: set[str] = set()

        def change(each: wire.Part) -> bytes | None:
            if each.number in (1, 2):
                return wire.inside(each, self.argument)
            if each.number == 3 and wanted is not None and wanted.type:
                return wire.block(3, wanted.type)
            return _attribute(each, wanted, seen) if each.number == 4 and wanted is not None else None

        # In two turns: what is added is known only when all that is there has been seen.
        content = wire.changed(part.message, change)
        added = [
            _written(wanted, name, value, _type_of(wanted, name, value))
            for name, value in (wanted.attributes.items() if wanted else ())
            if name not in seen and value is not None and wanted
        ]
        content += b"".join(added)
        return None if content == part.message else wire.block(4, content)

    def argument(self, part: wire.Part) -> bytes | None:
        if part.number == 2 and part.text in self.changes.names:
            return wire.block(2, self.changes.names[part.text])
        return None


def _attribute(part: wire.Part, wanted: OperatorEdit, seen: set[str]) -> bytes | None:
    """The new attribute, or None where this one is not named."""
    name, kind = "", -1
    for each in wire.parts(part.message):
        if each.number == 1:
            name = each.text
        elif each.number == 2 and isinstance(each.value, int):
            kind = each.value
    if name not in wanted.attributes:
        return None
    seen.add(name)
    value = wanted.attributes[name]
    return b"" if value is None else _written(wanted, name, value, kind)


def _written(wanted: OperatorEdit, name: str, value: Any, kind: int) -> bytes:
    listed = written(wanted, name, value, _TYPES.get(kind))
    return wire.block(4, wire.block(1, name) + wire.number(2, kind) + listed)


def _type_of(wanted: OperatorEdit, name: str, value: Any) -> int:
    """The type of an attribute that was not there."""
    several = isinstance(value, (tuple, list))
    kinds = {type(each) for each in items(value)}
    if len(kinds) != 1 or not kinds <= set(_OF_VALUE):
        raise cannot(wanted, name, value, "it must be a boolean, a number, text or a list of one of them")
    return _OF_VALUE[kinds.pop()][several]
