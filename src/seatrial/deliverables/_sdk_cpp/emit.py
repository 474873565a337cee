"""The two files that are made from a contract: `pipeline.cpp`, its steps and constants, and `names.cpp`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial import extensions
from seatrial.contract import Contract, TensorSpec
from seatrial.contract.pipeline import Pipeline, StepCall
from seatrial.errors import UnsupportedModel

TYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32",
    "float64", "string",
)  # fmt: skip


def step_names(contract: Contract) -> list[str]:
    """The steps of both pipelines, each once."""
    return sorted({call.name for call in (*contract.preprocess.calls, *contract.postprocess.calls)})


def options_name(step: str) -> str:
    """`ResizeLimitOptions` of `resize_limit`."""
    return "".join(word.capitalize() for word in step.split("_")) + "Options"


def pipeline_source(contract: Contract, name: str, version: str) -> str:
    """`pipeline.cpp`: the steps in the contract's order with their constants, and the tensors.

    Raises:
        UnsupportedModel: A tensor is of a type that C++ has no numbers for.
    """
    includes = "\n".join(f'#include "steps/{each}.hpp"' for each in step_names(contract))
    schema = json.dumps(contract.answer_schema, ensure_ascii=False, sort_keys=True)
    return f"""// Made from the contract of {_comment(name)} {_comment(version)}: do not edit.
#include "pipeline.hpp"

{includes}

namespace seatrial {{

const char* const kModelName = {text(name)};
const char* const kModelVersion = {text(version)};
const char* const kContractDigest = {text(contract.digest())};

namespace {{

// What an answer looks like, as JSON Schema.
const char* const kAnswerSchema = {text(schema)};

Value preprocess(Value value, {_context(contract.preprocess)}) {{
{_calls(contract.preprocess)}    return value;
}}

Value postprocess(Value value, {_context(contract.postprocess)}) {{
{_calls(contract.postprocess)}    return value;
}}

}}  // namespace

const std::vector<TensorSpec>& inputs() {{
    static const std::vector<TensorSpec> specs = {_specs(contract.inputs)};
    return specs;
}}

const std::vector<TensorSpec>& outputs() {{
    static const std::vector<TensorSpec> specs = {_specs(contract.outputs)};
    return specs;
}}

bool batches_freely() {{ return {literal(contract.batches_freely)}; }}

Prepared prepare(const Value& payload) {{
    Context context(names());
    Feeds feeds = feeds_of(preprocess(payload, context), inputs());
    return {{std::move(feeds), std::move(context)}};
}}

Value answer_of(const std::vector<Tensor>& arrays, std::int64_t row, Context& context) {{
    static const Value schema = Value::parse(kAnswerSchema);
    Value answer = postprocess(row_of(arrays, outputs(), row), context);
    check_schema(answer, schema);
    return answer;
}}

}}  // namespace seatrial
"""


def names_source(contract: Contract) -> str:
    """`names.cpp`: labels and vocabulary, so that the program needs no file beside it."""
    return f"""// Labels and vocabulary of the contract: made from it, do not edit.
#include "pipeline.hpp"

namespace seatrial {{

namespace {{

{_array("kLabels", contract.labels)}
{_array("kVocabulary", contract.vocabulary)}
}}  // namespace

const Names& names() {{
    static const Names all{{Strings({_range("kLabels", contract.labels)}),
                           Strings({_range("kVocabulary", contract.vocabulary)})}};
    return all;
}}

}}  // namespace seatrial
"""


def options_source(call: StepCall) -> str:
    """The assignments that fill a step's options: those the contract gives, in their order."""
    step = extensions.get("seatrial.contract.steps", "STEP", call.name)
    filled: Mapping[str, Any] = step.model(**call.options).model_dump()
    given = [name for name in step.options if name in call.options]
    return "".join(f"        options.{name} = {literal(filled[name])};\n" for name in given)


def literal(value: Any) -> str:
    """A Python value as C++ has it; floats with all their digits.

    Raises:
        UnsupportedModel: There is no such constant.
    """
    if value is None:
        return "std::nullopt"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _real(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{{{literal(key)}, {literal(each)}}}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "{" + ", ".join(literal(each) for each in value) + "}"
    raise UnsupportedModel(f"a constant of type {type(value).__name__} has no form in C++")


def text(value: str) -> str:
    """A text as a C++ literal in plain ASCII: octal digits end by themselves, hexadecimal ones do not."""
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    try:
        data = value.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedModel(f"the text {value[:40]!r} is no Unicode: {error.reason}") from error
    return '"' + "".join(plain.get(b, chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in data) + '"'


def _real(value: float) -> str:
    if math.isinf(value):
        return ("-" if value < 0 else "") + "std::numeric_limits<double>::infinity()"
    return repr(value)


def _comment(value: str) -> str:
    return value.encode("ascii", "replace").decode().replace("\n", " ").replace("\\", "/")


def _context(pipeline: Pipeline) -> str:
    return "Context& context" if pipeline.calls else "Context&"


def _calls(pipeline: Pipeline) -> str:
    blocks = []
    for place, call in enumerate(pipeline.calls, start=1):
        run = f'run_step({place}, "{call.name}", steps::{call.name}, value, context, options)'
        blocks.append(
            f"    {{\n        steps::{options_name(call.name)} options;\n{options_source(call)}"
            f"        value = {run};\n    }}\n"
        )
    return "".join(blocks)


def _specs(specs: Sequence[TensorSpec]) -> str:
    lines = []
    for spec in specs:
        if spec.dtype not in TYPES:
            raise UnsupportedModel(
                f"'{spec.name}' is of type {spec.dtype}, which C++ has no numbers for",
                hint="make the model take and give float32",
            )
        shape = ", ".join(_dimension(each) for each in spec.shape)
        named = f"{text(spec.name)}, {text(spec.dtype)}, {{{shape}}}, {text(spec.layout)}"
        lines.append(f"\n        {{{named}, {_bound(spec.low)}, {_bound(spec.high)}}},")
    return "{" + "".join(lines) + "\n    }"


def _dimension(size: int | str | None) -> str:
    return f'{{{size}, ""}}' if isinstance(size, int) else f"{{-1, {text(size or '')}}}"


def _bound(bound: float | None) -> str:
    return "std::nullopt" if bound is None else _real(float(bound))


def _array(name: str, values: Sequence[str]) -> str:
    if not values:
        return ""
    lines = "".join(f"    {text(each)},\n" for each in values)
    return f"const char* const {name}[] = {{\n{lines}}};\n"


def _range(name: str, values: Sequence[str]) -> str:
    return f"{name}, {name} + {len(values)}" if values else ""
