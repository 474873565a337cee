"""Where a bundle comes from, as its signer states it: SLSA provenance v1 over the same files.

Facts are what the caller says, such as `commit=...` and `repository=...`; nothing is guessed. The type of the
predicate is a constant of that specification; the type of build is ours.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import SIGNATURES
from seatrial.trust.dsse import MOST_BYTES, Envelope, read_envelope, verify
from seatrial.trust.keys import PrivateKey, PublicKey
from seatrial.trust.signing import add_signatures, read_whole
from seatrial.trust.statement import PAYLOAD_TYPE, Statement, read_statement, subjects_of

NAME = f"{SIGNATURES}/provenance.dsse.json"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:seatrial:bundle:1"
_BUILDER = "builder"  # the one fact that has a place of its own: who or what ran the build


def sign_provenance(bundle: Bundle, facts: Mapping[str, str], *keys: PrivateKey) -> Envelope:
    """Adds signatures to `signatures/provenance.dsse.json`.

    Args:
        bundle: Whose files were just verified, as `sign_bundle` does.
        facts: What is known, by name; `builder` names who or what made the bundle.
        keys: To sign with.

    Raises:
        TrustError: Other facts were signed here before.
        UsageError: There are no facts, no key, or the file cannot be written.
    """
    if not facts or not all(facts):
        raise UsageError("a fact of the provenance has no name", hint="such as --provenance commit=1a2b3c4d")
    known = dict(sorted(facts.items()))
    builder = known.pop(_BUILDER, "urn:seatrial:unnamed-builder")
    predicate: dict[str, Any] = {
        "buildDefinition": {"buildType": BUILD_TYPE, "externalParameters": known, "resolvedDependencies": []},
        "runDetails": {"builder": {"id": builder}},
    }
    if "commit" in known:
        source = {"uri": known.get("repository", ""), "digest": {"gitCommit": known["commit"]}}
        predicate["buildDefinition"]["resolvedDependencies"].append(source)
    payload = Statement(subjects_of(bundle), PREDICATE, predicate).to_bytes()
    return add_signatures(bundle, NAME, payload, keys)


def verify_provenance(bundle: Bundle, keys: Sequence[PublicKey]) -> dict[str, str]:
    """The facts, by name, if a trusted key signed them for these files; empty when there are none.

    Raises:
        TrustError: None of the keys signed them, or they are about other files.
    """
    path = bundle.folder / NAME
    if not os.path.lexists(path):
        return {}
    envelope = read_envelope(read_whole(path, most=MOST_BYTES), NAME)
    verify(envelope, keys, payload_type=PAYLOAD_TYPE, what=NAME)
    statement = read_statement(envelope.payload, NAME)
    if statement.predicate_type != PREDICATE:
        raise TrustError(
            f"other type: {NAME} states {statement.predicate_type[:100]!r}, expected {PREDICATE!r}"
        )
    if statement.subject != subjects_of(bundle):
        raise TrustError(f"other bundle: {NAME} is about other files")
    try:
        said = statement.predicate["buildDefinition"]["externalParameters"]
        builder = statement.predicate["runDetails"]["builder"]["id"]
        return {**{str(key): str(value) for key, value in said.items()}, _BUILDER: str(builder)}
    except (KeyError, TypeError, AttributeError) as error:
        raise TrustError(f"damaged: {NAME} is no provenance") from error
