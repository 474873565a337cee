"""A secret in n parts of which any k give it back, and fewer tell nothing (Shamir, 1979).

Byte by byte: the secret is the value at 0 of a polynomial of degree k-1 over GF(2^8) (the field of AES,
FIPS 197, 4.2), whose other coefficients are random; a part is its value at another point.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

_EXP = [0] * 510
_LOG = [0] * 256
_at = 1
for _power in range(255):
    _EXP[_power] = _EXP[_power + 255] = _at
    _LOG[_at] = _power
    _at ^= (_at << 1) ^ (0x11B if _at & 0x80 else 0)  # times 3, which generates the field


def split(secret: bytes, *, k: int, n: int, random: Callable[[int], bytes] = os.urandom) -> dict[int, bytes]:
    """The parts of a secret, by their number from 1 to n.

    Args:
        secret: Any bytes.
        k: So many parts give it back.
        n: So many there are; at most 255.
        random: Where the coefficients come from.
    """
    if not 1 <= k <= n <= 255:
        raise ValueError(f"{k} of {n} cannot be")
    rows = [secret, *(random(len(secret)) for _ in range(k - 1))]  # rows[i]: coefficients of x^i
    return {
        point: bytes(_value(column, point) for column in zip(*rows, strict=True)) for point in range(1, n + 1)
    }


def join(parts: Mapping[int, bytes]) -> bytes:
    """The secret, from k of its parts by their number; from fewer or wrong ones something else.

    Lagrange's interpolation at 0.
    """
    weights = {}
    for point in parts:
        weight = 1
        for other in parts:
            if other != point:
                weight = _times(weight, _over(other, other ^ point))
        weights[point] = weight
    length = min(len(each) for each in parts.values())
    secret = bytearray(length)
    for point, part in parts.items():
        for at in range(length):
            secret[at] ^= _times(weights[point], part[at])
    return bytes(secret)


def _value(coefficients: tuple[int, ...], point: int) -> int:
    value = 0
    for each in reversed(coefficients):  # Horner's scheme
        value = _times(value, point) ^ each
    return value


def _times(left: int, right: int) -> int:
    return _EXP[_LOG[left] + _LOG[right]] if left and right else 0


def _over(left: int, right: int) -> int:
    return _EXP[_LOG[left] - _LOG[right] + 255] if left else 0
