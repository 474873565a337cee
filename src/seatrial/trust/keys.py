"""Keys that sign and keys that verify: Ed25519 by default, NIST's P-256 where OpenSSF's format asks for it.

A key's id is the sha256 of its public half in DER (SubjectPublicKeyInfo), written anew from the point, so
that one key has one id however its file spells it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from seatrial.errors import TrustError, UsageError
from seatrial.trust.keyfile import (
    MOST_BYTES,
    parse_public,
    private_pem,
    public_pem,
    read_private,
    read_public,
    write_private,
    write_public,
)

Kind = Literal["ed25519", "p256"]


@dataclass(frozen=True)
class PublicKey:
    """A key that says whether a signature is good.

    Attributes:
        kind: `ed25519` or `p256`.
        name: For people: where it came from; no part of what it is.
    """

    kind: Kind
    point: Any = field(repr=False, compare=False)
    name: str = field(default="", compare=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", hashlib.sha256(self.der).hexdigest())

    @cached_property
    def der(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return bytes(self.point.public_bytes(encoding, form))

    @property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM."""
        return public_pem(self.point)

    def good(self, signature: bytes, message: bytes) -> bool:
        """Whether this key's private half made the signature over the message."""
        try:
            if self.kind == "ed25519":
                self.point.verify(signature, message)
            else:
                self.point.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key that signs. Its secret is in no representation of it.

    Attributes:
        public: The half that is given away.
    """

    public: PublicKey
    secret: Any = field(repr=False, compare=False)

    @property
    def kind(self) -> Kind:
        """`ed25519` or `p256`."""
        return self.public.kind

    @property
    def id(self) -> str:
        """Of the public half."""
        return self.public.id

    def sign(self, message: bytes) -> bytes:
        """The signature: 64 bytes of Ed25519 (RFC 8032), or ECDSA with SHA-256 in DER."""
        if self.kind == "ed25519":
            return bytes(self.secret.sign(message))
        return bytes(self.secret.sign(message, ec.ECDSA(hashes.SHA256())))


def new_key(kind: Kind = "ed25519") -> PrivateKey:
    """A fresh key, from the system's own source of chance."""
    if kind == "ed25519":
        return _private(ed25519.Ed25519PrivateKey.generate(), "")
    return _private(ec.generate_private_key(ec.SECP256R1()), "")


def save(key: PrivateKey, base: Path, *, passphrase: bytes | None) -> tuple[Path, Path]:
    """Writes `BASE.key` (mode 0600) and `BASE.pub`.

    Args:
        key: To write.
        base: Path without suffix.
        passphrase: To encrypt the private half under; None writes it in the clear.

    Returns:
        The two paths.

    Raises:
        UsageError: One of them is there already, or cannot be written.
    """
    secret, public = (base.with_name(base.name + each) for each in (".key", ".pub"))
    if public.exists():
        raise UsageError(f"{public} is there already", hint="keys are never overwritten: name another")
    write_private(secret, private_pem(key.secret, passphrase))
    write_public(public, key.public.pem)
    return secret, public


def load_private(path: Path, passphrase: bytes | None = None) -> PrivateKey:
    """The key that signs, from its file.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no such key, or the passphrase is another.
        UsageError: It needs a passphrase, or it is in the clear and others may read it.
    """
    return _private(read_private(path, passphrase), str(path))


def load_public(path: Path) -> PublicKey:
    """The key that verifies, from its file.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no such key.
    """
    return _public(read_public(path), str(path), path.stem)


def public_from_pem(pem: bytes, name: str) -> PublicKey:
    """The key that verifies, from the bytes of its file.

    Raises:
        TrustError: It is no such key.
    """
    return _public(parse_public(pem, name), name, name)


def is_encrypted(path: Path) -> bool:
    """Whether a private key's file needs a passphrase; False when there is no such file."""
    return b"ENCRYPTED PRIVATE KEY" in _head(path)


def holds_private(path: Path) -> bool:
    """Whether a file holds a private key; False when there is no such file."""
    return b"PRIVATE KEY" in _head(path)


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


def _private(secret: Any, where: str) -> PrivateKey:
    known = isinstance(secret, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey)
    if not known:
        raise TrustError(f"{where} is a {type(secret).__name__}, expected a key that signs: Ed25519 or P-256")
    return PrivateKey(_public(secret.public_key(), where, Path(where).stem), secret)


def _public(point: Any, where: str, name: str) -> PublicKey:
    if isinstance(point, ed25519.Ed25519PublicKey):
        return PublicKey("ed25519", point, name)
    if isinstance(point, ec.EllipticCurvePublicKey) and isinstance(point.curve, ec.SECP256R1):
        return PublicKey("p256", point, name)
    raise TrustError(f"{where} is a {type(point).__name__}, expected a key that signs: Ed25519 or P-256")
