"""What the hypotheses about outputs and answers share: changes of raw outputs and of postprocessing steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seatrial import extensions
from seatrial.contract import StepCall
from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case, Observation
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.text import Text

ASKED = 64  # samples whose answers are looked at for statistics
CLASS_TASKS = ("classification", "text-classification")


@dataclass(frozen=True)
class Change:
    """A change of the raw outputs with a name, by which the search knows it again.

    Attributes:
        name: Unique for what it does.
        function: Takes the outputs, batch axis included, and gives others.
    """

    name: str
    function: Callable[[Sequence[Array]], list[Array]]

    def __call__(self, outputs: Sequence[Array]) -> list[Array]:
        """The changed outputs."""
        return self.function(outputs)


def with_outputs(setup: Setup, change: Change) -> Setup:
    """The setup with its raw outputs changed, after whatever already changes them."""
    before = setup.outputs
    if before is None:
        return replace(setup, outputs=change)
    name = f"{getattr(before, 'name', id(before))}, then {change.name}"
    return replace(setup, outputs=Change(name, lambda outputs: change(before(outputs))))


def each_float(name: str, function: Callable[[Array], Array]) -> Change:
    """A change of every output that holds floats of two dimensions or more."""

    def change(outputs: Sequence[Array]) -> list[Array]:
        return [
            function(each) if each.dtype.kind == "f" and each.ndim >= 2 and each.size else each
            for each in outputs
        ]

    return Change(name, change)


def reordered(source: Sequence[int], axis: int) -> Change:
    """Scores put in another order along the class axis: place k gets what stood at `source[k]`."""
    order = np.asarray(source)

    def change(array: Array) -> Array:
        return np.take(array, order, axis=axis) if array.shape[axis] == len(order) else array

    moved = [f"{new}<{old}" for new, old in enumerate(source) if new != old]
    return each_float(f"classes {','.join(moved)} of axis {axis}", change)


def seen_by(case: Case, setup: Setup) -> Observation:
    """What a setup gives for some samples; for the deployed one what was observed anyway."""
    if setup is case.setup:
        return case.observed
    total = len(case.samples) if case.asked is None else case.asked
    return case.observe(setup, range(min(ASKED, total)))


def scores_of(seen: Observation) -> list[Array]:
    """The first float output of every sample that has one, batch axis of 1 kept."""
    found = []
    for outputs in seen.outputs:
        first = next((each for each in outputs or () if each.dtype.kind == "f" and each.ndim >= 2), None)
        if first is not None:
            found.append(first)
    return found


def class_axis(setup: Setup) -> int:
    """Axis of the classes in raw outputs: the second for masks (NCHW), else the last."""
    return 1 if setup.contract.task == "segmentation" else -1


def calls(setup: Setup, *names: str) -> Iterator[tuple[int, StepCall]]:
    """Postprocessing steps of these names, with their places."""
    listed = setup.calls("postprocess")
    for place in setup.places("postprocess", *names):
        yield place, listed[place]


def option(call: StepCall, name: str) -> Any:
    """An option of a step, its default where the contract does not say."""
    step = extensions.get("seatrial.contract.steps", "STEP", call.name)
    return call.options.get(name, step.options.get(name))


def reference_option(case: Case, call: StepCall, name: str) -> Any:
    """The same option in the reference's contract; None where that has no such step, or there is none."""
    right = case.reference.contract
    if right is None:
        return None
    same = [each for each in right.postprocess.calls if each.name == call.name]
    return option(same[0], name) if len(same) == 1 else None


def without_step(setup: Setup, place: int) -> Setup:
    """The setup with one postprocessing step less."""
    listed = setup.calls("postprocess")
    return setup.with_calls("postprocess", [*listed[:place], *listed[place + 1 :]])


def with_step(setup: Setup, place: int, name: str, *, instead: bool = False, **options: Any) -> Setup:
    """The setup with one postprocessing step more at `place`, or with another in its stead."""
    listed = setup.calls("postprocess")
    rest = listed[place + 1 :] if instead else listed[place:]
    return setup.with_calls("postprocess", [*listed[:place], StepCall(name, options), *rest])


def right_answers(case: Case, seen: Observation) -> Iterator[tuple[int, Any, Any]]:
    """Row in `seen`, deployed answer and right answer of every sample that has both."""
    if case.reference.answers is None:
        return
    for row, (place, answer) in enumerate(zip(seen.places, seen.answers, strict=True)):
        right = case.reference.answers[place]
        if right is not None and answer is not None:
            yield row, answer, right


def relabelled(setup: Setup, labels: Sequence[str], name: str, said: Text, prior: float) -> Intervention:
    """The setup with another list of labels, or another dictionary where it reads text."""
    fix = Text("take the label list that was written with the model", "换成与模型一同产出的标签列表")
    if setup.contract.task == "text-recognition":
        fix = Text("take the dictionary that the model was trained with", "换成训练该模型所用的字典")
    return Intervention(
        hypothesis="label-map",
        name=name,
        setup=setup.with_contract(labels=tuple(labels)),
        said=said,
        fix=fix,
        prior=prior,
        place=("labels",),
    )


def field(value: Any, name: str) -> Any:
    """A field of an answer, or the bare answer itself."""
    return value.get(name) if isinstance(value, Mapping) else value
