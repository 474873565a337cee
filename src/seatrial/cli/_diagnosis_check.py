"""`seatrial check --diagnose`: a failed accuracy or consistency check is told why, in the report itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from seatrial.checks import Finding, Report, Table, Trial, Verdict, accepted_model
from seatrial.cli._diagnosis_document import Document, Tried
from seatrial.cli._diagnosis_text import STAGES, change_name
from seatrial.cli._resolve import contract_of
from seatrial.cli.diagnose import Opened, file_of, searched
from seatrial.contract import Contract, Sample
from seatrial.diagnosis import Reference, Setup
from seatrial.diagnosis.deployed import LocalRunner
from seatrial.diagnosis.references import ReferenceOptions, Rows, from_labels, from_release
from seatrial.diagnosis.sampling import chosen, read_samples
from seatrial.errors import SeatrialError
from seatrial.model import Artifact
from seatrial.runtimes import SessionOptions
from seatrial.text import Text

_ASKS = ("accuracy", "consistency")
_ROWS = 12
_VERDICTS = {"agree": Verdict.PASS, "cause": Verdict.FAIL, "none-found": Verdict.INCONCLUSIVE}


def with_diagnosis(
    report: Report, trial: Trial, *, source: str, budget: float, say: Callable[[str], None]
) -> Report:
    """The report with a finding that says why, where accuracy or consistency failed; else the same report.

    The reference is the baseline's accepted model where it still lies, else the labels; where only
    consistency failed, the same model run as plainly as possible.

    Args:
        report: Of the gate.
        trial: What was judged.
        source: Where the contract comes from, as `contract_of` tells it.
        budget: Seconds to search.
        say: Told what is being done.
    """
    failed = [each.name for each in report.results if each.name in _ASKS and each.verdict is Verdict.FAIL]
    if not failed:
        return report
    try:
        document = _document(trial, failed[0], source, budget, say)
    except SeatrialError as error:
        finding = _broken(failed[0], error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - the gate has answered; a broken diagnosis must not cost the report
        finding = _broken(failed[0], f"it broke: {type(error).__name__}: {error}")
    else:
        finding = finding_of(document, failed[0])
    return replace(
        report,
        reason=_with_why(report.reason, finding),
        results=tuple(
            # Second: what failed comes first, then why, then everything else.
            replace(
                each,
                findings=(*each.findings[:1], finding, *each.findings[1:]),
                examined=each.examined + finding.examined,
            )
            if each.name == failed[0]
            else each
            for each in report.results
        ),
    )


def _with_why(reason: Text, finding: Finding) -> Text:
    """The gate's reason with the proved cause, so that the first screen has both."""
    if finding.cause is None:
        return reason
    return Text(f"{reason.en} Why: {finding.cause.en}", f"{reason.zh}原因：{finding.cause.zh}")


def _document(trial: Trial, failed: str, source: str, budget: float, say: Callable[[str], None]) -> Document:
    rows = chosen(len(trial.held_out), seed=trial.seed)
    samples = tuple(trial.held_out.samples[place] for place in rows.places)
    say("diagnosis: asking the reference")
    reference = _reference(trial, failed, samples, rows)
    runtime = trial.profile.runtime
    options = SessionOptions(threads=trial.profile.threads, engine=trial.profile.engine)
    with ExitStack() as stack:
        opened = Opened(
            setup=Setup(trial.contract, trial.artifact, runtime=runtime, options=options),
            runner=stack.enter_context(LocalRunner()),
            told=str(trial.artifact.path),
            source=source,
            file=file_of(source),
            home=None,
        )
        scratch = trial.scratch / "diagnosis"
        scratch.mkdir(exist_ok=True)
        _, document, _ = searched(
            opened,
            samples,
            reference,
            scratch=scratch,
            seed=trial.seed,
            budget=budget,
            say=lambda text: say(f"diagnosis: {text}"),
        )
    return document


