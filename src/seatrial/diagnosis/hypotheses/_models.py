"""What the hypotheses about the model share: edited copies, and what differs from the reference's model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seatrial.contract.feeds import join
from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.setup import Setup
from seatrial.errors import SeatrialError
from seatrial.model import Artifact, Operator, OperatorEdit, open_model, operators, rewrite
from seatrial.model.weights import iter_weights
from seatrial.text import Text

# What undoes an export in training mode.
EXPORT_AGAIN = Text(
    "call net.eval() before the export, and export again", "导出前先调用 net.eval()，再重新导出"
)
EDITABLE = frozenset({"paddle-json", "paddle-pdmodel", "onnx"})
# Relative to a tensor's largest value: a model that went through text or another float32 writer is the same.
SAME_WEIGHTS = 1e-6
MOST = 12  # proposals of one hypothesis


@dataclass(frozen=True)
class Different:
    """One tensor of the deployed model that is not the reference's.

    Attributes:
        name: In the deployed model.
        right: The reference's values, in the deployed tensor's shape.
        error: Largest difference as a share of the reference's largest value.
    """

    name: str
    right: Array
    error: float


def editable(setup: Setup) -> Artifact | None:
    """The setup's model where an edited copy of it can be written."""
    artifact = setup.artifact
    return (
        artifact if artifact is not None and artifact.format in EDITABLE and not artifact.problems else None
    )


def edited(
    case: Case,
    setup: Setup,
    *,
    tensors: Mapping[str, Array] | None = None,
    changes: Sequence[OperatorEdit] = (),
) -> Setup | None:
    """The setup with an edited copy of its model, written once an edit; None where it cannot be made."""
    artifact = editable(setup)
    if artifact is None:
        return None
    key = _key(artifact, tensors or {}, changes)

    def make() -> Artifact | None:
        try:
            graph = rewrite(artifact, case.scratch / f"edit-{key}", tensors=tensors, operators=changes)
            copy = open_model(graph)
        except SeatrialError:
            return None  # this format cannot carry the change: nothing to propose
        return None if copy.problems else copy

    made = case.once(f"edit {key}", make)
    return replace(setup, artifact=made) if made is not None else None


def _key(artifact: Artifact, tensors: Mapping[str, Array], changes: Sequence[OperatorEdit]) -> str:
    digest = hashlib.sha256(artifact.digest.encode())
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    for each in sorted(changes, key=lambda edit: edit.name):
        digest.update(repr((each.name, each.type, sorted(each.attributes.items()))).encode())
    return digest.hexdigest()[:16]


def operators_of(case: Case, artifact: Artifact | None) -> tuple[Operator, ...]:
    """The operators of a model; none where its graph is not read that far."""
    if artifact is None:
        return ()

    def read() -> tuple[Operator, ...]:
        try:
            return operators(artifact)
        except SeatrialError:
            return ()

    return case.once(f"operators of {artifact.digest}", read)


def values_of(case: Case, artifact: Artifact) -> dict[str, Array]:
    """The weights of a model by name, mapped; empty where they cannot be read."""

    def read() -> dict[str, Array]:
        try:
            return {each.name: values for each, values in iter_weights(artifact)}
        except SeatrialError:
            return {}

    return case.once(f"weights of {artifact.digest}", read)


def different_tensors(case: Case, setup: Setup) -> list[Different]:
    """Tensors of the deployed model that are not the reference's, the largest difference first.

    Tensors are matched by name; where a name is unknown on the other side (another format), by shape among
    those that have no equal, and only where as many are left on both sides.
    """
    mine, right = setup.artifact, case.reference.artifact
    if mine is None or right is None or mine.digest == right.digest:
        return []
    key = f"different {mine.digest} {right.digest}"
    return case.once(key, lambda: _different(values_of(case, mine), values_of(case, right)))


def _different(mine: Mapping[str, Array], right: Mapping[str, Array]) -> list[Different]:
    found = []
    strange: list[str] = []
    known = {name for name in mine if name in right and right[name].shape == mine[name].shape}
    for name, values in mine.items():
        if name in known:
            error = weight_error(right[name], values)
            if error > SAME_WEIGHTS:
                found.append(Different(name, right[name], error))
        else:
            strange.append(name)
    found += _by_shape({name: mine[name] for name in strange}, _left(right, known))
    return sorted(found, key=lambda each: -each.error)


def _left(right: Mapping[str, Array], known: set[str]) -> dict[str, Array]:
    return {name: values for name, values in right.items() if name not in known}


def _by_shape(mine: Mapping[str, Array], right: Mapping[str, Array]) -> list[Different]:
    """Pairs of equal shape that are left when equal tensors are taken away, in the order of their files."""
    waiting: dict[tuple[int, ...], list[Array]] = {}
    for values in right.values():
        waiting.setdefault(values.shape, []).append(values)
    unequal: dict[tuple[int, ...], list[str]] = {}
    for name, values in mine.items():
        candidates = waiting.get(values.shape, [])
        equal = next(
            (i for i, each in enumerate(candidates) if weight_error(each, values) <= SAME_WEIGHTS), None
        )
        if equal is not None:
            candidates.pop(equal)
        elif values.dtype.kind == "f":
            unequal.setdefault(values.shape, []).append(name)
    found = []
    for shape, names in unequal.items():
        candidates = waiting.get(shape, [])
        if len(candidates) == len(names):
            found += [
                Different(name, each, weight_error(each, mine[name]))
                for name, each in zip(names, candidates, strict=True)
            ]
    return found


