"""Options of the converters of a route, typed by their defaults."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from seatrial.converters._converter import Converter
from seatrial.converters._route import Route
from seatrial.errors import UsageError

_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def sorted_out(route: Route, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each converter of the route is given: those of the options that it takes.

    Args:
        route: Its converters say which options there are and, by their defaults, of which type.
        options: By name; text becomes what the default is: yes and no, numbers, lists with commas.

    Raises:
        UsageError: No converter of the route has an option of that name, or the text is no such value.
    """
    there = sorted({name for each in route.converters for name in each.options})
    for name in options:
        if name not in there:
            names = ", ".join(each.name for each in route.converters)
            near = difflib.get_close_matches(name, there, 1, 0.6)
            raise UsageError(
                f"{names} has no option {name}",
                hint=f"did you mean {near[0]}?" if near else f"there is: {', '.join(there) or 'none'}",
            )
    return [
        {name: _typed(each, name, value) for name, value in options.items() if name in each.options}
        for each in route.converters
    ]


def _typed(converter: Converter, name: str, value: Any) -> Any:
    """The value as the type of the converter's default; a value that is no text stays as it is."""
    default = converter.options[name]
    if not isinstance(value, str) or default is None or isinstance(default, str):
        return value
    try:
        if isinstance(default, bool):
            return _WORDS[value.strip().lower()]
        if isinstance(default, (list, tuple)):
            return type(default)(each.strip() for each in value.split(",") if each.strip())
        return type(default)(value)
    except (KeyError, TypeError, ValueError) as error:
        kind = {bool: "yes or no", int: "a whole number", float: "a number"}.get(type(default), "that")
        raise UsageError(
            f"'{value}' is not {kind}, which {name} of {converter.name} takes",
            hint=f"its default is {str(default).lower() if isinstance(default, bool) else default}",
        ) from error
