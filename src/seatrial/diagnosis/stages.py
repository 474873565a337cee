"""Where deployed and reference part first: sample, tensor, operator, output, answer, in this order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seatrial.contract import Contract
from seatrial.contract.pipeline import Pipeline
from seatrial.contract.sample import Array
from seatrial.diagnosis.agreement import SAME_NUMBERS
from seatrial.diagnosis.case import Case, Feed, Observation
from seatrial.diagnosis.result import Divergence
from seatrial.diagnosis.setup import Setup, Stage
from seatrial.errors import SeatrialError, UsageError
from seatrial.runtimes import (
    Localisation,
    OperatorOutput,
    SessionOptions,
    first_divergence,
    flow_of,
    tensor_error,
)
from seatrial.text import Text

SAMPLES = 8  # compared at each stage
SAME_PIXELS = 1e-6
# Kernels of one runtime differ by 1e-6, converted graphs by up to 8.5e-4 (docs/explanation/measured.md).
SAME_OPERATORS = {"label": 1e-4, "equality": SAME_NUMBERS / 2}
_DECODERS = ("decode_image",)


@dataclass(frozen=True)
class _Row:
    """One stage compared."""

    stage: Stage
    error: float
    detail: Text
    same: bool
    operator: str = ""

    def as_data(self) -> dict[str, Any]:
        return {"stage": self.stage, "same": self.same, "error": self.error, "detail": self.detail}


def first_stage(case: Case) -> Divergence | None:
    """The first stage at which deployed and reference differ; None when none does or none can be compared.

    Args:
        case: The disagreement. How far it can be followed depends on what its reference knows: with a
            contract the decoded sample, with feeds or a contract the tensors, with a model the operators.
    """
    seen = case.observe(case.setup, range(min(SAMPLES, len(case.samples))))
    rows = [row for row in _stages(case, seen) if row is not None]
    first = next((row for row in rows if not row.same), None)
    if first is None:
        return None
    return Divergence(
        stage=first.stage,
        detail=first.detail,
        operator=first.operator,
        error=first.error,
        compared=tuple(row.as_data() for row in rows),
    )


def compare_operators(case: Case, setup: Setup) -> Localisation | None:
    """Where the operators of a setup's model and of the reference's part, fed the same; None when not known.

    Kept on the case: two traces are made once for each pair of models.
    """
    artifact, right = setup.artifact, case.reference.artifact
    if artifact is None or right is None or getattr(case.runner, "trace", None) is None:
        return None
    return case.once(f"operators {artifact.digest} {setup.runtime}", lambda: _traced(case, setup))


def right_setup(case: Case) -> Setup | None:
    """The reference's own model and contract as a setup, where the reference has a model."""
    if case.reference.artifact is None:
        return None
    contract = case.reference.contract or case.setup.contract
    return Setup(contract=contract, artifact=case.reference.artifact)


def _stages(case: Case, seen: Observation) -> Iterator[_Row | None]:
    yield _decoded(case, seen)
    yield _preprocessed(case, seen)
    operators = _operators(case)
    yield operators
    yield _outputs(case, seen, traced=operators is not None and operators.same)
    yield _answers(case, seen)


def _decoded(case: Case, seen: Observation) -> _Row | None:
    """The picture as both contracts decode it."""
    right = case.reference.contract
    if right is None or case.setup.opaque:
        return None
    steps = [_decoding(each) for each in (right, case.setup.contract)]
    if not all(steps):
        return None
    change = case.setup.payload
    pairs = []
    for place in seen.places:
        payload = case.samples[place].payload
        pairs.append(
            (
                _ran(right, steps[0], payload),
                _ran(case.setup.contract, steps[1], change(payload) if change else payload),
            )
        )
    return _row("decoded", pairs, SAME_PIXELS)


def _decoding(contract: Contract) -> int:
    """How many steps decode the sample."""
    names = [call.name for call in contract.preprocess.calls]
    return max((place + 1 for place, name in enumerate(names) if name in _DECODERS), default=0)


def _ran(contract: Contract, steps: int, payload: Any) -> Array | None:
    try:
        value = Pipeline(contract.preprocess.calls[:steps]).run(payload, contract.context())
    except SeatrialError:
        return None
    return value if isinstance(value, np.ndarray) else None


