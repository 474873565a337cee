"""The graph of Paddle 2 (`.pdmodel`): a `ProgramDesc` protobuf, read by field number.

Field numbers are those of framework.proto (Paddle 2.6 and 3.2):
ProgramDesc {1 blocks, 4 version {1}, 5 op_version_map}, BlockDesc {3 vars, 4 ops},
VarDesc {1 name, 2 type {1 type, 3 lod_tensor {1 tensor {1 dtype, 2 dims}}}, 3 persistable},
OpDesc {1 inputs, 2 outputs, 3 type, 4 attrs}, Var {1 parameter, 2 arguments}.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Operator, Problem
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import MAX_OPERATORS, Declared, Graph, problem
from seatrial.model.formats._known import unknown
from seatrial.model.formats._pdiparams import DTYPES, tensor_desc

# The version is the framework's: 2006002 is 2.6.2. Written by Paddle up to 3.3.
NEWEST_VERSION = 3_003_999
DENSE_TENSOR = 7


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    kind: int
    dtype: str
    shape: tuple[int, ...]
    persistable: bool


@dataclass(slots=True)
class _Op:
    type: str = ""
    inputs: dict[str, list[str]] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


def parse(data: memoryview) -> Graph:
    """The graph in the bytes of a `.pdmodel` file.

    Raises:
        Garbled: They are no `ProgramDesc`.
    """
    blocks, version = _top(data)
    variables: dict[str, _Variable] = {}
    inputs: list[tuple[int, str]] = []
    outputs: list[tuple[int, str]] = []
    operators: list[Operator] = []
    for index, block in enumerate(blocks):
        for op in _block(block, variables):
            column = op.attributes.get("col")
            place = column if isinstance(column, int) else 0
            if op.type == "feed":
                inputs += [(place, name) for name in op.outputs.get("Out", [])]
            elif op.type == "fetch":
                outputs += [(place, name) for name in op.inputs.get("X", [])]
            else:
                operators.append(_operator(op, len(operators), index))
            if len(operators) > MAX_OPERATORS:
                raise Garbled(f"more than {MAX_OPERATORS:,} operators")
    text, problems = _version(version)
    if not inputs and not outputs:
        problems.append(_not_static())
    declared = (each for each in variables.values() if each.persistable and each.kind == DENSE_TENSOR)
    return Graph(
        version=text,
        inputs=tuple(_spec(name, variables) for _, name in sorted(inputs)),
        outputs=tuple(_spec(name, variables) for _, name in sorted(outputs)),
        declared=tuple(Declared(each.name, each.dtype, each.shape) for each in declared),
        operators=tuple(operators),
        problems=(*problems, *unknown((each.type for each in operators), "paddle-program")),
    )


def _top(data: memoryview) -> tuple[list[memoryview], int]:
    """The blocks and the version, which old files leave out."""
    blocks, version = [], 0
    for number, value in protobuf.fields(data):
        if number == 1:
            blocks.append(protobuf.message(value, "a block"))
        elif number == 4:
            for inner, content in protobuf.fields(protobuf.message(value, "the version")):
                version = protobuf.number(content, "the version") if inner == 1 else version
        elif number not in (2, 3, 5):
            raise Garbled(f"field {number} does not belong to a ProgramDesc")
    if not blocks:
        raise Garbled(
            "a ProgramDesc without a block", code="graph-truncated" if not data else "graph-garbage"
        )
    return blocks, version


def _version(version: int) -> tuple[str, list[Problem]]:
    if version == 0:
        return "ProgramDesc, version not recorded", []
    text = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
    if 0 < version <= NEWEST_VERSION:
        return text, []
    defect = problem(
        "version-from-the-future",
        f"written by Paddle {text} (version {version}); the newest one known is 3.3",
        "ProgramDesc.version",
        "update seatrial and the runtime, or export again with the Paddle that will run the model",
    )
    return text, [defect]


def _not_static() -> Problem:
    return problem(
        "not-static-export",
        "the program has neither feed nor fetch: a training program, or not saved for inference",
        "ProgramDesc",
        "export with paddle.jit.save or paddle.static.save_inference_model",
    )


def _block(data: memoryview, variables: dict[str, _Variable]) -> list[_Op]:
    """The operators of a block; its variables are added to `variables`, outer blocks winning."""
    ops = []
    for number, value in protobuf.fields(data):
        if number == 3:
            variable = _variable(protobuf.message(value, "a variable"))
            variables.setdefault(variable.name, variable)
        elif number == 4:
            ops.append(_op(protobuf.message(value, "an operator")))
            if len(ops) > MAX_OPERATORS:
                raise Garbled(f"more than {MAX_OPERATORS:,} operators")
        elif number not in (1, 2, 5):
            raise Garbled(f"field {number} does not belong to a BlockDesc")
    return ops


def _variable(data: memoryview) -> _Variable:
    name, kind, dtype, persistable = "", -1, "", False
    shape: tuple[int, ...] = ()
    for number, value in protobuf.fields(data):
        if number == 1:
            name = protobuf.text(value, "the name of a variable")
        elif number == 2:
            kind, dtype, shape = _variable_type(protobuf.message(value, "the type of a variable"))
        elif number == 3:
            persistable = bool(protobuf.number(value, "persistable"))
    return _Variable(name, kind, dtype, shape, persistable)


def _variable_type(data: memoryview) -> tuple[int, str, tuple[int, ...]]:
    kind, code = -1, -1
    shape: tuple[int, ...] = ()
    for number, value in protobuf.fields(data):
        if number == 1:
            kind = protobuf.number(value, "the type of a variable")
        elif number == 3:
            for inner, content in protobuf.fields(protobuf.message(value, "a tensor")):
                if inner == 1:
                    code, shape = tensor_desc(protobuf.message(content, "a tensor"))
    return kind, DTYPES.get(code, f"dtype {code}"), shape


def _op(data: memoryview) -> _Op:
    op = _Op()
    for number, value in protobuf.fields(data):
        if number == 3:
            op.type = protobuf.text(value, "the type of an operator")
        elif number in (1, 2):
            slot, names = _arguments(protobuf.message(value, "an argument"))
            (op.inputs if number == 1 else op.outputs)[slot] = names
        elif number == 4:
            name, attribute = _attribute(protobuf.message(value, "an attribute"))
            op.attributes[name] = attribute
    return op


def _arguments(data: memoryview) -> tuple[str, list[str]]:
    slot, names = "", []
    for number, value in protobuf.fields(data):
        if number == 1:
            slot = protobuf.text(value, "the name of an argument")
        elif number == 2:
            names.append(protobuf.text(value, "an argument"))
    return slot, names


def _attribute(data: memoryview) -> tuple[str, Any]:
    """Name and value; lists as tuples, blocks as their numbers."""
    name, repeated = "", False
    single: Any = None
    several: list[Any] = []
    for number, value in protobuf.fields(data):
        what = f"attribute {name}"
        if number == 1:
            name = protobuf.text(value, "the name of an attribute")
        elif number in (3, 12, 13):
            single = protobuf.number(value, what)
        elif number == 10:
            single = bool(protobuf.number(value, what))
        elif number in (4, 19):
            single = (protobuf.float32 if number == 4 else protobuf.float64)(value, what)
        elif number in (5, 17):
            single = protobuf.text(value, what)
        elif number in (6, 11, 14, 15):
            repeated = True
            several += [bool(each) if number == 11 else each for each in protobuf.numbers(value)]
        elif number in (7, 16):
            repeated = True
            several += protobuf.floats(value, 4 if number == 7 else 8, what)
        elif number in (8, 18):
            repeated = True
            several.append(protobuf.text(value, what))
    return name, tuple(several) if repeated else single


def _operator(op: _Op, index: int, block: int) -> Operator:
    """Inputs and outputs in the order of the file; slots become attributes `in.<slot>`, `out.<slot>`."""
    slots = {f"in.{slot}": tuple(names) for slot, names in op.inputs.items()}
    slots |= {f"out.{slot}": tuple(names) for slot, names in op.outputs.items()}
    return Operator(
        name=f"{op.type}:{index}",
        type=op.type,
        attributes={**op.attributes, **slots},
        inputs=tuple(name for names in op.inputs.values() for name in names),
        outputs=tuple(name for names in op.outputs.values() for name in names),
        scope="" if block == 0 else f"block {block}",
    )


def _spec(name: str, variables: dict[str, _Variable]) -> TensorSpec:
    if name not in variables:
        raise Garbled(f"'{name}' is fed or fetched and no variable of the program")
    variable = variables[name]
    return TensorSpec(name, variable.dtype, tuple(None if each < 0 else each for each in variable.shape))
