"""Verifying a bundle: who vouches for it, with what verdict, and that these are the bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seatrial.errors import TrustError
from seatrial.model.bundle import Bundle
from seatrial.trust.dsse import MOST_BYTES, Envelope, read_envelope, verify
from seatrial.trust.gate import Gate, gate_of
from seatrial.trust.keys import PublicKey
from seatrial.trust.signing import ENVELOPE, read_whole
from seatrial.trust.statement import PAYLOAD_TYPE, PREDICATE, Statement, read_statement, subjects_of
from seatrial.trust.versions import is_older

_HINT = "what was received is not what was signed: ask for the bundle again"


@dataclass(frozen=True)
class Verified:
    """A bundle whose bytes are those that its manifest lists and, with signers, those that were signed.

    Attributes:
        bundle: That was verified.
        gate: The verdict in it.
        signers: The trusted keys that signed; empty when no key was given, and nobody vouches then.
        despite: Why it was signed although the gate did not vouch for it; empty when the gate did.
        others: Ids of keys that signed as well, and that nobody here trusts.
    """

    bundle: Bundle
    gate: Gate
    signers: tuple[PublicKey, ...] = ()
    despite: str = ""
    others: tuple[str, ...] = field(default=())


def verify_bundle(
    bundle: Bundle,
    keys: Sequence[PublicKey] = (),
    *,
    threshold: int = 1,
    at_least: str = "",
    revoked: Mapping[str, str] | None = None,
) -> Verified:
    """Verifies everything there is to verify; every file is hashed once.

    Args:
        bundle: To verify.
        keys: That are trusted. Without keys only the digests are compared, and nobody vouches for them.
        threshold: How many different keys must have signed.
        at_least: The oldest version that is taken; empty for any.
        revoked: Why a key is trusted no more, by its id; such keys count for nothing.

    Raises:
        TrustError: Something does not match. The message begins with one of `unsigned`, `wrong key`,
            `too few`, `revoked`, `other type`, `other bundle`, `rewritten`, `contradiction`, `gate`, `older`,
            `changed`, `missing`, `extra`, `link`, `damaged`, `ambiguous`, `too big`.
        UsageError: The threshold cannot be met with these keys.
    """
    if at_least and is_older(bundle.manifest.version, at_least):
        raise TrustError(
            f"older: this is {bundle.manifest.release}, and at least {at_least} is expected",
            hint="ask for the current version; an old one may have been put back to bring its faults back",
        )
    if not keys:
        bundle.verify()
        return Verified(bundle, gate_of(bundle))
    envelope = _envelope(bundle)
    signers = _signers(envelope, keys, threshold, revoked or {})
    statement = read_statement(envelope.payload, ENVELOPE)
    _same_bundle(bundle, statement)
    bundle.verify()
    # The contract's digest was compared when this was signed, and its bytes are those that were signed.
    gate = gate_of(bundle, contract=False)
    despite = _same_verdict(gate, statement)
    known = {each.id for each in signers}
    others = tuple(each.keyid for each in envelope.signatures if each.keyid not in known)
    return Verified(bundle, gate, signers, despite, others)


def _envelope(bundle: Bundle) -> Envelope:
    path = bundle.folder / ENVELOPE
    if not os.path.lexists(path):
        raise TrustError(
            f"unsigned: there is no {ENVELOPE} in the bundle", hint="ask the sender to sign it: seatrial sign"
        )
    if path.parent.is_symlink():
        raise TrustError(f"link: {path.parent.name} leads elsewhere", hint=_HINT)
    return read_envelope(read_whole(path, most=MOST_BYTES), ENVELOPE)


def _signers(
    envelope: Envelope, keys: Sequence[PublicKey], threshold: int, revoked: Mapping[str, str]
) -> tuple[PublicKey, ...]:
    good = [each for each in keys if each.id not in revoked]
    used = [each.keyid for each in envelope.signatures if each.keyid in revoked]
    try:
        return verify(envelope, good, payload_type=PAYLOAD_TYPE, threshold=threshold, what=ENVELOPE)
    except TrustError as error:
        if used:
            raise TrustError(
                f"revoked: it was signed by {used[0][:16]}, which is trusted no more: {revoked[used[0]]}",
                hint="ask for the bundle signed with a current key",
            ) from error
        raise


def _same_bundle(bundle: Bundle, statement: Statement) -> None:
    if statement.predicate_type != PREDICATE:
        raise TrustError(
            f"other type: {ENVELOPE} states {statement.predicate_type[:100]!r}, expected {PREDICATE!r}",
            hint="this was signed, but as something else",
        )
    said, manifest = statement.predicate, bundle.manifest
    if (said.get("name"), said.get("version")) != (manifest.name, manifest.version):
        raise TrustError(
            f"other bundle: the signature is of {said.get('name')}@{said.get('version')}, and this is "
            f"{manifest.release}",
            hint=_HINT,
        )
    if said.get("bundle") != bundle.digest or statement.subject != subjects_of(bundle):
        raise TrustError(
            f"rewritten: the manifest has the digest {bundle.digest}, and {said.get('bundle')} was signed",
            hint=_HINT,
        )


def _same_verdict(gate: Gate, statement: Statement) -> str:
    """The reason why it was signed all the same, if the gate does not vouch."""
    report = statement.predicate.get("report")
    said = report if isinstance(report, dict) else {}
    found = {"digest": gate.report, "verdict": gate.verdict, "partial": gate.partial}
    for key, value in found.items():
        if said.get(key) != value:
            raise TrustError(
                f"contradiction: signed is the {key} {said.get(key)!r} of the report, which has {value!r}",
                hint=_HINT,
            )
    despite = statement.predicate.get("despite", "")
    if gate.objection and not (isinstance(despite, str) and despite):
        raise TrustError(f"gate: these are not the bytes that were checked, {gate.objection}", hint=_HINT)
    return str(despite)
