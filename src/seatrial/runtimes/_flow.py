"""Which traced operator reads what which other one made: a trace is a list, the graph behind it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from seatrial.errors import SeatrialError
from seatrial.model import operators as operators_of
from seatrial.model.artifact import Artifact, Operator
from seatrial.runtimes._session import OperatorOutput

_BUNDLES = ("builtin.combine", "builtin.split")  # of Paddle 3: several values as one


def flow_of(artifact: Artifact, traced: Sequence[OperatorOutput]) -> dict[str, tuple[str, ...]]:
    """From the label of each traced operator to the labels of those whose outputs reach it.

    Operators that show no output (constants, what the engine folded) are passed through. Labels are those of
    the trace; an operator that is not found in the file is missing here.

    Args:
        artifact: The traced model.
        traced: Its trace.

    Returns:
        Empty where the file does not tell the graph.
    """
    try:
        listed = [each for each in operators_of(artifact) if not each.scope]
    except SeatrialError:
        return {}
    labels = _labels(listed, traced)
    made = {output: place for place, each in enumerate(listed) for output in each.outputs if output}
    reached: list[tuple[str, ...]] = []
    flow: dict[str, tuple[str, ...]] = {}
    for place, each in enumerate(listed):
        behind: dict[str, None] = {}
        for name in each.inputs:
            maker = made.get(name)
            if maker is None or maker >= place:
                continue
            label = labels.get(maker)
            behind |= dict.fromkeys([label] if label else reached[maker])
        reached.append(tuple(behind))
        if place in labels:
            flow[labels[place]] = tuple(behind)
    return flow


def hidden_before(artifact: Artifact, traced: Sequence[OperatorOutput], label: str) -> tuple[str, ...]:
    """Operators right before a traced one that show no output themselves, such as Paddle's `rnn`.

    Only those that compute something from the input: constants, reshaped weights and what merely bundles
    values are no suspects.
    """
    try:
        listed = [each for each in operators_of(artifact) if not each.scope]
    except SeatrialError:
        return ()
    labels = _labels(listed, traced)
    made = {output: place for place, each in enumerate(listed) for output in each.outputs if output}
    fed = {each.name for each in artifact.inputs}
    computing: list[bool] = []
    for each in listed:
        makers = [made[name] for name in each.inputs if made.get(name, len(listed)) < len(computing)]
        computing.append(any(name in fed for name in each.inputs) or any(computing[at] for at in makers))
    waiting = [place for place, known in labels.items() if known == label]
    hidden: set[int] = set()
    while waiting:
        for name in listed[waiting.pop()].inputs:
            maker = made.get(name)
            if maker is not None and maker not in labels and maker not in hidden and computing[maker]:
                hidden.add(maker)
                waiting.append(maker)
    return tuple(listed[place].name for place in sorted(hidden) if listed[place].type not in _BUNDLES)


def _labels(listed: Sequence[Operator], traced: Sequence[OperatorOutput]) -> Mapping[int, str]:
    """The label of each operator of the file that was traced, by its place in the file."""
    by_name: dict[str, str] = {}
    for each in traced:
        by_name.setdefault(each.label, each.label)
        by_name.setdefault(each.tensor, each.label)
    named = {
        place: by_name[name]
        for place, each in enumerate(listed)
        for name in (each.name, *each.outputs)
        if name in by_name
    }
    if len(named) * 2 >= len(traced):
        return named
    # Paddle 3 names neither: there the order and the types tell.
    ours, theirs = [_kind(each.type) for each in listed], [_kind(each.operator) for each in traced]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return {block.a + step: traced[block.b + step].label for block in blocks for step in range(block.size)}


def _kind(name: str) -> str:
    return name.rpartition(".")[2].rstrip("_")
