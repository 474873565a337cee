"""Changes an ONNX model.

Field numbers are those in `_onnx_graph`, and of AttributeProto {1 name, 2 f, 3 i, 4 s, 5 t, 7 floats, 8 ints,
9 strings, 20 type}.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seatrial.errors import UnsupportedModel
from seatrial.model.formats import _wire as wire
from seatrial.model.formats._edit import Changes, OperatorEdit, cannot, items
from seatrial.model.formats._edit_values import Kind, written
from seatrial.model.formats._onnx_graph import STANDARD_DOMAINS
from seatrial.model.formats._onnx_tensor import tensor

# By AttributeProto.AttributeType.
_TYPES: dict[int, Kind] = {
    1: (2, False, wire.float32), 2: (3, False, wire.number), 3: (4, False, wire.block),
    6: (7, True, wire.float32), 7: (8, True, wire.number), 8: (9, True, wire.block),
}  # fmt: skip
_TYPE_OF_FIELD = {field: kind for kind, (field, _, _) in _TYPES.items()} | {5: 4, 6: 5}
_OF_VALUE = {bool: (2, 7), int: (2, 7), float: (1, 6), str: (3, 8)}
# Before IR 4 an attribute had no type: its field says it.
_DATA_FIELDS = (4, 5, 6, 7, 9, 10, 11)


def edit(data: bytes, changes: Changes) -> bytes:
    """The bytes of an `.onnx` file with `changes`.

    Raises:
        Garbled: They are no `ModelProto`.
        UnsupportedModel: It has more than one graph.
        UsageError: An attribute cannot be given that value.
    """
    view = memoryview(data)
    if sum(each.number == 7 for each in wire.parts(view)) != 1:
        raise UnsupportedModel("the file has several graphs", hint="export the model again")
    editor = _Editor(changes)
    # As the reader counts: the graph first, then the functions, wherever they stand in the file.
    first = wire.changed(view, editor.model)
    return wire.changed(
        memoryview(first), lambda each: wire.inside(each, editor.function) if each.number == 25 else None
    )


class _Editor:
    """Walks the nodes in the order of the reader (`_onnx_graph`) and counts as it does."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.count = 0

    def model(self, part: wire.Part) -> bytes | None:
        """ModelProto {7 graph, 8 opset_import {1 domain, 2 version}}."""
        if part.number == 7:
            return wire.inside(part, self.top)
        version = self.changes.version
        if part.number != 8 or version is None:
            return None
        domain = next((each.text for each in wire.parts(part.message) if each.number == 1), "")
        if domain not in STANDARD_DOMAINS:
            return None
        new = [wire.number(2, version)]
        return wire.inside(part, lambda each: b"" if each.number == 2 else None, extra=new)

    def top(self, part: wire.Part) -> bytes | None:
        """GraphProto {1 node, 5 initializer, 11 input, 13 value_info} of the model itself."""
        if part.number == 1:
            return self.node(part, rename=True)
        if part.number == 5:
            return self.stored(part)
        return self.value(part) if part.number in (11, 13) else None

    def stored(self, part: wire.Part) -> bytes | None:
        """TensorProto {1 dims, 8 name} of an initializer."""
        if not self.changes.stated and not self.changes.without:
            return None
        name = next((each.text for each in wire.parts(part.message) if each.number == 8), "")
        if name in self.changes.without:
            return b""
        return self.shape(part, name) if name in self.changes.stated else None

    def function(self, part: wire.Part) -> bytes | None:
        """FunctionProto {7 node}: names in it are its own."""
        return self.node(part, rename=False) if part.number == 7 else None

    def node(self, part: wire.Part, *, rename: bool) -> bytes | None:
        wanted = self.changes.operators.get(self.count)
        self.count += 1
        held = self.constant(part)
        if held is not None:
            return held
        seen: set[str] = set()
        names = self.changes.names if rename else {}

        def change(each: wire.Part) -> bytes | None:
            if each.number == 1:
                return wire.block(1, names[each.text]) if each.text in names else None
            if each.number in (4, 7) and wanted is not None and wanted.type:
                return b""
            if each.number != 5:
                return None
            new = _attribute(each, wanted, seen) if wanted is not None else None
            return self.bodies(each, rename=rename) if new is None else new

        content = wire.changed(part.message, change)
        if wanted is not None:
            content += _added(wanted, seen)
        return None if content == part.message else wire.block(part.number, content)

    def constant(self, part: wire.Part) -> bytes | None:
        """A `Constant` whose tensor is misstated or taken out: NodeProto {2 output, 4 op_type, 5 {5 t}}."""
        if not self.changes.stated and not self.changes.without:
            return None
        texts = {each.number: each.text for each in wire.parts(part.message) if each.number in (2, 4)}
        name = texts.get(2, "")
        if texts.get(4) != "Constant" or name not in (*self.changes.stated, *self.changes.without):
            return None
        return b"" if name in self.changes.without else wire.inside(part, self.value_of(name))

    def value_of(self, name: str) -> wire.Change:
        """Changes the tensor in an attribute of a node."""

        def tensor_of(each: wire.Part) -> bytes | None:
            return self.shape(each, name) if each.number == 5 else None

        return lambda each: wire.inside(each, tensor_of) if each.number == 5 else None

    def shape(self, part: wire.Part, name: str) -> bytes | None:
        """TensorProto {1 dims} with other dimensions and the data it has."""
        dims = [wire.number(1, each) for each in self.changes.stated[name]]
        return wire.inside(part, lambda each: b"" if each.number == 1 else None, extra=dims)

    def bodies(self, part: wire.Part, *, rename: bool) -> bytes | None:
        """The nodes of graphs in an attribute (If, Loop, Scan); outer names are visible in them."""

        def graph(each: wire.Part) -> bytes | None:
            return self.node(each, rename=rename) if each.number == 1 else None

        return wire.inside(part, lambda each: wire.inside(each, graph) if each.number in (6, 11) else None)

    def value(self, part: wire.Part) -> bytes | None:
        """ValueInfoProto {1 name, 2 type {1 tensor_type {2 shape {1 dim {1 value, 2 param}}}}}."""
        name = next((each.text for each in wire.parts(part.message) if each.number == 1), "")
        shape = self.changes.shapes.get(name) if part.number == 11 else None

        def change(each: wire.Part) -> bytes | None:
            if each.number == 1 and name in self.changes.names:
                return wire.block(1, self.changes.names[name])
            return wire.inside(each, kind) if each.number == 2 and shape is not None else None

        def kind(each: wire.Part) -> bytes | None:
            if each.number != 1 or shape is None:
                return None
            dims = b"".join(wire.block(1, _dimension(dim)) for dim in shape)
            return wire.inside(
                each, lambda old: b"" if old.number == 2 else None, extra=[wire.block(2, dims)]
            )

        return wire.inside(part, change)


