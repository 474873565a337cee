"""Runs a converted model beside its source and says where the two part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from seatrial.contract.sample import Array
from seatrial.converters._batches import batches
from seatrial.converters._compare import SMALLEST_SCALE, Comparison, compare
from seatrial.errors import ContractViolation, EngineFailure, ModelError, SeatrialError
from seatrial.model.artifact import Artifact
from seatrial.runtimes import Session, SessionOptions, first_divergence, flow_of, hidden_before, open_session

# Both as they are written: fusion on either side is another question than conversion. Plain engines take
# long over large models.
_PLAIN = SessionOptions(optimize=False, timeout=600.0)


@dataclass(frozen=True)
class Answered:
    """One batch and what the source answers."""

    case: str
    feeds: Mapping[str, Array]
    outputs: Sequence[Array]


class Source:
    """What the source answers, asked once: every hop of a route is compared with it.

    Args:
        artifact: The source.
        samples: Real feeds with a batch axis of 1; may be empty.
        seed: For what is made up.
    """

    def __init__(self, artifact: Artifact, samples: Sequence[Mapping[str, Array]], *, seed: int) -> None:
        self.artifact = artifact
        self.notes: list[str] = []
        self._samples, self._seed = samples, seed
        self._answers: list[Answered] | None = None

    def answers(self) -> Sequence[Answered]:
        """Every batch that the source takes, with its outputs; the engine is gone afterwards.

        Raises:
            ModelError: It fails on a real sample, or takes none of the batches.
        """
        if self._answers is None:
            with open_session(self.artifact, "auto", _PLAIN) as session:
                cases = batches(self.artifact, self._samples, seed=self._seed)
                self._answers = list(self._ask(session, cases))
            if not self._answers:
                raise ModelError(
                    "not converted: no batch could be compared"
                    + (f" ({self.notes[0]})" if self.notes else ""),
                    hint="give samples that the source takes",
                )
        return self._answers

    def made_for(self, result: Artifact) -> Sequence[Answered]:
        """Made-up batches of the shapes that a result was fixed to, with what the source answers.

        Raises:
            ModelError: It takes none of them.
        """
        shapes = {each.name: each.shape for each in result.inputs}
        like = replace(
            self.artifact,
            inputs=tuple(replace(each, shape=shapes[each.name]) for each in self.artifact.inputs),
        )
        with open_session(self.artifact, "auto", _PLAIN) as session:
            answered = self._ask(session, batches(like, [], seed=self._seed))
        if not answered:
            raise ModelError(
                f"not converted: no batch could be compared ({self.notes[-1]})",
                hint="give samples of the shapes that the result was fixed to",
            )
        return answered

    def _ask(self, session: Session, cases: Iterable[tuple[str, dict[str, Array], bool]]) -> list[Answered]:
        answered = []
        for case, feeds, real in cases:
            try:
                answered.append(Answered(case, feeds, [each.copy() for each in session.run(feeds)]))
            except (EngineFailure, ContractViolation) as error:
                if real:
                    raise ModelError(
                        f"the source itself fails on {case}: {error.message}", hint=error.hint
                    ) from error
                self.notes.append(f"{case}: not compared, the source does not take it ({error.message})")
        return answered


def same_interface(source: Artifact, result: Artifact) -> None:
    """Inputs are bound by name (converters reverse their order), outputs by place (they rename them).

    Raises:
        ModelError: They differ in what both files tell; not every format tells dtypes.
    """
    wanted = {each.name: each.dtype for each in source.inputs}
    got = {each.name: each.dtype for each in result.inputs}
    differ = [
        name for name in wanted if name in got and wanted[name] and got[name] and wanted[name] != got[name]
    ]
    if wanted.keys() != got.keys() or differ:
        raise ModelError(f"not converted: the result takes {got} instead of {wanted}")
    # A class tells its outputs only by answering; `compare` counts those.
    told = source.outputs and result.outputs
    if told and len(source.outputs) != len(result.outputs):
        raise ModelError(
            f"not converted: the result has {len(result.outputs)} outputs instead of {len(source.outputs)}"
        )


def verify(
    source: Source,
    before: Artifact,
    result: Artifact,
    *,
    tolerance: float,
    progress: Callable[[str], None],
) -> tuple[Comparison, ...]:
    """Compares a hop's result with the source on every batch.

    Args:
        source: The source and its answers.
        before: What the hop was made from: the source, or the hop before.
        result: What is judged.
        tolerance: Largest difference of one element, as a part of its output's largest magnitude.
        progress: Told each comparison.

    Raises:
        ModelError: It does not load, fails, or answers otherwise; the message names the operator.
    """
    comparisons = []
    answers = _fitting(source, result)
    try:
        session = open_session(result, "auto", _PLAIN)
    except EngineFailure as error:
        raise ModelError(
            f"not converted: the result does not load: {error.message}", hint=error.hint
        ) from error
    with session:
        for each in answers:
            try:
                got = session.run(each.feeds)
            except (EngineFailure, ContractViolation) as error:
                raise _refusal(
                    each.case, f"the source answers and the result fails: {error.message}"
                ) from error
            comparison = compare(each.case, each.feeds, each.outputs, got, tolerance=tolerance)
            progress(f"compared {comparison}")
            if comparison.problem:
                telling = _largest_that_fails(answers, each, session, tolerance)
                session.close()
                where = _parted(source.artifact, before, result, telling.feeds, tolerance=tolerance)
                raise _refusal(each.case, comparison.problem + (f"; {where}" if where else ""))
            comparisons.append(comparison)
    return tuple(comparisons)


def _fitting(source: Source, result: Artifact) -> Sequence[Answered]:
    """The batches that a result takes, some of whose dimensions may have been fixed."""
    narrower = {each.case: _narrower(result, each.feeds) for each in source.answers()}
    others = [case for case, taken in narrower.items() if taken]
    if others:
        source.notes.append(
            f"not compared, since the {result.format} result takes {narrower[others[0]]}: {', '.join(others)}"
        )
    fitting = [each for each in source.answers() if not narrower[each.case]]
    return fitting or source.made_for(result)


def _narrower(result: Artifact, feeds: Mapping[str, Array]) -> str:
    """What a result takes whose free dimensions were fixed, when a batch is of another size; else empty."""
    for spec in result.inputs:
        pairs = zip(spec.shape, feeds[spec.name].shape, strict=False)
        if any(isinstance(each, int) and each != size for each, size in pairs):
            return f"{spec.name} {list(spec.shape)} only"
    return ""


def _largest_that_fails(
    answers: Sequence[Answered], failed: Answered, session: Session, tolerance: float
) -> Answered:
    """Of two batches that fail, the larger: in a handful of numbers equality is chance."""
    largest = max(answers, key=lambda each: sum(array.size for array in each.outputs))
    try:
        got = session.run(largest.feeds)
    except SeatrialError:
        return failed
    judged = compare(largest.case, largest.feeds, largest.outputs, got, tolerance=tolerance)
    return largest if judged.problem else failed


def faint_note(comparisons: Sequence[Comparison]) -> list[str]:
    """A note where hardly anything was compared."""
    if not all(each.faint for each in comparisons):
        return []
    return [
        f"the model answers with nearly nothing (under {SMALLEST_SCALE:g}) on every batch: "
        "little was compared, give real samples"
    ]


def _parted(
    source: Artifact, before: Artifact, result: Artifact, feeds: Mapping[str, Array], *, tolerance: float
) -> str:
    """A sentence about the first operator of the source whose output the result has nowhere.

    Empty when one of the two cannot be traced, or nothing stands out.
    """
    try:
        with open_session(result, "auto", _PLAIN) as session:
            theirs = session.trace(feeds)
    except SeatrialError:
        return ""
    for artifact in [source] if before is source else [source, before]:
        try:
            with open_session(artifact, "auto", _PLAIN) as session:
                ours = session.trace(feeds)
        except SeatrialError:
            continue
        found = first_divergence(ours, theirs, tolerance=tolerance, flow=flow_of(artifact, ours))
        if found.first is not None:
            named = found.first.label
            # Paddle's rnn shows no output: it is as suspect as what reads it.
            if hidden := hidden_before(artifact, ours, found.first.label):
                named = f"{hidden[-1]} (which shows no output) or {named}"
            after = f" (the last that agrees is {found.last_good.label})" if found.last_good else ""
            return f"the first operator that diverges is {named}{after}"
    return ""


def _refusal(case: str, why: str) -> ModelError:
    return ModelError(
        f"not converted: on {case}, {why}",
        hint="run the source format instead; the converter drops or changes what this model needs",
    )
