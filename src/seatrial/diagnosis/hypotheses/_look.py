"""What a setup makes of a few telling samples, step by step, without asking the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from seatrial import extensions
from seatrial.contract import StepCall
from seatrial.contract.feeds import check_feeds
from seatrial.contract.pipeline import Context, Step
from seatrial.contract.sample import Array
from seatrial.diagnosis.case import Case, Feed
from seatrial.diagnosis.hypotheses._payloads import traits
from seatrial.diagnosis.setup import Intervention, Setup
from seatrial.errors import SeatrialError

PROBES = 7
SCANNED = 200  # samples whose traits are looked at
_LOOKED_AT = 200_000  # numbers of a tensor
_KEPT = 3  # setups whose steps are remembered: images of every step are large
SAME = 1e-4  # of the tensor's scale; one gray level of a normalized image is 4e-3


@dataclass
class Look:
    """A setup, and what its preprocessing does to the probes of a case.

    Attributes:
        case: The disagreement.
        setup: The deployed setup, or one with a cause already undone.
        places: Indices of the probes.
    """

    case: Case
    setup: Setup
    places: tuple[int, ...]

    @property
    def calls(self) -> tuple[StepCall, ...]:
        """The steps of the preprocessing."""
        return self.setup.calls("preprocess")

    @cached_property
    def _traces(self) -> dict[int, list[tuple[Any, dict[str, Any]]]]:
        return {place: _trace(self.setup, self._payload(self.setup, place)) for place in self.places}

    def _payload(self, setup: Setup, place: int) -> Any:
        payload = self.case.samples[place].payload
        return setup.payload(payload) if setup.payload else payload

    def values(self, step: int) -> list[Any]:
        """What goes into step `step` for each probe that gets there; `len(calls)`: what comes out last."""
        return [trace[step][0] for trace in self._traces.values() if len(trace) > step]

    def notes(self, step: int) -> list[dict[str, Any]]:
        """The notes at that place, in the order of `values`."""
        return [trace[step][1] for trace in self._traces.values() if len(trace) > step]

    @cached_property
    def feeds(self) -> dict[int, Feed]:
        """Arrays by input name, batch axis of 1, of each probe that gets there; specs are not asked."""
        found = {place: self.feed(self.setup, place) for place in self.places}
        return {place: feed for place, feed in found.items() if feed is not None}

    def feed(self, setup: Setup, place: int) -> Feed | None:
        """What a setup feeds for one sample; steps shared with the one looked at are not run again."""
        value = self.outcome(setup, place)
        return None if value is None else _as_feed(setup, value)

    def outcome(self, setup: Setup, place: int) -> Any:
        """What comes out of a setup's preprocessing for one sample; None where a step refuses it."""
        calls = setup.calls("preprocess")
        start = 0
        seed: tuple[Any, dict[str, Any]] = (self._payload(setup, place), {})
        shared = setup.payload is self.setup.payload
        if shared and place in self.places and setup.contract.vocabulary == self.setup.contract.vocabulary:
            trace = self._traces[place]
            both = zip(self.calls, calls, strict=False)
            same = next((at for at, (a, b) in enumerate(both) if a != b), min(len(self.calls), len(calls)))
            start = min(same, len(trace) - 1)
            seed = trace[start]
        ran = _trace(setup, *seed, start=start)
        return ran[-1][0] if len(ran) > len(calls) - start else None

    def reference(self, place: int) -> Feed | None:
        """What was right to feed for one sample, when it is known."""
        feeds = self.case.reference.feeds
        return feeds[place] if feeds is not None else None

    @cached_property
    def known(self) -> tuple[int, ...]:
        """Probes whose right feed is known."""
        return tuple(place for place in self.places if self.reference(place) is not None)

    @cached_property
    def is_right(self) -> bool:
        """Whether the feeds are known to be right already."""
        return bool(self.known) and all(
            alike(self.feeds.get(place), self.reference(place)) for place in self.known
        )


