"""Smaller and faster, with the price shown: what is measured before it is believed (M23, M24, M27)."""
