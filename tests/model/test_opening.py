"""What a person may name, and what is refused with which sentence."""

import io
import os
import zipfile

import numpy as np
import pytest

from seatrial.errors import NotFound, SeatrialError, UnsupportedModel, UsageError
from seatrial.model import open_model
from support import models


@pytest.mark.parametrize("named", ["inference.json", "inference.pdiparams", "inference", ""])
def test_graph_parameters_prefix_and_folder_mean_the_same(named, tmp_path):
    models.write_paddle_json(tmp_path)
    (tmp_path / "config.json").write_text('{"threads": 1}')
    assert open_model(tmp_path / named).graph == tmp_path / "inference.json"


def test_two_models_in_one_folder_are_listed(tmp_path):
    models.write_paddle_json(tmp_path)
    models.write_paddle_json(tmp_path, stem="other")
    with pytest.raises(UsageError, match=r"inference\.json, other\.json"):
        open_model(tmp_path)


def test_a_prefix_with_two_graphs_is_ambiguous(tmp_path):
    models.write_paddle_json(tmp_path)
    models.write_pdmodel(tmp_path)
    for named in ("inference", "inference.pdiparams"):
        with pytest.raises(UsageError, match="more than one model"):
            open_model(tmp_path / named)


def test_an_empty_folder_points_to_the_folder_below(tmp_path):
    models.write_paddle_json(tmp_path / "model")
    with pytest.raises(NotFound) as caught:
        open_model(tmp_path)
    assert str(tmp_path / "model") in caught.value.hint


@pytest.mark.parametrize("named", ["absent.json", "absent", "a\0b"])
def test_what_is_not_there_is_said(named, tmp_path):
    with pytest.raises(UsageError):
        open_model(tmp_path / named)


def test_parameters_without_a_graph_are_said(tmp_path):
    (tmp_path / "inference.pdiparams").write_bytes(models.pdiparams(models.weights()))
    for named in (tmp_path, tmp_path / "inference.pdiparams"):
        with pytest.raises(NotFound, match="no graph beside it"):
            open_model(named)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(UsageError, match="pipe or a device"):
        open_model(tmp_path / "pipe.onnx")


def npz() -> bytes:
    held = io.BytesIO()
    np.savez(held, a=np.zeros(2))
    return held.getvalue()


def checkpoint() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    return held.getvalue()


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ("empty file", b""),
        ("web page", b"\n<!DOCTYPE html><html>log in</html>"),
        ("Git LFS pointer", b"version https://git-lfs/spec/v1\noid sha256:1\nsize 1\n"),
        ("git-annex pointer", b"/annex/objects/SHA256E-s1--1"),
        ("safetensors", (20).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}}' + b" " * 9),
        ("training checkpoint", b"\x80\x02}q\x00X\x0d\x00\x00\x00linear_0.w_0q"),
        ("optimizer", b"\x80\x04}\x8c\x0cLR_Scheduler\x94."),
        ("Python pickle", b"\x80\x04]\x94."),
        ("NumPy arrays", npz()),
        ("PyTorch checkpoint", checkpoint()),
        ("damaged", b"PK\x03\x04" + b"x" * 40),
        ("HDF5", b"\x89HDF\r\n\x1a\n"),
        ("parameters file", models.pdiparams(models.weights())),
        ("not a model", b"what is this"),
    ],
)
def test_what_is_no_model_is_named(said, data, tmp_path):
    (tmp_path / "thing").write_bytes(data)
    with pytest.raises(UnsupportedModel, match=said) as caught:
        open_model(tmp_path / "thing")
    assert caught.value.hint


def test_old_folders_are_named(tmp_path):
    (tmp_path / "__model__").write_bytes(models.program())
    with pytest.raises(UnsupportedModel, match="Paddle 1"):
        open_model(tmp_path)


def test_a_pointer_in_place_of_the_graph_is_no_damage(tmp_path):
    models.write_paddle_json(tmp_path).write_bytes(b"version https://git-lfs/spec/v1\noid sha256:1\n")
    with pytest.raises(SeatrialError, match="LFS"):
        open_model(tmp_path / "inference.json")
