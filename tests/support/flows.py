"""Pipelines over fake engines: a text of numbers is split, and each is doubled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seatrial import extensions
from seatrial.errors import ContractViolation
from seatrial.serve.flow.declaration import Flow, parse_flow
from seatrial.serve.joints._joint import Joint

DOUBLES = """
schema: seatrial/pipeline/1
takes: text
stages:
  numbers: {joint: split, take: {text: request}}
  doubled: {model: double, each: numbers}
answer: {doubled: doubled}
"""


def _split(text: str) -> list[Any]:
    if "!" in text:
        raise ContractViolation("an exclamation mark is no number")
    return [np.array([float(each)]) for each in text.split()]


def _failing(value: Any) -> Any:
    return 1 / (value is None)


SPLIT = Joint("split", "text -> numbers", {"text": "text"}, "number[]", _split)
BUGGY = Joint("buggy", "fails", {"value": "any"}, "any", _failing)


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the joints `split` and `buggy` known."""
    there = extensions.find("seatrial.serve.joints", "JOINT")
    for each in (SPLIT, BUGGY):
        monkeypatch.setitem(there, each.name, each)


def doubles(**more: Any) -> Flow:
    """The pipeline, with other values at its top."""
    lines = [f"{key}: {value}" for key, value in more.items()]
    return parse_flow(DOUBLES + "\n".join(lines))
