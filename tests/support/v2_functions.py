"""What the models of the conformance suite compute. Triton's Python backend gets this very file."""

import time

import numpy as np


def double(version, x):
    """A row in, a row out."""
    return {"y": 2 * x}


def both(version, a, b):
    """Two in, two out."""
    return {"sum": a + b, "difference": a - b}


def echo(version, s):
    """Texts, as they came."""
    return {"t": s}


def times(version, x):
    """What tells its versions apart."""
    return {"y": x * np.float32(version)}


def slow(version, x):
    """Takes its time."""
    time.sleep(SECONDS)
    return {"y": x}


SECONDS = 0.3
