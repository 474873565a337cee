"""How fast a model is at each batch size, measured once at load, and what that says about batching."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seatrial.contract import TensorSpec
from seatrial.contract.sample import Array
from seatrial.errors import SeatrialError

SIZES = (1, 2, 4, 8, 16, 32)
REPEATS = 5
BUDGET = 3.0  # seconds that measuring may take in all; sizes beyond it are not tried
LONGEST_DELAY = 0.005
# The event loop's timers are no finer, and the clients of one batch do not all come back sooner.
SHORTEST_DELAY = 0.001
WORTH = 1.3  # rows a second of batches against single rows, from which waiting for company pays
SOME = 1.05  # from which it pays to join what waits anyway
NEAR_BEST = 0.975
BETWEEN = 0.0003  # seconds that a device stands idle between two batches, which a profile does not see
SIDE = 64  # of a picture whose height and width are free: a multiple of every stride in use
STEPS = 16  # of any other free axis

Run = Callable[[Mapping[str, Array]], Awaitable[list[Array]]]


@dataclass(frozen=True)
class Profile:
    """What was measured.

    Attributes:
        seconds: Seconds of a batch by rows, the quickest of a few, because the slower ones measure what
            else the machine does; empty when nothing could be measured.
        whole: Whether every output has one row for each row that went in, so that batches can be split.
        note: Why something is missing, for people.
        fixed: Seconds of a batch whatever its size, from the straight line through `seconds`.
        per_row: Seconds that each row adds.
    """

    seconds: Mapping[int, float] = field(default_factory=dict)
    whole: bool = True
    note: str = ""
    fixed: float = 0.0
    per_row: float = 0.0

    def service(self, rows: int) -> float:
        """Seconds that a batch of so many rows takes."""
        return self.fixed + self.per_row * rows

    @property
    def rate(self) -> float:
        """Rows a second at the best batch size; 0 when nothing was measured."""
        return max((size / max(each, 1e-9) for size, each in self.seconds.items()), default=0.0)

    @property
    def gain(self) -> float:
        """Rows a second of the best batch size against single rows."""
        if 1 not in self.seconds:
            return 1.0
        return self.rate * self.seconds[1]


@dataclass(frozen=True)
class Choice:
    """How requests are batched, and why.

    Attributes:
        max_batch_size: Rows; 1 means no batching.
        max_queue_delay: Seconds.
        why: One sentence.
    """

    max_batch_size: int
    max_queue_delay: float
    why: str


def feeds_of(specs: Sequence[TensorSpec], rows: int, *, seed: int = 0) -> dict[str, Array]:
    """A batch that obeys the specs, made up: small numbers, free axes of a usual size."""
    rng = np.random.default_rng(seed)
    named: dict[str, int] = {}  # an axis of one name is of one size wherever it stands
    shapes = {spec.name: _shape(spec, rows, named) for spec in specs}
    return {spec.name: _array(spec, shapes[spec.name], rng) for spec in specs}


def _array(spec: TensorSpec, shape: list[int], rng: np.random.Generator) -> Array:
    if spec.dtype == "string":
        return np.full(shape, "a", dtype=object)
    if spec.dtype == "bool":
        return np.ones(shape, dtype=bool)
    low = spec.low if spec.low is not None and np.isfinite(spec.low) else None
    high = spec.high if spec.high is not None and np.isfinite(spec.high) else None
    if "float" in spec.dtype:
        bottom = low if low is not None else min(0.0, high) if high is not None else 0.0
        top = min(high, bottom + 1.0) if high is not None else bottom + 1.0
        margin = (top - bottom) / 10  # rounding to a shorter type must not leave the range
        return rng.uniform(bottom + margin, top - margin, shape).astype(spec.dtype)
    one = max(1, int(low)) if low is not None else 1  # an id or a length of 1 is what nearly all models take
    return np.full(shape, one if high is None else min(one, int(high)), dtype=spec.dtype)


def _shape(spec: TensorSpec, rows: int, named: dict[str, int]) -> list[int]:
    shape = []
    for axis, wanted in enumerate(spec.shape):
        size = rows if axis == 0 else SIDE if spec.layout[axis : axis + 1] in ("H", "W") else STEPS
        if isinstance(wanted, int):
            size = wanted
        elif wanted is not None:
            size = named.setdefault(wanted, size)
        shape.append(size)
    return shape


async def measure(
    run: Run,
    specs: Sequence[TensorSpec],
    *,
    clock: Callable[[], float],
    largest: int = SIZES[-1],
    sample: Mapping[str, Array] | None = None,
) -> Profile:
    """Times a model at a few batch sizes. What is timed is what requests will see: engine and transport.

    Args:
        run: Infers one batch.
        specs: Of the inputs.
        clock: Seconds, growing.
        largest: No batch has more rows than this.
        sample: One prepared row to repeat instead of made-up numbers.
    """
    seconds: dict[int, float] = {}
    whole, note, began = True, "", clock()
    free = bool(specs) and all(spec.batch_is_free for spec in specs)
    if not free:
        note = "axis 0 of an input is fixed"
    for size in [each for each in SIZES if each == 1 or (free and each <= largest)]:
        spent = clock() - began
        if seconds and spent + 2 * REPEATS * max(seconds.values()) > BUDGET:
            note = f"sizes from {size} on were not tried: {spent:.1f} s were spent"
            break
        feeds = _repeated(sample, size) if sample else feeds_of(specs, size)
        try:
            outputs = await run(feeds)  # once untimed: the engine prepares itself for this shape
            seconds[size] = await _quickest(run, feeds, clock)
        except SeatrialError as error:
            note = f"a batch of {size} made-up rows did not run: {error.message[:200]}"
            break
        whole = whole and all(each.shape[:1] == (size,) for each in outputs)
        if not whole:
            note = "the outputs do not have the rows of the inputs"
            break
    fixed, per_row = line_through(seconds)
    return Profile(seconds, whole=whole and free, note=note, fixed=fixed, per_row=per_row)


async def _quickest(run: Run, feeds: Mapping[str, Array], clock: Callable[[], float]) -> float:
    times = []
    for _ in range(REPEATS):
        began = clock()
        await run(feeds)
        times.append(clock() - began)
    return min(times)


def _repeated(sample: Mapping[str, Array], rows: int) -> dict[str, Any]:
    return {name: np.repeat(array, rows, axis=0) for name, array in sample.items()}


def line_through(seconds: Mapping[int, float]) -> tuple[float, float]:
    """The line a + b x rows of least squares with neither below zero, as (a, b)."""
    if not seconds:
        return 0.0, 0.0
    rows, times = np.array(list(seconds), float), np.array(list(seconds.values()))
    if len(rows) == 1:
        return 0.0, float(times[0] / rows[0])
    slope, start = np.polyfit(rows, times, 1)
    if slope < 0:
        return float(times.mean()), 0.0
    if start < 0:
        return 0.0, float((rows @ times) / (rows @ rows))
    return float(start), float(slope)


def choose(profile: Profile, *, largest: int | None = None, delay: float | None = None) -> Choice:
    """What to do with a model that was measured so.

    Args:
        profile: The measurement.
        largest: `max_batch_size` as the user wants it.
        delay: `max_queue_delay` in seconds as the user wants it.
    """
    if not profile.whole or not profile.seconds:
        return Choice(1, 0.0, f"no batching: {profile.note or 'nothing was measured'}")
    alone, gain = profile.seconds.get(1, 0.0), profile.gain
    told = f"a batch does {gain:.1f} x the rows of single requests a second"
    size = largest if largest is not None else _best_size(profile.seconds) if gain >= SOME else 1
    if size <= 1:
        return Choice(1, 0.0, f"no batching: {told}" if largest is None else "no batching: asked for")
    if delay is None:
        delay = min(LONGEST_DELAY, alone / 3) if gain >= WORTH and alone / 3 >= SHORTEST_DELAY else 0.0
    return Choice(size, delay, told)


def _best_size(seconds: Mapping[int, float]) -> int:
    """The smallest size that is about as fast as the fastest: what comes in a larger batch waits longer."""
    rates = {size: size / (each + BETWEEN) for size, each in seconds.items()}
    best = max(rates.values())
    return min(size for size, rate in rates.items() if rate >= NEAR_BEST * best)
