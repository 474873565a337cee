"""Those who open sealed bundles: customers and devices, each with an X25519 key.

The files are PEM, as those of keys that sign: `NAME.key` (PKCS #8, mode 0600, encrypted unless it is said
otherwise) and `NAME.pub`.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from seatrial.errors import TrustError, UsageError
from seatrial.trust.keyfile import (
    private_pem,
    public_pem,
    read_private,
    read_public,
    write_private,
    write_public,
)

_HINT = "make one with: seatrial keys holder"


def new_holder() -> X25519PrivateKey:
    """A fresh key, from the system's own source of chance."""
    return X25519PrivateKey.generate()


def save_holder(key: X25519PrivateKey, base: Path, *, passphrase: bytes | None) -> tuple[Path, Path]:
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
    write_private(secret, private_pem(key, passphrase))
    write_public(public, public_pem(key.public_key()))
    return secret, public


def load_holder(path: Path) -> X25519PublicKey:
    """The public half, from its file.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no such key.
    """
    key = read_public(path)
    if not isinstance(key, X25519PublicKey):
        raise TrustError(
            f"{path} is a {type(key).__name__}, expected an X25519 key: keys that sign do not open",
            hint=_HINT,
        )
    return key


def load_holder_key(path: Path, passphrase: bytes | None = None) -> X25519PrivateKey:
    """The private half, from its file.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no such key, or the passphrase is another.
        UsageError: It needs a passphrase, or it is in the clear and others may read it.
    """
    key = read_private(path, passphrase)
    if not isinstance(key, X25519PrivateKey):
        raise TrustError(
            f"{path} is a {type(key).__name__}, expected an X25519 key: keys that sign do not open",
            hint=_HINT,
        )
    return key
