"""The graph of Paddle 3 (`.json`): a PIR program as JSON, short keys and all.

`#` is a kind, `A` attributes, `I` inputs, `O` outputs, `N` a name, `AT` a value with type, `D` data, `TT` a
type, `%` a value's number. `#` of an operator is `<dialect>.<name>`, the dialect as a number; `p` is a
parameter: its name is `A[3]`, and `OA[0]` says whether it is in the parameters file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.contract.tensor import TensorSpec
from seatrial.model.artifact import Operator, Problem
from seatrial.model.formats import _probe as probe
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import MAX_NESTING, MAX_OPERATORS, Declared, Graph, problem
from seatrial.model.formats._known import unknown

# PIR versions: 3.0.0 writes 1, 3.2.2 writes 3, 3.3.1 writes 4. Paddle accepts any number without a word.
NEWEST_VERSION = 4

DIALECTS = {"0": "builtin", "1": "pd_op", "2": "cf", "3": "custom_op", "4": "pd_dist"}
DTYPES = {
    "t_f32": "float32", "t_i64": "int64", "t_i32": "int32", "t_bool": "bool", "t_f16": "float16",
    "t_bf16": "bfloat16", "t_f64": "float64", "t_ui8": "uint8", "t_i8": "int8", "t_i16": "int16",
    "t_c64": "complex64", "t_c128": "complex128", "t_f8e4m3": "float8_e4m3fn", "t_f8e5m2": "float8_e5m2",
}  # fmt: skip


def parse(data: bytes) -> Graph:
    """The graph in the bytes of a `.json` file.

    Raises:
        Garbled: They are no PIR program.
    """
    root = probe.mapping(probe.load_json(data), "the file")
    version, problems = _version(root)
    reader = _Reader()
    program = probe.member(root, "program", "the file")
    region = probe.item(probe.member(program, "regions", "program"), 0, "program.regions")
    block = probe.item(probe.member(region, "blocks", "region 0"), 0, "region 0.blocks")
    reader.block(probe.member(block, "ops", "block 0"), "")
    return Graph(
        version=version,
        inputs=tuple(reader.inputs),
        outputs=tuple(spec for _, spec in sorted(reader.outputs, key=lambda pair: pair[0])),
        declared=tuple(reader.declared),
        operators=tuple(reader.operators),
        problems=(*problems, *unknown(_judged(reader.operators), "paddle-pir")),
        metadata=_custom(reader.operators),
    )


def _judged(operators: list[Operator]) -> Iterator[str]:
    """Types that must be in the registry; a custom operator's library is not at hand, it is a note."""
    return (each.type for each in operators if not each.type.startswith("custom_op."))


def _custom(operators: list[Operator]) -> dict[str, str]:
    custom = sorted({each.type.partition(".")[2] for each in operators if each.type.startswith("custom_op.")})
    return {"custom operators": f"{', '.join(custom)}: their library must be loaded first"} if custom else {}


def _version(root: dict[str, Any]) -> tuple[str, list[Problem]]:
    base = probe.mapping(root.get("base_code", {}), "base_code")
    magic, version = base.get("magic"), base.get("version")
    problems = []
    if magic != "pir":
        problems.append(
            problem(
                "magic-wrong",
                f"base_code.magic is {str(magic)[:40]!r}, expected 'pir'",
                "base_code",
                "export again with paddle.jit.save of Paddle 3",
            )
        )
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        problems.append(
            problem(
                "version-unknown",
                f"base_code.version is {str(version)[:40]!r}, expected a number from 1 to {NEWEST_VERSION}",
                "base_code",
                "export again with paddle.jit.save of Paddle 3",
            )
        )
        return "PIR, version unknown", problems
    if version > NEWEST_VERSION:
        problems.append(
            problem(
                "version-from-the-future",
                f"PIR version {str(version)[:40]}; the newest one known is {NEWEST_VERSION}, "
                "and Paddle would load it without a word",
                "base_code",
                "update seatrial and the runtime, or export again with the Paddle that will run the model",
            )
        )
    return f"PIR {str(version)[:40]}", problems


