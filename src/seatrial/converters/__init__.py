"""Artifact in, artifact out; believed only when compared."""

from seatrial.converters._compare import Comparison
from seatrial.converters._convert import Conversion, Hop, convert
from seatrial.converters._converter import Converter, StandIn
from seatrial.converters._route import Route, all_converters, find_route, what_it_lacks
from seatrial.converters._staging import publish, staging

__all__ = [
    "Comparison",
    "Conversion",
    "Converter",
    "Hop",
    "Route",
    "StandIn",
    "all_converters",
    "convert",
    "find_route",
    "publish",
    "staging",
    "what_it_lacks",
]
