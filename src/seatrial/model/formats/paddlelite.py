"""Paddle Lite (`.nb`): program and weights in one file, its kernels chosen for one kind of processor.

An engine that has other kernels than the file names loads it all the same and answers with what was in its
memory; the target is therefore part of what is read here.

Layout (naive buffer 2, little-endian): u16 2, 16 bytes with the version of the optimiser, u64 size of the
program, the program as FlatBuffers (framework.fbs of Paddle Lite), u16 0, u32 6, u16 number of parameters,
u32 largest parameter; of each parameter u32 size, u32 offset, FlatBuffers (param.fbs).
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator, Parameter
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, mapped, size_of
from seatrial.model.formats._flatbuffer import Table
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import MAX_OPERATORS, Graph
from seatrial.model.formats._probe import printable

_HEAD = struct.Struct("<H16sQ")
_PARAMETERS = struct.Struct("<HIHI")
_PARAMETER = struct.Struct("<II")
_VERSION = re.compile(rb"v?\d[\w.-]{2,14}")
_DTYPES = {
    0: "bool", 1: "int16", 2: "int32", 3: "int64", 4: "float16", 5: "float32", 6: "float64", 20: "uint8",
    21: "int8",
}  # fmt: skip
_DENSE_TENSOR = 7
_KERNEL = "__@kernel_type_attr@__"
# TargetType and PrecisionType of Paddle Lite.
_TARGETS = {
    1: "host",
    2: "x86",
    3: "cuda",
    4: "arm",
    5: "opencl",
    6: "any",
    10: "npu",
    11: "xpu",
    13: "metal",
}
_PRECISIONS = {1: "float32", 2: "int8", 3: "int32", 4: "any", 5: "float16", 6: "bool", 7: "int64", 8: "int16"}
_INT, _FLOAT, _TEXT, _BOOL = 0, 1, 2, 6


def sniff(path: Path) -> bool:
    """Whether the file starts as the optimiser begins it, with a program that fits into it."""
    data = head(path, _HEAD.size)
    if len(data) < _HEAD.size:
        return False
    meta, version, size = _HEAD.unpack(data)
    return meta == 2 and bool(_VERSION.fullmatch(version.split(b"\0")[0])) and 0 < size < 1 << 32


def read(path: Path) -> Artifact:
    """The artifact of an `.nb` file."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        with mapped(path) as data:
            version, program, rest = _split(data)
            graph = _graph(version, Table.root(program))
            parameters = tuple(_parameters(path, data, rest))
    except Garbled as error:
        return broken(path, error, format_name="paddlelite", files=files)
    return assemble(path, graph, format_name="paddlelite", files=files, parameters=parameters, problems=())


def operators(path: Path) -> tuple[Operator, ...]:
    """The operators of an `.nb` file; `kernel` says for what each was chosen: `arm float32`."""
    with mapped(path) as data:
        return _graph("", Table.root(_split(data)[1])).operators


def _split(data: memoryview) -> tuple[str, memoryview, int]:
    """The optimiser's version, the program, and where the parameters begin."""
    if len(data) < _HEAD.size:
        raise Garbled("the file ends in its head", code="graph-truncated")
    _, version, size = _HEAD.unpack(data[: _HEAD.size])
    end = _HEAD.size + size
    if end > len(data):
        raise Garbled(
            f"the program is said to be {size:,} bytes, {len(data) - _HEAD.size:,} are there",
            code="graph-truncated",
        )
    return printable(version.split(b"\0")[0].decode("ascii", "replace")), data[_HEAD.size : end], end


def _graph(version: str, program: Table) -> Graph:
    variables: dict[str, TensorSpec] = {}
    inputs: list[tuple[int, str]] = []
    outputs: list[tuple[int, str]] = []
    found: list[Operator] = []
    kernels: Counter[str] = Counter()
    for index, block in enumerate(program.tables(0)):
        for each in block.tables(2):
            spec = _variable(each)
            variables.setdefault(spec.name, spec)
        for each in block.tables(3):
            operator = _operator(each, len(found), index)
            place = operator.attributes.get("col")
            column = place if isinstance(place, int) else 0
            if operator.type == "feed":
                inputs += [(column, name) for name in operator.outputs]
            elif operator.type == "fetch":
                outputs += [(column, name) for name in operator.inputs]
            else:
                found.append(operator)
                kernels[str(operator.attributes.get("kernel", "unknown"))] += 1
            if len(found) > MAX_OPERATORS:
                raise Garbled(f"more than {MAX_OPERATORS:,} operators")
    return Graph(
        version=f"Paddle Lite {version}",
        inputs=tuple(_named(name, variables) for _, name in sorted(inputs)),
        outputs=tuple(_named(name, variables) for _, name in sorted(outputs)),
        operators=tuple(found),
        metadata={
            "target": target_of(kernels),
            "kernels": ", ".join(f"{name} {times}" for name, times in sorted(kernels.items())),
        },
    )


