"""Dropout still drops: the same input gives another answer each time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._models import (
    EXPORT_AGAIN,
    edited,
    named,
    operators_of,
    plain_type,
    two_runs_differ,
    values_of,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.model import Operator, OperatorEdit
from seatrial.text import Text

TYPES = frozenset({"dropout", "dropout_nd", "Dropout", "fused_dropout_add"})


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Dropout switched off wherever it is on."""
    artifact = setup.artifact
    if artifact is None:
        return
    weights = values_of(case, artifact)
    dropping = [each for each in operators_of(case, artifact) if drops(each, weights)]
    edits = [OperatorEdit(each.name, {"is_test": True}) for each in dropping if "is_test" in each.attributes]
    # ONNX says it by a third input, which is a weight of one element where it is constant.
    tensors = {each.inputs[2]: np.zeros((), bool) for each in dropping if "is_test" not in each.attributes}
    changed = edited(case, setup, tensors=tensors, changes=edits) if dropping else None
    if changed is None:
        return
    en, zh = named([each.name for each in dropping])
    yield Intervention(
        hypothesis="dropout",
        name="dropout-off",
        setup=changed,
        said=Text(f"Dropout is still active at {en}.", f"{zh} 处的 Dropout 仍在生效。"),
        fix=EXPORT_AGAIN,
        prior=20.0 if two_runs_differ(case, setup) > 0 else 5.0,
    )


def drops(operator: Operator, weights: dict[str, Array]) -> bool:
    """Whether a dropout operator is on."""
    if plain_type(operator.type) not in TYPES:
        return False
    if "is_test" in operator.attributes:
        return not operator.attributes["is_test"]
    mode = weights.get(operator.inputs[2]) if len(operator.inputs) > 2 else None
    return mode is not None and bool(mode.any())


HYPOTHESIS = Hypothesis(
    name="dropout",
    title=Text("dropout", "Dropout"),
    question=Text("Does dropout still drop?", "Dropout 是否仍在随机丢弃？"),
    stage="operators",
    propose=propose,
    source="F17",
)
