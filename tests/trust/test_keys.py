"""Keys: encrypted at rest, in one standard form, and never shown."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import NotFound, TrustError, UsageError
from seatrial.trust import keyfile
from seatrial.trust.keys import (
    Kind,
    holds_private,
    is_encrypted,
    load_private,
    load_public,
    new_key,
    public_from_pem,
    save,
)

KINDS: tuple[Kind, ...] = ("ed25519", "p256")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("passphrase", [None, b"correct horse"], ids=["clear", "encrypted"])
def test_a_key_comes_back_as_it_was_saved(tmp_path: Path, kind: Kind, passphrase: bytes | None) -> None:
    key = new_key(kind)
    secret, public = save(key, tmp_path / "keys" / "ann.v1", passphrase=passphrase)
    assert (secret.name, public.name) == ("ann.v1.key", "ann.v1.pub")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert (holds_private(secret), holds_private(public)) == (True, False)
    assert is_encrypted(secret) is (passphrase is not None)
    loaded = load_private(secret, passphrase)
    assert loaded.public == key.public == load_public(public)
    assert load_public(public).good(loaded.sign(b"message"), b"message")
    assert not load_public(public).good(loaded.sign(b"message"), b"messagf")


def test_the_id_is_the_digest_of_the_public_key_in_der() -> None:
    key = new_key()
    assert key.id == hashlib.sha256(key.public.der).hexdigest() == key.public.id


def test_one_key_has_one_id_however_it_is_spelled() -> None:
    point = new_key("p256").public.point
    compressed = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    again = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), compressed)
    pems = [keyfile.public_pem(each) for each in (point, again)]
    windows = pems[0].replace(b"\n", b"\r\n") + b"\r\n"
    assert len({public_from_pem(each, "it").id for each in [*pems, windows]}) == 1


def test_nothing_shows_the_secret() -> None:
    key = new_key()
    raw = key.secret.private_bytes_raw()
    assert raw.hex() not in repr(key)
    assert "secret" not in repr(key)
    assert "object at" not in repr(key)


def test_another_passphrase_does_not_open(tmp_path: Path) -> None:
    secret, _ = save(new_key(), tmp_path / "ann", passphrase=b"right")
    with pytest.raises(TrustError, match="does not open"):
        load_private(secret, b"wrong")


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path) -> None:
    secret, _ = save(new_key(), tmp_path / "ann", passphrase=b"right")
    with pytest.raises(UsageError, match="encrypted and there is no passphrase"):
        load_private(secret)


def test_the_same_key_is_never_encrypted_alike() -> None:
    key = new_key().secret
    assert keyfile.private_pem(key, b"pw") != keyfile.private_pem(key, b"pw")


def test_openssl_reads_what_we_encrypt(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    secret, public = save(new_key(), tmp_path / "ann", passphrase=b"correct horse")
    words = ["openssl", "pkey", "-in", str(secret), "-passin", "pass:correct horse", "-pubout"]
    done = subprocess.run(words, capture_output=True)
    assert done.stdout == public.read_bytes(), done.stderr
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", str(secret)], capture_output=True, text=True
    ).stdout
    assert "scrypt" in shown
    assert "aes-256-cbc" in shown


def test_an_empty_passphrase_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="empty"):
        save(new_key(), tmp_path / "ann", passphrase=b"")


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    key = new_key()
    secret, public = save(key, tmp_path / "ann", passphrase=None)
    with pytest.raises(UsageError, match="is there already"):
        save(new_key(), tmp_path / "ann", passphrase=None)
    public.unlink()
    with pytest.raises(UsageError, match="is there already"):
        save(new_key(), tmp_path / "ann", passphrase=None)
    assert load_private(secret).id == key.id


def test_a_clear_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    secret, _ = save(new_key(), tmp_path / "ann", passphrase=None)
    secret.chmod(0o644)
    with pytest.raises(UsageError, match="others may read"):
        load_private(secret)


def test_halves_are_not_mixed_up(tmp_path: Path) -> None:
    secret, public = save(new_key(), tmp_path / "ann", passphrase=None)
    with pytest.raises(TrustError, match="is a private key, expected the public half"):
        load_public(secret)
    public.chmod(0o600)
    with pytest.raises(TrustError, match="no private key"):
        load_private(public)


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    for load in (load_private, load_public):
        with pytest.raises(NotFound):
            load(tmp_path / "none")


def test_keys_of_other_kinds_are_refused(tmp_path: Path) -> None:
    other = ed448.Ed448PrivateKey.generate()
    with pytest.raises(TrustError, match="expected a key that signs"):
        public_from_pem(keyfile.public_pem(other.public_key()), "it")
    keyfile.write_private(tmp_path / "other.key", keyfile.private_pem(other, None))
    with pytest.raises(TrustError, match="expected a key that signs"):
        load_private(tmp_path / "other.key")
    curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(TrustError, match="expected a key that signs"):
        public_from_pem(keyfile.public_pem(curve), "it")


def test_a_giant_key_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "giant").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(TrustError, match="this is no key"):
        load_public(tmp_path / "giant")


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=20)
def test_a_damaged_key_file_is_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    data = bytearray(keyfile.private_pem(new_key("p256").secret, None))
    data[at % len(data)] ^= 1 << bit
    path = tmp_path_factory.mktemp("damaged") / "ann.key"
    keyfile.write_private(path, bytes(data))
    with contextlib.suppress(TrustError, UsageError):  # anything else would be a bug, and fails here
        load_private(path)
