"""A contract's deployment profile on its way into a server: taken, overruled, or not fitting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.contract import Deployment
from seatrial.serve.model import ServingOptions
from seatrial.serve.settings import Options
from seatrial.serve.versions import tuned
from seatrial.serve.versions.tuned import preferred_runtime, serving_options, tuned_options
from support.served import artifact, contract_for, loaded

PROFILE = Deployment(
    runtime="onnxruntime",
    format="onnx",
    threads=2,
    max_batch_size=8,
    engine={"spinning": True},
    machine="a machine, 2 cores",
)
CONTRACT = contract_for(deployment=PROFILE)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores with one engine, whatever this machine has."""
    monkeypatch.setattr(tuned, "_cores", lambda: 2)
    monkeypatch.setattr(tuned, "available_runtimes", lambda *_, **__: ["onnxruntime"])


def test_without_a_profile_nothing_changes() -> None:
    assert tuned_options(Options(), contract_for(), artifact()) == ServingOptions()


def test_what_nobody_said_is_as_the_profile_says() -> None:
    found = tuned_options(Options(), CONTRACT, artifact())
    assert (found.runtime, found.threads, found.engine) == ("onnxruntime", 2, {"spinning": True})
    assert (found.max_batch_size, found.tuned_batch_size) == (None, 8)
    assert "as the contract's deployment profile says: onnxruntime on onnx" in found.told
    assert "a machine, 2 cores" in found.told


def test_what_was_said_overrules_the_profile_and_this_is_told() -> None:
    said = Options(threads=1, max_batch_size=4, engine={"spinning": False})
    found = tuned_options(said, CONTRACT, artifact())
    assert (found.runtime, found.threads, found.engine) == ("onnxruntime", 1, {"spinning": False})
    assert (found.max_batch_size, found.tuned_batch_size) == (4, None)
    assert "the settings say engine, max_batch_size, threads otherwise" in found.told


@pytest.mark.parametrize(
    ("options", "profile", "why"),
    [
        (Options(runtime="openvino"), PROFILE, "openvino was asked for"),
        (Options(), replace(PROFILE, format="paddle-json"), "this model is onnx"),
        (Options(), replace(PROFILE, runtime="tensorrt"), "tensorrt is not installed here"),
    ],
    ids=["runtime", "format", "missing"],
)
def test_a_profile_that_does_not_fit_is_not_taken_and_this_is_told(
    options: Options, profile: Deployment, why: str
) -> None:
    found = tuned_options(options, contract_for(deployment=profile), artifact())
    assert replace(found, told="") == serving_options(options)
    assert found.told.endswith(f"is not taken: {why}")


def test_a_smaller_machine_and_other_files_are_told() -> None:
    profile = replace(PROFILE, threads=16, model="sha256:" + "0" * 64)
    found = tuned_options(Options(), contract_for(deployment=profile), artifact())
    assert found.threads == 2
    assert "this machine has 2 cores" in found.told
    assert "tune again" in found.told


def test_a_bundle_is_asked_for_the_model_of_the_profile() -> None:
    assert preferred_runtime(CONTRACT, "auto") == "onnxruntime"
    assert preferred_runtime(CONTRACT, "paddle") == "paddle"
    assert preferred_runtime(contract_for(), "auto") == "auto"


async def test_a_tuned_batch_size_is_the_size_of_batches_and_no_bound_of_requests() -> None:
    served, _ = await loaded(tuned_batch_size=2)
    assert served.choice.max_batch_size == 2
    assert served.batcher.queue.policy.max_batch_size == 2
    other, _ = await loaded(max_batch_size=2)
    assert served.batcher.queue.policy != other.batcher.queue.policy
    await served.drain()
    await other.drain()
