"""Content keys reach the holder they were wrapped for, in their context, and nobody else."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import TrustError
from seatrial.trust.content_keys import holder_id, new_content_key, unwrap, wrap

HOLDER = X25519PrivateKey.from_private_bytes(b"h" * 32)
OTHER = X25519PrivateKey.from_private_bytes(b"o" * 32)
KEY = bytes(range(32))


@given(key=st.binary(min_size=32, max_size=32), context=st.binary(max_size=500))
def test_what_is_wrapped_comes_back(key: bytes, context: bytes) -> None:
    assert unwrap(wrap(key, HOLDER.public_key(), context), HOLDER, context) == key


def test_two_wrappings_of_one_key_share_nothing() -> None:
    first, second = (wrap(KEY, HOLDER.public_key(), b"c") for _ in range(2))
    assert first["ephemeral"] != second["ephemeral"]
    assert first["key"] != second["key"]


def test_the_same_chance_gives_the_same_bytes() -> None:
    first, second = (wrap(KEY, HOLDER.public_key(), b"c", random=lambda n: b"r" * n) for _ in range(2))
    assert first == second
    assert new_content_key(lambda n: b"r" * n) == b"r" * 32


def test_fresh_keys_differ() -> None:
    assert new_content_key() != new_content_key()


def test_another_key_is_told_whose_it_is() -> None:
    wrapped = wrap(KEY, HOLDER.public_key(), b"c")
    with pytest.raises(TrustError, match="wrong key") as told:
        unwrap(wrapped, OTHER, b"c")
    assert holder_id(HOLDER.public_key()) in told.value.message


def test_another_key_does_not_open_when_it_is_relabelled() -> None:
    wrapped = wrap(KEY, HOLDER.public_key(), b"c") | {"to": holder_id(OTHER.public_key())}
    with pytest.raises(TrustError, match="changed"):
        unwrap(wrapped, OTHER, b"c")


def test_another_context_does_not_open() -> None:
    with pytest.raises(TrustError, match="another bundle or license"):
        unwrap(wrap(KEY, HOLDER.public_key(), b"until 2026"), HOLDER, b"until 2036")


@pytest.mark.parametrize("field", ["ephemeral", "key"])
@pytest.mark.parametrize("place", range(0, 32, 5))
def test_a_changed_bit_does_not_open(field: str, place: int) -> None:
    wrapped = wrap(KEY, HOLDER.public_key(), b"c")
    raw = bytearray(base64.b64decode(wrapped[field]))
    raw[place] ^= 1
    wrapped[field] = base64.b64encode(raw).decode()
    with pytest.raises(TrustError):
        unwrap(wrapped, HOLDER, b"c")


@pytest.mark.parametrize("value", ["", "!", "AAAA", base64.b64encode(bytes(32)).decode(), None, 7])
@pytest.mark.parametrize("field", ["ephemeral", "key", "algorithm", "to"])
def test_nonsense_is_refused(field: str, value: object) -> None:
    wrapped: dict[str, object] = {**wrap(KEY, HOLDER.public_key(), b"c"), field: value}
    with pytest.raises(TrustError):
        unwrap(wrapped, HOLDER, b"c")


def test_a_missing_field_is_refused() -> None:
    wrapped = wrap(KEY, HOLDER.public_key(), b"c")
    for field in wrapped:
        with pytest.raises(TrustError):
            unwrap({name: value for name, value in wrapped.items() if name != field}, HOLDER, b"c")


def test_a_key_of_another_length_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrap(b"short", HOLDER.public_key(), b"c")
