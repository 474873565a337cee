"""Envelopes: a payload, what kind of payload it is, and signatures over both.

DSSE v1 (Dead Simple Signing Envelope): what is signed is `PAE(type, payload)`, so that a payload of one kind
can never pass for one of another kind, and the payload is read only after its signatures were found good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.keys import PrivateKey, PublicKey
from seatrial.trust.strictjson import from_base64, read_strictly, to_base64

MOST_BYTES = 64 << 20  # of an envelope
MOST_SIGNATURES = 64


@dataclass(frozen=True)
class Signature:
    """One signature of an envelope.

    Attributes:
        keyid: Of the key that made it; a hint, not a proof.
        value: The bytes.
    """

    keyid: str
    value: bytes


@dataclass(frozen=True)
class Envelope:
    """A signed payload.

    Attributes:
        payload: The bytes; not to be believed before `verify`.
        payload_type: What they are, as a media type.
        signatures: Over both.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The envelope in terms of JSON."""
        return {
            "payload": to_base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": each.keyid, "sig": to_base64(each.value)} for each in self.signatures],
        }

    def to_bytes(self) -> bytes:
        """The envelope as JSON, in the canonical form."""
        return canonical(self.to_document())


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-Authentication Encoding: lengths first, so that two fields never run into each other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def read_envelope(data: bytes, what: str = "the envelope") -> Envelope:
    """An envelope from its bytes; its payload is not believed yet.

    Raises:
        TrustError: It is damaged, too big or ambiguous.
    """
    return envelope_from(read_strictly(data, what, most=MOST_BYTES), what)


def envelope_from(document: Any, what: str = "the envelope") -> Envelope:
    """An envelope from a document that `read_strictly` read.

    Raises:
        TrustError: It is none.
    """
    if not isinstance(document, dict) or not isinstance(document.get("payloadType"), str):
        raise TrustError(f"damaged: {what} is no DSSE envelope")
    listed = document.get("signatures")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise TrustError(f"damaged: {what} has no list of signatures")
    if len(listed) > MOST_SIGNATURES:
        raise TrustError(f"too big: {what} has {len(listed)} signatures, more than {MOST_SIGNATURES}")
    return Envelope(
        from_base64(document.get("payload"), f"the payload of {what}"),
        document["payloadType"],
        tuple(
            Signature(str(each.get("keyid", "")), from_base64(each.get("sig"), f"a signature of {what}"))
            for each in listed
        ),
    )


def sign(payload: bytes, payload_type: str, *keys: PrivateKey) -> Envelope:
    """An envelope with a signature of each key.

    Raises:
        UsageError: There is no key.
    """
    if not keys:
        raise UsageError("there is no key to sign with")
    envelope = Envelope(payload, payload_type)
    for each in keys:
        envelope = add(envelope, each)
    return envelope


def add(envelope: Envelope, key: PrivateKey) -> Envelope:
    """The envelope with one more signature, or with this key's own made anew."""
    others = tuple(each for each in envelope.signatures if each.keyid != key.id)
    made = Signature(key.id, key.sign(pae(envelope.payload_type, envelope.payload)))
    return replace(envelope, signatures=(*others, made))


def verify(
    envelope: Envelope,
    keys: Sequence[PublicKey],
    *,
    payload_type: str,
    threshold: int = 1,
    what: str = "the envelope",
) -> tuple[PublicKey, ...]:
    """The keys whose signatures are good: only then may the payload be read.

    Args:
        envelope: To verify.
        keys: That are trusted; the same key twice is one key.
        payload_type: That is expected.
        threshold: How many different keys must have signed.
        what: It is, for messages.

    Returns:
        The keys that signed, in the order given, at least `threshold` of them.

    Raises:
        UsageError: The threshold cannot be met with these keys.
        TrustError: The payload is of another type, or too few of the keys signed it.
    """
    trusted = {each.id: each for each in keys}
    if not 1 <= threshold <= len(trusted):
        raise UsageError(f"{threshold} signatures are asked for, of {len(trusted)} different keys")
    if envelope.payload_type != payload_type:
        raise TrustError(
            f"other type: {what} carries {envelope.payload_type[:100]!r}, expected {payload_type!r}",
            hint="this was signed, but as something else",
        )
    message = pae(payload_type, envelope.payload)
    signed = tuple(
        each for each in trusted.values() if any(_by(each, one, message) for one in envelope.signatures)
    )
    if not signed:
        there = ", ".join(each.keyid[:16] for each in envelope.signatures) or "nobody"
        raise TrustError(
            f"wrong key: none of the trusted keys signed {what}; signed by: {there}",
            hint="ask the sender for the public key by another way than the one this came by",
        )
    if len(signed) < threshold:
        names = ", ".join(each.name or each.id[:16] for each in signed)
        raise TrustError(
            f"too few: {len(signed)} of {threshold} keys signed {what}: {names}",
            hint="each key counts once, however often it signed",
        )
    return signed


def _by(key: PublicKey, signature: Signature, message: bytes) -> bool:
    # The id spares trying every signature with every key; without one, every key is tried.
    return signature.keyid in ("", key.id) and key.good(signature.value, message)
