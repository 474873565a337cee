"""The weights are not those of the reference: another epoch or run, damaged, or in each other's place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._models import (
    Different,
    different_tensors,
    named,
    restored,
    values_of,
    weight_error,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

SINGLY = 6  # with more different tensors than this, they are of another training, not damaged one by one
CLEAR = 1e-4


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """The deployed graph with the reference's weights: all that differ, and each alone where they are few."""
    if setup.artifact is None:
        return
    different = different_tensors(case, setup)
    if not different:
        return
    clear = [each for each in different if each.error > CLEAR]
    yield from _all(case, setup, different, strong=bool(clear))
    if len(clear) < len(different):
        yield from _some(case, setup, clear)
    elif 1 < len(different) <= SINGLY:
        for each in different:
            yield from _some(case, setup, [each])


def _all(case: Case, setup: Setup, different: Sequence[Different], *, strong: bool) -> Iterator[Intervention]:
    changed = restored(case, setup, different)
    if changed is None or setup.artifact is None:
        return
    total = len(values_of(case, setup.artifact))
    said = _said(case, setup, different, total)
    yield Intervention(
        hypothesis="weights",
        name="reference-weights",
        setup=changed,
        said=said,
        fix=Text("export again from the checkpoint that was accepted", "用验收通过的检查点重新导出模型"),
        # The same numbers in another order are most often the classes of the last layer: label-map says so.
        prior=6.0 if _reordered(case, setup, different) else 12.0 if strong else 2.0,
    )


def _some(case: Case, setup: Setup, chosen: Sequence[Different]) -> Iterator[Intervention]:
    changed = restored(case, setup, chosen) if chosen else None
    if changed is None:
        return
    en, zh = named([each.name for each in chosen])
    yield Intervention(
        hypothesis="weights",
        name="only " + en,
        setup=changed,
        said=Text(f"The values of {en} are not those of the reference.", f"{zh} 的数值与参考模型不一致。"),
        fix=Text(
            f"take {en} from the checkpoint that was accepted, and export again",
            f"从验收通过的检查点取回 {zh}，再重新导出",
        ),
        prior=4.0,
    )


def _said(case: Case, setup: Setup, different: Sequence[Different], total: int) -> Text:
    if len(different) == 1:
        name, error = different[0].name, different[0].error
        return Text(
            f"The tensor {name} is not the reference's (relative difference {error:.2g}).",
            f"张量 {name} 与参考模型不同（相对差异 {error:.2g}）。",
        )
    names = [each.name for each in different]
    if _exchanged(case, setup, different):
        return Text(
            f"The tensors {names[0]} and {names[1]} are in each other's place.",
            f"张量 {names[0]} 与 {names[1]} 被互换了位置。",
        )
    en, zh = named(names)
    if 2 * len(different) > total:
        return Text(
            f"The weights are of another epoch or run: {len(different)} of {total} tensors differ from the "
            f"reference ({en}).",
            f"权重来自另一轮训练或另一个检查点：{total} 个张量中有 {len(different)} 个与参考不同（{zh}）。",
        )
    return Text(
        f"{len(different)} of {total} tensors are not the reference's: {en}.",
        f"{total} 个张量中有 {len(different)} 个与参考模型不同：{zh}。",
    )


def _reordered(case: Case, setup: Setup, different: Sequence[Different]) -> bool:
    """Whether every tensor that differs has the right numbers, in another order."""
    mine = values_of(case, setup.artifact) if setup.artifact else {}
    return all(
        each.right.size > 1
        and np.array_equal(np.sort(mine[each.name], axis=None), np.sort(each.right, axis=None))
        for each in different
    )


def _exchanged(case: Case, setup: Setup, different: Sequence[Different]) -> bool:
    """Whether two tensors hold each other's values."""
    if len(different) != 2 or setup.artifact is None:
        return False
    mine = values_of(case, setup.artifact)
    one, other = different
    a, b = mine[one.name], mine[other.name]
    if np.shape(a) != np.shape(b):
        return False
    return weight_error(other.right, a) <= CLEAR and weight_error(one.right, b) <= CLEAR


HYPOTHESIS = Hypothesis(
    name="weights",
    title=Text("weights", "权重"),
    question=Text("Are these the weights that were accepted?", "这是验收通过的那份权重吗？"),
    stage="operators",
    propose=propose,
    source="F08-F16, PaddleOCR #10619",
)
