"""Targets: what is here is measured, what is not is refused with what can be done."""

import pytest

from seatrial.errors import Unavailable, UsageError
from seatrial.tune import machine
from seatrial.tune.machine import Target, parse_target


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.setattr(machine, "usable_cores", lambda: 4)
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")


@pytest.mark.parametrize(
    ("text", "cores"), [("cpu", 4), ("cpu-2core", 2), ("CPU-4cores", 4), ("cpu-1-core", 1)]
)
def test_a_processor_of_this_kind_is_measured_on_this_one(text, cores):
    assert parse_target(text) == Target(text, cores)


def test_more_cores_than_there_are_cannot_be_measured():
    with pytest.raises(Unavailable, match="has 8 cores and this machine lets us use 4") as caught:
        parse_target("cpu-8core")
    assert "cpu-4core" in caught.value.hint


def test_emulated_arm_is_never_timed(monkeypatch):
    with pytest.raises(Unavailable, match="emulated one would say nothing") as caught:
        parse_target("arm64")
    assert "on the device itself" in caught.value.hint
    monkeypatch.setattr(machine.platform, "machine", lambda: "aarch64")
    assert parse_target("arm64").cores == 4


def test_a_gpu_that_is_not_here_is_refused_and_one_that_is_takes_its_own_engines(monkeypatch):
    class Engine:
        def __init__(self, *, there):
            self.there = there

        def available(self):
            return self.there

    monkeypatch.setattr(machine, "all_runtimes", lambda: {"tensorrt": Engine(there=False)})
    with pytest.raises(Unavailable, match="no engine that uses a GPU"):
        parse_target("gpu")
    monkeypatch.setattr(machine, "all_runtimes", lambda: {"tensorrt": Engine(there=True)})
    assert parse_target("gpu").gpu


@pytest.mark.parametrize("text", ["", "tpu", "cpu-0core", "cpu2", "cpu-twocore"])
def test_what_is_no_target_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert "cpu-2core" in caught.value.hint


def test_the_machine_is_told_in_words():
    assert "2 of 4 cores, x86_64" in Target("cpu-2core", 2).describe()
