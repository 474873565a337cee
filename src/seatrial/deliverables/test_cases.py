"""The test cases, and a program that runs them on the receiver's machine with numpy and one runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seatrial.contract.cases import FOLDER, case_files
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.text import Text

PROGRAM = Path(__file__).parent / "_test_cases" / "test.py"


def _make(handover: Handover) -> Iterator[Item]:
    if not handover.cases.cases:
        return
    for name, data in case_files(handover.cases).items():
        kind = "application/json" if name.endswith(".json") else "application/zip"
        yield Item(f"{FOLDER}/{name}", "test", data, kind)
    yield Item(f"{FOLDER}/{PROGRAM.name}", "test", PROGRAM.read_bytes(), "text/x-python")


DELIVERABLE = Deliverable(
    name="test_cases",
    order=60,
    summary=Text("test cases, and a program that runs them", "测试用例与运行它们的程序"),
    make=_make,
)
