"""What the report in a bundle says about the models in it: whether these are the bytes that were checked."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from seatrial.errors import SeatrialError, TrustError
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import FileEntry, Manifest, ModelEntry
from seatrial.trust.sealing import is_sealed, plain_manifest
from seatrial.trust.strictjson import read_strictly

REPORT = "report/report.json"
CONTRACT = "contract.yaml"
MOST_BYTES = 256 << 20  # of a report
_TURN = 0.001  # seconds that importing may keep the interpreter for itself
_SAYS_YES = "PASS"  # checks.Verdict, which lies on a higher floor


@dataclass(frozen=True)
class Gate:
    """The verdict in a bundle.

    Attributes:
        report: `sha256:...` of the report's bytes; empty when there is none.
        verdict: As the report has it, such as `PASS`.
        partial: Only some of the checks were run.
        tier: Of the run.
        profile: Of the run.
        subject: The digests that the report is about.
        objection: Why the verdict does not vouch for this bundle; empty when it does.
    """

    report: str = ""
    verdict: str = "none"
    partial: bool = False
    tier: str = ""
    profile: str = ""
    subject: Mapping[str, str] = field(default_factory=dict)
    objection: str = ""


def gate_of(bundle: Bundle, *, contract: bool = True) -> Gate:
    """The verdict, and whether it is about this bundle's models and contract.

    The files themselves are not read, apart from report and contract: the caller has them verified against
    the manifest, whose digests are compared with those that the report was made for.

    Args:
        bundle: To ask.
        contract: Whether the contract is read too; whoever signs does, and signs its bytes.

    Raises:
        TrustError: The report is damaged or not the listed one.
    """
    entry = bundle.manifest.file(REPORT)
    if entry is None:
        return Gate(objection="there is no report in it: nobody checked the model")
    said = read_strictly(_believed(bundle, entry), REPORT, most=MOST_BYTES)
    subject = said.get("subject") if isinstance(said, dict) else None
    verdict = said.get("verdict") if isinstance(said, dict) else None
    if not isinstance(subject, dict) or not isinstance(verdict, str):
        raise TrustError(f"damaged: {REPORT} is no report")
    partial = said.get("partial") is True
    return Gate(
        report=entry.sha256,
        verdict=verdict,
        partial=partial,
        tier=str(said.get("tier", "")),
        profile=str(said.get("profile", "")),
        subject={str(key): str(value) for key, value in subject.items()},
        objection=_refusal(said, verdict, partial=partial) or _other(bundle, subject, contract=contract),
    )


def look_at(bundle: Bundle) -> Gate:
    """`bundle.verify()`, then the verdict in it; what reads contracts is loaded while files are hashed.

    Raises:
        TrustError: As `bundle.verify` and `gate_of`.
    """
    if bundle.manifest.file(CONTRACT) is None:
        bundle.verify()
        return gate_of(bundle)
    interval = sys.getswitchinterval()
    with ThreadPoolExecutor(max_workers=1) as pool:
        looking = pool.submit(bundle.verify)
        try:
            # A portion that was hashed waits for the interpreter: 5 ms a turn would be seven portions lost.
            sys.setswitchinterval(_TURN)
            importlib.import_module("seatrial.contract.document")
        finally:
            sys.setswitchinterval(interval)
        looking.result()
    return gate_of(bundle)


def listed_digest(manifest: Manifest, model: ModelEntry) -> str:
    """The digest of a model, computed from the listing alone.

    Nothing is read twice that way: what the listing says of the files is verified by whoever hashes them.
    The text is that of `Artifact.digest`.
    """
    graph = PurePosixPath(model.graph)
    lines = []
    for each in manifest.of_role("model"):
        path = PurePosixPath(each.path)
        if path.is_relative_to(graph.parent):
            name = path.relative_to(graph.parent).as_posix()
            lines.append(f"{_part(path, graph)}\0{name}\0{each.size}\0{each.sha256[7:]}\n")
    return "sha256:" + hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _part(path: PurePosixPath, graph: PurePosixPath) -> str:
    if path == graph:
        return "graph"
    return "other" if path.suffix == ".info" else "parameters"


def _refusal(said: dict[str, Any], verdict: str, *, partial: bool) -> str:
    if verdict != _SAYS_YES:
        reason = said.get("reason")
        text = reason.get("en", "") if isinstance(reason, dict) else ""
        return f"its report says {verdict}" + (f": {text[:300]}" if text else "")
    return "its report speaks of some of the checks only" if partial else ""


def _other(bundle: Bundle, subject: Mapping[str, Any], *, contract: bool) -> str:
    """Why the report is about something else than what lies in the bundle."""
    if not bundle.manifest.models:
        return "there is no model in it"
    first = bundle.manifest.models[0]
    if subject.get("model") != first.digest:
        return f"its report is about the model {subject.get('model')}, and the bundle holds {first.digest}"
    sealed = is_sealed(bundle.manifest)
    # The digests of what was sealed are the seal's own context: nothing else comes out when it is opened.
    listing = plain_manifest(bundle.manifest) if sealed else bundle.manifest
    for model in listing.models:
        if listed_digest(listing, model) != model.digest and (sealed or not _opens_as(bundle, model)):
            return f"{model.graph} is not the model {model.digest} that the manifest speaks of"
    return _other_contract(bundle, subject) if contract else ""


def _opens_as(bundle: Bundle, model: ModelEntry) -> bool:
    """For layouts that the listing does not tell: the model is read again to be sure."""
    try:
        bundle.artifact(model)
    except SeatrialError:
        return False
    return True


def _other_contract(bundle: Bundle, subject: Mapping[str, Any]) -> str:
    if "contract" not in subject or bundle.manifest.file(CONTRACT) is None:
        return ""
    from seatrial.contract.document import load_contract

    try:
        found = load_contract(bundle.path(CONTRACT)).digest()
    except SeatrialError as error:
        return f"its contract cannot be read: {error.message[:300]}"
    if subject["contract"] == found:
        return ""
    return f"its report is about the contract {subject['contract']}, and the bundle holds {found}"


def _believed(bundle: Bundle, entry: FileEntry) -> bytes:
    """The bytes of a listed file: those that were hashed, not those of a second look."""
    if entry.size > MOST_BYTES:
        raise TrustError(f"too big: {entry.path} has {entry.size} bytes, more than {MOST_BYTES}")
    try:
        with bundle.path(entry).open("rb") as file:
            data = file.read(entry.size + 1)
    except OSError as error:
        raise TrustError(f"missing: {entry.path}") from error
    if "sha256:" + hashlib.sha256(data).hexdigest() != entry.sha256:
        raise TrustError(f"changed: {entry.path} has not the digest {entry.sha256}")
    return data