def _preprocessed(case: Case, seen: Observation) -> _Row | None:
    """The tensors that go into the model."""
    pairs = []
    for place, feed in zip(seen.places, seen.feeds, strict=True):
        right = right_feed(case, place)
        if right is not None and feed is not None:
            pairs += [(right.get(name), feed.get(name)) for name in dict.fromkeys([*right, *feed])]
        elif right is not None and place in seen.failures and not case.setup.opaque:
            pairs += [(each, None) for each in right.values()]
    return _row("preprocessed", pairs, SAME_NUMBERS) if pairs else None


def right_feed(case: Case, place: int) -> Feed | None:
    """What the reference fed for one sample: as recorded, or as its contract prepares it; None if unknown."""
    feeds = case.reference.feeds
    if feeds is not None and feeds[place] is not None:
        return feeds[place]
    if case.reference.contract is None:
        return None
    try:
        return case.reference.contract.prepare(case.samples[place].payload)[0]
    except SeatrialError:
        return None


def _operators(case: Case) -> _Row | None:
    try:
        found = compare_operators(case, case.setup)
    except SeatrialError:
        return None  # a model that cannot be traced still has outputs
    if found is None or not found.compared:
        return None
    if found.first is None:
        detail = Text(
            f"All {found.compared} operators agree on the same input, traced one by one.",
            f"同一输入下逐算子比较，{found.compared} 个算子全部一致。",
        )
        return _Row("operators", 0.0, detail, same=True)
    error = float("inf") if found.first.error is None else found.first.error
    after = after_zh = ""
    if found.last_good is not None:
        after = f"; the last one that agrees before it is {found.last_good.label}"
        after_zh = f"；在它之前最后一个一致的算子是 {found.last_good.label}"
    detail = Text(
        f"The first operator that diverges on the same input is {found.first.label} "
        f"({found.first.operator}), {_size(error).en}{after}.",
        f"同一输入下第一个出现偏差的算子是 {found.first.label}（{found.first.operator}），"
        f"{_size(error).zh}{after_zh}。",
    )
    return _Row("operators", error, detail, same=False, operator=found.first.label)


def trace_one(case: Case, setup: Setup) -> list[OperatorOutput]:
    """Every operator's output of a setup's model on one input: the reference's own where it is known.

    Operators run one by one in float32, as the graph has them. Not kept: traces are large.

    Raises:
        SeatrialError: The model cannot be traced here; a service never can.
    """
    trace = getattr(case.runner, "trace", None)
    feed = _one_feed(case, setup)
    if trace is None or setup.artifact is None or feed is None:
        raise UsageError("there is no model here that could be traced")
    feed = _renamed(feed, [each.name for each in setup.artifact.inputs])
    # OpenVINO cannot be traced and a pass may hide operators: the graph as it is written says most.
    plain = replace(setup, runtime="auto", options=SessionOptions(optimize=False))
    found: list[OperatorOutput] = trace(plain, feed)
    return found


def _traced(case: Case, setup: Setup) -> Localisation | None:
    right = right_setup(case)
    if right is None:
        return None
    ours, theirs = trace_one(case, right), trace_one(case, setup)
    found = first_divergence(ours, theirs, tolerance=SAME_OPERATORS["label"])
    if found.aligned_by != "label":
        flow = flow_of(right.artifact, ours) if right.artifact else {}
        found = first_divergence(ours, theirs, tolerance=SAME_OPERATORS["equality"], flow=flow)
    return found


def _one_feed(case: Case, setup: Setup) -> Feed | None:
    """One input for both models: the reference's own where it is known, else as deployed."""
    for place in range(min(SAMPLES, len(case.samples))):
        feed = right_feed(case, place)
        if feed is None:
            feed = case.observe(setup, [place]).feeds[0]
        if feed is not None:
            return feed
    return None


def _renamed(feed: Mapping[str, Array], names: Sequence[str]) -> Feed:
    """The feed under a model's own input names: a single input may be called otherwise in another format."""
    if len(feed) == len(names) == 1:
        return {names[0]: next(iter(feed.values()))}
    return dict(feed)