def _dimension(dim: int | str | None) -> bytes:
    if dim is None:
        return b""
    return wire.block(2, dim) if isinstance(dim, str) else wire.number(1, dim)


def _attribute(part: wire.Part, wanted: OperatorEdit, seen: set[str]) -> bytes | None:
    """The new attribute, or None where this one is not named."""
    name, kind, held = "", 0, None
    for each in wire.parts(part.message):
        if each.number == 1:
            name = each.text
        elif each.number == 20 and isinstance(each.value, int):
            kind = each.value
        elif each.number in _TYPE_OF_FIELD:
            held = each
    if name not in wanted.attributes:
        return None
    seen.add(name)
    value = wanted.attributes[name]
    if value is None:
        return b""
    kind = kind or (_TYPE_OF_FIELD[held.number] if held else 0)
    if kind == 4 and held is not None:
        return wire.inside(part, lambda each: _tensor(each, wanted, name) if each.number == 5 else None)
    return _written(wanted, name, value, kind)


def _tensor(part: wire.Part, wanted: OperatorEdit, name: str) -> bytes | None:
    """The tensor of a constant with other values, of its own shape and dtype."""
    old = tensor(part.message)
    value = wanted.attributes[name]
    if old.external or old.dtype not in ("bool", "float16", "float32", "float64", "int32", "int64"):
        raise cannot(wanted, name, value, f"it is a tensor of {old.dtype}, or lies in another file")
    array = np.asarray(value, np.dtype(old.dtype).newbyteorder("<"))
    if array.size != int(np.prod(old.shape, dtype=np.int64)):
        raise cannot(wanted, name, value, f"it is a tensor of shape {list(old.shape)}")
    return wire.inside(
        part,
        lambda each: b"" if each.number in _DATA_FIELDS else None,
        extra=[wire.block(9, array.tobytes())],
    )


def _written(wanted: OperatorEdit, name: str, value: Any, kind: int) -> bytes:
    listed = written(wanted, name, value, _TYPES.get(kind))
    return wire.block(5, wire.block(1, name) + listed + wire.number(20, kind))


def _added(wanted: OperatorEdit, seen: set[str]) -> bytes:
    """What was not there: a type with its domain, and attributes."""
    new = b""
    if wanted.type:
        domain, _, short = wanted.type.rpartition(".")
        new += wire.block(4, short) + (wire.block(7, domain) if domain else b"")
    for name, value in wanted.attributes.items():
        if name in seen or value is None:
            continue
        kinds = {type(each) for each in items(value)}
        if len(kinds) != 1 or not kinds <= set(_OF_VALUE):
            raise cannot(wanted, name, value, "it must be a number, text or a list of one of them")
        new += _written(wanted, name, value, _OF_VALUE[kinds.pop()][isinstance(value, (tuple, list))])
    return new
