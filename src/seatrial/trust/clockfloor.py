"""A time that does not go back: the latest one that is certain to have been, and what passed since.

The floor is the newest of what was signed or seen: when the license was issued, the bundle made, the list of
revocations signed, what a lease server said, and what this clock showed before. From there on the machine's
own counter of seconds since boot runs on, which nobody sets. A clock behind that by more than two hours is
not believed: time goes on from the floor, and for as long as grace lasts the license works.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from seatrial.trust.refusals import ClockBack
from seatrial.trust.state import Ledger, State

TOLERANCE = 2 * 3600.0  # seconds that a clock may be behind: a zone set wrong, a card without a battery
LEAP = 86400.0  # a leap ahead of more than this is believed only after
BELIEVED = 900.0  # so many seconds: else one wrong minute would end every license for ever
BLOCK = 600  # seconds of grace that are paid for in advance
KEEP = 600.0  # seconds after which the floor is written down again


def boot_seconds() -> float:
    """Seconds since boot, those asleep included; nobody can set them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class ClockFloor:
    """The time as far as it can be trusted.

    Args:
        ledger: Keeps the floor from run to run.
        clock: The wall clock.
        boot: Seconds since boot.
        grace: Seconds that a clock set back is tolerated for, in all.
    """

    def __init__(
        self, ledger: Ledger, *, clock: Callable[[], datetime], boot: Callable[[], float], grace: float
    ) -> None:
        self._ledger, self._clock, self._boot, self._grace = ledger, clock, boot, grace
        self._base = (float(ledger.look().floor), boot())  # one assignment: two threads read it
        self._kept_at = self._base[1]
        self._paid_until: float | None = None
        self._ahead_since: float | None = None
        self.behind = 0.0  # seconds that the clock is behind; 0: it is believed

    def raise_to(self, moment: float) -> None:
        """Takes in a time that somebody signed: it has been."""
        boot = self._boot()
        if moment > self._estimate(boot):
            self._base = (moment, boot)

    def now(self) -> float:
        """Seconds since 1970, never less than before.

        Raises:
            ClockBack: The clock was set back, and its grace is over.
        """
        boot, wall = self._boot(), self._clock().timestamp()
        estimate = self._estimate(boot)
        if wall < estimate - TOLERANCE:
            self.behind = estimate - wall
            self._pay(boot)
            return estimate
        self.behind, self._paid_until = 0.0, None
        if wall > estimate + LEAP:
            if self._ahead_since is None:
                self._ahead_since = boot
            if boot - self._ahead_since < BELIEVED:
                return wall
        self._ahead_since = None
        if wall > estimate:
            self._base = (wall, boot)
        return max(wall, estimate)

    @property
    def due(self) -> bool:
        """Whether the floor should be written down again."""
        return self._boot() - self._kept_at >= KEEP

    def keep(self) -> None:
        """Writes the floor down."""
        self._kept_at = self._boot()
        floor, right = int(self._estimate(self._kept_at)), not self.behind

        def edit(state: State) -> None:
            state.floor = max(state.floor, floor)
            if right:
                state.back_seconds = 0

        self._ledger.change(edit, counted=False)

    def _estimate(self, boot: float) -> float:
        floor, at = self._base
        return floor + max(boot - at, 0.0)

    def _pay(self, boot: float) -> None:
        """Takes the next block of grace, written down before it is used, so that a restart gains nothing."""
        if self._paid_until is not None and boot < self._paid_until:
            return
        grace = self._grace

        def edit(state: State) -> bool:
            if state.back_seconds + BLOCK > grace:
                return False
            state.back_seconds += BLOCK
            return True

        if not self._ledger.change(edit):
            raise ClockBack(
                f"clock rolled back: it is {self.behind / 3600:.1f} h behind a time that was seen before, "
                f"for longer than the license's grace allows",
                hint="set the clock right",
            )
        self._paid_until = boot + BLOCK
