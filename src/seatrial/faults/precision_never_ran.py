"""Half precision is asked for, and the runtime has none on a processor: float32 runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seatrial.faults._fault import Fault, Good, NotApplicable, Release
from seatrial.text import Text

# bfloat16 is no such thing: Paddle runs it where the processor can (AVX-512 BF16, AMX).
NEVER = "float16"


def make(good: Good, folder: Path, seed: int) -> Release:
    """See `Fault.make`."""
    del folder, seed
    if good.artifact.format.startswith("openvino"):
        raise NotApplicable("OpenVINO runs float16 where the processor can")
    if any(each.dtype == NEVER for each in good.artifact.parameters):
        raise NotApplicable("the model is in float16 as it is")
    return replace(good.release, profile={**good.release.profile, "precision": NEVER})


FAULT = Fault(
    name="precision-never-ran",
    title=Text("the precision that was asked for does not run", "要求的精度并未真正运行"),
    kind="service",
    checks=frozenset({"consistency"}),
    make=make,
    number="F28",
)
