"""Whatever the bytes, the readers answer with an artifact or with one of our errors."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.errors import SeatrialError
from seatrial.model import open_model, operators
from seatrial.model.weights import iter_weights
from support import models


def torchscript() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(
            "m/code/m.py",
            "class M(Module):\n  def forward(self: M,\n    x: Tensor) -> Tensor:\n    return torch.relu(x)\n",
        )
        archive.writestr("m/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("m/version", "3\n")
    return held.getvalue()


SEEDS = {
    "inference.json": json.dumps(models.pir_network()).encode(),
    "inference.pdmodel": models.program(),
    "model.onnx": models.onnx_network(),
    "model.xml": models.openvino().encode(),
    "model.pt": torchscript(),
    "inference.pdiparams": models.pdiparams(models.weights()),
}


@st.composite
def mutated(draw: st.DrawFn, seed: bytes) -> bytes:
    """A valid file after a few cuts, insertions and overwritten bytes."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.sampled_from(("set", "cut", "insert", "drop", "big")))
        if kind == "set" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at:]
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=12))
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 20))]
        else:
            data[at : at + 9] = b"\xff" * draw(st.integers(1, 12))
    return bytes(data)


def look(folder, name: str, data: bytes) -> None:
    for other in folder.iterdir():
        other.unlink()
    path = folder / name
    if name.endswith(".pdiparams"):
        path.with_suffix(".json").write_bytes(SEEDS["inference.json"])
    elif name.startswith("inference"):
        path.with_suffix(".pdiparams").write_bytes(SEEDS["inference.pdiparams"])
    path.write_bytes(data)
    try:
        artifact = open_model(path)
        for _, array in iter_weights(artifact):
            np.asarray(array).sum()
        operators(artifact)
    except SeatrialError as error:
        assert error.message  # noqa: PT017 - either outcome is fine, a wordless error is not


SETTINGS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.mark.filterwarnings("ignore")  # NumPy warns of overflow when it adds up garbage
@pytest.mark.parametrize("name", SEEDS)
def test_no_mutation_breaks_a_reader(name, tmp_path):
    @settings(max_examples=300, derandomize=True, database=None, **SETTINGS)
    @given(mutated(SEEDS[name]))
    def run(data):
        look(tmp_path, name, data)

    run()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEEDS)
def test_random_bytes_break_no_reader(name, tmp_path):
    @settings(max_examples=100, derandomize=True, database=None, **SETTINGS)
    @given(
        st.binary(max_size=200),
        st.sampled_from(
            (b"", b'{"base_code"', b"\x0a\x80\x01\x08\x00\x10", b"PK\x03\x04", b"<net ", b"\x80\x02")
        ),
    )
    def run(data, head):
        look(tmp_path, name, head + data)

    run()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEEDS)
def test_no_mutation_breaks_a_reader_at_length(name, tmp_path):
    @settings(max_examples=1000, database=None, **SETTINGS)
    @given(mutated(SEEDS[name]))
    def run(data):
        look(tmp_path, name, data)

    run()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("inference.json", b'{"base_code":' + b"[" * 200_000),
        ("inference.json", b'{"base_code":{"magic":"pir","version":' + b"9" * 10_000 + b"}}"),
        ("inference.pdmodel", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x08\x00\x10"),
        ("model.onnx", models.number(1, 8) + b"\x3a" + b"\xff" * 9 + b"\x01\x0a"),
        ("model.xml", b"<net name='x' version='11'>" + b"<a>" * 100_000),
    ],
)
def test_depth_and_length_are_bounded(name, data, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    if name.startswith("inference"):
        path.with_suffix(".pdiparams").write_bytes(b"")
    assert open_model(path).problems
