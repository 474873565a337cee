"""Check 7: does every hostile input get a clear refusal or a sound answer, and nothing else (`M07`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seatrial.checks._finding import Control, Finding, Table, Text, Verdict
from seatrial.checks._inference import predictions, production_options, production_runtime, production_session
from seatrial.checks._robustness import findings as say
from seatrial.checks._robustness.hostile import (
    Canary,
    Case,
    Target,
    ask_all,
    canary_question,
    finite,
    make_canary,
)
from seatrial.checks._robustness.hostile_payloads import payload_cases
from seatrial.checks._robustness.hostile_tensors import fatal, fuzz, tensor_cases
from seatrial.checks._robustness.invariance import agrees, relations
from seatrial.checks._trial import INPUTS, Check, Trial
from seatrial.contract.sample import Array, Sample
from seatrial.errors import ContractViolation, EngineFailure, SeatrialError
from seatrial.runtimes import Session, open_session

_FAST_SAMPLES, _FULL_SAMPLES = 24, 120
_FAST_ROUNDS, _FULL_ROUNDS = 30, 400


def _run(trial: Trial) -> list[Finding]:
    sample = _good_sample(trial)
    if sample is None:
        return [say.no_good_sample(len(trial.held_out))]

    def session() -> Session:
        return production_session(trial)

    contract = trial.contract
    target = Target(contract, session)
    canary = make_canary(contract, session, sample.payload)
    alive = canary_question(canary, contract, session)
    feeds, _ = contract.prepare(sample.payload)
    deadline = trial.limit(
        "robustness.deadline_s", 10.0, unit="s", reason="a hostile request may not hold a worker"
    )

    trial.progress("hostile payloads")
    outcomes, poisoned = ask_all(payload_cases(contract, sample.payload), target, alive)
    trial.progress("hostile tensors")
    more, also = ask_all(tensor_cases(contract, feeds), target, alive)
    trial.progress("random mixtures")
    rounds = _FULL_ROUNDS if trial.full else _FAST_ROUNDS
    failures = fuzz(feeds, target, seed=trial.seed, rounds=rounds)
    wrong = alive()
    asked = len(outcomes) + len(more) + rounds
    poisoned = [*poisoned, *also, *([("random mixtures", wrong)] if wrong else [])]
    findings = [
        say.level_finding("payloads", outcomes, deadline),
        say.level_finding("tensors", more, deadline),
        say.non_finite_finding([*outcomes, *more], behind=_behind(trial, feeds) if trial.full else None),
        say.fuzz_finding(failures, rounds, trial.seed),
        say.deadline_finding([*outcomes, *more], deadline),
        say.canary_finding(poisoned, asked, canary.spread),
    ]
    return findings + _invariances(trial)


def _behind(trial: Trial, feeds: Mapping[str, Array]) -> Table | None:
    """What the bare engine makes of refused tensors; None if it cannot be asked."""
    rows: list[tuple[str, str]] = []
    try:
        with open_session(
            trial.artifact, production_runtime(trial), production_options(trial), unverified=True
        ) as bare:
            refused = (case for case in tensor_cases(trial.contract, feeds) if case.must_refuse)
            rows.extend((case.name, _bare_outcome(bare, case)) for case in refused)
    except SeatrialError:
        if not rows:
            return None
    title = Text("The engine alone, without the contract's boundary", "没有契约边界时引擎自身的行为")
    return Table(title, ("case", "outcome"), tuple(rows))


def _bare_outcome(bare: Session, case: Case) -> str:
    try:
        outputs = bare.run(case.make())
    except EngineFailure as error:
        return f"{error.kind}: {error.message[:120]}"
    except SeatrialError as error:
        return f"refused: {error.message[:120]}"
    return "answered with finite numbers" if all(finite(each) for each in outputs) else "answered with NaN"


def _good_sample(trial: Trial) -> Sample | None:
    """The first sample that has an answer: the canary."""
    for sample in trial.held_out.samples[:20]:
        try:
            feeds, context = trial.contract.prepare(sample.payload)
            trial.contract.answer(production_session(trial).run(feeds), 0, context)
        except SeatrialError:
            continue
        return sample
    return None


def _invariances(trial: Trial) -> list[Finding]:
    """Each harmless change on some samples, against the answers of the untouched ones."""
    passed = predictions(trial)
    count = _FULL_SAMPLES if trial.full else _FAST_SAMPLES
    places = passed.answered[:: max(1, len(passed.answered) // count)][:count]
    if not places:
        return []
    limit = trial.limit(
        "robustness.agreement", 0.9, reason="share of answers that a harmless change leaves alone"
    )
    findings = []
    for relation in relations(trial.contract, passed.samples[places[0]].payload):
        trial.progress(f"invariance: {relation.name}")
        random = np.random.default_rng(trial.seed)
        changed = []
        for place in places:
            sample = passed.samples[place]
            try:
                changed.append(Sample(sample.key, relation.change(sample.payload, random)))
            except (ContractViolation, OSError, ValueError) as error:
                changed.append(Sample(sample.key, b"", error))
        after = predictions(trial, samples=changed)
        kept = [
            agrees(trial.contract.task, passed.answers[place], answer)
            for place, answer in zip(places, after.answers, strict=True)
        ]
        pairs = [
            (passed.samples[place].key, str(passed.answers[place])[:80], str(answer)[:80])
            for place, answer, same in zip(places, after.answers, kept, strict=True)
            if not same
        ]
        findings.append(say.invariance_finding(relation, sum(kept), len(kept), pairs, limit))
    return findings


def _control(trial: Trial) -> Control:
    """A model that answers NaN with confidence, and one that is never the same again, must be rejected."""
    contract = trial.contract

    class Blind:
        """Answers whatever it is given."""

        def ask(self, case: Case) -> say.Outcome:
            return say.Outcome(case, "nonsense" if case.must_refuse else "answered", "confident", 0.0)

    nan = Case("one-nan", "tensor", dict, must_refuse=True)
    outcomes, poisoned = ask_all([nan], Blind(), lambda: "another answer than before")  # type: ignore[arg-type]
    canary = Canary(None, (np.zeros((1, 2), "float32"),), 0.0)
    poisoned_copy = [np.array([[0.0, 1e-7]], "float32")]
    limit = trial.limit("robustness.deadline_s", 10.0, unit="s")
    rejected = (
        fatal(outcomes[0])
        and say.level_finding("tensors", outcomes, limit).verdict is Verdict.FAIL
        and say.non_finite_finding(outcomes).verdict is Verdict.FAIL
        and say.canary_finding(poisoned, 1, 0.0).verdict is Verdict.FAIL
        and canary.differs(poisoned_copy)
    )
    said, said_zh = ("rejected", "已拒绝") if rejected else ("accepted", "竟被接受")
    return Control(
        rejected,
        Text(
            f"A '{contract.name}' that answers NaN with confidence and changes by 1e-7 afterwards was "
            f"{said}.",
            f"让“{contract.name}”对 NaN 自信作答、且之后答案漂移 1e-7：{said_zh}。",
        ),
    )


CHECK = Check(
    name="robustness",
    order=7,
    title=Text("Robustness", "鲁棒性"),
    question=Text(
        "Does every hostile input get a clear refusal or a sound answer, and the next request its own?",
        "恶意或畸形输入是否总能得到明确拒绝或合理回答，且不影响后续请求？",
    ),
    promises=("M07",),
    run=_run,
    control=_control,
    reads=INPUTS - {"delivered", "members"},
)
