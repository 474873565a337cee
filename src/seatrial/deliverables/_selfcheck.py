"""Tries a bundle on the machine that received it: its vectors, and its cases on every runtime there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from seatrial.contract import Case, Cases, Contract, Tolerance, load_contract, read_cases
from seatrial.contract.cases import FOLDER
from seatrial.deliverables._alike import joined_rows
from seatrial.deliverables._diff_run import same
from seatrial.deliverables._listing import Listed, read_listing
from seatrial.errors import ContractViolation, EngineFailure, MissingDependency
from seatrial.model import Artifact
from seatrial.model.bundle import Bundle
from seatrial.runtimes import Session, all_runtimes, available_runtimes, open_session
from seatrial.text import Text

CONTRACT = "contract.yaml"
# Another processor rounds otherwise, another decoder of pictures too; a wrong step is far beyond.
_PREPARED = Tolerance(atol=1e-5, rtol=1e-5)
_ANSWERED = 1e-5

Outcome = Literal["pass", "fail", "skip"]


@dataclass(frozen=True)
class Line:
    """One thing that was tried.

    Attributes:
        what: `preprocessing`, `postprocessing`, or the format of a model.
        where: The runtime with its version; empty where none is involved.
        outcome: Of it.
        passed: Vectors or cases that came out as they must.
        tried: Of how many.
        failures: What was wrong, one by one.
        note: Why it was skipped.
    """

    what: str
    where: str
    outcome: Outcome
    passed: int
    tried: int
    failures: tuple[str, ...] = ()
    note: Text | None = None


@dataclass(frozen=True)
class Selfcheck:
    """What came of it.

    Attributes:
        release: `name@version` of the bundle.
        digest: Of the bundle.
        lines: Everything that was tried.
    """

    release: str
    digest: str
    lines: tuple[Line, ...]

    @property
    def passed(self) -> bool:
        """Whether at least one model answered its cases, and nothing failed."""
        ran = any(each.outcome == "pass" and each.where for each in self.lines)
        return ran and not any(each.outcome == "fail" for each in self.lines)

    def to_data(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "passed": self.passed}


def selfcheck(
    bundle: Bundle, *, runtime: str = "", progress: Callable[[str], None] = lambda _: None
) -> Selfcheck:
    """Tries everything that can be tried here, each model in a worker process.

    The bytes of the bundle are the caller's to verify before; each model is compared with its digest here.

    Args:
        bundle: A folder, or a sealed bundle that is open.
        runtime: Only this one; empty for every runtime that is installed.
        progress: Told what is being tried.

    Raises:
        MissingDependency: No runtime that runs one of its models is installed.
        NotFound: There is no runtime of that name.
        ContractViolation: The contract, the vectors or the cases are damaged.
        TrustError: A model or a vector is not what the manifest lists.
    """
    contract = load_contract(bundle.folder / CONTRACT)
    progress("golden vectors")
    lines = [*_vectors(bundle, contract), *_models(bundle, runtime, progress)]
    return Selfcheck(bundle.manifest.release, bundle.digest, tuple(lines))


def _vectors(bundle: Bundle, contract: Contract) -> Iterator[Line]:
    prepared: list[str] = []
    answered: list[str] = []
    for each in read_listing(bundle, contract):
        wrong = _one(each, contract)
        prepared.append(wrong[0])
        answered.append(wrong[1])
    if not prepared:
        note = Text("the bundle carries no golden vectors", "交付包中没有标准样本")
        yield Line("preprocessing", "", "skip", 0, 0, note=note)
        return
    yield _line("preprocessing", "", prepared)
    yield _line("postprocessing", "", answered)


def _one(listed: Listed, contract: Contract) -> tuple[str, str]:
    """What is wrong with the preprocessing and with the answer of one vector; empty where nothing is."""
    try:
        feeds, context = contract.prepare(listed.payload, files=False)
    except ContractViolation as error:
        return f"sample {listed.name}: refused: {error.message}", f"sample {listed.name}: not prepared"
    wrong = Cases((Case({}, listed.feeds),), _PREPARED).failure(0, feeds).removeprefix("case 0: ")
    prepared = wrong and f"sample {listed.name}: {wrong.replace('output', 'input', 1)}"
    try:
        answer = contract.answer(list(listed.outputs.values()), 0, context)
    except ContractViolation as error:
        return prepared, f"sample {listed.name}: refused: {error.message}"
    if same(listed.answer, answer, near=_ANSWERED):
        return prepared, ""
    return prepared, f"sample {listed.name}: answers {answer!r:.200}, expected {listed.answer!r:.200}"


def _line(what: str, where: str, wrong: list[str]) -> Line:
    failures = tuple(each for each in wrong if each)
    good = len(wrong) - len(failures)
    return Line(what, where, "fail" if failures else "pass", good, len(wrong), failures)


def _models(bundle: Bundle, runtime: str, progress: Callable[[str], None]) -> Iterator[Line]:
    if not (bundle.folder / FOLDER).is_dir():
        note = Text("the bundle carries no test cases", "交付包中没有测试用例")
        yield Line("models", "", "skip", 0, 0, note=note)
        return
    cases = read_cases(bundle.folder / FOLDER)
    pairs = _pairs(bundle, runtime)
    if not pairs:
        formats = ", ".join(each.format for each in bundle.manifest.models)
        raise MissingDependency(
            f"{runtime or 'no runtime'} that runs {formats} is {'not ' if runtime else ''}installed",
            hint=f"such as: {_how_to_get(bundle, runtime)}",
        )
    lines = []
    for artifact, name in pairs:
        progress(f"{artifact.format} on {name}")
        lines.append(_asked(artifact, name, cases))
    # A format that an engine does not load is no fault as long as it runs the model in another.
    able = {name for (_, name), line in zip(pairs, lines, strict=True) if line.outcome == "pass"}
    for (_, name), line in zip(pairs, lines, strict=True):
        refused = line.note is not None
        yield Line(**{**vars(line), "outcome": "fail"}) if refused and name not in able else line


def _pairs(bundle: Bundle, runtime: str) -> list[tuple[Artifact, str]]:
    if runtime and runtime not in all_runtimes():
        open_session(bundle.artifact(bundle.model()), runtime)  # says which there are
    artifacts = [bundle.artifact(each) for each in bundle.manifest.models]
    return [
        (artifact, name)
        for artifact in artifacts
        for name in available_runtimes(artifact, asked=runtime)
        if runtime in ("", name)
    ]


def _how_to_get(bundle: Bundle, runtime: str) -> str:
    formats = {each.format for each in bundle.manifest.models}
    fitting = [each for each in all_runtimes().values() if formats & set(each.formats)]
    fitting.sort(key=lambda each: (each.name != runtime, each.asked_only))
    return fitting[0].how_to_get() if fitting else "pip install 'seatrial[all]'"


def _asked(artifact: Artifact, runtime: str, cases: Cases) -> Line:
    """All cases alone, and together where they may be; a note says that the engine cannot run the model."""
    try:
        with open_session(artifact, runtime) as session:
            where = session.exercise.runtime
            wrong = _wrong(session, cases)
    except EngineFailure as error:
        note = Text(f"cannot be run: {error.message}", f"无法运行：{error.message}")
        return Line(artifact.format, runtime, "skip", 0, len(cases.cases), (error.message,), note)
    return _line(artifact.format, where, wrong)


def _wrong(session: Session, cases: Cases) -> list[str]:
    said = []
    for index, case in enumerate(cases.cases):
        try:
            outputs = session.run(case.feeds)
        except (ContractViolation, EngineFailure) as error:
            if isinstance(error, EngineFailure) and error.kind != "exception":
                raise
            said.append(f"case {index}: refused: {error.message}")
            continue
        said.append(_compared(session, cases, index, outputs))
    if not cases.tolerance.batch:
        return said
    joined = joined_rows(session, [each.feeds for each in cases.cases])
    if joined is None:
        return [each or f"case {index}: not answered in a batch" for index, each in enumerate(said)]
    return [
        each or _compared(session, cases, index, outputs).replace(":", " in a batch:", 1)
        for index, (each, outputs) in enumerate(zip(said, joined, strict=True))
    ]


def _compared(session: Session, cases: Cases, index: int, outputs: Any) -> str:
    expected = cases.cases[index].expected
    if len(outputs) != len(expected):
        return f"case {index}: {len(outputs)} outputs, expected {len(expected)}"
    return cases.failure(index, dict(zip(expected, outputs, strict=True)), session.runtime)
