"""What the C++ SDK is made of: every step has its file, options agree, equal contracts give equal bytes."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from seatrial import extensions
from seatrial.contract import Contract, Pipeline, StepCall, TensorSpec
from seatrial.contract.pipeline import REQUIRED
from seatrial.deliverables._sdk_cpp import emit, sources, unicode_tables
from seatrial.deliverables.sdk_cpp import DELIVERABLE, sdk_files
from seatrial.errors import UnsupportedModel
from support import handovers, networks

STEPS = extensions.find("seatrial.contract.steps", "STEP")
_FIELD = re.compile(r"^    ([\w:<>,: ]+) (\w+)(?: = (.+?))?;", re.MULTILINE)
_TYPES = {"bool": bool, "std::int64_t": int, "double": float, "std::string": str}


def _fields(step: str) -> dict[str, tuple[str, str | None]]:
    text = sources.step_file(step).read_text("utf-8")
    found = re.search(rf"struct {emit.options_name(step)} \{{(\}};|.*?\n\}};)", text, re.DOTALL)
    assert found, f"{step} has no options"
    return {name: (kind, default) for kind, name, default in _FIELD.findall(found[1])}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_every_step_has_its_file_and_options(step: str) -> None:
    fields = _fields(step)
    assert set(fields) == set(STEPS[step].options)
    for name, default in STEPS[step].options.items():
        kind, written = fields[name]
        if default is REQUIRED or default is None or default == ():
            continue
        if kind == "std::string" or kind.startswith("std::optional"):
            assert written == f'"{default}"', name
        elif isinstance(default, tuple):
            assert written == emit.literal(default), name
        else:
            assert written, name
            told = written.replace("'", "")
            value = {"true": True, "false": False}.get(told)
            number = float(told.split("/")[0]) / float((*told.split("/"), "1")[1]) if value is None else value
            assert number == default, name
            assert isinstance(default, _TYPES[kind]), name


def _contract(*calls: tuple[str, dict[str, object]]) -> Contract:
    pipeline = Pipeline(tuple(StepCall(name, options) for name, options in calls))
    return dataclasses.replace(networks.contract(), preprocess=pipeline)


def test_only_the_steps_that_are_used_are_copied() -> None:
    files = sdk_files(_contract(("cast", {"dtype": "float32"})), "net", "1")
    steps = {each for each in files if each.startswith("seatrial/steps/")}
    used = {call.name for call in networks.contract().postprocess.calls} | {"cast", "values"}
    assert steps == {f"seatrial/steps/{each}.hpp" for each in used}
    assert "seatrial/picture.cpp" not in files
    assert "seatrial/unicode_tables.cpp" not in files


def test_what_a_file_includes_is_there() -> None:
    files = sdk_files(_contract(*(("tokenize_chars", {}), ("lookup", {}), ("decode_image", {}))), "net", "1")
    for path, text in files.items():
        for included in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
            folder = path.rsplit("/", 1)[0] if "/" in path else "."
            parts: list[str] = []
            for part in f"{folder}/{included}".split("/"):
                parts = parts[:-1] if part == ".." else parts if part == "." else [*parts, part]
            assert "/".join(parts) in files, (path, included)


def test_constants_and_order_are_those_of_the_contract() -> None:
    contract = _contract(("resize", {"size": [8, 6]}), ("normalize", {"mean": [0.485, 0.456, 0.406]}))
    text = emit.pipeline_source(contract, "net", "1")
    assert text.index("options.size = {8, 6};") < text.index("options.mean = {0.485, 0.456, 0.406};")
    assert 'run_step(1, "resize", steps::resize, value, context, options)' in text


def test_texts_are_plain_ascii() -> None:
    assert emit.text('a"\\\n你?') == '"a\\"\\\\\\012\\344\\275\\240\\?"'
    with pytest.raises(UnsupportedModel, match="no Unicode"):
        emit.text("\ud800")


def test_a_step_without_a_form_in_cpp_is_named() -> None:
    with pytest.raises(UnsupportedModel, match="the step 'my_step' has no form in C"):
        sources.library_files(["my_step"])


def test_a_type_without_numbers_is_named() -> None:
    odd = dataclasses.replace(networks.contract(), inputs=(TensorSpec("x", "bfloat16", (1, 4)),))
    with pytest.raises(UnsupportedModel, match="'x' is of type bfloat16"):
        emit.pipeline_source(odd, "net", "1")


def test_equal_handovers_give_equal_bytes(tmp_path: object) -> None:
    made = handovers.network_handover(tmp_path)  # type: ignore[arg-type]
    first, second = (list(DELIVERABLE.make(made)) for _ in range(2))
    assert first == second
    assert {each.role for each in first} == {"sdk"}
    assert all(each.path.startswith("sdk/cpp/") for each in first)


def test_unicode_tables_hold_what_python_knows() -> None:
    text = unicode_tables.tables_source()
    assert "{0x130, " in text  # the Turkish capital I with a dot becomes two characters
    assert np.char.count(text, "extern const Table<") == 12
