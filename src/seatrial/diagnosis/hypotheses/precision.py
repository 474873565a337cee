"""Half precision: the range of float16 ends at 65504, and bfloat16 has three digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._models import values_of
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.diagnosis.stages import trace_one
from seatrial.errors import SeatrialError
from seatrial.text import Text

LARGEST_HALF = 65504.0
HALVES = ("float16", "bfloat16")


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Float32 where less was asked for, or where the files hold less than the reference's."""
    if setup.artifact is None:
        return
    asked = setup.options.precision
    if asked != "float32":
        yield _asked(case, setup, asked)
    yield from _stored(case, setup)


def _asked(case: Case, setup: Setup, asked: str) -> Intervention:
    where = _overflow(case, setup) if asked == "float16" else ""
    en = f": {where} reaches values above 65504, which float16 cannot hold" if where else ""
    zh = f"：{where} 的数值超过 65504，float16 无法表示" if where else ""
    return Intervention(
        hypothesis="precision",
        name=f"{asked}-to-float32",
        setup=replace(setup, options=replace(setup.options, precision="float32")),
        said=Text(
            f"The model runs in {asked}, too coarse for it{en}.", f"模型以 {asked} 运行，精度不足{zh}。"
        ),
        fix=Text(
            f"run it in float32{', or at least ' + where if where else ''}",
            f"改用 float32 运行{'，至少让 ' + where + ' 保持 float32' if where else ''}",
        ),
        prior=20.0 if where else 8.0,
    )


def _overflow(case: Case, setup: Setup) -> str:
    """Label of the first operator whose values leave the range of float16; empty when none does."""
    plain = replace(setup, options=replace(setup.options, precision="float32"))
    try:
        trace = trace_one(case, plain)
    except SeatrialError:
        return ""
    for each in trace:
        value = np.asarray(each.value)
        if (
            value.dtype.kind == "f"
            and value.size
            and float(np.abs(np.nan_to_num(value)).max()) > LARGEST_HALF
        ):
            return each.label
    return ""


def _stored(case: Case, setup: Setup) -> Iterator[Intervention]:
    """The reference's own files, where those deployed hold halves and the reference's do not."""
    mine, right = setup.artifact, case.reference.artifact
    if mine is None or right is None or mine.digest == right.digest:
        return
    halves = [each for each in mine.parameters if each.dtype in HALVES]
    if not halves or any(each.dtype in HALVES for each in right.parameters):
        return
    largest = max(
        (
            float(np.abs(values).max())
            for values in values_of(case, right).values()
            if values.dtype.kind == "f" and values.size
        ),
        default=0.0,
    )
    over = largest > LARGEST_HALF and halves[0].dtype == "float16"
    yield Intervention(
        hypothesis="precision",
        name=f"{halves[0].dtype}-files",
        setup=replace(setup, artifact=right, runtime="auto"),
        said=Text(
            f"The deployed files hold {halves[0].dtype} weights, the reference float32.",
            f"部署的文件存的是 {halves[0].dtype} 权重，参考模型是 float32。",
        ),
        fix=Text("convert again and keep float32", "重新转换并保留 float32"),
        prior=12.0 if over else 3.0,
    )


HYPOTHESIS = Hypothesis(
    name="precision",
    title=Text("precision", "精度"),
    question=Text("Is half precision enough for this model?", "半精度对该模型是否够用？"),
    stage="operators",
    propose=propose,
    source="F26, PaddleDetection #2586",
)
