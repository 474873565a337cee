"""Reads what was right: numbers or answers in a file, an earlier release, the training side, or labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.contract import Contract, Sample
from seatrial.diagnosis._reference_arrays import from_arrays
from seatrial.diagnosis._reference_lines import from_lines
from seatrial.diagnosis._reference_rows import Rows as Rows
from seatrial.diagnosis._reference_training import from_training
from seatrial.diagnosis.case import Case
from seatrial.diagnosis.deployed import LocalRunner
from seatrial.diagnosis.reference import Reference
from seatrial.diagnosis.setup import Setup
from seatrial.errors import NotFound, UsageError
from seatrial.model import Artifact, open_model
from seatrial.runtimes import SessionOptions

LABELS = "labels"
_FORMS = (
    "give .npz or .jsonl, an earlier release (a model file or folder), FILE.py:CLASS with --weights, "
    "or the word 'labels'"
)


def _none(_: Artifact) -> Contract | None:
    return None


@dataclass(frozen=True)
class ReferenceOptions:
    """How to read a reference.

    Attributes:
        rows: Where the samples stand in the data, when they are a choice from it; None: they are all of it.
        contract_of: The contract of an earlier release, or None when it has none of its own.
        contract: The training side's contract, where one is known: says how the training-side model is fed.
        weights: Of the training-side model: `.pdparams`, `.pt` or `.pth`.
        python: An interpreter that has the training framework; empty for this one.
        runtime: What runs an earlier release.
        options: How.
        batch: Most samples of an earlier release in one call.
        timeout: Seconds for the training-side model.
    """

    rows: Rows | None = None
    contract_of: Callable[[Artifact], Contract | None] = _none
    contract: Contract | None = None
    weights: Path | None = None
    python: str = ""
    runtime: str = "auto"
    options: SessionOptions = field(default_factory=SessionOptions)
    batch: int = 32
    timeout: float = 300.0


def read_reference(
    spec: str, samples: Sequence[Sample], contract: Contract, options: ReferenceOptions | None = None
) -> Reference:
    """What was right for each of the samples.

    Args:
        spec: `labels`; a `.npz` with outputs, preprocessed inputs or answers; a `.jsonl` with one answer a
            line; a model file or folder, an earlier release; or `FILE.py:NAME`, the training-side model: a
            class or function that gives a Paddle layer or a PyTorch module, or a function from arrays to
            arrays.
        samples: What both sides are asked, in order.
        contract: The deployed one: names the inputs and outputs.
        options: How to read it.

    Raises:
        NotFound: What `spec` names is not there.
        UsageError: It is in no known form, or fits neither samples nor contract; says what was expected.
        SeatrialError: An earlier release cannot be read or run.
    """
    options = options or ReferenceOptions()
    if spec == LABELS:
        return from_labels(samples)
    file, colon, name = spec.rpartition(":")
    if colon and file.endswith(".py"):
        return from_training(
            Path(file),
            name,
            samples,
            contract=options.contract or contract,
            own_contract=options.contract is not None,
            weights=options.weights,
            python=options.python,
            timeout=options.timeout,
        )
    path = Path(spec)
    if not path.exists():
        raise NotFound(f"there is no reference '{spec}'", hint=_FORMS)
    if path.suffix == ".npz":
        return from_arrays(path, samples, contract, rows=options.rows)
    if path.suffix == ".jsonl":
        return from_lines(path, samples, contract, rows=options.rows)
    if path.suffix == ".py":
        raise UsageError(
            f"'{spec}' names no class or function of the training side",
            hint=f"write {spec}:CLASS, and its weights with --weights",
        )
    return from_release(open_model(path), samples, contract, options)


def from_labels(samples: Sequence[Sample]) -> Reference:
    """Only the labels of the data are known.

    Raises:
        UsageError: No sample has one.
    """
    known = sum(each.label is not None for each in samples)
    if not known:
        raise UsageError(
            "the data has no labels, so they cannot be the reference",
            hint="add labels, or give the training side's answers as .npz or .jsonl",
        )
    rest = f" ({len(samples) - known} of {len(samples)} samples have none)" if known < len(samples) else ""
    return Reference(
        source=f"the labels of the data{rest}",
        answers=tuple(each.label for each in samples),
        labels_only=True,
    )


def from_release(
    artifact: Artifact, samples: Sequence[Sample], contract: Contract, options: ReferenceOptions
) -> Reference:
    """An earlier release, asked about the samples.

    Args:
        artifact: Its model.
        samples: What both sides are asked.
        contract: The deployed one, used when the release has none of its own.
        options: How to find its contract and run it.

    Raises:
        UsageError: It could answer none of the samples.
        SeatrialError: It cannot be loaded.
    """
    own = options.contract or options.contract_of(artifact)
    used = own or contract
    setup = Setup(used, artifact, options.runtime, options.options, batch=options.batch)
    with LocalRunner() as runner:
        runner.session(setup)  # a model that does not load is no sample's fault
        case = Case(setup=setup, samples=tuple(samples), reference=Reference(source=""), runner=runner)
        seen = case.observed
    if not any(each is not None for each in seen.outputs):
        why = next(iter(seen.failures.values()), "it was asked nothing")
        raise UsageError(
            f"the earlier release '{artifact.path}' answers none of the {len(samples)} samples: {why}",
            hint="give its own contract with --reference-contract",
        )
    told = "" if own else ", with the deployed contract: only the models are compared"
    failed = f"; it failed on {len(seen.failures)} of {len(samples)} samples" if seen.failures else ""
    return Reference(
        source=f"an earlier release, {artifact.path} ({artifact.digest[:19]}){told}{failed}",
        feeds=seen.feeds,
        outputs=seen.outputs,
        answers=seen.answers if own else None,
        artifact=artifact,
        contract=own,
    )
