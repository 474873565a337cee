"""Answers that were given, by what they were given to: for a ladder's `cached` rung."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from seatrial.contract.sample import Array

LARGEST_SHARE = 8  # one answer may take at most one part in so many
_TEXT = 64  # bytes that a text in an array costs at least


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    size: int
    outputs: tuple[Array, ...]


class Answers:
    """The answers last used, bounded by bytes and by age.

    Args:
        most: Bytes of all of them.
        seconds: That one is good for.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: Hashable, outputs: Sequence[Array], now: float) -> None:
        """Keeps an answer: a copy of its own, because outputs are views of whole batches."""
        size = sum(_size(each) for each in outputs)
        self._forget(key)
        if size * LARGEST_SHARE > self._most:
            return
        self._kept[key] = _Kept(now, size, tuple(each.copy() for each in outputs))
        self.size += size
        while self.size > self._most:
            self._forget(next(iter(self._kept)))

    def get(self, key: Hashable, now: float) -> list[Array] | None:
        """A copy of the answer to this; None: there is none that is young enough."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now - kept.at > self._seconds:
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return [each.copy() for each in kept.outputs]

    def _forget(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.size -= kept.size


def _size(array: Array) -> int:
    texts = sum(len(str(each)) + _TEXT for each in array.ravel()) if array.dtype.kind == "O" else 0
    return int(array.nbytes) + texts