def target_of(kernels: Counter[str]) -> str:
    """The processors that kernels are for, `host` aside, which every engine has: `arm`, `arm, opencl`."""
    named = {each.split(" ")[0] for each in kernels} - {"host", "any"}
    return ", ".join(sorted(named)) or "host"


def _variable(table: Table) -> TensorSpec:
    """VarDesc {0 name, 1 type {0 type, 2 lod_tensor {0 tensor {0 data_type, 1 dims}}}}."""
    kind = table.table(1)
    dense = kind.table(2) if kind is not None else None
    tensor = dense.table(0) if dense is not None else None
    if tensor is None:
        return TensorSpec(table.text(0), "", ())
    dims = tensor.integers(1, "q")
    return TensorSpec(
        table.text(0), _dtype(tensor.integer(0)), tuple(None if each < 0 else each for each in dims)
    )


def _dtype(code: int) -> str:
    return _DTYPES.get(code, f"dtype {code}")


def _named(name: str, variables: dict[str, TensorSpec]) -> TensorSpec:
    if name not in variables:
        raise Garbled(f"'{name}' is fed or fetched and no variable of the program")
    return variables[name]


def _operator(table: Table, index: int, block: int) -> Operator:
    """OpDesc {0 type, 1 inputs, 2 outputs, 3 attrs}, Var {0 parameter, 1 arguments}."""
    kind = table.text(0)
    return Operator(
        name=f"{kind}:{index}",
        type=kind,
        attributes=dict(_attributes(table)),
        inputs=tuple(name for each in table.tables(1) for name in each.texts(1)),
        outputs=tuple(name for each in table.tables(2) for name in each.texts(1)),
        scope="" if block == 0 else f"block {block}",
    )


def _attributes(table: Table) -> Iterator[tuple[str, int | float | str | bool]]:
    """Attr {0 name, 1 type, 2 i, 3 f, 4 s, 8 b}; lists are left out."""
    for each in table.tables(3):
        name, kind = each.text(0), each.integer(1)
        if name == _KERNEL:
            yield "kernel", _kernel(each.text(4))
        elif kind == _INT:
            yield name, each.integer(2)
        elif kind == _FLOAT:
            yield name, each.real(3)
        elif kind == _TEXT:
            yield name, each.text(4)
        elif kind == _BOOL:
            yield name, bool(each.integer(8, "B"))


def _kernel(tag: str) -> str:
    """`conv2d/def/4/1/1` (operator, alias, target, precision, layout) as `arm float32`."""
    parts = tag.split("/")
    codes = [
        int(each) if each.isascii() and each.isdigit() and len(each) < 4 else -1 for each in parts[-3:-1]
    ]
    if len(codes) < 2:
        return "unknown"
    target, precision = codes
    return (
        f"{_TARGETS.get(target, f'target-{target}')} {_PRECISIONS.get(precision, f'precision-{precision}')}"
    )


def _parameters(path: Path, data: memoryview, position: int) -> Iterator[Parameter]:
    """ParamDesc {1 name, 3 variable {2 dim, 3 data_type, 4 data}}."""
    if len(data) - position < _PARAMETERS.size:
        raise Garbled("the file ends before its parameters", code="graph-truncated")
    _, _, count, _ = _PARAMETERS.unpack_from(data, position)
    position += _PARAMETERS.size
    for place in range(count):
        if len(data) - position < _PARAMETER.size:
            raise Garbled(
                f"{count} parameters are announced, the file ends after {place}", code="graph-truncated"
            )
        size, offset = _PARAMETER.unpack_from(data, position)
        start, end = position + 4 + offset, position + 4 + size
        if not position + _PARAMETER.size <= start <= end <= len(data):
            raise Garbled(
                f"parameter {place} of {count} is said to be {size:,} bytes, "
                f"{len(data) - position - 4:,} are left",
                code="graph-truncated",
            )
        described = Table.root(data[start:end])
        value = described.table(3)
        if value is None:
            raise Garbled(f"parameter {place} has no value")
        begin, length = value.bytes_of(4)
        yield Parameter(
            described.text(1), _dtype(value.integer(3)), value.integers(2, "q"), path, start + begin, length
        )
        position = end
    if position < len(data):
        raise Garbled(f"{len(data) - position:,} bytes follow the last parameter and belong to nothing")


FORMAT = Format(
    name="paddlelite",
    summary="Paddle Lite: program and weights for one kind of processor (.nb)",
    suffixes=(".nb",),
    sniff=sniff,
    read=read,
    operators=operators,
)
