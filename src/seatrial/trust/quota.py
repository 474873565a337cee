"""Calls that are counted: taken from where they are kept in blocks, before they are used.

A crash loses what is left of a block and never gains: what is in memory was written down as used before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from seatrial.errors import SeatrialError, Unavailable
from seatrial.trust.refusals import OverQuota
from seatrial.trust.state import Ledger, State

BLOCK = 1000

Submit = Callable[[Callable[[], int]], "Future[int]"]


class Calls(Protocol):
    """Where calls are counted for good.

    Attributes:
        left: That were not leased when it was last asked.
        quick: Whether it answers within milliseconds, so that a request may wait for it.
    """

    left: int
    quick: bool

    def lease(self, rows: int) -> int:
        """Takes up to so many; durable when the call returns; 0: there are none.

        Raises:
            SeatrialError: They cannot be had now.
        """
        ...

    def give_back(self, rows: int) -> None:
        """Gives back what was leased and not used."""
        ...


class LocalCalls:
    """Calls counted in the device's own state.

    Args:
        ledger: Of the device.
        license_id: Whose calls.
        most: In all.

    Attributes:
        left: That were not leased when it was last asked.
        quick: It is a file.
    """

    quick = True

    def __init__(self, ledger: Ledger, license_id: str, most: int) -> None:
        self._ledger, self._id, self._most = ledger, license_id, most
        self.left = max(most - ledger.look().use(license_id).used, 0)

    def lease(self, rows: int) -> int:
        """Takes up to so many; 0: there are none."""

        def edit(state: State) -> int:
            use = state.use(self._id)
            granted = min(rows, max(self._most - use.used, 0))
            use.used += granted
            self.left = max(self._most - use.used, 0)
            return granted

        return self._ledger.change(edit)

    def give_back(self, rows: int) -> None:
        """Gives back what was leased and not used."""

        def edit(state: State) -> None:
            use = state.use(self._id)
            use.used = max(use.used - rows, 0)
            self.left = self._most - use.used

        self._ledger.change(edit)


class Quota:
    """Calls at hand, for one thread; the next ones are fetched in another before they are needed.

    Never more than one block is out: the next half is asked for when less than half is at hand.

    Args:
        calls: Where they come from.
        submit: Does something in another thread.
        block: So many may be lost in a crash.
    """

    def __init__(self, calls: Calls, submit: Submit, *, block: int = BLOCK) -> None:
        self._calls, self._submit = calls, submit
        self._block, self._half = max(block, 2), max(block, 2) // 2
        self._at_hand = 0
        self._coming: Future[int] | None = None
        self._asked = 0
        self._dry = False  # the last lease brought less than was asked: there are no more
        self._failed: SeatrialError | None = None

    @property
    def left(self) -> int:
        """Calls that can still be made."""
        coming = self._coming
        on_the_way = coming.result() if coming and coming.done() and not coming.exception() else 0
        return self._at_hand + on_the_way + self._calls.left

    def fill(self) -> None:
        """Fetches the first block and waits for it.

        Raises:
            SeatrialError: It cannot be had.
        """
        asked = self._block - self._at_hand
        self._take_in(self._calls.lease(asked), asked)

    def take(self, rows: int) -> None:
        """Uses so many.

        Raises:
            OverQuota: There are not so many left.
            SeatrialError: They are counted elsewhere, and from there none came in time.
        """
        left = self._at_hand - rows
        if left >= self._half:
            self._at_hand = left
            return
        if self._coming is not None and self._coming.done():
            self._settle()
        if self._at_hand < rows:
            self._more(rows)
        self._at_hand -= rows
        if self._at_hand < self._half and self._coming is None and not self._dry:
            self._ask(self._half)

    def give(self, rows: int) -> None:
        """Takes back what a request did not use after all."""
        self._at_hand += rows

    def look_again(self) -> None:
        """Others may have given calls back since there were none."""
        self._dry = False

    def close(self) -> None:
        """Gives back what is left."""
        self._settle()
        rows, self._at_hand = self._at_hand, 0
        if rows:
            self._calls.give_back(rows)

    def _more(self, rows: int) -> None:
        """Has at least so many at hand, or says why not."""
        if self._calls.quick:
            self._settle()
        if self._at_hand < rows and not self._dry:
            if self._coming is None:
                self._ask(max(rows, self._block) - self._at_hand)
            if self._calls.quick:
                self._settle()
                if self._failed is not None:
                    raise again(self._failed)
        if self._at_hand >= rows:
            return
        if self._coming is not None:
            raise (
                again(self._failed)
                if self._failed is not None
                else Unavailable("the license's next calls are being fetched", hint="try again in a moment")
            )
        raise OverQuota(
            f"over quota: {self._at_hand} calls of the license are left, {rows} were asked for",
            hint="ask for a license of more calls",
        )

    def _ask(self, rows: int) -> None:
        self._asked = rows
        self._coming = self._submit(lambda: self._calls.lease(rows))

    def _settle(self) -> None:
        if self._coming is None:
            return
        coming, self._coming = self._coming, None
        try:
            self._take_in(coming.result(), self._asked)
            self._failed = None
        except SeatrialError as error:
            self._failed = error  # told to whoever needs a call before there is one

    def _take_in(self, granted: int, asked: int) -> None:
        self._at_hand += granted
        self._dry = granted < asked


def again(error: SeatrialError) -> SeatrialError:
    """The same error once more, without the traces of its earlier raisings."""
    fresh = copy.copy(error)
    fresh.__traceback__ = None
    return fresh
