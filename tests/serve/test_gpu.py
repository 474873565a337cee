"""What GPUs tell, from a library that is made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seatrial import lazy
from seatrial.serve.watching.gpu import FRESH, gpu_families


class NVMLError(Exception):
    pass


def fake_nvml(count: int = 2, *, driver: bool = True) -> Any:
    """So many GPUs, of which only the first tells its power; `asked` is how often they were."""
    nvml = SimpleNamespace(NVMLError=NVMLError, NVML_TEMPERATURE_GPU=0, asked=0)

    def started() -> None:
        if not driver:
            raise NVMLError("Driver Not Loaded")

    def utilization(gpu: int) -> Any:
        nvml.asked += 1
        return SimpleNamespace(gpu=50 + gpu)

    def power(gpu: int) -> int:
        if gpu:
            raise NVMLError("Not Supported")
        return 250_500

    nvml.nvmlInit = started
    nvml.nvmlDeviceGetCount = lambda: count
    nvml.nvmlDeviceGetHandleByIndex = lambda index: index
    nvml.nvmlDeviceGetUtilizationRates = utilization
    nvml.nvmlDeviceGetMemoryInfo = lambda _: SimpleNamespace(used=7 << 30, total=80 << 30)
    nvml.nvmlDeviceGetPowerUsage = power
    nvml.nvmlDeviceGetTemperature = lambda _gpu, _kind: 61
    return nvml


def test_every_gpu_tells_what_it_can() -> None:
    families = {each.name: each for each in gpu_families(fake_nvml())}
    assert families["seatrial_gpu_utilization_ratio"]._read() == {("0",): 0.5, ("1",): 0.51}
    assert families["seatrial_gpu_power_watts"]._read() == {("0",): 250.5}
    assert list(families["seatrial_gpu_memory_used_bytes"].lines()) == [
        'seatrial_gpu_memory_used_bytes{gpu="0"} 7516192768',
        'seatrial_gpu_memory_used_bytes{gpu="1"} 7516192768',
    ]
    assert families["seatrial_gpu_memory_bytes"]._read()["1",] == 80 << 30
    assert families["seatrial_gpu_temperature_celsius"]._read()["0",] == 61


def test_a_scrape_asks_once() -> None:
    nvml, now = fake_nvml(1), [0.0]
    families = gpu_families(nvml, clock=lambda: now[0])
    for _ in range(2):
        for each in families:
            list(each.lines())
    assert nvml.asked == 1
    now[0] += FRESH + 0.1
    list(families[0].lines())
    assert nvml.asked == 2


@pytest.mark.parametrize("nvml", [fake_nvml(0), fake_nvml(driver=False)], ids=["no-gpu", "no-driver"])
def test_without_a_gpu_there_is_nothing_to_tell(nvml: Any) -> None:
    assert gpu_families(nvml) == []


def test_without_the_library_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "installed", lambda _: False)
    assert gpu_families() == []
