"""SavedModel and Keras files are read without TensorFlow, down to where their weights lie."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from seatrial.errors import UnsupportedModel
from seatrial.model import open_model
from seatrial.model.ordering import in_order
from seatrial.model.weights import iter_weights

VALUES = np.arange(6, dtype="float32").reshape(2, 3)


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def info(dtype, sizes):
    return number(2, dtype) + block(3, b"".join(block(2, number(1, each)) for each in sizes))


def pair(field, name, value):
    return block(field, block(1, name) + block(2, value))


def saved_model(*kinds, signature="serving_default"):
    nodes = b"".join(block(1, block(1, f"node_{place}") + block(2, kind)) for place, kind in enumerate(kinds))
    function = block(1, block(1, block(1, "inner")) + block(3, block(1, "relu") + block(2, "Relu")))
    answers = pair(2, "output_10", info(1, [-1, 3])) + pair(2, "output_2", info(9, [-1]))
    meta = block(1, block(5, "2.19.0")) + block(2, nodes + block(2, function))
    meta += pair(5, signature, pair(1, "x", info(1, [-1, 2])) + answers)
    return number(1, 1) + block(2, meta)


def table(entries):
    """Entries without shared keys in one block, and an index block with one handle."""

    def made(pairs):
        data = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in pairs)
        return data + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")

    first = made(entries)
    second = made([(b"~", varint(0) + varint(len(first)))])
    start = len(first) + 5
    footer = varint(0) + varint(0) + varint(start) + varint(len(second))
    magic = (0xDB4775248B80FB57).to_bytes(8, "little")
    return first + b"\0" * 5 + second + b"\0" * 5 + footer.ljust(40, b"\0") + magic


def write(folder, *kinds, **options):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved_model(*kinds, **options))
    shape = b"".join(block(2, number(1, each)) for each in VALUES.shape)
    entry = number(1, 1) + block(2, shape) + number(4, 8) + number(5, VALUES.nbytes)
    index = table([(b"", number(1, 1)), (b"kernel/.ATTRIBUTES/VARIABLE_VALUE", entry)])
    (folder / "variables" / "variables.index").write_bytes(index)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"\0" * 8 + VALUES.tobytes())
    return folder


def test_a_savedmodel_is_read_with_its_weights(tmp_path):
    artifact = open_model(write(tmp_path / "model", "Conv2D", "Const"))
    assert (artifact.format, artifact.version, artifact.problems) == ("savedmodel", "TensorFlow 2.19.0", ())
    assert [(each.name, each.shape) for each in artifact.inputs] == [("x", ("batch", 2))]
    assert [(each.name, each.dtype) for each in artifact.outputs] == [
        ("output_2", "int64"),
        ("output_10", "float32"),
    ]
    assert artifact.operators == {"Conv2D": 1, "Relu": 1}
    ((parameter, values),) = iter_weights(artifact)
    assert parameter.name == "kernel"
    np.testing.assert_array_equal(values, VALUES)


def test_a_savedmodel_that_reaches_out_is_a_problem(tmp_path):
    (problem,) = open_model(write(tmp_path / "model", "WriteFile")).problems
    assert problem.code == "operator-reaches-out"


def test_a_savedmodel_without_the_signature_says_which_there_are(tmp_path):
    (problem,) = open_model(write(tmp_path / "model", signature="train")).problems
    assert "there are: train" in problem.message


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_a_cut_savedmodel_is_a_problem(name, tmp_path):
    folder = write(tmp_path / "model", "Conv2D")
    whole = (folder / name).read_bytes()
    for keep in range(4, len(whole), 7):
        (folder / name).write_bytes(whole[:keep])
        try:
            found = open_model(folder / "saved_model.pb")
        except UnsupportedModel:
            continue
        # A message that ends with a whole field is a shorter message; the signature is the last of them.
        assert found.problems or keep > len(whole) - 8


def test_outputs_are_ordered_as_people_count():
    assert in_order(["output_10", "b", "output_2", "a"]) == ["a", "b", "output_2", "output_10"]


def keras(path, *layers, inputs=("x",)):
    given = [
        {
            "class_name": "InputLayer",
            "module": "keras.layers",
            "name": name,
            "config": {"name": name, "batch_shape": [None, 2], "dtype": "float32"},
        }
        for name in inputs
    ]
    config = {"name": "net", "layers": [*given, *layers]}
    config |= {"input_layers": [[name, 0, 0] for name in inputs], "output_layers": ["dense", 0, 0]}
    with zipfile.ZipFile(path, "w") as archive:
        told = {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}
        archive.writestr("config.json", json.dumps(told))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return path


DENSE = {"class_name": "Dense", "module": "keras.layers", "name": "dense", "config": {"name": "dense"}}


def test_a_keras_model_is_read(tmp_path):
    artifact = open_model(keras(tmp_path / "net.keras", DENSE))
    assert (artifact.format, artifact.version, artifact.problems) == ("keras", "Keras 3.15.1", ())
    assert artifact.inputs[0].shape == ("batch", 2)
    assert [each.name for each in artifact.outputs] == ["dense"]
    assert artifact.operators == {"Dense": 1}


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ({**DENSE, "class_name": "Lambda"}, "code-in-model"),
        ({**DENSE, "class_name": "Mine", "module": "net"}, "operator-unknown"),
        (
            {**DENSE, "class_name": "Model", "config": {"layers": [{**DENSE, "class_name": "Lambda"}]}},
            "code-in-model",
        ),
    ],
    ids=["bytecode", "own class", "bytecode inside"],
)
def test_a_keras_model_with_code_is_a_problem(layer, code, tmp_path):
    (problem,) = open_model(keras(tmp_path / "net.keras", layer)).problems
    assert problem.code == code
    assert "SavedModel" in problem.hint


def test_a_keras_model_without_inputs_is_a_problem(tmp_path):
    (problem,) = open_model(keras(tmp_path / "net.keras", DENSE, inputs=())).problems
    assert problem.code == "inputs-missing"
