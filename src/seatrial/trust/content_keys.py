"""Content keys: the secret that sealed files are encrypted with, and how it reaches one holder.

A content key is 32 random bytes, fresh for every sealing. It travels wrapped for the X25519 key of whoever
may open the files (a customer, a device): a fresh key pair for each wrapping, HKDF-SHA256 over the shared
secret, AES-256-GCM around the content key. What the wrapping is for - a bundle's digest, a license's claims -
is its context: it goes into the derivation and is authenticated, so that a wrapped key moved into another
bundle, or under other claims, does not open.

    {"algorithm": "X25519-HKDF-SHA256-AES-256-GCM",
     "to": "sha256:...", "ephemeral": "base64", "key": "base64"}
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from seatrial.errors import TrustError

ALGORITHM = "X25519-HKDF-SHA256-AES-256-GCM"
KEY_BYTES = 32
_LABEL = b"seatrial content key 1\0"
_NONCE_BYTES = 12


def new_content_key(random: Callable[[int], bytes] = os.urandom) -> bytes:
    """A fresh secret of 32 bytes.

    Args:
        random: Where its bytes come from.
    """
    return random(KEY_BYTES)


def holder_id(public: X25519PublicKey) -> str:
    """`sha256:...` of the key as a SubjectPublicKeyInfo (RFC 8410): what the wrapped key says it is for."""
    told = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(told).hexdigest()


def wrap(
    key: bytes, to_public: X25519PublicKey, context: bytes, *, random: Callable[[int], bytes] = os.urandom
) -> dict[str, str]:
    """Wraps a content key so that only the holder of one private key gets it back.

    Args:
        key: The content key, 32 bytes.
        to_public: The holder's.
        context: What the key is given for; `unwrap` must be told the same.
        random: Where the one-time key pair comes from.

    Returns:
        A document of texts, as above.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a content key has {KEY_BYTES} bytes")
    once = X25519PrivateKey.from_private_bytes(random(32))
    ephemeral = _raw(once.public_key())
    cipher, nonce = _derive(once, to_public, ephemeral + _raw(to_public), context)
    return {
        "algorithm": ALGORITHM,
        "to": holder_id(to_public),
        "ephemeral": base64.b64encode(ephemeral).decode(),
        "key": base64.b64encode(cipher.encrypt(nonce, key, _LABEL + context)).decode(),
    }


def unwrap(wrapped: Mapping[str, Any], private: X25519PrivateKey, context: bytes) -> bytes:
    """The content key, for the holder of the private key it was wrapped for.

    Args:
        wrapped: What `wrap` returned.
        private: The holder's.
        context: As it was given to `wrap`.

    Raises:
        TrustError: It is for another key, was changed, or was wrapped in another context.
    """
    if wrapped.get("algorithm") != ALGORITHM:
        raise TrustError(
            f"the content key is wrapped with {str(wrapped.get('algorithm'))[:80]!r}, expected {ALGORITHM!r}",
            hint="a newer Seatrial may have sealed it",
        )
    mine = holder_id(private.public_key())
    if wrapped.get("to") != mine:
        raise TrustError(
            f"wrong key: the content key is for {str(wrapped.get('to'))[:80]}, this key is {mine}",
            hint="use the private key whose public key it was sealed for",
        )
    try:
        ephemeral = base64.b64decode(wrapped["ephemeral"], validate=True)
        sealed = base64.b64decode(wrapped["key"], validate=True)
        public = X25519PublicKey.from_public_bytes(ephemeral)
        cipher, nonce = _derive(private, public, ephemeral + _raw(private.public_key()), context)
        key = cipher.decrypt(nonce, sealed, _LABEL + context)
    except (KeyError, TypeError, ValueError, binascii.Error, InvalidTag) as error:
        raise TrustError(
            "the wrapped content key was changed, or belongs to another bundle or license",
            hint="ask for the sealed bundle, or the license, again",
        ) from error
    if len(key) != KEY_BYTES:
        raise TrustError(f"the content key has {len(key)} bytes, expected {KEY_BYTES}")
    return key


def _derive(
    private: X25519PrivateKey, public: X25519PublicKey, salt: bytes, context: bytes
) -> tuple[AESGCM, bytes]:
    """Key and nonce; the secret is used once, so its nonce may be derived like the key (as in RFC 9180)."""
    shared = private.exchange(public)  # refuses points of low order
    derived = HKDF(hashes.SHA256(), KEY_BYTES + _NONCE_BYTES, salt, _LABEL + context).derive(shared)
    return AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]


def _raw(public: X25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)
