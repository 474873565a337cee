"""Key files: PKCS #8 and SubjectPublicKeyInfo in PEM, private halves encrypted under a passphrase.

The encryption is PBES2 (RFC 8018) with scrypt (RFC 7914; N = 16384, r = 8, p = 5: 16 MiB and about 0.2 s a
guess, five times what OpenSSL takes by default) and AES-256-CBC, salt and vector fresh. It is spelled out
here because the library's own "best available" choice is PBKDF2 with 2048 rounds. OpenSSL reads these files.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from seatrial.errors import NotFound, TrustError, UsageError

MOST_BYTES = 64 << 10  # of a key file
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 14, 8, 5
_PBES2 = bytes.fromhex("06092a864886f70d01050d")  # 1.2.840.113549.1.5.13
_SCRYPT = bytes.fromhex("06092b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_AES_256_CBC = bytes.fromhex("060960864801650304012a")  # 2.16.840.1.101.3.4.1.42
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_HINT = "make keys with: seatrial keys new"


def private_pem(key: Any, passphrase: bytes | None) -> bytes:
    """A private key as PEM.

    Args:
        key: One of `cryptography`'s private keys.
        passphrase: To encrypt it under; None writes it in the clear.

    Raises:
        UsageError: The passphrase is empty.
    """
    encoding = serialization.Encoding
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    if passphrase is None:
        return bytes(key.private_bytes(encoding.PEM, form, plain))
    if not passphrase:
        raise UsageError("the passphrase is empty", hint="to keep the key in the clear say --no-passphrase")
    return _pem("ENCRYPTED PRIVATE KEY", _encrypted(key.private_bytes(encoding.DER, form, plain), passphrase))


def public_pem(key: Any) -> bytes:
    """A public key as PEM."""
    return bytes(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def read_private(path: Path, passphrase: bytes | None) -> Any:
    """One of `cryptography`'s private keys, of any kind.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no private key, or the passphrase is another.
        UsageError: It needs a passphrase, or it is in the clear and others may read it.
    """
    data = _read(path)
    encrypted = _ENCRYPTED in data
    if encrypted and not passphrase:
        raise UsageError(
            f"{path} is encrypted and there is no passphrase",
            hint="give --passphrase-file FILE or --passphrase-env NAME",
        )
    if not encrypted and os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UsageError(
            f"others may read the private key {path}, which is not encrypted", hint=f"chmod 600 {path}"
        )
    try:
        return serialization.load_pem_private_key(data, passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm, MemoryError) as error:
        # The library's message may quote what it read: ours says nothing about the content.
        if encrypted:
            raise TrustError(f"{path} does not open: another passphrase, or the file is damaged") from error
        raise TrustError(f"{path} is no private key in PEM", hint=_HINT) from error


def parse_public(data: bytes, where: str) -> Any:
    """One of `cryptography`'s public keys, of any kind, from PEM.

    Raises:
        TrustError: It is none.
    """
    if b"PRIVATE KEY" in data:
        raise TrustError(
            f"{where} is a private key, expected the public half", hint="give the .pub beside it"
        )
    try:
        return serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustError(f"{where} is no public key in PEM", hint=_HINT) from error


def read_public(path: Path) -> Any:
    """`parse_public` of a file.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no public key.
    """
    return parse_public(_read(path), str(path))


def write_private(path: Path, pem: bytes) -> None:
    """Writes a private key, readable by its owner alone from its first byte on; never over another file.

    Raises:
        UsageError: The file is there already, or cannot be written.
    """
    with _our_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())


def write_public(path: Path, pem: bytes) -> None:
    """Writes a public key; never over another file.

    Raises:
        UsageError: The file is there already, or cannot be written.
    """
    with _our_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(pem)


@contextmanager
def _our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already", hint="keys are never overwritten: name another"
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise NotFound(f"there is no key {path}", hint=_HINT)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise TrustError(f"{path} has more than {MOST_BYTES} bytes: this is no key", hint=_HINT)
    return data


def _encrypted(der: bytes, passphrase: bytes) -> bytes:
    """EncryptedPrivateKeyInfo (RFC 5958) under PBES2 with scrypt."""
    salt, vector = secrets.token_bytes(16), secrets.token_bytes(16)
    key = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    secret = cipher.update(padder.update(der) + padder.finalize()) + cipher.finalize()
    costs = b"".join(_integer(each) for each in (SCRYPT_N, SCRYPT_R, SCRYPT_P))
    derivation = _sequence(_SCRYPT, _sequence(_tagged(0x04, salt), costs))
    scheme = _sequence(_AES_256_CBC, _tagged(0x04, vector))
    return _sequence(_sequence(_PBES2, _sequence(derivation, scheme)), _tagged(0x04, secret))


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _tagged(tag: int, content: bytes) -> bytes:
    """One value of DER (X.690)."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
