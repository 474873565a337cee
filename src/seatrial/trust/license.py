"""A license: claims that an issuer signed, and content keys that open under these claims alone.

The file is an envelope (`trust.dsse`) whose payload is the claims' document with one field more:

    {..., "content_keys": [{"bundle": "sha256:...", "algorithm": "...", "to": "...", ...}]}

Each content key is wrapped for the device's key in the context of the claims and its bundle. Whoever changes
a claim breaks the signature; whoever signs other claims with a key of his own still cannot open the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from seatrial.errors import NotFound, TrustError, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.claims import Claims, checked, read_claims
from seatrial.trust.content_keys import holder_id, unwrap, wrap
from seatrial.trust.dsse import Envelope, envelope_from, sign, verify
from seatrial.trust.keys import PrivateKey, PublicKey
from seatrial.trust.refusals import BadLicense, WrongBundle
from seatrial.trust.strictjson import read_strictly

PAYLOAD_TYPE = "application/vnd.seatrial.license+json"
MOST_BYTES = 1 << 20  # of a license; one has about 2 kB
_HINT = "ask for the license again"


@dataclass(frozen=True)
class License:
    """A license that was read.

    Attributes:
        claims: What it permits.
        content_keys: Wrapped keys of sealed bundles, by the bundle's digest.
    """

    claims: Claims
    content_keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def content_key(self, bundle: str, private: X25519PrivateKey) -> bytes:
        """The key that opens a sealed bundle.

        Args:
            bundle: Its digest.
            private: Of the device.

        Raises:
            WrongBundle: The license has no key for it.
            TrustError: The key was wrapped for another device or other claims.
        """
        wrapped = self.content_keys.get(bundle)
        if wrapped is None:
            raise WrongBundle(
                f"the license {self.claims.id} has no key for the bundle {bundle}",
                hint="ask for a license of this very bundle",
            )
        return unwrap(wrapped, private, _context(self.claims, bundle))


def issue(
    claims: Claims, key: PrivateKey, *, to: X25519PublicKey, content_keys: Mapping[str, bytes] | None = None
) -> bytes:
    """Signs a license.

    Args:
        claims: What it permits; issuer and device are filled in.
        key: Of the issuer.
        to: Of the device, or of a customer.
        content_keys: Of sealed bundles, by digest; each must be one that the claims cover by digest.

    Returns:
        The file.

    Raises:
        UsageError: The claims make no sense.
    """
    claims = replace(claims, issuer=key.id, device=holder_id(to))
    try:
        checked(claims)
    except ValueError as error:
        raise UsageError(f"there can be no such license: {error}") from error
    wrapped = [
        {**wrap(secret, to, _context(claims, bundle)), "bundle": bundle}
        for bundle, secret in sorted((content_keys or {}).items())
    ]
    document = {**claims.document(), "content_keys": wrapped}
    return sign(canonical(document), PAYLOAD_TYPE, key).to_bytes() + b"\n"


def read_license(data: bytes, issuers: Sequence[PublicKey]) -> License:
    """A license, believed.

    Args:
        data: The file.
        issuers: Whose licenses are believed.

    Raises:
        BadLicense: It is damaged, was changed, or somebody else signed it.
        UsageError: It is of another version, or there is no issuer to believe.
    """
    if not issuers:
        raise UsageError("nobody said whose licenses are believed", hint="give --issuer issuer.pub")
    envelope = _envelope(data)
    try:
        signed = verify(envelope, issuers, payload_type=PAYLOAD_TYPE, what="the license")
    except TrustError as error:
        raise BadLicense(error.message, hint=error.hint) from error
    found = _read(envelope)
    if found.claims.issuer not in {each.id for each in signed}:
        raise BadLicense("the license names another issuer than the one who signed it", hint=_HINT)
    return found


def unverified(data: bytes) -> License:
    """A license as it says itself; for showing it, never for permitting anything.

    Raises:
        BadLicense: It is damaged.
    """
    return _read(_envelope(data))


def license_bytes(path: Path) -> bytes:
    """The file, when it is of a size that licenses have.

    Raises:
        NotFound: There is no such file.
        BadLicense: It is far too big.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"there is no license {path}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise BadLicense(f"{path} has more than {MOST_BYTES} bytes: this is no license", hint=_HINT)
    return data


def _envelope(data: bytes) -> Envelope:
    try:
        return envelope_from(read_strictly(data, "the license", most=MOST_BYTES), "the license")
    except TrustError as error:
        raise BadLicense(error.message, hint=error.hint or _HINT) from error


def _read(envelope: Envelope) -> License:
    if envelope.payload_type != PAYLOAD_TYPE:
        raise BadLicense(f"this is no license but {envelope.payload_type[:80]!r}")
    try:
        document = read_strictly(envelope.payload, "the license", most=MOST_BYTES)
        if not isinstance(document, dict) or canonical(document) != envelope.payload:
            raise BadLicense("the license is not in the canonical form", hint=_HINT)
        listed = document.pop("content_keys", [])
        wrapped = {each["bundle"]: {name: each[name] for name in each if name != "bundle"} for each in listed}
    except (TrustError, UsageError) as error:
        raise BadLicense(error.message, hint=error.hint) from error
    except (KeyError, TypeError) as error:
        raise BadLicense(f"the license's content keys: {error}", hint=_HINT) from error
    return License(read_claims(document), wrapped)


def _context(claims: Claims, bundle: str) -> bytes:
    return canonical({"claims": claims.document(), "bundle": bundle})
