"""ExecuTorch for real: lowered in the environment of PyTorch, with its names in the file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from seatrial import tools
from seatrial.converters import convert
from seatrial.errors import ContractViolation, SeatrialError
from seatrial.model import open_model
from seatrial.runtimes import open_session
from support import edge_models

pytestmark = pytest.mark.slow
_RECIPE = Path(__file__).resolve().parents[1] / "support" / "make_torch_program.py"


@pytest.fixture(scope="module")
def lowered(tmp_path_factory):
    edge_models.needs("torch")
    folder = tmp_path_factory.mktemp("executorch")
    source = folder / "small.pt2"
    python = tools.require("torch").path
    subprocess.run([python, "-W", "ignore", str(_RECIPE), str(source)], check=True, capture_output=True)
    rng = np.random.default_rng(0)
    samples = [{"image": rng.random((1, 1, 8, 8), "float32")} for _ in range(12)]
    options = {"batch": "8"}
    return convert(open_model(source), "executorch", folder / "out", samples=samples, options=options)


def test_a_program_keeps_its_names_and_answers(lowered):
    artifact = lowered.artifact
    assert [(each.name, each.dtype, each.shape) for each in artifact.inputs] == [
        ("image", "float32", ("batch", 1, 8, 8))
    ]
    assert "XnnpackBackend" in artifact.metadata["backends"]
    assert artifact.metadata["largest inputs"] == "[8, 1, 8, 8]"
    assert {each.shapes["image"][0] for each in lowered.comparisons} >= {1, 3, 8}
    assert max(each.relative for each in lowered.comparisons) < 1e-4


def test_a_batch_beyond_what_memory_is_planned_for_goes_in_pieces(lowered):
    images = np.random.default_rng(1).random((21, 1, 8, 8), "float32")
    with open_session(lowered.artifact, "executorch") as session:
        (whole,) = session.run({"image": images})
        assert whole.shape == (21, 10)
        for row in (0, 7, 8, 20):
            (one,) = session.run({"image": images[row : row + 1]})
            np.testing.assert_allclose(one[0], whole[row], atol=1e-6)
        assert any("more than 8 go in pieces" in each for each in session.exercise.notes)
        with pytest.raises(ContractViolation):
            session.run({"image": images[:, :, :4]})


def test_a_program_that_was_cut_is_refused(lowered, tmp_path):
    data = lowered.artifact.graph.read_bytes()
    for name, size in (("half.pte", len(data) // 2), ("head.pte", 40)):
        (tmp_path / name).write_bytes(data[:size])
        assert open_model(tmp_path / name).problems
        with pytest.raises(SeatrialError):
            open_session(open_model(tmp_path / name))
