"""Artifact in, artifact out; believed only when compared."""

from seatrial.converters._compare import Comparison
from seatrial.converters._convert import Conversion, convert
from seatrial.converters._converter import Converter, StandIn

__all__ = ["Comparison", "Conversion", "Converter", "StandIn", "convert"]
