"""Requests that were read together: their tensors lie one behind the other, and each is a stretch of rows.

A batch of such requests is there already: it is not put together from as many pieces as there are requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seatrial.contract import feeds as _feeds
from seatrial.contract.sample import Array
from seatrial.contract.tensor import TensorSpec


class Lot:
    """The tensors of some requests of one form.

    Args:
        feeds: Arrays by input name, in the graph's order, the requests' rows one behind the other.
        specs: What each request passed.
        rows: Of each request.
        shape: What each can be batched with; see `Checked`.
    """

    __slots__ = ("feeds", "rows", "shape", "specs")

    def __init__(
        self, feeds: dict[str, Array], specs: tuple[TensorSpec, ...], rows: int, shape: tuple[Any, ...]
    ) -> None:
        self.feeds, self.specs, self.rows, self.shape = feeds, specs, rows, shape

    def portion(self, place: int) -> Portion:
        """The feeds of one request, by its place from 0."""
        return Portion(self, place * self.rows)

    def portions(self, count: int) -> list[Portion]:
        """The feeds of the first so many requests."""
        return [Portion(self, place * self.rows) for place in range(count)]


class Portion(Mapping[str, Array]):
    """One request's feeds; they passed the specs of their lot.

    Attributes:
        lot: Where they lie.
        start: Their first row.
        rows: Length of the batch axis.
        shape: What they can be batched with.
    """

    __slots__ = ("lot", "rows", "shape", "start")

    def __init__(self, lot: Lot, start: int) -> None:
        self.lot, self.start, self.rows, self.shape = lot, start, lot.rows, lot.shape

    def __getitem__(self, name: str) -> Array:
        return self.lot.feeds[name][self.start : self.start + self.rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lot.feeds)

    def __len__(self) -> int:
        return len(self.lot.feeds)


def joined(feeds: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """As `contract.feeds.join`; neighbors of one lot are taken as the one piece that they are."""
    pieces: list[Mapping[str, Array]] = []
    last: Portion | None = None
    for each in feeds:
        if type(each) is not Portion:
            pieces.append(each)
            last = None
        elif last is not None and each.lot is last.lot and each.start == last.start + last.rows:
            last.rows += each.rows
        else:
            last = Portion(each.lot, each.start)  # a copy, which may grow
            last.rows = each.rows
            pieces.append(last)
    return _feeds.join(pieces)