def _trace(
    setup: Setup, value: Any, notes: dict[str, Any] | None = None, *, start: int = 0
) -> list[tuple[Any, dict[str, Any]]]:
    """Value and notes before each step from `start` on and after the last; shorter where a step refused."""
    contract = setup.contract
    context = Context(contract.labels, contract.vocabulary, dict(notes or {}), contract.root)
    found = [(value, dict(context.notes))]
    for call in contract.preprocess.calls[start:]:
        step: Step = extensions.get("seatrial.contract.steps", "STEP", call.name)
        try:
            value = step.apply(value, context, **call.options)
        except SeatrialError:
            break
        found.append((value, dict(context.notes)))
    return found


def _as_feed(setup: Setup, value: Any) -> Feed | None:
    if not isinstance(value, dict):
        value = {setup.contract.inputs[0].name: value} if len(setup.contract.inputs) == 1 else {}
    if not value or not all(isinstance(each, np.ndarray) for each in value.values()):
        return None
    return {name: np.asarray(array)[None] for name, array in value.items()}


def look_at(case: Case, setup: Setup) -> Look:
    """The look at a setup; kept on the case, since every hypothesis asks for it."""
    kept: list[Look] = case.once("hypotheses.looks", list)
    for look in kept:
        if look.setup is setup:
            return look
    kept.append(Look(case, setup, case.once("hypotheses.probes", lambda: _probes(case))))
    del kept[:-_KEPT]
    return kept[-1]


def _probes(case: Case) -> tuple[int, ...]:
    """A few samples that differ in kind and size, and some that are known to disagree; small ones first."""
    seen = [traits(sample.payload) for sample in case.samples[:SCANNED]]
    if not seen:
        return ()
    sizes = [each.size for each in seen]
    chosen, kinds = [0, int(np.argmin(sizes)), int(np.argmax(sizes))], set(seen[0].kinds)
    for place, each in enumerate(seen):
        if each.kinds - kinds and len(set(chosen)) < PROBES - 2:
            chosen.append(place)
            kinds |= each.kinds
    # What was observed already costs nothing to look at; asking the model does.
    observed = vars(case).get("observed")
    if observed is not None:
        apart = zip(observed.places, observed.agrees, strict=True)
        chosen += [place for place, agrees in apart if not agrees and place < len(seen)][:2]
    chosen += range(len(seen))
    few = list(dict.fromkeys(chosen))[:PROBES]
    return tuple(sorted(few, key=lambda place: sizes[place]))  # most comparisons end with the first


def alike(one: Feed | None, other: Feed | None) -> bool:
    """Whether two feeds are the same numbers in the same shapes, but for rounding."""
    if one is None or other is None or set(one) != set(other):
        return False
    return all(distance(one[name], other[name]) <= SAME for name in one)


def distance(one: Array, other: Array) -> float:
    """Largest difference as a share of the scale; infinite where shapes differ."""
    if one.shape != other.shape or one.dtype.kind not in "biuf" or other.dtype.kind not in "biuf":
        same = one.shape == other.shape and bool(np.array_equal(one, other))
        return 0.0 if same else float("inf")
    a, b = _some(one), _some(other)
    scale = max(float(np.abs(b).max(initial=0.0)), float(np.abs(a).max(initial=0.0)), 1e-9)
    return float(np.abs(a - b).max(initial=0.0)) / scale


def _some(array: Array) -> Array:
    """Numbers spread over an array, enough to tell two pictures apart."""
    flat = array.reshape(-1)
    # An odd stride meets every column and every row; arrays of one shape are cut alike.
    step = max(1, flat.size // _LOOKED_AT) | 1
    return flat[::step].astype("float64")


def identical(one: Feed | None, other: Feed | None) -> bool:
    """Whether the model could not tell two feeds apart."""
    if one is None or other is None:
        return one is other
    return set(one) == set(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name]) for name in one
    )


