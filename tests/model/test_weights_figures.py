"""Values and figures of weights, against NumPy."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from seatrial.errors import ModelError
from seatrial.model import Parameter, open_model, weights
from support import models


def kept(tmp_path, array, dtype=None):
    path = tmp_path / "w"
    path.write_bytes(b"head" + array.tobytes())
    return Parameter("w", dtype or array.dtype.name, array.shape, path, 4, array.nbytes)


def test_every_weight_comes_back_as_it_was_written(tmp_path):
    artifact = open_model(models.write_paddle_json(tmp_path))
    read = {parameter.name: array for parameter, array in weights.iter_weights(artifact)}
    for name, array in models.weights().items():
        np.testing.assert_array_equal(read[name], array)
        assert not read[name].flags.writeable


def test_bfloat16_comes_as_float32(tmp_path):
    wide = np.array([1.0, -2.5, 3e38], np.float32)
    halves = (wide.view(np.uint32) >> 16).astype(np.uint16)
    read = weights.read_parameter(kept(tmp_path, halves, "bfloat16"))
    np.testing.assert_allclose(read, wide, rtol=1e-2)
    assert read.dtype == np.float32


@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=4, max_side=5),
        elements=st.floats(-9, 9, width=32),
    )
)
def test_figures_are_those_of_numpy(tmp_path_factory, array):
    found = weights.statistics(kept(tmp_path_factory.mktemp("w"), array))
    wide = array.astype(np.float64)
    assert (found.count, found.zero) == (array.size, int((array == 0).sum()))
    assert (found.low, found.high) == (wide.min(), wide.max())
    assert found.mean == pytest.approx(wide.mean(), abs=1e-9)
    assert found.std == pytest.approx(wide.std(), abs=1e-9)
    axes = (0,) if array.ndim == 2 else tuple(range(1, array.ndim))
    assert found.dead_channels == int((~array.any(axis=axes)).sum())


def test_figures_do_not_depend_on_the_portion(tmp_path, monkeypatch):
    array = np.random.default_rng(3).normal(size=(37, 11)).astype(np.float32)
    array[:, 4] = 0
    parameter = kept(tmp_path, array)
    whole, digest = weights.statistics(parameter), weights.sha256(parameter)
    monkeypatch.setattr(weights, "PORTION", 7)
    pieces = weights.statistics(parameter)
    assert pieces.std == pytest.approx(whole.std)
    assert (pieces.dead_channels, pieces.zero) == (whole.dead_channels, whole.zero) == (1, 37)
    assert weights.sha256(parameter) == digest == hashlib.sha256(array.tobytes()).hexdigest()


def test_sick_numbers_are_counted(tmp_path):
    array = np.array([np.nan, np.inf, -np.inf, 0, 1e-40, 2], np.float32)
    found = weights.statistics(kept(tmp_path, array))
    assert (found.nan, found.inf, found.zero, found.denormal, found.high) == (1, 2, 1, 1, 2.0)
    assert weights.statistics(kept(tmp_path, np.full(4, 3.0, np.float32))).constant


def test_missing_bytes_and_wrong_sizes_are_errors(tmp_path):
    with pytest.raises(ModelError, match="not there"):
        weights.read_parameter(Parameter("w", "float32", (2,), None, 0, 0))
    with pytest.raises(ModelError, match="another number"):
        weights.read_parameter(Parameter("w", "float32", (9,), tmp_path / "w", 0, 4))
