"""Answers depend on which other samples are in the same batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._models import batch_differs
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

DIFFERS = 1e-3  # between a sample asked alone and among others; good models stay below 1e-5


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Each sample alone, where it has been seen that company matters."""
    if setup.batch <= 1 or setup.opaque or batch_differs(case, setup) <= DIFFERS:
        return
    yield Intervention(
        hypothesis="batch",
        name="one-by-one",
        setup=replace(setup, batch=1),
        said=Text(
            f"Answers depend on the batch: up to {setup.batch} samples are asked together, and asked "
            "alone they get other answers.",
            f"答案与批次有关：每次最多 {setup.batch} 个样本一起推理，单独推理时结果不同。",
        ),
        fix=Text(
            "find what mixes the samples (normalization, a reshape, padding); until then serve with batch 1",
            "找出样本之间相互影响的环节（归一化、reshape 或填充）；在此之前以批大小 1 提供服务",
        ),
        prior=20.0,
    )


HYPOTHESIS = Hypothesis(
    name="batch",
    title=Text("batch dependence", "批次相关"),
    question=Text("Does company in the batch change an answer?", "同批样本是否会影响答案？"),
    stage="outputs",
    propose=propose,
    source="F18, F32",
)
