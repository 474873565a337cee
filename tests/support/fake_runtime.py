"""The runtime of the fake engine, for sessions whose worker must find these tests."""

from __future__ import annotations

from pathlib import Path

import seatrial
from seatrial.contract import TensorSpec
from seatrial.runtimes._engine import Runtime
from support.artifacts import by_hand
from support.fake_engine import FakeEngine

ROOTS = [str(Path(__file__).resolve().parents[1]), str(Path(seatrial.__file__).resolve().parents[1])]
FAKE = Runtime(
    name="fake",
    summary="",
    formats=("fake",),
    extra="fake",
    module="numpy",
    distribution="numpy",
    engine=FakeEngine,
    switches={"mood": str},
    environment={"PYTHONPATH": ":".join(ROOTS)},
)
ARTIFACT = by_hand(Path("model.fake"), "fake", [TensorSpec("x", "float32", ("batch", 2))])
