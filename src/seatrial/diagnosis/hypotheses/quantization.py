"""A layer was quantized badly: its weights lie on a coarse grid, or a scale does not fit what it sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.hypotheses._models import (
    Different,
    different_tensors,
    edited,
    named,
    operators_of,
    plain_type,
    restored,
    values_of,
)
from seatrial.diagnosis.hypothesis import Hypothesis
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.diagnosis.stages import trace_one
from seatrial.errors import SeatrialError
from seatrial.model import Operator
from seatrial.text import Text

FINEST = 256  # distinct values of an 8-bit grid
FEWEST = 64  # a smaller tensor has few values anyway
MOST = 4
QUANTIZERS = frozenset({"QuantizeLinear", "quantize_linear"})
CLIPS, COARSE = (
    0.5,
    20.0,
)  # of the range seen: below it clips half away, above it uses a twentieth of the steps


def propose(case: Case, setup: Setup) -> Iterator[Intervention]:
    """Tensors on a coarse grid as the reference has them, and scales that fit the range that was seen."""
    if setup.artifact is None:
        return
    yield from _grids(case, setup)
    yield from _scales(case, setup)


def _grids(case: Case, setup: Setup) -> Iterator[Intervention]:
    mine = values_of(case, setup.artifact) if setup.artifact else {}
    coarse = [
        each
        for each in different_tensors(case, setup)
        if each.error < 1 and on_coarse_grid(mine[each.name], each.right)
    ]
    if len(coarse) > 1:
        yield from _one_grid(case, setup, coarse, mine)
    for each in coarse[:MOST]:
        yield from _one_grid(case, setup, [each], mine)


def on_coarse_grid(values: Array, right: Array) -> bool:
    """Whether values lie on far fewer steps than the reference's, in the whole or channel by channel."""
    if values.dtype.kind != "f" or values.size < FEWEST:
        return False
    for axis in (None, 0, values.ndim - 1):
        mine, theirs = _levels(values, axis), _levels(right, axis)
        if 1 < mine <= FINEST and theirs > 4 * mine:
            return True
    return False


def _levels(values: Array, axis: int | None) -> int:
    """Distinct values, or the most of any channel along `axis`."""
    if axis is None:
        return len(np.unique(values))
    if values.shape[axis] > 4096 or values.size // values.shape[axis] < FEWEST:
        return values.size
    return max(len(np.unique(each)) for each in np.moveaxis(values, axis, 0))


def _one_grid(
    case: Case, setup: Setup, coarse: Sequence[Different], mine: Mapping[str, Array]
) -> Iterator[Intervention]:
    changed = restored(case, setup, coarse)
    if changed is None:
        return
    en, zh = named([each.name for each in coarse])
    levels = max(_levels(mine[each.name], None) for each in coarse)
    yield Intervention(
        hypothesis="quantization",
        name="finer " + en,
        setup=changed,
        said=Text(
            f"The weights of {en} were quantized to a grid of {levels} values, too coarse for this model.",
            f"{zh} 的权重被量化到只有 {levels} 个取值的网格上，对该模型过于粗糙。",
        ),
        fix=Text(
            f"keep {en} in float32, or quantize it again channel by channel",
            f"让 {zh} 保持 float32，或按通道重新量化",
        ),
        prior=15.0,
    )


@dataclass(frozen=True)
class _Scale:
    """A scale that does not fit."""

    operator: Operator
    tensor: str
    now: float
    seen: float
    steps: int


def _scales(case: Case, setup: Setup) -> Iterator[Intervention]:
    wrong = _misfits(case, setup)
    for each in wrong[:MOST]:
        right = each.seen / each.steps
        users = [op for op in operators_of(case, setup.artifact) if each.tensor in op.inputs]
        mine = values_of(case, setup.artifact) if setup.artifact else {}
        changed = edited(case, setup, tensors={each.tensor: np.full(mine[each.tensor].shape, right)})
        if changed is None:
            continue
        yield Intervention(
            hypothesis="quantization",
            name="scale " + each.tensor,
            setup=changed,
            said=Text(
                f"The int8 scale {each.tensor} of {users[0].name} is {each.now:.3g}, and the values there "
                f"reach {each.seen:.3g}: it should be about {right:.3g}.",
                f"{users[0].name} 的 int8 缩放系数 {each.tensor} 为 {each.now:.3g}，"
                f"而此处数值可达 {each.seen:.3g}，应约为 {right:.3g}。",
            ),
            fix=Text(
                f"calibrate {users[0].name} again on samples like those of production",
                f"用与生产一致的样本重新标定 {users[0].name}",
            ),
            prior=15.0,
        )


def _misfits(case: Case, setup: Setup) -> list[_Scale]:
    """Activation scales that clip or waste the range that one sample shows, in the order of the graph."""
    quantizers = [each for each in operators_of(case, setup.artifact) if plain_type(each.type) in QUANTIZERS]
    if not quantizers or setup.artifact is None:
        return []
    try:
        seen = {each.tensor: each.value for each in trace_one(case, setup)}
    except SeatrialError:
        return []
    weights = values_of(case, setup.artifact)
    found = []
    for each in quantizers:
        scale = next((name for name in each.inputs[1:] if _is_scale(weights.get(name))), "")
        if not scale or each.inputs[0] not in seen:
            continue
        steps = (
            255 if any(weights[name].dtype == np.uint8 for name in each.inputs if name in weights) else 127
        )
        values = np.asarray(seen[each.inputs[0]], "float64")
        reach, now = float(np.abs(values).max(initial=0.0)), float(weights[scale].max())
        if reach and not CLIPS * reach <= now * steps <= COARSE * reach:
            found.append(_Scale(each, scale, now, reach, steps))
    return found


def _is_scale(values: Array | None) -> bool:
    return values is not None and values.dtype.kind == "f" and values.size == 1


HYPOTHESIS = Hypothesis(
    name="quantization",
    title=Text("quantization", "量化"),
    question=Text("Is a layer quantized too coarsely?", "是否有某层量化得过于粗糙？"),
    stage="operators",
    propose=propose,
    source="F27",
)
