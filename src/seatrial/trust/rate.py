"""So many rows a second, evenly or in bursts of one second: a token bucket."""

from __future__ import annotations

from collections.abc import Callable

from seatrial.trust.refusals import OverRate


class Bucket:
    """Fills with `rate` tokens a second up to one second's worth.

    A request passes when there is at least one token, and may leave a debt that later requests wait for: so
    one of more rows than the bucket holds is not refused for ever, and nobody gets more than `rate` for long.

    Args:
        rate: Rows a second; 0: no limit, and then it is not asked.
        clock: Seconds, as in `take`.
    """

    def __init__(self, rate: int, clock: Callable[[], float]) -> None:
        self._rate, self._most = float(rate), float(max(rate, 1))
        self._tokens, self._at = self._most, clock()

    def take(self, rows: int, now: float) -> None:
        """Uses so many.

        Raises:
            OverRate: Not yet.
        """
        tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if tokens < 1.0:
            self._tokens = tokens
            retry = (1.0 - tokens) / self._rate
            raise OverRate(
                f"over rate: the license permits {self._rate:.0f} rows a second",
                retry=retry,
                hint=f"try again in {retry:.2f} s",
            )
        self._tokens = tokens - rows
