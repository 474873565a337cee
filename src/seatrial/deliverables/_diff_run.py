"""What a new model makes of the samples and test cases of the bundle before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.contract import Contract, read_cases
from seatrial.contract.cases import FOLDER
from seatrial.deliverables._listing import Listed, read_listing
from seatrial.errors import ContractViolation, EngineFailure
from seatrial.model.bundle import Bundle
from seatrial.runtimes import Session, open_session

MOST_EXAMPLES = 5
NEAR = 1e-3  # numbers in an answer that differ by less are the same answer

# What an answer decides, by task; other tasks are compared whole.
_DECIDES: Mapping[str, tuple[str, ...]] = {
    "classification": ("class", "index"),
    "text-classification": ("class", "index"),
    "text-recognition": ("text",),
}


@dataclass(frozen=True)
class Run:
    """The old bundle's cases, asked again.

    Attributes:
        runtime: That ran the new model, with its version.
        cases: How many there were.
        outputs: How many gave outputs outside the old tolerance.
        answers: How many gave another answer: another class, text, number of boxes...
        examples: Some of those, for people.
    """

    runtime: str
    cases: int
    outputs: int
    answers: int
    examples: tuple[str, ...]

    @property
    def proves_equal(self) -> bool:
        """Whether everything was within the old tolerance and no answer changed."""
        return self.cases > 0 and self.outputs == 0 and self.answers == 0


def run_cases(old: Bundle, new: Bundle, before: Contract, after: Contract) -> Run:
    """Asks the new bundle's preferred model for the old bundle's cases.

    Payloads go through each bundle's own contract, so that a change of the preprocessing counts as well.

    Raises:
        ModelError: The new model cannot be loaded.
    """
    artifact = new.artifact(new.model())
    with open_session(artifact) as session:
        outputs = _outputs(old, session)
        listed = list(read_listing(old, before))
        runtime = session.exercise.runtime
        others = [said for each in listed if (said := _other(each, before, after, session))]
    cases = max(len(outputs), len(listed))
    wrong = [said for said in outputs if said]
    examples = tuple((others or wrong)[:MOST_EXAMPLES])
    return Run(runtime, cases, len(wrong), len(others), examples)


def _outputs(old: Bundle, session: Session) -> list[str]:
    """What is wrong with each case, in order; empty text where nothing is."""
    if not (old.folder / FOLDER).is_dir():
        return []
    cases = read_cases(old.folder / FOLDER)
    said = []
    for index, case in enumerate(cases.cases):
        try:
            got = session.run(case.feeds)
        except (ContractViolation, EngineFailure) as error:
            if isinstance(error, EngineFailure) and error.kind != "exception":
                raise
            said.append(f"case {index}: refused: {error.message}")
            continue
        named = dict(zip(case.expected, got, strict=False))
        said.append(cases.failure(index, named, session.runtime))
    return said


def _other(listed: Listed, before: Contract, after: Contract, session: Session) -> str:
    try:
        feeds, context = after.prepare(listed.payload, files=False)
        answer = after.answer(session.run(feeds), 0, context)
    except (ContractViolation, EngineFailure) as error:
        if isinstance(error, EngineFailure) and error.kind != "exception":
            raise
        return f"sample {listed.name}: refused: {error.message}"
    was, now = decision(before.task, listed.answer), decision(after.task, answer)
    return "" if same(was, now) else f"sample {listed.name}: {_short(now)}, before: {_short(was)}"


def decision(task: str, answer: Any) -> Any:
    """The part of an answer that somebody acts on: the class without its confidence, the text."""
    fields = _DECIDES.get(task)
    if fields is None or not isinstance(answer, Mapping):
        return answer
    return {name: answer.get(name) for name in fields}


def same(one: Any, two: Any, *, near: float = NEAR) -> bool:
    """Whether two answers say the same, up to the last digits of numbers.

    Args:
        one: An answer.
        two: Another.
        near: By how much numbers may differ, as a share of the larger, or at all where both are small.
    """
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return one.keys() == two.keys() and all(same(one[name], two[name], near=near) for name in one)
    if isinstance(one, list) and isinstance(two, list):
        pairs = zip(one, two, strict=False)
        return len(one) == len(two) and all(same(*pair, near=near) for pair in pairs)
    if isinstance(one, float) or isinstance(two, float):
        numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (one, two))
        return numbers and math.isclose(one, two, rel_tol=near, abs_tol=near)
    return bool(one == two)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "..."
