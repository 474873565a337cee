"""Shapes as people write them: `image:1x3x224x224`, several with `;`."""

from __future__ import annotations

from seatrial.errors import UsageError


def shapes_of(given: str) -> dict[str, list[int]]:
    """Sizes by input name; nothing for empty text.

    Raises:
        UsageError: It is no such text.
    """
    shapes = {}
    for each in filter(None, (part.strip() for part in given.split(";"))):
        name, _, sizes = each.rpartition(":")
        parts = sizes.split("x")
        if not name or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
            raise UsageError(f"'{each}' is no shape", hint="write it as image:1x3x224x224")
        shapes[name] = [int(part) for part in parts]
    return shapes
