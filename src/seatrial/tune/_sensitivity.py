"""Which layers pay most for becoming integer, and how few of them stay in float (M21)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from seatrial.converters.quantize_onnx import LayerCost

_QUIET = 1e-2  # share of noise in the answers' power that seldom changes one
_LOOKS = 7  # candidates judged at most: each further look at the same samples weakens what they prove


class Judged(Protocol):
    """What the search needs to know of a candidate."""

    @property
    def accepted(self) -> bool:
        """Whether it may be delivered."""
        ...

    @property
    def hopeless(self) -> bool:
        """Whether no layer put back could change the ruling: the samples are too few."""
        ...


Candidate = TypeVar("Candidate", bound=Judged)


def most_costly_first(costs: Sequence[LayerCost]) -> list[LayerCost]:
    """The layers by the noise they bring, the noisiest first; unmeasured ones last."""
    measured = [each for each in costs if each.sqnr is not None]
    unmeasured = [each for each in costs if each.sqnr is None]
    return sorted(measured, key=lambda each: (each.sqnr or 0.0, each.name)) + unmeasured


def first_guess(order: Sequence[LayerCost]) -> int:
    """How many layers, the most costly first, to leave in float before the first look.

    Noise of layers adds up roughly; as many as bring all but a hundredth of the answers' power (20 dB).
    """
    noise = [10 ** (-(each.sqnr if each.sqnr is not None else 60.0) / 10) for each in order]
    for count in range(1, len(order)):
        if sum(noise[count:]) <= _QUIET:
            return count
    return max(1, len(order) - 1)


def fewest_in_float(
    order: Sequence[str],
    judge: Callable[[tuple[str, ...]], Candidate],
    *,
    start: int = 1,
    looks: int = _LOOKS,
    enough: Callable[[], bool] = lambda: False,
) -> tuple[Candidate | None, list[Candidate]]:
    """Leaves the first layers of `order` in float, as few as make a candidate acceptable.

    From `start` on twice as many each time until a candidate is accepted, then between that and the last
    refused one by halves. Not every number is tried: what is found is acceptable, and may be too careful.

    Args:
        order: Names of the layers, the most costly first.
        judge: Makes and judges the candidate that leaves these layers in float.
        start: Layers in float of the first candidate.
        looks: Candidates at most.
        enough: Whether to stop, such as when time is up.

    Returns:
        The accepted candidate with the fewest layers in float, or None; and all of them in their order.
    """
    seen: list[Candidate] = []
    best: tuple[int, Candidate] | None = None
    refused, count = 0, start
    while count < len(order) and len(seen) < looks and not enough():
        found = judge(tuple(order[:count]))
        seen.append(found)
        if found.accepted:
            best = (count, found)
            break
        if found.hopeless:
            break
        refused, count = count, count * 2 if count * 2 < len(order) else max(count + 1, len(order) - 1)
    while best is not None and best[0] - refused > 1 and len(seen) < looks and not enough():
        middle = (refused + best[0]) // 2
        found = judge(tuple(order[:middle]))
        seen.append(found)
        if found.accepted:
            best = (middle, found)
        else:
            refused = middle
    return (best[1] if best else None), seen
