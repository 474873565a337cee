"""Puts a bundle together: from what the user has to a handover, from a handover to a folder."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import yaml

from seatrial import extensions
from seatrial.checks import Report, Verdict
from seatrial.contract import Contract, HeldOut
from seatrial.deliverables._deliverable import Deliverable, Handover, Item
from seatrial.deliverables._vectors import make_vectors
from seatrial.errors import NotFound, TrustError, UsageError
from seatrial.model import Artifact
from seatrial.model.bundle import Bundle, open_bundle
from seatrial.model.manifest import NAME, FileEntry, Manifest, ModelEntry, checked_name, safe_path

_PORTION = 1 << 20


@dataclass(frozen=True)
class Order:
    """What the user asks to be handed over.

    Attributes:
        name: Of the model.
        version: Of the bundle.
        models: The preferred one first; the report is about that one.
        contract: Of all of them.
        report: Of the ten checks.
        held_out: Where the samples and the test cases are taken from.
        count: Of samples and test cases.
        config: The training's configuration file.
        previous: The bundle that this one replaces.
        despite: Why it is handed over although the report does not say yes; empty when it does.
        extra: `license`, `contact`, `data_cutoff`...
        license_required: Whether servers are to ask for a license; advice, unless the bundle is sealed.
    """

    name: str
    version: str
    models: tuple[Artifact, ...]
    contract: Contract
    report: Report
    held_out: HeldOut
    count: int = 16
    config: Path | None = None
    previous: Bundle | None = None
    despite: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    license_required: bool = False


def all_deliverables() -> list[Deliverable]:
    """Everything that is handed over, in order."""
    found = extensions.find("seatrial.deliverables", "DELIVERABLE").values()
    return sorted(found, key=lambda each: (each.order, each.name))


def handover_of(order: Order, *, progress: Callable[[str], None] = lambda _: None) -> Handover:
    """Everything that deliverables are made from; runs the models to see what they answer.

    Raises:
        TrustError: The report is about another model or contract, or it does not say yes.
        ModelError: The models do not answer alike.
        UsageError: A name cannot be used, two models are of one format, or the configuration cannot be read.
    """
    _check(order)
    hyperparameters = _hyperparameters(order.config)
    progress(f"asking {len(order.models)} models for {order.count} golden vectors")
    vectors, cases = make_vectors(
        order.contract, order.models, order.held_out, order.count, progress=progress
    )
    return Handover(
        name=order.name,
        version=order.version,
        created=_seconds(order.report.started),
        contract=order.contract,
        models=order.models,
        report=order.report,
        cases=cases,
        vectors=vectors,
        config=order.config,
        hyperparameters=hyperparameters,
        previous=order.previous,
        extra={**order.extra, **({"despite": order.despite} if order.despite else {})},
        license_required=order.license_required,
    )


def write_bundle(
    handover: Handover,
    folder: Path,
    *,
    deliverables: Iterable[Deliverable] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Writes a bundle; the folder is there whole or not at all, and equal handovers give equal bytes.

    Args:
        handover: What is known.
        folder: Must not be there, or be empty.
        deliverables: What to make; everything by default.
        progress: Told what is being made.

    Raises:
        UsageError: The folder is there already, cannot be written, or two deliverables make one file.
        SeatrialError: A deliverable cannot be made.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", hint="give another folder with -o")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as aside:
            made = Path(aside) / "bundle"
            made.mkdir()
            entries: dict[str, FileEntry] = {}
            for each in all_deliverables() if deliverables is None else deliverables:
                progress(each.summary.en)
                for item in each.make(handover):
                    if item.path in entries:
                        raise UsageError(f"{each.name} makes {item.path}, which is there already")
                    entries[item.path] = _written(item, made)
            (made / NAME).write_bytes(_manifest(handover, entries.values()).to_bytes())
            folder.rmdir() if folder.exists() else None
            made.rename(folder)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return open_bundle(folder)


def _check(order: Order) -> None:
    checked_name(order.name, "the name")
    checked_name(order.version, "the version")
    formats = [each.format for each in order.models]
    for each in formats:
        if formats.count(each) > 1:
            raise UsageError(f"two {each} models", hint="a bundle holds one model, once in each format")
    report, first = order.report, order.models[0]
    _same("model", report.subject.get("model"), first.digest)
    _same("contract", report.subject.get("contract"), order.contract.digest())
    if (report.verdict is not Verdict.PASS or report.partial) and not order.despite:
        part = "only some of the checks were run" if report.partial else report.reason.en
        raise TrustError(
            f"the gate does not say yes: {part}",
            hint="mend the model and check it again, or say why it is handed over all the same: --despite",
        )


def _same(what: str, checked: str | None, given: str) -> None:
    if checked != given:
        raise TrustError(
            f"the report is about another {what}: {checked}, and this one is {given}",
            hint="run seatrial check on what is handed over, and give its report.json",
        )


def _seconds(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0)


def _hyperparameters(config: Path | None) -> Mapping[str, Any]:
    if config is None:
        return {}
    if not config.is_file():
        raise NotFound(f"there is no configuration {config}")
    try:
        text = config.read_text("utf-8")
        read = json.loads(text) if config.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{config} cannot be read: {error}", hint="give YAML or JSON") from error
    if not isinstance(read, dict):
        raise UsageError(f"{config} holds no fields", hint="give YAML or JSON with names and values")
    return cast("dict[str, Any]", read)


def _written(item: Item, folder: Path) -> FileEntry:
    """Writes one file and says what it is; files are read once."""
    target = folder / safe_path(item.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as out:
        if isinstance(item.content, bytes):
            out.write(item.content)
            digest.update(item.content)
        else:
            with item.content.open("rb") as source:
                while portion := source.read(_PORTION):
                    out.write(portion)
                    digest.update(portion)
        size = out.tell()
    target.chmod(0o755 if item.executable else 0o644)
    return FileEntry(item.path, item.role, item.media_type, size, f"sha256:{digest.hexdigest()}", item.extra)


def _manifest(handover: Handover, entries: Iterable[FileEntry]) -> Manifest:
    report = handover.report
    extra: dict[str, Any] = {
        "contract": handover.contract.digest(),
        "report": {
            "verdict": report.verdict.value,
            "tier": report.tier,
            "profile": report.profile,
            "subject": dict(report.subject),
            "partial": report.partial,
        },
    }
    if handover.previous is not None:
        before = handover.previous
        extra["previous"] = {"release": before.manifest.release, "digest": before.digest}
    if handover.license_required:
        extra["license_required"] = True
    if handover.extra:
        extra["said"] = dict(handover.extra)
    models = tuple(_model(each) for each in handover.models)
    return Manifest(handover.name, handover.version, handover.created, models, tuple(entries), extra)


def _model(artifact: Artifact) -> ModelEntry:
    return ModelEntry(artifact.format, f"models/{artifact.format}/{artifact.graph.name}", artifact.digest)
