"""`diagnosis.json`: what was found, as data that every rendering is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from seatrial.checks import Picture
from seatrial.contract import StepCall
from seatrial.diagnosis import Attempt, Diagnosis, Divergence, Intervention, Setup, all_hypotheses
from seatrial.text import Text

SCHEMA = "seatrial/diagnosis/1"

# Says where a path of keys and indices stands: `contract.yaml line 14`; empty where nobody knows.
Place = Callable[[Sequence[str | int]], Text]
_NOWHERE = Text("", "")


@dataclass(frozen=True)
class Change:
    """One change that was tried.

    Attributes:
        hypothesis: Which hypothesis it tests.
        title: Of the hypothesis.
        name: Of the change, unique within the hypothesis.
        said: What would be wrong.
        fix: What to do about it.
        where: File and line of the contract, or empty.
    """

    hypothesis: str
    title: Text
    name: str
    said: Text
    fix: Text
    where: Text


@dataclass(frozen=True)
class Tried:
    """Changes tried together, and what they did to the agreement (0 to 1) of the same samples.

    Attributes:
        changes: One, or two together.
        n: Samples.
        before: Share that agrees as deployed.
        after: Share that agrees with the changes.
        closer_before: Mean closeness as deployed.
        closer: Mean closeness with the changes.
        p_value: Of the paired test, not corrected; null where it was only screened.
    """

    changes: tuple[Change, ...]
    n: int
    before: float
    after: float
    closer_before: float
    closer: float
    p_value: float | None


@dataclass(frozen=True)
class Proof:
    """The cause.

    Attributes:
        tried: What undid it.
        p_value: Corrected for everything tried.
        exact: All numbers of the reference came back.
        partial: Something else differs too.
        also: What does as well on these samples.
    """

    tried: Tried
    p_value: float
    exact: bool
    partial: bool
    also: tuple[Tried, ...]


@dataclass(frozen=True)
class Compared:
    """One stage, from the sample to the answer, compared on both sides."""

    stage: str
    same: bool
    error: float
    detail: Text


@dataclass(frozen=True)
class Parting:
    """The first stage that differs, the first operator where one is named, and every stage compared."""

    stage: str
    operator: str
    error: float
    detail: Text
    compared: tuple[Compared, ...]


@dataclass(frozen=True)
class Fed:
    """The first numbers of one input that is no picture, for one sample: as deployed, and corrected."""

    sample: str
    input: str
    before: str
    after: str


@dataclass(frozen=True)
class Document:
    """Everything a diagnosis found.

    Attributes:
        deployed: What was diagnosed: model and digest, or address.
        contract: Where its contract was read from.
        reference: What it was compared with.
        verdict: `agree`, `cause` or `none-found`.
        sentence: The answer in one sentence.
        agreement: Of the deployed side, 0 to 1.
        n: Samples asked.
        proof: The cause, where one was proved.
        attempts: What was tried in full, best first.
        tried: Changes tried in all, screened ones included.
        hypotheses: Names of those that proposed something.
        parting: The first stage that differs, or null.
        notes: What a reader should know.
        pictures: What the model was fed, before and after.
        fed: The same for inputs that are no pictures.
        seed: Of every random choice.
        seconds: Time the search took.
        started: ISO 8601, UTC.
        command: As typed.
        seatrial: Version.
    """

    deployed: str
    contract: str
    reference: str
    verdict: str
    sentence: Text
    agreement: float
    n: int
    proof: Proof | None
    attempts: tuple[Tried, ...]
    tried: int
    hypotheses: tuple[str, ...]
    parting: Parting | None
    notes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    fed: tuple[Fed, ...]
    seed: int
    seconds: float
    started: str
    command: str
    seatrial: str
    schema: str = SCHEMA


@dataclass(frozen=True)
class Circumstances:
    """What the diagnosis itself does not know; as in `Document`."""

    deployed: str
    contract: str
    reference: str
    seed: int
    started: str
    command: str
    seatrial: str


def document_of(
    found: Diagnosis,
    about: Circumstances,
    *,
    deployed: Setup,
    place: Place,
    pictures: tuple[Picture, ...] = (),
    fed: tuple[Fed, ...] = (),
) -> Document:
    """The document of a diagnosis.

    Args:
        found: By the search.
        about: How it was called.
        deployed: The setup as deployed: changes are located in its contract.
        place: Says where in the contract's file something stands.
        pictures: Of the preprocessed inputs.
        fed: Inputs that are no pictures.
    """
    titles = {name: each.title for name, each in all_hypotheses().items()}

    def tried(each: Attempt) -> Tried:
        return _tried(each, deployed, place, titles)

    proof = None
    sentence = found.sentence
    if found.cause is not None:
        cause = found.cause
        proof = Proof(
            tried(cause.attempt),
            cause.p_value,
            cause.exact,
            cause.partial,
            tuple(tried(each) for each in cause.also),
        )
        sentence = _located(sentence, proof.tried.changes)
    return Document(
        deployed=about.deployed,
        contract=about.contract,
        reference=about.reference,
        verdict=found.verdict,
        sentence=sentence,
        agreement=found.agreement,
        n=found.n,
        proof=proof,
        attempts=tuple(tried(each) for each in found.attempts),
        tried=found.tried,
        hypotheses=found.hypotheses,
        parting=_parting(found.divergence) if found.divergence else None,
        notes=found.notes,
        pictures=pictures,
        fed=fed,
        seed=about.seed,
        seconds=found.seconds,
        started=about.started,
        command=about.command,
        seatrial=about.seatrial,
    )


def _tried(each: Attempt, deployed: Setup, place: Place, titles: dict[str, Text]) -> Tried:
    setups = [deployed, *(change.setup for change in each.interventions)]
    return Tried(
        changes=tuple(
            Change(
                change.hypothesis,
                titles.get(change.hypothesis, Text(change.hypothesis, change.hypothesis)),
                change.name,
                change.said,
                change.fix,
                _where(change, before, deployed, place),
            )
            for change, before in zip(each.interventions, setups, strict=False)
        ),
        n=each.n,
        before=each.before,
        after=each.after,
        closer_before=each.closer_before,
        closer=each.closer,
        p_value=each.p_value,
    )


def _where(change: Intervention, before: Setup, deployed: Setup, place: Place) -> Text:
    """File and line. The second of two changes counts steps as the first one left them."""
    path = change.place
    if len(path) >= 2 and path[0] in ("preprocess", "postprocess") and isinstance(path[1], int):
        side: Literal["preprocess", "postprocess"] = (
            "preprocess" if path[0] == "preprocess" else "postprocess"
        )
        now: tuple[StepCall, ...] = before.calls(side)
        written = deployed.calls(side)
        if path[1] >= len(now) or now[path[1]] not in written:
            return place(path[:1])
        path = (path[0], written.index(now[path[1]]), *path[2:]) if now != written else path
    return place(path) if path else _NOWHERE


def _located(sentence: Text, changes: Sequence[Change]) -> Text:
    """The sentence with file and line before each fix."""
    en, zh = sentence.en, sentence.zh
    for each in changes:
        if each.where.en and each.fix.en:
            en = en.replace(each.fix.en, f"{each.where.en}: {each.fix.en}", 1)
            zh = zh.replace(each.fix.zh, f"{each.where.zh}：{each.fix.zh}", 1)
    return Text(en, zh)


def _parting(found: Divergence) -> Parting:
    return Parting(
        stage=found.stage,
        operator=found.operator,
        error=found.error,
        detail=found.detail,
        compared=tuple(
            Compared(str(row["stage"]), bool(row["same"]), float(row["error"]), row["detail"])
            for row in found.compared
        ),
    )
