"""Artifact in, artifact out; believed only when compared.

The names are looked up when they are first used: children of converters import this package in environments
that have their framework and little else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import lazy

if TYPE_CHECKING:
    from seatrial.converters._calibration_file import read_feeds, write_feeds
    from seatrial.converters._compare import Comparison
    from seatrial.converters._convert import Conversion, Hop, convert
    from seatrial.converters._converter import Converter, StandIn
    from seatrial.converters._folding import Folding, fold
    from seatrial.converters._route import Route, all_converters, find_route, what_it_lacks
    from seatrial.converters._staging import publish, staging

__all__ = [
    "Comparison",
    "Conversion",
    "Converter",
    "Folding",
    "Hop",
    "Route",
    "StandIn",
    "all_converters",
    "convert",
    "find_route",
    "fold",
    "publish",
    "read_feeds",
    "staging",
    "what_it_lacks",
    "write_feeds",
]

_HOMES = {
    "Comparison": "_compare",
    "Conversion": "_convert",
    "Converter": "_converter",
    "Folding": "_folding",
    "Hop": "_convert",
    "StandIn": "_converter",
    "convert": "_convert",
    "fold": "_folding",
    "publish": "_staging",
    "read_feeds": "_calibration_file",
    "staging": "_staging",
    "write_feeds": "_calibration_file",
}

__getattr__ = lazy.names(__name__, _HOMES, __all__, "_route")
