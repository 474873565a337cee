"""The graph of an ONNX model, read by field number without the `onnx` package.

Field numbers are those of onnx.proto (IR 10): ModelProto {1 ir_version, 2 producer_name,
3 producer_version, 6 doc_string, 7 graph, 8 opset_import {1 domain, 2 version},
14 metadata_props {1 key, 2 value}, 25 functions},
GraphProto {1 node, 2 name, 5 initializer, 11 input, 12 output, 13 value_info, 15 sparse_initializer},
NodeProto {1 input, 2 output, 3 name, 4 op_type, 5 attribute, 7 domain},
FunctionProto {1 name, 7 node, 10 domain}.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seatrial.contract.tensor import Dimension, TensorSpec
from seatrial.model.artifact import Operator, Problem
from seatrial.model.formats import _protobuf as protobuf
from seatrial.model.formats._format import Garbled
from seatrial.model.formats._graph import MAX_NESTING, MAX_OPERATORS, problem
from seatrial.model.formats._onnx_tensor import DTYPES, Tensor, sparse_tensor, tensor

NEWEST_OPSET = 24
NEWEST_IR = 12
MAX_NOTE = 200
STANDARD_DOMAINS = ("", "ai.onnx")

_SCALARS = {2: protobuf.float32, 3: protobuf.number, 4: protobuf.text}


@dataclass(slots=True)
class Model:
    """What was read so far."""

    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    graphs: int = 0


def parse(data: memoryview) -> Model:
    """The model in the bytes of an `.onnx` file.

    Raises:
        Garbled: They are no `ModelProto`.
    """
    model = Model()
    functions, graph = [], None
    for number, value in protobuf.fields(data):
        if number == 1:
            model.ir_version = protobuf.number(value, "ir_version")
        elif number in (2, 3, 6):
            key = {2: "producer", 3: "producer version", 6: "description"}[number]
            _note(model, key, protobuf.text(value, key))
        elif number == 7:
            graph = protobuf.message(value, "the graph")
            model.graphs += 1
        elif number == 8:
            domain, version = _opset(protobuf.message(value, "an opset"))
            model.opsets[domain] = version
        elif number == 14:
            _note(model, *_pair(protobuf.message(value, "metadata")))
        elif number == 25:
            functions.append(protobuf.message(value, "a function"))
    if graph is None:
        raise Garbled("the file has no graph", code="graph-truncated")
    _graph(graph, model, scope="", depth=0)
    for each in functions:
        _function(each, model)
    return model


def opset(model: Model) -> int:
    """The version of the standard operators; 0 when the model imports none."""
    return max(model.opsets.get(domain, 0) for domain in STANDARD_DOMAINS)


def versions(model: Model) -> tuple[str, list[Problem]]:
    """The version for people, and what is newer than anything known."""
    problems = []
    newest = opset(model)
    hint = "update seatrial and the runtime, or export again for an opset that the runtime knows"
    for what, have, limit in (("opset", newest, NEWEST_OPSET), ("ir_version", model.ir_version, NEWEST_IR)):
        if have > limit:
            message = f"{what} {have}; the newest one known is {limit}"
            problems.append(problem("version-from-the-future", message, what, hint))
    for what, have in (("opset", newest), ("ir_version", model.ir_version)):
        if have < 1 and (what != "opset" or not model.opsets):
            message = f"the file names no {what}"
            problems.append(problem("version-unknown", message, what, "export the model again"))
    return f"opset {newest}, ir {model.ir_version}", problems


def undefined(model: Model, weights: set[str]) -> list[Problem]:
    """The first value that an operator at the top reads and nothing makes: a tensor was taken out."""
    known = weights | {each.name for each in model.inputs} | {""}
    known |= {output for each in model.operators for output in each.outputs}
    for each in model.operators:
        lost = next((value for value in each.inputs if value not in known), None)
        if lost is not None and not each.scope:
            message = f"'{each.name}' reads '{lost}', and no input, tensor or operator of that name is there"
            hint = "the file lost a part: copy it again from the export, or export again"
            return [problem("graph-incomplete", message, f"operator {each.name}", hint)]
    return []


def _note(model: Model, key: str, value: str) -> None:
    if value and len(model.metadata) < 200:
        shown = value if len(value) <= MAX_NOTE else f"{value[:MAX_NOTE]}... ({len(value):,} characters)"
        model.metadata[key[:100]] = shown


def _opset(data: memoryview) -> tuple[str, int]:
    domain, version = "", 0
    for number, value in protobuf.fields(data):
        if number == 1:
            domain = protobuf.text(value, "the domain of an opset")
        elif number == 2:
            version = protobuf.number(value, "the version of an opset")
    return domain, version


def _pair(data: memoryview) -> tuple[str, str]:
    found = {1: "", 2: ""}
    for number, value in protobuf.fields(data):
        if number in found:
            found[number] = protobuf.text(value, "metadata")
    return found[1], found[2]


def _graph(data: memoryview, model: Model, *, scope: str, depth: int) -> None:
    if depth > MAX_NESTING:
        raise Garbled(f"graphs are nested deeper than {MAX_NESTING}")
    for number, value in protobuf.fields(data):
        if number not in (1, 5, 11, 12, 15):
            continue
        content = protobuf.message(value, "a part of the graph")
        if number == 1:
            _node(content, model, scope=scope, depth=depth)
        elif number in (5, 15):
            read = tensor if number == 5 else sparse_tensor
            model.tensors.append(read(content))
        elif not scope:
            (model.inputs if number == 11 else model.outputs).append(_value(content))


def _function(data: memoryview, model: Model) -> None:
    """A model-local function: its body counts once, however often it is called."""
    name, domain, nodes = "", "", []
    for number, value in protobuf.fields(data):
        if number == 1:
            name = protobuf.text(value, "the name of a function")
        elif number == 7:
            nodes.append(protobuf.message(value, "a node"))
        elif number == 10:
            domain = protobuf.text(value, "the domain of a function")
    model.functions.add(type_name(domain, name))
    for each in nodes:
        _node(each, model, scope=f"function {name}", depth=1)


def type_name(domain: str, op_type: str) -> str:
    """`Conv`, or `com.microsoft.Gelu` outside the standard domain."""
    return op_type if domain in STANDARD_DOMAINS else f"{domain}.{op_type}"


def _node(data: memoryview, model: Model, *, scope: str, depth: int) -> None:
    if len(model.operators) >= MAX_OPERATORS:
        raise Garbled(f"more than {MAX_OPERATORS:,} operators")
    inputs, outputs, texts, attributes = [], [], {3: "", 4: "", 7: ""}, []
    for number, value in protobuf.fields(data):
        if number == 1:
            inputs.append(protobuf.text(value, "an input"))
        elif number == 2:
            outputs.append(protobuf.text(value, "an output"))
        elif number in texts:
            texts[number] = protobuf.text(value, "the name, type or domain of a node")
        elif number == 5:
            attributes.append(protobuf.message(value, "an attribute"))
    type_ = type_name(texts[7], texts[4])
    name = texts[3] or f"{texts[4]}:{len(model.operators)}"
    values: dict[str, Any] = {}
    place = len(model.operators)
    model.operators.append(Operator(name, type_, values, tuple(inputs), tuple(outputs), scope))
    for each in attributes:
        key, value = _attribute(each, model, scope=name, depth=depth)
        values[key] = value
        if type_ == "Constant" and isinstance(value, Tensor) and value.is_weight and outputs:
            model.tensors.append(value.named(outputs[0]))
    values.update((key, value.shown) for key, value in values.items() if isinstance(value, Tensor))
    if not texts[4]:
        raise Garbled(f"node {place} has no operator type")


def _attribute(data: memoryview, model: Model, *, scope: str, depth: int) -> tuple[str, Any]:
    """Name and value; the nodes of graphs in attributes (If, Loop, Scan) join the operators."""
    name, repeated = "", False
    single: Any = None
    several: list[Any] = []
    for number, value in protobuf.fields(data):
        what = f"attribute {name}"
        if number == 1:
            name = protobuf.text(value, "the name of an attribute")
        elif number in _SCALARS:
            single = _SCALARS[number](value, what)
        elif number == 5:
            single = tensor(protobuf.message(value, what))
        elif number in (6, 11):
            _graph(protobuf.message(value, what), model, scope=scope, depth=depth + 1)
            single = "graph"
        elif number in (7, 8, 9):
            repeated = True
            several += _repeated(number, value, what)
    return name, tuple(several) if repeated else single


def _repeated(number: int, value: int | memoryview, what: str) -> list[Any]:
    if number == 7:
        return protobuf.floats(value, 4, what)
    return protobuf.numbers(value) if number == 8 else [protobuf.text(value, what)]


def _value(data: memoryview) -> TensorSpec:
    """ValueInfoProto {1 name, 2 type {1 tensor_type {1 elem_type, 2 shape {1 dim {1 value, 2 param}}}}}."""
    name, dtype = "", ""
    shape: tuple[Dimension, ...] = ()
    for number, value in protobuf.fields(data):
        if number == 1:
            name = protobuf.text(value, "the name of an input or output")
        elif number == 2:
            for kind, content in protobuf.fields(protobuf.message(value, "a type")):
                if kind in (1, 8):
                    dtype, shape = _tensor_type(protobuf.message(content, "a tensor type"))
    return TensorSpec(name, dtype, shape)


def _tensor_type(data: memoryview) -> tuple[str, tuple[Dimension, ...]]:
    dtype = ""
    dims: list[Dimension] = []
    for number, value in protobuf.fields(data):
        if number == 1:
            code = protobuf.number(value, "a dtype")
            dtype = DTYPES.get(code, f"dtype {code}")
        elif number == 2:
            for inner, content in protobuf.fields(protobuf.message(value, "a shape")):
                if inner == 1:
                    dims.append(_dimension(protobuf.message(content, "a dimension")))
    return dtype, tuple(dims)


def _dimension(data: memoryview) -> Dimension:
    found: Dimension = None
    for number, value in protobuf.fields(data):
        if number == 1:
            size = protobuf.number(value, "a dimension")
            found = size if size >= 0 else None
        elif number == 2:
            # `?` is what old converters write for every free dimension: no name, and not equal to another.
            symbol = protobuf.text(value, "a dimension")
            found = symbol if symbol.strip("? ") else None
    return found
