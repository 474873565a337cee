"""Seatrial: the road of a model from a finished training run to a trusted, fast, observable service."""

from __future__ import annotations

__version__ = "0.1.0"