def _outputs(case: Case, seen: Observation, *, traced: bool) -> _Row | None:
    """The raw outputs; after equal operators a difference can only come from how the graph was run or fed."""
    right = _right_outputs(case, seen.places)
    pairs: list[tuple[Array | None, Array | None]] = []
    for mine, theirs in zip(right, seen.outputs, strict=True):
        if mine is None:
            continue
        got: Sequence[Array | None] = theirs if theirs is not None else [None] * len(mine)
        if len(got) != len(mine):
            got = [None] * len(mine)
        pairs += list(zip(mine, got, strict=True))
    row = _row("outputs", pairs, SAME_NUMBERS) if pairs and not case.setup.opaque else None
    if row is None or row.same or not traced:
        return row
    return replace(
        row,
        detail=Text(
            f"{row.detail.en} Every operator agrees when traced one by one, so what differs is how the "
            "graph is run: fusion, kernels, precision or batch.",
            f"{row.detail.zh}逐算子跟踪时全部一致，差异来自图的运行方式：融合、内核、精度或批大小。",
        ),
    )


def _right_outputs(case: Case, places: Sequence[int]) -> list[tuple[Array, ...] | None]:
    reference = case.reference
    if reference.outputs is not None:
        return [reference.outputs[place] for place in places]
    right = right_setup(case)
    if right is None:
        return [None] * len(places)
    found: list[tuple[Array, ...] | None] = []
    for place in places:
        feed = right_feed(case, place)
        try:
            found.append(tuple(case.infer(right, feed)) if feed is not None else None)
        except SeatrialError:
            found.append(None)
    return found


def _answers(case: Case, seen: Observation) -> _Row | None:
    if case.reference.answers is None:
        return None
    wrong = int((~seen.agrees).sum())
    why = next(iter(seen.failures.values()), "")
    detail = Text(
        f"{wrong} of {len(seen.places)} answers differ{': ' + why if why else ''}.",
        f"{len(seen.places)} 个答案中有 {wrong} 个不同{'：' + why if why else ''}。",
    )
    return _Row("answers", wrong / max(len(seen.places), 1), detail, same=not wrong)


def _row(stage: Stage, pairs: Sequence[tuple[Array | None, Array | None]], limit: float) -> _Row:
    """One stage from pairs of tensors: the worst of them speaks."""
    errors = [_error(right, got) for right, got in pairs]
    worst = int(np.argmax(errors))
    same = errors[worst] <= limit
    words = _words(*pairs[worst], errors[worst], same=same, count=len(pairs))
    return _Row(stage, errors[worst], words, same=same)


def _error(right: Array | None, got: Array | None) -> float:
    if right is None or got is None:
        return 0.0 if right is got else float("inf")
    return tensor_error(right, got)


def _words(right: Array | None, got: Array | None, error: float, *, same: bool, count: int) -> Text:
    if same:
        return Text(f"{count} compared, the same.", f"比较了 {count} 个，完全一致。")
    if right is None or got is None:
        return Text("One of the two sides gives none.", "其中一方没有得到结果。")
    if right.shape != got.shape:
        return Text(
            f"Shape {list(got.shape)} as deployed, {list(right.shape)} in the reference.",
            f"部署侧形状为 {list(got.shape)}，参考侧为 {list(right.shape)}。",
        )
    size = _size(error)
    mine, theirs = _moments(got), _moments(right)
    return Text(
        f"{size.en[0].upper()}{size.en[1:]}; {mine.en} as deployed, {theirs.en} in the reference.",
        f"{size.zh}；部署侧{mine.zh}，参考侧{theirs.zh}。",
    )


def _size(error: float) -> Text:
    if not np.isfinite(error):
        return Text("another shape or NaN", "形状不同或出现 NaN")
    return Text(f"relative error {error:.2g}", f"相对误差 {error:.2g}")


def _moments(array: Array) -> Text:
    values = np.asarray(array, "float64")
    values = values[np.isfinite(values)]
    if not values.size:
        return Text("no finite number", "没有有限数值")
    mean, std = float(values.mean()), float(values.std())
    return Text(f"mean {mean:.3g} and deviation {std:.3g}", f"均值 {mean:.3g}、标准差 {std:.3g}")
