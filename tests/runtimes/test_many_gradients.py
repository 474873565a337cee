"""Gradients may be asked for as often as an explanation needs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seatrial.model import open_model
from seatrial.runtimes import SessionOptions, open_session


@pytest.mark.slow
def test_a_hundred_gradients_in_one_session(digits: Path) -> None:
    """Loading the graph anew for each hung or killed Paddle 3.2.2 after some fifty."""
    artifact = open_model(digits / "model")
    images = np.random.default_rng(0).random((8, 1, 8, 8), dtype=np.float32)
    with open_session(artifact, "paddle", SessionOptions(timeout=30)) as session:
        first = session.gradients({"image": images}, of="image", output=0, index=[0] * 8)
        for _ in range(100):
            again = session.gradients({"image": images}, of="image", output=0, index=[0] * 8)
    assert np.abs(first).max() > 0
    np.testing.assert_allclose(again, first, rtol=1e-5, atol=1e-8)
