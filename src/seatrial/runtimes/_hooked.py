"""Follows a model that is a tree of modules: what each leaf made, by its qualified name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from seatrial.runtimes._engine import Traced
from seatrial.runtimes._source import flat


def leaves(modules: Iterable[tuple[str, Any]], children: Callable[[Any], Iterable[Any]]) -> dict[str, Any]:
    """Those of the named modules that have no children."""
    return {name: each for name, each in modules if name and not any(True for _ in children(each))}


def followed(
    found: dict[str, Any],
    register: Callable[[Any, Any], Any],
    run: Callable[[], Any],
    array: Callable[[Any], Any],
) -> list[Traced]:
    """Runs a model once with a hook on each leaf; leaves that are called twice appear twice.

    Args:
        found: As `leaves` gave them.
        register: Puts a hook behind a module's forward and returns what removes it.
        run: Infers.
        array: A tensor as a NumPy array, or None for what is no tensor.
    """
    traced: list[Traced] = []
    seen: Counter[str] = Counter()

    def hook(name: str) -> Callable[[Any, Any, Any], None]:
        def seen_one(module: Any, _: Any, output: Any) -> None:
            for each in flat(output):
                value = array(each)
                if value is not None:
                    seen[name] += 1
                    label = name if seen[name] == 1 else f"{name}#{seen[name]}"
                    traced.append(Traced(label, type(module).__name__, label, value))

        return seen_one

    handles = [register(module, hook(name)) for name, module in found.items()]
    try:
        run()
    finally:
        for each in handles:
            each.remove()
    return traced


def kinds(found: dict[str, Any]) -> dict[str, int]:
    """How many leaves there are of each class."""
    return dict(sorted(Counter(type(each).__name__ for each in found.values()).items()))
