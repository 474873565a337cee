"""Hands the items of many requests to a model, a few at a time and each request in its turn.

A page may have a thousand lines; a model's queue takes some dozens. What is handed over at once is enough to
fill the batches of all engines while the next ones are prepared, and what waits here waits fairly: a page
with three lines does not stand behind one with a thousand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

BATCHES = 3  # one on the engine, one that waits for it, one that is prepared
LEAST = 4


class Source(Protocol):
    """Items of one request for one model."""

    @property
    def left(self) -> bool:
        """Whether items wait to be handed over."""
        ...

    def hand_over(self) -> None:
        """Asks the model for the next item."""
        ...


class Feed:
    """The way to one model.

    Args:
        at_once: How many items may be with the model, as it is now.
    """

    def __init__(self, at_once: Callable[[], int]) -> None:
        self._at_once = at_once
        self._sources: deque[Source] = deque()
        self._pumping = False
        self.under_way = 0

    def put(self, source: Source) -> None:
        """Takes the items of a request in; it is asked for them one by one."""
        self._sources.append(source)
        self._pump()

    def ended(self) -> None:
        """Says that one item came back, or was called back."""
        self.under_way -= 1
        self._pump()

    def _pump(self) -> None:
        if self._pumping:  # an item that fails at once comes back from inside the loop below
            return
        self._pumping = True
        try:
            most = self._at_once()
            while self._sources and self.under_way < most:
                source = self._sources.popleft()
                if not source.left:
                    continue
                self.under_way += 1
                source.hand_over()
                if source.left:
                    self._sources.append(source)
        finally:
            self._pumping = False
