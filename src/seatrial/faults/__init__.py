"""Ways in which releases have been broken, one a file; the self-test makes them from the user's own model.

The names are looked up when they are first used: a worker imports `_behaviors` from this folder beside
nothing but the standard library, numpy and its engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from seatrial import extensions

if TYPE_CHECKING:
    from seatrial.faults._fault import Fault, Good, NotApplicable, Release

__all__ = ["Fault", "Good", "NotApplicable", "Release", "all_faults"]


def all_faults() -> dict[str, Fault]:
    """Every fault there is, by name; a post-mortem of one's own comes in through an entry point."""
    return extensions.find("seatrial.faults", "FAULT")


def __getattr__(name: str) -> Any:
    """Imports a public name from the file that defines it."""
    if name not in __all__:
        raise AttributeError(f"module 'seatrial.faults' has no attribute '{name}'")
    value = getattr(importlib.import_module("seatrial.faults._fault"), name)
    globals()[name] = value
    return value
