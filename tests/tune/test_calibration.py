"""What sets scales and what judges have no payload in common (M21)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.contract import HeldOut, Sample, digest_of_samples
from seatrial.contract.held_out import payload_digest
from seatrial.errors import ContractViolation, UsageError
from seatrial.tune import split
from seatrial.tune._calibration import prepared
from support import quantizable


def set_of(payloads):
    kept = tuple(Sample(str(place), np.array([each], "float32"), 0) for place, each in enumerate(payloads))
    return HeldOut(kept, digest_of_samples(kept), "made")


def payloads(samples):
    return {payload_digest(each.payload) for each in samples}


@given(st.lists(st.integers(0, 60), min_size=30, max_size=120), st.integers(8, 40), st.integers(0, 5))
def test_one_set_comes_apart_without_a_leak(values, most, seed):
    data = set_of(values)
    try:
        found = split(data, most=most, seed=seed)
    except UsageError:
        assert len(set(values)) <= most  # copies stay on one side, and then one side has them all
        return
    assert not payloads(found.calibration) & payloads(found.held_out)
    assert len(found.calibration) + len(found.held_out) == len(data)
    assert found.calibration.samples
    assert split(data, most=most, seed=seed) == found


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
)
def test_what_judges_too_sets_no_scale(calibration, judging):
    if set(calibration) <= set(judging):
        with pytest.raises(UsageError, match="in the held-out set too"):
            split(set_of(calibration), set_of(judging), most=16)
        return
    found = split(set_of(calibration), set_of(judging), most=16)
    assert not payloads(found.calibration) & payloads(found.held_out)
    assert len(found.calibration) <= 16
    assert ("were left out" in found.note) == bool(set(calibration) & set(judging))


def test_a_sample_that_breaks_the_contract_is_named():
    data = quantizable.samples(4)
    wrong = replace(data.samples[2], key="third", payload=np.ones((3, 3), "float32"))
    broken = replace(data, samples=(*data.samples[:2], wrong))
    with pytest.raises(ContractViolation, match="'third' breaks the contract"):
        prepared(quantizable.contract(), broken)
    assert len(prepared(quantizable.contract(), data)) == 4
