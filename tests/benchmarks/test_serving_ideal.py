"""The ideal that servers are held against, by hand and by law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ideal import of_clients, of_schedule
from models import Device

DEVICE = Device(base=0.010, row=0.001, most=4)


def test_one_request_waits_for_company_in_vain() -> None:
    found = of_schedule([1.0], DEVICE, warm=0.0, seconds=1.0, delay=0.005)
    assert found.mean_ms == pytest.approx(5 + 10 + 1)


def test_company_within_the_delay_shares_a_batch() -> None:
    # At 5 ms after the first both run; the second came 2 ms later.
    found = of_schedule([1.0, 1.002], DEVICE, warm=0.0, seconds=1.0, delay=0.005)
    assert found.mean_ms == pytest.approx((17 + 15) / 2)


def test_a_full_batch_waits_for_nobody() -> None:
    found = of_schedule([1.0] * 4, DEVICE, warm=0.0, seconds=1.0, delay=0.005)
    assert found.mean_ms == pytest.approx(14)


def test_what_comes_while_the_device_is_busy_waits_for_it() -> None:
    # The first runs alone from 0 to 11 ms; the second came at 1 ms and ends at 22.
    found = of_schedule([0.0, 0.001], DEVICE, warm=0.0, seconds=1.0, delay=0.0)
    assert found.mean_ms == pytest.approx((11 + 21) / 2)


def test_what_was_due_before_the_warm_up_ended_is_not_counted() -> None:
    found = of_schedule([0.0, 1.0], DEVICE, warm=0.5, seconds=1.0, delay=0.0)
    assert (found.rps, found.mean_ms) == (1.0, pytest.approx(11))


@pytest.mark.parametrize(("clients", "batches"), [(4, 1), (8, 2)])
def test_clients_enough_for_full_batches_get_all_that_the_device_can(clients: int, batches: int) -> None:
    found = of_clients(clients, DEVICE, seconds=20.0, delay=0.002)
    assert found.rps == pytest.approx(DEVICE.capacity, rel=0.01)
    assert found.mean_ms == pytest.approx(14 * batches, rel=0.01)


def test_one_client_pays_the_delay_each_time() -> None:
    found = of_clients(1, DEVICE, seconds=10.0, delay=0.002)
    assert found.mean_ms == pytest.approx(13)
    assert found.rps == pytest.approx(1 / 0.013, rel=0.02)


@given(
    gaps=st.lists(st.floats(0, 0.05), min_size=1, max_size=200),
    delay=st.sampled_from([0.0, 0.002, 0.02]),
)
def test_nobody_is_quicker_than_the_device(gaps: list[float], delay: float) -> None:
    due = list(np.cumsum(gaps))
    found = of_schedule(due, DEVICE, warm=0.0, seconds=1.0, delay=delay)
    assert found.mean_ms >= 1e3 * DEVICE.seconds(1) - 1e-6
    assert found.rps == len(due)
