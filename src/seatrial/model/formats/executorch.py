"""ExecuTorch (`.pte`): a program as FlatBuffers, its constants and what backends made of it behind it.

Layout: FlatBuffers with the mark `ET12`; at byte 8 `eh00`, u32 length, u64 size of the program, u64 begin of
the segments. Field numbers are those of program.fbs: Program {1 execution_plan, 4 segments}, ExecutionPlan
{0 name, 2 values, 3 inputs, 4 outputs, 5 chains, 6 operators, 7 delegates}, EValue {0 kind, 1 value}, Tensor
{0 scalar_type, 2 sizes, 8 shape_dynamism}, Chain {2 instructions}, Instruction {0 kind, 1 arguments}.

Programs have no names of inputs. Those made by Seatrial carry a second method that returns them as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Artifact, ModelFile, Operator
from seatrial.model.formats._assemble import assemble, broken
from seatrial.model.formats._bytes import head, mapped, size_of
from seatrial.model.formats._flatbuffer import Table
from seatrial.model.formats._format import Format, Garbled
from seatrial.model.formats._graph import Graph
from seatrial.model.formats._probe import printable

INTERFACE = "seatrial_interface"
_METHOD = "forward"
_MARK, _HEADER = b"ET", b"eh00"
_TENSOR, _TEXT = 5, 6
_KERNEL_CALL, _DELEGATE_CALL = 1, 2
_STATIC = 0
# ScalarType of PyTorch.
_DTYPES = {
    0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64",
    11: "bool", 15: "bfloat16",
}  # fmt: skip


def sniff(path: Path) -> bool:
    """Whether the file has ExecuTorch's mark behind its first offset."""
    data = head(path, 8)
    return len(data) == 8 and data[4:6] == _MARK and data[6:8].isdigit()


def read(path: Path) -> Artifact:
    """The artifact of a `.pte` file; its constants are not read."""
    files = [ModelFile(path, "graph", size_of(path))]
    try:
        with mapped(path) as data:
            graph = _graph(Table.root(_program(data)))
    except Garbled as error:
        return broken(path, error, format_name="executorch", files=files)
    return assemble(path, graph, format_name="executorch", files=files, parameters=(), problems=())


def operators(path: Path) -> tuple[Operator, ...]:
    """What a program calls, in order: kernels, and backends with all that they took over."""
    with mapped(path) as data:
        return _graph(Table.root(_program(data))).operators


def _program(data: memoryview) -> memoryview:
    """The program's bytes; that all segments are there is looked at here."""
    if bytes(data[8:12]) != _HEADER:
        return data
    length, size, begin = (
        int.from_bytes(data[at:end], "little") for at, end in ((12, 16), (16, 24), (24, 32))
    )
    if length < 24 or size > len(data) or begin > len(data):
        raise Garbled(
            f"a program of {size:,} bytes and segments from {begin:,} are announced, {len(data):,} are there",
            code="graph-truncated",
        )
    program = data[:size]
    ends = [each.integer(0, "Q") + each.integer(1, "Q") for each in Table.root(program).tables(4)]
    if ends and begin + max(ends) > len(data):
        raise Garbled(
            f"the last segment ends at {begin + max(ends):,}, the file at {len(data):,}",
            code="graph-truncated",
        )
    return program


def _graph(program: Table) -> Graph:
    plans = {each.text(0): each for each in program.tables(1)}
    plan = plans.get(_METHOD)
    if plan is None:
        raise Garbled(f"no method '{_METHOD}'; there is: {', '.join(plans)[:200] or 'none'}")
    told = _told(plans.get(INTERFACE))
    values = list(plan.tables(2))
    inputs = tuple(_tensors(values, plan.integers(3), told.get("inputs"), "input"))
    outputs = tuple(_tensors(values, plan.integers(4), told.get("outputs"), "output"))
    delegates = [each.text(0) for each in plan.tables(7)]
    found = tuple(_operators(plan, delegates))
    largest = [_sizes(values[place]) for place in plan.integers(3)]
    return Graph(
        version=f"ExecuTorch program {program.integer(0, 'I')}",
        inputs=inputs,
        outputs=outputs,
        operators=found,
        metadata={
            "backends": ", ".join(sorted(set(delegates))) or "none",
            "largest inputs": ", ".join(str(list(each)) for each in largest),
            "names": "in the file" if told else "not recorded; shapes neither, where they may vary",
        },
    )


def _told(plan: Table | None) -> dict[str, Any]:
    """What our converter left in the file; nothing when it is another's."""
    if plan is None:
        return {}
    values, places = list(plan.tables(2)), plan.integers(4)
    if len(places) != 1 or not 0 <= places[0] < len(values):
        return {}
    value = values[places[0]].table(1)
    try:
        told = json.loads(value.text(0)) if value and values[places[0]].integer(0, "B") == _TEXT else {}
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _tensors(values: list[Table], places: tuple[int, ...], told: Any, word: str) -> Iterator[TensorSpec]:
    names = told if isinstance(told, list) and len(told) == len(places) else [{}] * len(places)
    for index, (place, each) in enumerate(zip(places, names, strict=True)):
        if not 0 <= place < len(values):
            raise Garbled(f"{word} {index} is none of the {len(values)} values")
        tensor = values[place].table(1)
        if values[place].integer(0, "B") != _TENSOR or tensor is None:
            raise Garbled(f"{word} {index} is no tensor")
        code = tensor.integer(0, "b")
        known = each if isinstance(each, dict) else {}
        name = known.get("name")
        yield TensorSpec(
            printable(name)[:200] if isinstance(name, str) and name else f"{word}_{index}",
            _DTYPES.get(code, f"dtype {code}"),
            _shape(tensor, known.get("shape")),
        )


def _sizes(value: Table) -> tuple[int, ...]:
    tensor = value.table(1)
    return tensor.integers(2) if tensor is not None else ()


def _shape(tensor: Table, told: Any) -> tuple[Dimension, ...]:
    """The sizes; of a tensor that may vary the file has the largest, and only our text says which do."""
    sizes = tensor.integers(2)
    if tensor.integer(8, "b") == _STATIC:
        return sizes
    if isinstance(told, list) and len(told) == len(sizes):
        free = [each if isinstance(each, str) else None for each in told]
        return tuple(
            size if isinstance(each, int) else printable(name)[:60] if name else None
            for size, each, name in zip(sizes, told, free, strict=True)
        )
    return (None,) * len(sizes)


def _operators(plan: Table, delegates: list[str]) -> Iterator[Operator]:
    names = [each.text(0) for each in plan.tables(6)]
    index = 0
    for chain in plan.tables(5):
        for each in chain.tables(2):
            kind, arguments = each.integer(0, "B"), each.table(1)
            known = {_KERNEL_CALL: names, _DELEGATE_CALL: delegates}.get(kind)
            if known is None or arguments is None:
                continue
            place = arguments.integer(0)
            if not 0 <= place < len(known):
                raise Garbled(f"an instruction calls number {place} of {len(known)}")
            yield Operator(f"{known[place]}:{index}", known[place], {}, (), ())
            index += 1


FORMAT = Format(
    name="executorch",
    summary="ExecuTorch: a PyTorch program for phones (.pte)",
    suffixes=(".pte",),
    sniff=sniff,
    read=read,
    operators=operators,
)