def weight_error(right: Array, got: Array) -> float:
    """Largest difference as a share of the right tensor's largest; infinite where only one is finite."""
    if right.dtype.kind not in "fiu" or got.dtype.kind not in "fiu":
        return 0.0 if np.array_equal(right, got) else float("inf")
    a, b = np.asarray(right, "float64"), np.asarray(got, "float64")
    if not a.size:
        return 0.0
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    finite = np.isfinite(a)
    apart = float(np.abs(a[finite] - b[finite]).max(initial=0.0))
    return apart / max(float(np.abs(a[finite]).max(initial=0.0)), 1e-30)


def restored(case: Case, setup: Setup, chosen: Sequence[Different]) -> Setup | None:
    """The setup with some tensors as the reference has them."""
    return edited(case, setup, tensors={each.name: each.right for each in chosen})


def named(names: Sequence[str], *, most: int = 3) -> tuple[str, str]:
    """A list of names for a sentence, in English and Chinese, cut where it is long."""
    shown, rest = list(names[:most]), len(names) - most
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more", f"{'、'.join(shown)} 等 {len(names)} 个"
    return ", ".join(shown), "、".join(shown)


def paired(mine: Sequence[Operator], right: Sequence[Operator]) -> list[tuple[Operator, Operator]]:
    """The operators of two exports of one network side by side; none where they are not of one network."""
    if len(mine) != len(right):
        return []
    pairs = list(zip(mine, right, strict=True))
    same = sum(a.type == b.type for a, b in pairs)
    return pairs if same >= 0.8 * len(pairs) else []


def label_of(operator: Operator, listed: Sequence[Operator]) -> str:
    """Type and ordinal among its type, the form in which a trace's label can be matched: `conv2d#2`."""
    kind = plain_type(operator.type)
    same = [each for each in listed if plain_type(each.type) == kind]
    return f"{kind}#{same.index(operator)}"


def plain_type(kind: str) -> str:
    """An operator's type without dialect and without the mark of in-place variants."""
    return kind.rpartition(".")[2].rstrip("_")


def two_runs_differ(case: Case, setup: Setup) -> float:
    """Largest relative difference between two runs on the same feed; 0 where it cannot be asked."""

    def ask() -> float:
        feed = _few(case, setup)
        return (
            _apart(case, setup, lambda: [case.runner.infer(setup, feed) for _ in range(2)]) if feed else 0.0
        )

    return case.once(f"two runs {_model(setup)}", ask)


def batch_differs(case: Case, setup: Setup) -> float:
    """Largest relative difference between samples asked together and alone; 0 where it cannot be asked."""

    def ask() -> float:
        feed = _few(case, setup)
        rows = len(next(iter(feed.values()))) if feed else 0
        if not feed or rows < 2:
            return 0.0

        def both() -> list[list[Array]]:
            together = case.runner.infer(setup, feed)
            alone = [
                case.runner.infer(setup, {name: each[row : row + 1] for name, each in feed.items()})
                for row in range(rows)
            ]
            if any(each.shape[:1] != (rows,) for each in together):
                return []
            return [together, [np.concatenate(each) for each in zip(*alone, strict=True)]]

        return _apart(case, setup, both)

    return case.once(f"batch {_model(setup)}", ask)


def _model(setup: Setup) -> str:
    digest = setup.artifact.digest if setup.artifact is not None else ""
    return f"{digest} {setup.runtime} {setup.options} {sorted(setup.where.items())}"


def _few(case: Case, setup: Setup, count: int = 4) -> dict[str, Array]:
    """A batch of a few samples whose feeds have one shape; empty where there is none."""
    if setup.opaque:
        return {}
    groups: dict[Any, list[dict[str, Array]]] = {}
    for sample in case.samples[: 4 * count]:
        payload = setup.payload(sample.payload) if setup.payload else sample.payload
        try:
            feed = setup.contract.prepare(payload)[0]
        except SeatrialError:
            continue
        key = tuple((name, each.shape) for name, each in feed.items())
        groups.setdefault(key, []).append(feed)
    best = max(groups.values(), key=len, default=[])[:count]
    free = all(each.batch_is_free for each in setup.contract.inputs)
    best = best if free else best[:1]
    return join(best) if best else {}


def _apart(case: Case, setup: Setup, ask: Callable[[], list[list[Array]]]) -> float:
    try:
        results = ask()
    except SeatrialError:
        return 0.0
    if len(results) != 2:
        return 0.0
    worst = 0.0
    for one, other in zip(*results, strict=True):
        if one.shape != other.shape:
            return float("inf")
        if one.dtype.kind == "f":
            worst = max(worst, weight_error(one, other))
    return worst
