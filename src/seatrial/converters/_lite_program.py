"""Gives a `ProgramDesc` of today's Paddle back what Paddle Lite reads without asking whether it is there.

Paddle 2.5 dropped outputs and attributes that nothing used any more; Paddle Lite's optimiser follows a null
pointer (SIGSEGV) or aborts where they are missing. Field numbers are those of framework.proto: ProgramDesc
{1 blocks}, BlockDesc {3 vars, 4 ops}, VarDesc {1 name, 2 type {1 type, 3 lod_tensor {1 tensor {1 dtype,
2 dims}}}}, OpDesc {2 outputs, 3 type, 4 attrs}, Var {1 parameter, 2 arguments}, Attr {1 name, 2 type, 4 f}.
"""

from __future__ import annotations

from collections import Counter

from seatrial.model.formats import _wire as wire

# Operators whose second output carries the input's shape for the backward pass.
_SHAPED = frozenset({"flatten_contiguous_range", "reshape2", "transpose2", "squeeze2", "unsqueeze2"})
_FLOAT32, _DENSE_TENSOR, _FLOAT_ATTRIBUTE = 5, 7, 1
_RELU6_THRESHOLD = 6.0


def patched(data: bytes) -> tuple[bytes, dict[str, int]]:
    """A program that Paddle Lite reads, and how many operators of each type were given something.

    Args:
        data: The bytes of a `.pdmodel` file.

    Raises:
        Garbled: They are no `ProgramDesc`.
    """
    given: Counter[str] = Counter()

    def block(part: wire.Part) -> bytes | None:
        if part.number != 1:
            return None
        variables: list[bytes] = []

        def operator(each: wire.Part) -> bytes | None:
            return _operator(each, variables, given) if each.number == 4 else None

        content = wire.changed(part.message, operator)
        return wire.block(1, content + b"".join(variables)) if content != part.message else None

    return wire.changed(memoryview(data), block), dict(given)


def _operator(part: wire.Part, variables: list[bytes], given: Counter[str]) -> bytes | None:
    kind = ""
    outputs: set[str] = set()
    attributes: set[str] = set()
    for each in wire.parts(part.message):
        if each.number == 3:
            kind = each.text
        elif each.number in (2, 4):
            name = next((inner.text for inner in wire.parts(each.message) if inner.number == 1), "")
            (outputs if each.number == 2 else attributes).add(name)
    extra = b""
    if kind in _SHAPED and "XShape" not in outputs:
        name = f"seatrial_xshape_{sum(given.values())}"
        variables.append(_variable(name))
        extra = wire.block(2, wire.block(1, "XShape") + wire.block(2, name))
    elif kind == "relu6" and "threshold" not in attributes:
        value = wire.block(1, "threshold") + wire.number(2, _FLOAT_ATTRIBUTE)
        extra = wire.block(4, value + wire.float32(4, _RELU6_THRESHOLD))
    if not extra:
        return None
    given[kind] += 1
    return wire.block(4, bytes(part.message) + extra)


def _variable(name: str) -> bytes:
    """A dense float32 tensor of no elements."""
    tensor = wire.block(1, wire.number(1, _FLOAT32) + wire.number(2, 0))
    return wire.block(
        3, wire.block(1, name) + wire.block(2, wire.number(1, _DENSE_TENSOR) + wire.block(3, tensor))
    )
