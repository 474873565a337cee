"""What a signature says of a bundle: an in-toto Statement v1 over every file, the verdict as its predicate.

    {"_type": "https://in-toto.io/Statement/v1",
     "subject": [{"name": "contract.yaml", "digest": {"sha256": "..."}}, ..., {"name": "manifest.json", ...}],
     "predicateType": "urn:seatrial:verified-bundle:1",
     "predicate": {"name": "digits", "version": "1.0.0", "created": "2026-11-21T00:00:00Z",
                   "bundle": "sha256:...", "models": [{"format": "onnx", "digest": "sha256:..."}],
                   "report": {"digest": "sha256:...", "verdict": "PASS", "partial": false, "tier": "full",
                              "profile": "default", "subject": {"model": "sha256:...", ...}},
                   "despite": "why it was signed although the gate does not vouch for it"}}

It is a function of the bundle, without time or chance: several people sign the very same bytes, wherever
they sit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seatrial.errors import TrustError
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import NAME, canonical
from seatrial.trust.dsse import MOST_BYTES
from seatrial.trust.gate import Gate
from seatrial.trust.strictjson import read_strictly

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"  # both are constants of that specification
PREDICATE = "urn:seatrial:verified-bundle:1"


@dataclass(frozen=True)
class Statement:
    """What was signed.

    Attributes:
        subject: sha256 in hexadecimal, by path.
        predicate_type: What the predicate is.
        predicate: What is said of the subject.
    """

    subject: Mapping[str, str]
    predicate_type: str
    predicate: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The canonical form."""
        return canonical(
            {
                "_type": STATEMENT,
                "subject": [
                    {"name": name, "digest": {"sha256": digest}}
                    for name, digest in sorted(self.subject.items())
                ],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )


def statement_of(bundle: Bundle, gate: Gate, *, despite: str = "") -> Statement:
    """The statement about a bundle.

    Args:
        bundle: That is signed; its files are as listed.
        gate: The verdict in it.
        despite: Why it is signed although the gate does not vouch for it; empty when the gate does.
    """
    manifest = bundle.manifest
    predicate: dict[str, Any] = {
        "name": manifest.name,
        "version": manifest.version,
        "created": manifest.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "bundle": bundle.digest,
        "models": [{"format": each.format, "digest": each.digest} for each in manifest.models],
        "report": {
            "digest": gate.report,
            "verdict": gate.verdict,
            "partial": gate.partial,
            "tier": gate.tier,
            "profile": gate.profile,
            "subject": dict(gate.subject),
        },
    }
    if despite:
        predicate["despite"] = despite
    return Statement(subjects_of(bundle), PREDICATE, predicate)


def subjects_of(bundle: Bundle) -> dict[str, str]:
    """sha256 in hexadecimal of every file that can be vouched for, the manifest included."""
    files = {each.path: each.sha256.removeprefix("sha256:") for each in bundle.manifest.files}
    return {**files, NAME: bundle.digest.removeprefix("sha256:")}


def read_statement(payload: bytes, what: str, *, is_canonical: bool = True) -> Statement:
    """A statement from the payload of an envelope whose signatures were found good.

    Args:
        payload: The bytes.
        what: It is, for messages.
        is_canonical: Whether only the canonical form is taken.

    Raises:
        TrustError: It is damaged, ambiguous, or no statement.
    """
    read = read_strictly(payload, what, most=MOST_BYTES)
    if is_canonical and canonical(read) != payload:
        raise TrustError(f"ambiguous: {what} is not in the canonical form")
    if not isinstance(read, dict) or read.get("_type") != STATEMENT:
        raise TrustError(f"damaged: {what} is no in-toto statement")
    kind, predicate = read.get("predicateType"), read.get("predicate")
    if not isinstance(kind, str) or not isinstance(predicate, dict):
        raise TrustError(f"damaged: {what} says nothing of its subject")
    return Statement(_subject(read.get("subject"), what), kind, predicate)


def _subject(listed: Any, what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in listed if isinstance(listed, list) else []:
        digest = each.get("digest") if isinstance(each, dict) else None
        name = each.get("name") if isinstance(each, dict) else None
        sha256 = digest.get("sha256") if isinstance(digest, dict) else None
        if not isinstance(name, str) or not isinstance(sha256, str):
            raise TrustError(f"damaged: {what} names a subject without name or sha256")
        if name in found:
            raise TrustError(f"ambiguous: {what} names {name[:200]} twice")
        found[name] = sha256
    if not found:
        raise TrustError(f"damaged: {what} is about nothing")
    return found
