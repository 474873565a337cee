"""What the models of the conformance suite compute. Triton's Python backend gets this very file."""

import time

import numpy as np


def double(_, x):
    """A row in, a row out."""
    return {"y": 2 * x}


def both(_, a, b):
    """Two in, two out."""
    return {"sum": a + b, "difference": a - b}


def echo(_, s):
    """Texts, as they came."""
    return {"t": s}


def times(version, x):
    """What tells its versions apart."""
    return {"y": x * np.float32(version)}


def slow(_, x):
    """Takes its time."""
    time.sleep(SECONDS)
    return {"y": x}


SECONDS = 0.3
