"""Every step against vectors that were worked out without it: by hand, by formula, by another library."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial import extensions
from seatrial.contract import Context
from seatrial.errors import ContractViolation

GOLDEN = Path(__file__).parents[1] / "golden" / "steps"
STEPS = extensions.find("seatrial.contract.steps", "STEP")
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['about']}")
    for path in sorted(GOLDEN.glob("*.json"))
    for case in json.loads(path.read_text("utf-8"))
]


def decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "dtype" in value:
        array = np.array(value["data"], value["dtype"])
        return array.reshape(value["shape"]) if "shape" in value else array
    if "base64" in value:
        return base64.b64decode(value["base64"])
    if "tuple" in value:
        return tuple(decoded(each) for each in value["tuple"])
    if "list" in value:
        return [decoded(each) for each in value["list"]]
    return {key: decoded(each) for key, each in value["mapping"].items()}


def assert_same(found: Any, expected: Any, atol: float) -> None:
    if isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    elif isinstance(expected, dict):
        assert isinstance(found, dict)
        assert set(found) == set(expected)
        for key, value in expected.items():
            assert_same(found[key], value, atol)
    elif isinstance(expected, list | tuple):
        assert isinstance(found, list | tuple)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, atol)
    elif isinstance(expected, float | int) and not isinstance(expected, bool):
        assert found == pytest.approx(expected, abs=max(atol, 1e-7), rel=0)
    else:
        assert found == expected
        assert type(found) is type(expected)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_golden_vector(name: str, case: dict[str, Any]) -> None:
    context = Context(
        labels=tuple(case.get("labels", ())),
        vocabulary=tuple(case.get("vocabulary", ())),
        notes={key: decoded(value) for key, value in case.get("notes", {}).items()},
    )
    value = decoded(case["value"])
    kept = value.copy() if isinstance(value, np.ndarray) else None
    if "refused" in case:
        with pytest.raises(ContractViolation, match=case["refused"]):
            STEPS[name].apply(value, context, **case["options"])
        return
    found = STEPS[name].apply(value, context, **case["options"])
    assert_same(found, decoded(case["expected"]), case.get("atol", 0.0))
    for key, note in case.get("notes_after", {}).items():
        assert_same(context.notes[key], decoded(note), 1e-6)
    if kept is not None:
        np.testing.assert_array_equal(value, kept, err_msg="the step changed its input")


@pytest.mark.parametrize("name", STEPS)
def test_every_step_has_vectors_that_accept_and_refuse(name: str) -> None:
    path = GOLDEN / f"{name}.json"
    assert path.exists(), f"write golden vectors for the step '{name}' into {path.name}"
    cases = json.loads(path.read_text("utf-8"))
    assert any("expected" in case for case in cases)
    assert any("refused" in case for case in cases)


def test_no_vectors_without_a_step() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} <= set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_every_step_says_what_it_is(name: str) -> None:
    step = STEPS[name]
    assert step.stage in ("preprocess", "postprocess", "both")
    assert step.summary
    assert step.function.__doc__


@pytest.mark.parametrize("name", STEPS)
def test_unknown_options_are_refused_by_name(name: str) -> None:
    with pytest.raises(ContractViolation, match="no option 'colour_space'"):
        STEPS[name].check({"colour_space": "RGB"})


def test_a_close_option_is_offered() -> None:
    with pytest.raises(ContractViolation) as caught:
        STEPS["resize"].check({"size": [4, 4], "interpolaton": "linear"})
    assert "interpolation" in caught.value.hint


def test_a_missing_option_is_named() -> None:
    with pytest.raises(ContractViolation, match="option 'size' of step 'resize'"):
        STEPS["resize"].check({})


def test_an_option_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(ContractViolation, match=r"'size\.1' of step 'resize'.*not 'wide'"):
        STEPS["resize"].check({"size": [4, "wide"]})
