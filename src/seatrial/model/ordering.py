"""The order of outputs that have names and no order: as people count, `output_2` before `output_10`.

The readers of SavedModel and LiteRT list them so, and the workers that run those: standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def in_order(names: Iterable[str]) -> list[str]:
    """The names, numbers in them compared as numbers."""
    return sorted(names, key=lambda each: [_part(part) for part in re.split(r"(\d+)", each)])


def _part(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdigit() else (0, text)