class _Reader:
    """Walks the blocks once and collects what a graph has."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.inputs: list[TensorSpec] = []
        self.outputs: list[tuple[int, TensorSpec]] = []
        self.declared: list[Declared] = []
        self.operators: list[Operator] = []

    def block(self, ops: Any, scope: str, depth: int = 0) -> None:
        """The operators of one block and of the blocks inside it."""
        if depth > MAX_NESTING:
            raise Garbled(f"control flow is nested deeper than {MAX_NESTING}")
        for op in probe.sequence(ops, "ops"):
            kind = probe.text(probe.member(op, "#", "an operator"), "the kind of an operator")
            if kind == "p":
                self._parameter(op)
            elif kind in ("1.data", "1.feed"):
                self._input(op)
            elif kind == "1.fetch":
                self._output(op)
            else:
                self._operator(op, kind, scope, depth)

    def _parameter(self, op: Any) -> None:
        name = probe.text(probe.item(probe.member(op, "A", "a parameter"), 3, "A of a parameter"), "its name")
        output = probe.member(op, "O", name)
        if isinstance(output, list):
            output = probe.item(output, 0, f"O of {name}")
        dtype, shape = _type(output, name)
        self._name(output, name)
        # The random state of an RNN is a parameter that is never saved.
        flags = op.get("OA")
        if not (isinstance(flags, list) and flags and flags[0] == 0):
            self.declared.append(Declared(name, dtype, shape))

    def _input(self, op: Any) -> None:
        name, output = self._named_output(op)
        self._name(output, name)
        self.inputs.append(_spec(name, *_type(output, name)))

    def _output(self, op: Any) -> None:
        name, output = self._named_output(op)
        column = _attributes(op).get("col", len(self.outputs))
        place = column if isinstance(column, int) else len(self.outputs)
        self.outputs.append((place, _spec(name, *_type(output, name))))

    def _named_output(self, op: Any) -> tuple[str, Any]:
        name = probe.text(_attributes(op).get("name"), "the name of an input or output")
        return name, probe.item(probe.member(op, "O", name), 0, f"O of {name}")

    def _operator(self, op: Any, kind: str, scope: str, depth: int) -> None:
        if len(self.operators) >= MAX_OPERATORS:
            raise Garbled(f"more than {MAX_OPERATORS:,} operators")
        dialect, _, short = kind.partition(".")
        family = DIALECTS.get(dialect, dialect)
        type_ = short if family == "pd_op" else f"{family}.{short}"
        name = f"{short or kind}:{len(self.operators)}"
        self.operators.append(
            Operator(
                name=name,
                type=type_,
                attributes=_attributes(op),
                inputs=tuple(self._value(each) for each in probe.sequence(op.get("I", []), f"I of {name}")),
                outputs=tuple(self._value(each) for each in probe.sequence(op.get("O", []), f"O of {name}")),
                scope=scope,
            )
        )
        for region in probe.sequence(op.get("regions", []), f"regions of {name}"):
            for block in probe.sequence(probe.member(region, "blocks", f"a region of {name}"), "blocks"):
                self.block(probe.member(block, "ops", f"a block of {name}"), name, depth + 1)

    def _name(self, value: Any, name: str) -> None:
        number = value.get("%") if isinstance(value, dict) else None
        if isinstance(number, int):
            self.names[number] = name

    def _value(self, value: Any) -> str:
        number = value.get("%") if isinstance(value, dict) else None
        if not isinstance(number, int) or number == 0:
            return ""
        return self.names.get(number, f"%{number}")


def _type(output: Any, what: str) -> tuple[str, tuple[int, ...]]:
    """Type and shape of an output; other types than tensors have no shape."""
    described = probe.member(output, "TT", what)
    data = probe.sequence(probe.member(described, "D", f"the type of {what}"), f"the type of {what}")
    kind = probe.text(probe.member(probe.item(data, 0, f"the type of {what}"), "#", "a dtype"), "a dtype")
    dims = probe.sequence(probe.item(data, 1, f"the type of {what}"), f"the shape of {what}")
    short = kind.rpartition(".")[2]
    return DTYPES.get(short, short), tuple(probe.integer(each, f"a dimension of {what}") for each in dims)


def _spec(name: str, dtype: str, shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(name, dtype, tuple(None if each < 0 else each for each in shape))


def _attributes(op: dict[str, Any]) -> dict[str, Any]:
    """Attributes by name as plain values."""
    return dict(_each_attribute(op.get("A")))


def _each_attribute(items: Any) -> Iterator[tuple[str, Any]]:
    for each in items if isinstance(items, list) else []:
        if isinstance(each, dict) and isinstance(each.get("N"), str):
            yield probe.printable(each["N"]), _plain(each.get("AT"), 0)


def _plain(value: Any, depth: int) -> Any:
    """`{"#": kind, "D": data}` as data; lists as tuples; what is neither as text."""
    if depth > 8:
        return "..."
    if isinstance(value, dict):
        return _plain(value["D"], depth + 1) if "D" in value else str(value.get("#", ""))[:200]
    if isinstance(value, list):
        return tuple(_plain(each, depth + 1) for each in value)
    return probe.printable(value) if isinstance(value, str) else value
