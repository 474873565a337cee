"""Smaller and faster, with the price shown: what is measured before it is believed (M23, M24, M27)."""

from seatrial.tune._score import MAX_DROP, Drop, Ruling, Score, Scorer, available_runtime

__all__ = ["MAX_DROP", "Drop", "Ruling", "Score", "Scorer", "available_runtime"]
