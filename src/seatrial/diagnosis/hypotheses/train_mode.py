"""Batch normalization was exported in training mode: each answer depends on the batch it came in."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._models import (
    EXPORT_AGAIN,
    batch_differs,
    edited,
    named,
    operators_of,
    plain_type,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.model import Operator, OperatorEdit
from seatrial.text import Text

TYPES = frozenset({"batch_norm", "sync_batch_norm", "BatchNormalization", "fused_batch_norm_act"})
DIFFERS = 1e-3


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Running statistics wherever the graph asks for those of the batch."""
    learning = [each for each in operators_of(case, setup.artifact) if in_training(each)]
    if not learning:
        return
    changed = edited(case, setup, changes=[to_inference(each) for each in learning])
    if changed is None:
        return
    en, zh = named([each.name for each in learning])
    yield Intervention(
        hypothesis="train-mode",
        name="batch-norm-to-inference",
        setup=changed,
        said=Text(
            f"The model was exported in training mode: the statistics of each batch are used at {en}.",
            f"模型以训练模式导出：{zh} 使用每个批次自己的统计量做归一化。",
        ),
        fix=EXPORT_AGAIN,
        prior=40.0 if batch_differs(case, setup) > DIFFERS else 20.0,
    )


def in_training(operator: Operator) -> bool:
    """Whether a batch normalization takes its statistics from the batch."""
    if plain_type(operator.type) not in TYPES:
        return False
    has = operator.attributes
    if operator.type == "BatchNormalization":
        return bool(has.get("training_mode", 0))
    if has.get("use_global_stats"):
        return False
    return not has.get("is_test", True) or bool(has.get("trainable_statistics"))


def to_inference(operator: Operator) -> OperatorEdit:
    """The edit that makes it use its running statistics."""
    if operator.type == "BatchNormalization":
        return OperatorEdit(operator.name, {"training_mode": None})  # 0 when absent
    wanted = {"is_test": True, "trainable_statistics": False, "use_global_stats": True}
    return OperatorEdit(
        operator.name, {name: value for name, value in wanted.items() if name in operator.attributes}
    )


HYPOTHESIS = Hypothesis(
    name="train-mode",
    title=Text("training mode", "训练模式"),
    question=Text("Does batch normalization still learn?", "批归一化是否仍处于训练模式？"),
    stage="operators",
    propose=propose,
    source="PaddleOCR #11644, F18",
)
