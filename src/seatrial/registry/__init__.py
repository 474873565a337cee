"""What is kept between runs; the only room that speaks to a database."""

from seatrial.registry.baselines import BaselineRecord, Baselines

__all__ = ["BaselineRecord", "Baselines"]
