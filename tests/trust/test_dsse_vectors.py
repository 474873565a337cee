"""DSSE as its specification has it, and signatures as RFC 8032 has them."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from seatrial.trust import dsse, keyfile
from seatrial.trust.keys import load_private


def test_the_example_of_the_specification() -> None:
    encoded = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes_and_not_characters() -> None:
    assert dsse.pae("ü", "é".encode()) == b"DSSEv1 2 \xc3\xbc 2 \xc3\xa9"


def test_the_second_vector_of_rfc_8032(tmp_path: Path) -> None:
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    secret = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    keyfile.write_private(tmp_path / "key", keyfile.private_pem(secret, None))
    key = load_private(tmp_path / "key")
    expected = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert key.sign(b"\x72").hex() == expected
    assert key.public.good(bytes.fromhex(expected), b"\x72")


def test_a_signature_with_a_second_spelling_is_refused(tmp_path: Path) -> None:
    """S + L gives the same equation; RFC 8032, 5.1.7 wants S < L, or signatures could be rewritten."""
    seed = ed25519.Ed25519PrivateKey.generate()
    keyfile.write_private(tmp_path / "key", keyfile.private_pem(seed, None))
    key = load_private(tmp_path / "key")
    signature = key.sign(b"message")
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order
    assert key.public.good(signature, b"message")
    assert not key.public.good(signature[:32] + scalar.to_bytes(32, "little"), b"message")
