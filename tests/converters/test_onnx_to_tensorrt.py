"""TensorRT on a real GPU: digits answer as their source does. Skipped, and counted, where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from seatrial.contract import feeds_of, read_held_out
from seatrial.converters import convert
from seatrial.model import open_model
from seatrial.model.beside import contract_of
from seatrial.runtimes import all_runtimes, open_session


@pytest.mark.slow
def test_digits_answer_on_the_gpu_as_they_do_on_the_cpu(digits, tmp_path):
    runtime = all_runtimes()["tensorrt"]
    if not runtime.available():
        pytest.skip(f"TensorRT is not here: {runtime.how_to_get()}, on a machine with an NVIDIA GPU")
    source = open_model(digits / "model")
    contract, _ = contract_of(source, None)
    samples = list(feeds_of(contract, read_held_out(digits / "held_out.npz", contract=contract, limit=64)))
    found = convert(source, "tensorrt", tmp_path / "engine", samples=samples[:16], options={"batch": 8})
    whole = {name: np.concatenate([each[name] for each in samples[:8]]) for name in samples[0]}
    with open_session(found.artifact) as ours, open_session(source) as theirs:
        assert ours.run(whole)[0].argmax(1).tolist() == theirs.run(whole)[0].argmax(1).tolist()