def _reference(trial: Trial, failed: str, samples: tuple[Sample, ...], rows: Rows) -> Reference:
    accepted = accepted_model(trial.baseline) if trial.baseline else None
    if trial.baseline is not None and accepted is not None:
        own = _accepted_contract(accepted, trial.baseline.preprocess_digest)
        if own is not None or accepted.digest != trial.artifact.digest:
            options = ReferenceOptions(rows=rows, contract=own)
            found = from_release(accepted, samples, trial.contract, options)
            return replace(found, source=f"the model of baseline '{trial.baseline.name}': {found.source}")
    if failed == "consistency":
        plain = ReferenceOptions(
            rows=rows,
            contract=trial.contract,
            runtime=_other_runtime(trial),
            options=SessionOptions(optimize=False),
            batch=1,
        )
        found = from_release(trial.artifact, samples, trial.contract, plain)
        return replace(found, source=f"the same model, sample by sample, unoptimized, in {plain.runtime}")
    return from_labels(_as_written(trial, rows, samples))


def _as_written(trial: Trial, rows: Rows, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The samples with the labels as they stand in the data; as the gate read them where that fails."""
    try:
        again = read_samples(Path(trial.held_out.source), trial.contract).samples
        found = tuple(again[place] for place in rows.places)
    except (SeatrialError, IndexError):
        return samples
    same = all(a.key == b.key for a, b in zip(found, samples, strict=True))
    return found if same else samples


def _accepted_contract(accepted: Artifact, digest: str) -> Contract | None:
    """The contract beside the accepted model, if it is still the one that was accepted."""
    try:
        contract, _ = contract_of(accepted, None)
    except SeatrialError:
        return None
    return contract if contract.preprocess_digest() == digest else None


def _other_runtime(trial: Trial) -> str:
    names = [*trial.pool.runtimes(), "auto"]
    return names[1] if len(names) > 2 else names[0]


def finding_of(document: Document, check: str) -> Finding:
    """The diagnosis as a finding of the check that failed."""
    proof = document.proof
    changes = proof.tried.changes if proof else ()
    where = "; ".join(each.where.en for each in changes if each.where.en)
    return Finding(
        f"{check}.diagnosis",
        _VERDICTS[document.verdict],
        document.sentence,
        examined=document.n,
        measured=round(document.agreement, 6),
        evidence=(*_tables(document), *document.pictures),
        cause=_joined([each.said for each in changes]) if changes else None,
        fix=_joined([_fix(each.where, each.fix) for each in changes]) if changes else None,
        where=where,
        data={
            "reference": document.reference,
            "hypotheses": [each.hypothesis for each in changes],
            "changes": [each.name for each in changes],
            "p_value": proof.p_value if proof else None,
            "after": proof.tried.after if proof else None,
            "tried": document.tried,
        },
    )


def _tables(document: Document) -> list[Table]:
    tables = []
    if document.attempts:
        tables.append(
            Table(
                Text(
                    f"What was tried against: {document.reference}",
                    f"试验过的改动（对照：{document.reference}）",
                ),
                ("hypothesis", "change", "agreement before", "after", "closeness after", "p"),
                tuple(_row(each) for each in document.attempts[:_ROWS]),
            )
        )
    if document.fed:
        tables.append(
            Table(
                Text("What the model was fed", "模型实际得到的输入"),
                ("sample", "input", "as deployed", "with the cause undone"),
                tuple((each.sample, each.input, each.before, each.after) for each in document.fed),
            )
        )
    if document.parting is not None:
        tables.append(
            Table(
                Text("Stage by stage", "逐段比较"),
                ("stage", "same", "what was seen"),
                tuple(
                    (
                        STAGES[row.stage].en if row.stage in STAGES else row.stage,
                        "yes" if row.same else "no",
                        row.detail.en,
                    )
                    for row in document.parting.compared
                ),
            )
        )
    return tables


def _row(each: Tried) -> tuple[str | float | None, ...]:
    return (
        " + ".join(change.hypothesis for change in each.changes),
        change_name(each),
        round(each.before, 4),
        round(each.after, 4),
        round(each.closer, 4),
        each.p_value,
    )


def _fix(where: Text, fix: Text) -> Text:
    return Text(f"{where.en}: {fix.en}", f"{where.zh}：{fix.zh}") if where.en else fix


def _joined(texts: list[Text]) -> Text:
    return Text(" ".join(each.en for each in texts), "".join(each.zh for each in texts))


def _broken(check: str, message: str, hint: str = "") -> Finding:
    return Finding(
        f"{check}.diagnosis",
        Verdict.SKIP,
        Text(f"No diagnosis: {message}", f"未能诊断：{message}"),
        examined=0,
        fix=Text(hint, hint) if hint else None,
    )