def worth(look: Look, proposed: Iterable[Intervention], *, most: int = 12) -> list[Intervention]:
    """The proposals that change what is fed, each kind of feed once, the likeliest first.

    A proposal is likelier when it gives what the training side is known to have fed, and less likely when
    what it feeds breaks the contract's own specs.

    Args:
        look: At the setup that is proposed to be changed.
        proposed: From one hypothesis.
        most: Keep no more than these.
    """
    if look.is_right:
        return []
    kept: list[Intervention] = []
    taken: list[tuple[Setup, Feed]] = []
    allowed = _breaks(look, look.setup, look.feeds.values())
    for each in proposed:
        feeds = list(_changed(look, each.setup))
        if not feeds or any(_twins(look, each.setup, feeds[-1], *other) for other in taken):
            continue
        weight = _evidence(look, each.setup) * _fitness(allowed, _breaks(look, each.setup, feeds))
        if weight > 0:
            taken.append((each.setup, feeds[-1]))
            kept.append(replace(each, prior=each.prior * weight))
    return sorted(kept, key=lambda each: -each.prior)[:most]


def _twins(look: Look, one: Setup, feed: Feed, other: Setup, earlier: Feed) -> bool:
    """Whether two changes feed the same for every probe; the first feeds that change are given."""
    if not identical(feed, earlier):
        return False
    return all(identical(look.feed(one, place), look.feed(other, place)) for place in look.places)


def _changed(look: Look, setup: Setup) -> Iterator[Feed]:
    """Feeds of the probes up to the first that changes; nothing when none changes or one cannot be made."""
    found: list[Feed] = []
    for place in look.places:
        feed = look.feed(setup, place)
        if feed is None and place in look.feeds:
            return
        if feed is not None:
            found.append(feed)
            if not identical(feed, look.feeds.get(place)):
                yield from found
                return


def _breaks(look: Look, setup: Setup, feeds: Iterable[Feed]) -> int:
    """How badly feeds break the specs: 0 not at all, 1 in their values, 2 in shape or type."""
    worst = 0
    specs = setup.contract.inputs
    for feed in feeds:
        try:
            check_feeds(specs, feed)
        except SeatrialError:
            free = [replace(spec, low=None, high=None) for spec in specs]
            try:
                check_feeds(free, feed)
                worst = max(worst, 1)
            except SeatrialError:
                worst = 2
    return worst


def _fitness(before: int, after: int) -> float:
    """How the odds change with what the specs say; with another cause at work, both may break them."""
    if after < before:
        return 6.0
    if after > before:
        return 0.0 if after == 2 else 0.1
    return 1.0 if after == 0 else 0.5


def _evidence(look: Look, setup: Setup) -> float:
    """How the odds change with what the training side fed; 1 when that is not known."""
    if not look.known:
        return 1.0
    few = look.known[:2]  # small ones; the others only where these come right
    feeds = {place: look.feed(setup, place) for place in few}
    if all(alike(feeds[place], look.reference(place)) for place in few) and all(
        alike(look.feed(setup, place), look.reference(place)) for place in look.known[2:]
    ):
        return 30.0
    ratios = [_ratio(look, feeds[place], place) for place in few]
    nearest = float(np.mean(ratios))
    return (
        15.0
        if nearest < 0.05
        else 3.0
        if nearest < 0.5
        else 1.5
        if nearest < 0.9
        else 0.6
        if nearest < 0.99
        else 0.2
    )


def _ratio(look: Look, feed: Feed | None, place: int) -> float:
    """Distance to the right feed after a change over the distance before, 1 where neither can be measured."""
    right, old = look.reference(place) or {}, look.feeds.get(place, {})
    after, before = _apart(feed or {}, right), _apart(old, right)
    if np.isinf(before):
        return 1.0 if np.isinf(after) else 0.4  # the shape came right
    return after / max(before, 1e-12)


def _apart(one: Feed, right: Feed) -> float:
    """Distance of two feeds: of ids, how many differ; infinite where their shapes differ."""
    if set(one) != set(right) or any(one[name].shape != right[name].shape for name in right):
        return float("inf")
    if all(array.dtype.kind in "iu" and array.ndim < 3 for array in right.values()):
        return float(sum(np.count_nonzero(one[name] != right[name]) for name in right))
    numbers = [name for name in right if one[name].dtype.kind in "biuf" and right[name].dtype.kind in "biuf"]
    # No matrix library for so little: its threads would wait for each other on a busy machine.
    return float(sum(np.sqrt(np.square(_some(one[name]) - _some(right[name])).sum()) for name in numbers))
