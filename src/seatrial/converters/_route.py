"""Finds the way from one format to another over the converters that are there (M20)."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

from seatrial import extensions
from seatrial.converters._converter import Converter
from seatrial.errors import MissingDependency, UnsupportedModel, UsageError
from seatrial.runtimes import all_runtimes

Verifiable = Callable[[Converter], bool]


@dataclass(frozen=True)
class Route:
    """Converters, each of which reads what the one before it writes.

    Attributes:
        formats: From the source's format to the target, one more than `converters`.
        converters: In the order in which they are run.
    """

    formats: tuple[str, ...]
    converters: tuple[Converter, ...]

    @property
    def cost(self) -> int:
        """The sum of its converters' costs."""
        return sum(each.cost for each in self.converters)

    def __str__(self) -> str:
        """`paddle-json -> onnx -> openvino`."""
        return " -> ".join(self.formats)


def all_converters() -> dict[str, Converter]:
    """Every converter there is, installed or not, by name."""
    return extensions.find("seatrial.converters", "CONVERTER")


def find_route(
    source: str, target: str, *, via: Sequence[str] = (), converters: Iterable[Converter] | None = None
) -> Route:
    """The cheapest way whose every step can be gone and verified on this machine.

    Args:
        source: Format of the model.
        target: Format wanted.
        via: Formats it has to pass, in that order.
        converters: To choose from; all by default.

    Raises:
        UsageError: The model has the target's format already, or `via` names no format on any road.
        UnsupportedModel: No converter leads there, installed or not.
        MissingDependency: Some would; the hint says what each of them lacks and the command that gets it.
    """
    known = list(all_converters().values() if converters is None else converters)
    stops = [source, *via, target]
    if not via and source == target:
        raise UsageError(f"the model is {target} already", hint="name another format, or convert it via one")
    _known_stops(via, known)
    usable = [each for each in known if each.available() and verifiable(each)]
    legs = [cheapest(here, there, usable) for here, there in pairwise(stops)]
    if all(legs):
        return _joined([each for each in legs if each])
    missing = next(leg for leg, found in zip(pairwise(stops), legs, strict=True) if found is None)
    raise _unreachable(*missing, known)


def cheapest(source: str, target: str, converters: Iterable[Converter]) -> Route | None:
    """The way of the least cost, then of the fewest steps, then the first by name; None when there is none.

    Converters that keep a format (quantization, pruning) are on no way: they change what a model is.
    """
    roads = sorted((each for each in converters if not keeps_format(each)), key=lambda each: each.name)
    tie = count()
    waiting: list[tuple[int, int, tuple[str, ...], int, Route]] = [
        (0, 0, (), next(tie), Route((source,), ()))
    ]
    done = set()
    while waiting:
        cost, steps, names, _, route = heapq.heappop(waiting)
        here = route.formats[-1]
        if here == target and route.converters:
            return route
        if here in done:
            continue
        done.add(here)
        for each in roads:
            if here not in each.sources or each.target in route.formats:
                continue
            longer = Route((*route.formats, each.target), (*route.converters, each))
            rank = (cost + each.cost, steps + 1, (*names, each.name), next(tie), longer)
            heapq.heappush(waiting, rank)
    return None


def keeps_format(converter: Converter) -> bool:
    """Whether it changes what a model is rather than how it is stored."""
    return converter.target in converter.sources


def verifiable(converter: Converter) -> bool:
    """Whether what it writes can be run here, or what stands in for it: an unexecuted result is no result."""
    if converter.stand_in is not None:
        return True
    fitting = [each for each in all_runtimes().values() if converter.target in each.formats]
    alone = all(each.asked_only for each in fitting)
    return any(each.available() for each in fitting if alone or not each.asked_only)


def what_it_lacks(converter: Converter) -> list[str]:
    """What a converter needs and this machine does not have, each with the command that gets it."""
    lacks = []
    if not converter.available():
        lacks.append(f"{converter.reason()}; {converter.how_to_get()}")
    if not verifiable(converter):
        fitting = [each for each in all_runtimes().values() if converter.target in each.formats]
        get = "; ".join(dict.fromkeys(each.how_to_get() for each in fitting if not each.available()))
        if not lacks or get not in lacks[0]:
            lacks.append(
                f"nothing here runs {converter.target}, and a result that never ran is not believed; {get}"
            )
    return lacks


def _joined(legs: Sequence[Route]) -> Route:
    formats = [legs[0].formats[0], *(name for each in legs for name in each.formats[1:])]
    return Route(tuple(formats), tuple(each for leg in legs for each in leg.converters))


def _known_stops(via: Iterable[str], converters: Sequence[Converter]) -> None:
    targets = sorted({each.target for each in converters})
    for name in via:
        if name not in targets:
            near = difflib.get_close_matches(name, targets, 3, 0.5)
            raise UsageError(f"nothing converts to {name}", hint=f"there is: {', '.join(near or targets)}")


def _unreachable(source: str, target: str, converters: Sequence[Converter]) -> UsageError | UnsupportedModel:
    """Why there is no way: none at all, or with what is missing on each."""
    ways = []
    for last in sorted(converters, key=lambda each: each.name):
        if last.target != target or keeps_format(last):
            continue
        begins = [cheapest(source, each, converters) for each in last.sources if each != source]
        if source in last.sources:
            ways.append(Route((source, target), (last,)))
        elif found := [each for each in begins if each and target not in each.formats]:
            best = min(found, key=lambda each: (each.cost, str(each)))
            ways.append(Route((*best.formats, target), (*best.converters, last)))
    if not ways:
        from_here = sorted({each.target for each in converters if cheapest(source, each.target, converters)})
        reach = ", ".join(from_here) or "nothing"
        into = sorted({name for each in converters if each.target == target for name in each.sources})
        hint = f"from {source} there is a way to: {reach}"
        hint += f"; to {target} from: {', '.join(into)}" if into else ""
        never = [each.never[source] for each in converters if each.target == target and source in each.never]
        why = f": {never[0]}" if never else ""
        return UnsupportedModel(f"nothing converts {source} to {target}{why}", hint=hint)
    ways.sort(key=lambda each: (each.cost, str(each)))
    lines = []
    for way in ways:
        lines.append(f"{way}")
        lines += [f"  {each.name}: {lack}" for each in way.converters for lack in what_it_lacks(each)]
    missing = [each.name for each in ways[0].converters if what_it_lacks(each)]
    return MissingDependency(
        f"{source} cannot be converted to {target} on this machine: {', '.join(missing)} is not ready",
        hint="\n    ".join(["get what one of these ways lacks:", *lines]),
    )
