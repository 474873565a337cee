"""Counters, gauges and histograms in Prometheus' text form (exposition format 0.0.4).

Made for one thread: the event loop counts, and a scrape reads in between. What is looked up on the hot path
is bound to its labels once (`labelled`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

# Steps of 1.3 to 1.7: a quantile read from the buckets is at most that far off, and much less where they are
# well filled. What is above 3 s is slow, however slow.
SECONDS = (
    0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1,
    0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0,
)  # fmt: skip
WAITS = (0.00002, 0.00005, 0.0001, 0.0002, 0.0003, *SECONDS)  # queues and devices are quicker than answers
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Count:
    """One number with its labels."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, amount: float = 1.0) -> None:
        """Adds to it."""
        self.value += amount


class Distribution:
    """Observations of one label set, by bucket."""

    __slots__ = ("bounds", "buckets", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Counts one observation."""
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counter:
    """A family of numbers that only grow."""

    kind = "counter"

    def __init__(self, name: str, help_text: str, labels: Sequence[str] = ()) -> None:
        self.name, self.help, self.labels = name, help_text, tuple(labels)
        self._children: dict[tuple[str, ...], Count] = {}

    def labelled(self, *values: str) -> Count:
        """The number of these label values."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Count()
        return child

    def forget(self, first: Sequence[str]) -> None:
        """Drops the numbers whose label values begin with these."""
        _drop(self._children, tuple(first))

    def lines(self) -> Iterator[str]:
        """Its lines, without the head."""
        for values, child in self._children.items():
            yield f"{self.name}{_braces(self.labels, values)} {_number(child.value)}"


class Read:
    """A family whose numbers are read when somebody asks: from a queue, from the process.

    Args:
        name: Of the metric.
        help_text: One line.
        kind: `counter` or `gauge`.
        labels: Names of the labels.
        read: Gives label values and numbers.
    """

    def __init__(
        self,
        name: str,
        help_text: str,
        kind: str,
        labels: Sequence[str],
        *,
        read: Callable[[], Mapping[tuple[str, ...], float]],
    ) -> None:
        self.name, self.help, self.kind, self.labels = name, help_text, kind, tuple(labels)
        self._read = read

    def lines(self) -> Iterator[str]:
        """Its lines, without the head."""
        for values, number in self._read().items():
            yield f"{self.name}{_braces(self.labels, values)} {_number(number)}"


class Histogram:
    """A family of distributions."""

    kind = "histogram"

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str] = (), *, bounds: Sequence[float] = SECONDS
    ) -> None:
        self.name, self.help, self.labels, self.bounds = name, help_text, tuple(labels), tuple(bounds)
        self._children: dict[tuple[str, ...], Distribution] = {}

    def labelled(self, *values: str) -> Distribution:
        """The distribution of these label values."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Distribution(self.bounds)
        return child

    def forget(self, first: Sequence[str]) -> None:
        """Drops the distributions whose label values begin with these."""
        _drop(self._children, tuple(first))

    def lines(self) -> Iterator[str]:
        """Its lines, without the head."""
        for values, child in self._children.items():
            so_far = 0
            for bound, count in zip((*map(_number, self.bounds), "+Inf"), child.buckets, strict=True):
                so_far += count
                yield f"{self.name}_bucket{_braces((*self.labels, 'le'), (*values, bound))} {so_far}"
            yield f"{self.name}_sum{_braces(self.labels, values)} {_number(child.total)}"
            yield f"{self.name}_count{_braces(self.labels, values)} {so_far}"


Family = Counter | Read | Histogram


class Metrics:
    """All families of one server, in the order they were added."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def add(self, family: Family) -> Family:
        """Takes a family in.

        Raises:
            ValueError: The name is taken.
        """
        if family.name in self._families:
            raise ValueError(f"there is a metric '{family.name}' already")
        self._families[family.name] = family
        return family

    @property
    def families(self) -> list[Family]:
        """Every family, in the order of the text."""
        return list(self._families.values())

    def text(self) -> str:
        """What `GET /metrics` answers."""
        lines: list[str] = []
        for each in self._families.values():
            lines += [f"# HELP {each.name} {_escaped(each.help)}", f"# TYPE {each.name} {each.kind}"]
            lines += each.lines()
        return "\n".join(lines) + "\n"


def _drop(children: dict[tuple[str, ...], Any], first: tuple[str, ...]) -> None:
    for values in [each for each in children if each[: len(first)] == first]:
        del children[values]


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    return "{" + ",".join(_quoted(*each) for each in zip(names, values, strict=True)) + "}"


def _quoted(name: str, value: str) -> str:
    escaped = _escaped(value).replace('"', '\\"')
    return f'{name}="{escaped}"'
