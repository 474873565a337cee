"""Two models in turn: what is said follows from blocks that ran side by side (M06, M21)."""

from __future__ import annotations

import numpy as np
import pytest

from seatrial.errors import EngineFailure
from seatrial.model import open_model
from seatrial.runtimes import SessionOptions
from seatrial.tune import Runner, paired
from seatrial.tune import _timing as timing
from support import quantizable
from support.fake_trial import FakeSession


@pytest.fixture
def runners(tmp_path, monkeypatch):
    """Two models whose sessions take 4 ms and 2 ms, with a little noise."""
    random = np.random.default_rng(0)
    seconds = {"slow": 4e-3, "fast": 2e-3}

    def opened(artifact, runtime, options):
        if runtime == "none":
            raise EngineFailure("it does not load", kind="exception")
        return FakeSession(
            lambda feeds: [feeds["x"]],
            artifact,
            runtime=runtime,
            options=options,
            clock=lambda count: seconds[runtime] * random.uniform(0.97, 1.03, count),
        )

    monkeypatch.setattr(timing, "open_session", opened)
    artifact = open_model(quantizable.saved(quantizable.sensitive(), tmp_path))
    return lambda runtime: Runner(artifact, runtime, SessionOptions())


FEED = {"x": np.ones((1, quantizable.FEATURES), "float32")}


def test_the_ratio_is_second_over_first(runners):
    found = paired(runners("slow"), runners("fast"), FEED, seconds=0.1)
    assert found is not None
    assert found.ratio.ratio == pytest.approx(0.5, abs=0.02)
    assert found.ratio.low <= 0.5 <= found.ratio.high + 0.01
    assert found.faster
    assert "times as fast" in found.words()
    assert found.memory_before == 80 << 20


def test_a_model_beside_itself_is_not_faster(runners):
    found = paired(runners("slow"), runners("slow"), FEED, seconds=0.1)
    assert found is not None
    assert not found.faster or found.ratio.high > 0.97


def test_too_few_blocks_say_nothing(runners):
    assert paired(runners("slow"), runners("fast"), FEED, blocks=4) is None
    assert timing.tried(runners("slow"), runners("fast"), FEED)[0] is not None


def test_what_does_not_load_becomes_a_note(runners):
    assert timing.tried(runners("slow"), runners("none"), FEED) == (None, "not timed: it does not load")
