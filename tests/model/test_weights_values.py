"""Values of weights, against NumPy."""

import numpy as np
import pytest

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


def test_missing_bytes_and_wrong_sizes_are_errors(tmp_path):
    with pytest.raises(ModelError, match="not there"):
        weights.read_parameter(Parameter("w", "float32", (2,), None, 0, 0))
    with pytest.raises(ModelError, match="another number"):
        weights.read_parameter(Parameter("w", "float32", (9,), tmp_path / "w", 0, 4))
