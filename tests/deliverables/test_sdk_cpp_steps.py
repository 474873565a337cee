"""Every step of C++ gives what the step of Python gives, on chosen and on drawn values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support import cpp_cases
from support.cpp_case_list import CASES

pytestmark = pytest.mark.slow  # some twenty files are compiled


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All cases through one program, compiled once."""
    folder: Path = tmp_path_factory.mktemp("cpp-steps")
    program = cpp_cases.build_driver(CASES, folder)
    return cpp_cases.run_driver(program, CASES, folder)


@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=[f"{n}-{case.name}" for n, case in enumerate(CASES)]
)
def test_equal_to_python(number: int, results: list[dict[str, Any]]) -> None:
    case, got = CASES[number], results[number]
    expected = case.expected()
    assert set(got) == set(expected), (got, expected)
    if "error" not in expected:
        assert not cpp_cases.difference(got, expected, atol=case.atol, rare=case.rare)
