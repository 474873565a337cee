"""Facts with their sources: the only way by which a number comes into a document.

A source is `FILE#/a/b/c`: a file of the bundle and a JSON pointer into it (RFC 6901), in which an element of
a list may be named by its `id`, `name`, `format` or `path` instead of its place. Facts of the previous bundle
begin with its release: `previous:digits@1.0.0/report/report.json#/...`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from seatrial.checks import one_line, visible

Kind = Literal["plain", "exact", "megabytes"]
_MEASURED = "report/report.json"  # its figures are rounded; what was chosen by people is told as it is
_NAMES = ("id", "name", "format", "path")
_LONGEST = 400  # letters of one value


@dataclass(frozen=True)
class Figure:
    """A value as it is shown, and where it comes from.

    Attributes:
        text: As people read it.
        source: `FILE#/pointer`.
        value: As it is there; None when the text is the value itself or made of several.
        code: Whether it is an identifier or a digest.
        wide: Whether it is text rather than a number.
    """

    text: str
    source: str
    value: str | None = None
    code: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything that a document may say, by file of the bundle.

    Attributes:
        trees: Plain values, by file.
    """

    trees: Mapping[str, Any]

    def raw(self, file: str, *parts: str | int) -> Any:
        """The value at a place.

        Raises:
            LookupError: There is none.
        """
        return found(self.trees[file], parts)

    def has(self, file: str, *parts: str | int) -> bool:
        """Whether there is something at a place."""
        try:
            return self.raw(file, *parts) is not None
        except LookupError:
            return False

    def figure(self, file: str, *parts: str | int, kind: Kind = "plain", code: bool = False) -> Figure:
        """The value at a place, ready to be shown.

        Args:
            file: Of the bundle.
            parts: Keys, places and names on the way.
            kind: How a number is shown: rounded, exact, bytes as megabytes.
            code: Whether it is an identifier.

        Raises:
            LookupError: There is none.
        """
        value = self.raw(file, *parts)
        if kind == "plain" and not file.endswith(_MEASURED):
            kind = "exact"
        wide = isinstance(value, str | Mapping | list)
        return Figure(shown(value, kind), source(file, *parts), machine(value), code, wide)


def source(file: str, *parts: str | int) -> str:
    """`FILE#/pointer`."""
    return file + "#" + "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in parts)


def resolve(tree: Any, pointer: str) -> Any:
    """What a pointer of a source points to.

    Raises:
        LookupError: Nothing.
    """
    parts = [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]
    return found(tree, parts)


def found(tree: Any, parts: Iterator[str | int] | tuple[str | int, ...] | list[str]) -> Any:
    """What lies at the end of a way through plain values.

    Raises:
        LookupError: Nothing.
    """
    for part in parts:
        if isinstance(tree, list):
            tree = _element(tree, part)
        elif isinstance(tree, Mapping) and str(part) in tree:
            tree = tree[str(part)]
        else:
            raise LookupError(f"there is nothing at {part!r}")
    return tree


def _element(items: list[Any], part: str | int) -> Any:
    for each in items:
        if isinstance(each, Mapping) and any(each.get(name) == part for name in _NAMES):
            return each
    if isinstance(part, int) or part.isdecimal():
        return items[int(part)]
    raise LookupError(f"nothing is called {part!r}")


def machine(value: Any) -> str | None:
    """The value for programs that read the page; None for text, which is shown as it is."""
    if isinstance(value, bool) or value is None or not isinstance(value, int | float):
        return None
    return json.dumps(value)


def shown(value: Any, kind: Kind = "plain") -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "–"
    if isinstance(value, int | float):
        return _number(value, kind)
    if isinstance(value, str):
        return one_line(value, _LONGEST)
    return one_line(visible(json.dumps(value, ensure_ascii=False)), _LONGEST)


def _number(value: float, kind: Kind) -> str:
    if not math.isfinite(value):
        return str(value)
    if kind == "megabytes":
        return f"{_short(value / 1e6, 4)} MB"
    if isinstance(value, int):
        return f"{value:,}"
    if kind == "exact":
        return repr(value)
    return _short(value, 4)


def _short(value: float, digits: int) -> str:
    """At most so many digits that count; no exponent where people do not expect one."""
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e9):
        text = f"{value:.2e}"
        base, exponent = text.split("e")
        return f"{base.rstrip('0').rstrip('.')}e{int(exponent)}"
    places = max(0, digits - 1 - (math.floor(math.log10(size)) if size else 0))
    text = f"{value:,.{min(places, 8)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
