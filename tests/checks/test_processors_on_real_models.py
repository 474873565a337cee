"""The digits model on emulated processors: one int8 file answers otherwise on an older x86, the other not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seatrial import tools
from seatrial.checks._consistency.ground import prepare_ground
from seatrial.checks._consistency.processors import processor_findings
from seatrial.checks._consistency.saturation import saturating_weights
from seatrial.checks._finding import Verdict
from seatrial.checks._profile import Profile
from seatrial.checks._trial import Trial
from seatrial.contract import load_contract, read_held_out
from seatrial.converters import convert
from seatrial.model import open_model
from seatrial.runtimes import Pool

pytestmark = pytest.mark.slow
CONTRACT = Path(__file__).resolve().parents[2] / "examples/digits/contract.yaml"
EVERYWHERE = ("arm64-onnxruntime", "avx2-onnxruntime")


def needs(*names):
    for name in names:
        if tools.find(name) is None:
            pytest.skip(f"the tool is not here: seatrial doctor {name}")


def quantized(source, held_out, target, *, reduce_range):
    """The model in int8 as ONNX Runtime's own tool makes it."""
    from onnxruntime import quantization as q

    images = np.load(held_out)["image"][:128].astype("float32")
    batches = iter([{open_model(source).inputs[0].name: images}])

    class Reader(q.CalibrationDataReader):
        def get_next(self):
            return next(batches, None)

    target.parent.mkdir(parents=True)
    q.quantize_static(
        str(source),
        str(target),
        Reader(),
        quant_format=q.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=reduce_range,
        activation_type=q.QuantType.QUInt8,
        weight_type=q.QuantType.QInt8,
    )
    return open_model(target)


def found_on(artifact, digits, scratch, also, *, precision):
    contract = load_contract(CONTRACT)
    held_out = read_held_out(digits / "held_out.npz", contract=contract)
    profile = Profile("test", "auto", (), frozenset(), precision=precision, also=also)
    with Pool(artifact) as pool:
        trial = Trial(artifact, contract, held_out, profile, pool, None, False, 7, scratch, ())
        return processor_findings(trial, prepare_ground(trial))


@pytest.fixture(scope="module")
def onnx(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("digits") / "onnx"
    return convert(open_model(digits / "model"), "onnx", out).artifact.graph


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_eight_bits_are_refused_for_several_processors(digits, onnx, tmp_path):
    needs("arm64", "avx2")
    artifact = quantized(onnx, digits / "held_out.npz", tmp_path / "q" / "full.onnx", reduce_range=False)
    assert saturating_weights(artifact)
    found = found_on(artifact, digits, tmp_path, EVERYWHERE, precision="int8")
    # On this machine's side of the line they agree; the other side is found, whichever this machine is.
    assert sorted(each.verdict for each in found) == [Verdict.FAIL, Verdict.PASS]
    (bad,) = (each for each in found if each.verdict is Verdict.FAIL)
    assert "16-bit sums saturate" in bad.cause.en
    assert bad.measured > 0.01
    (good,) = (each for each in found if each.verdict is Verdict.PASS)
    assert good.measured == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_seven_bits_are_equal_everywhere(digits, onnx, tmp_path):
    needs("arm64", "avx2")
    artifact = quantized(onnx, digits / "held_out.npz", tmp_path / "q" / "reduced.onnx", reduce_range=True)
    assert saturating_weights(artifact) == []
    found = found_on(artifact, digits, tmp_path, EVERYWHERE, precision="int8")
    assert [(each.verdict, each.measured) for each in found] == [(Verdict.PASS, 0.0)] * 2
    assert all(each.data["equal_to_the_bit"] for each in found)


def test_paddle_agrees_on_arm64(digits, tmp_path):
    needs("arm64-paddle")
    artifact = open_model(digits / "model")
    (found,) = found_on(artifact, digits, tmp_path, ("arm64-paddle",), precision="float32")
    assert found.verdict is Verdict.PASS
    assert 0 <= found.measured < 1e-5
    assert found.data["engine"].startswith("arm64-paddle 3.")
