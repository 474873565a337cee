"""Engines run what was unsealed as they run plain files: in one file or two, from either kind of memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seatrial.errors import EngineFailure, UsageError
from seatrial.model import Artifact, open_model
from seatrial.runtimes import open_session
from seatrial.runtimes._engine import is_in_memory, real_path
from seatrial.trust import memory
from seatrial.trust.holders import new_holder
from seatrial.trust.sealing import seal
from seatrial.trust.unsealing import Unsealed, content_key_of, unseal
from support import models
from support.sealed import bundle_of

pytestmark = pytest.mark.slow
TABLE = np.random.default_rng(5).random((50, 4), np.float32)
IDS = np.array([[3, 1, 49]], np.int64)


def write_model(folder: Path, *, beside: bool) -> Artifact:
    folder.mkdir()
    table = models.onnx_tensor("table", TABLE)
    if beside:
        (folder / "weights.bin").write_bytes(bytes(64) + TABLE.tobytes())
        told = {"location": "weights.bin", "offset": 64, "length": TABLE.nbytes}
        table = models.onnx_external("table", TABLE, **told)
    (folder / "model.onnx").write_bytes(models.onnx_network(tensors=[table]))
    return open_model(folder)


def opened(artifact: Artifact, folder: Path, parent: Path | None = None) -> Unsealed:
    holder = new_holder()
    sealed = seal(bundle_of(artifact, folder / "plain"), folder / "sealed", [holder.public_key()])
    return unseal(sealed, content_key_of(sealed, holder), parent=parent)


@pytest.fixture(params=["one-file", "beside", "beside-memfd"])
def unsealed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Artifact]:
    kind = str(request.param)
    plain = write_model(tmp_path / "model", beside=kind != "one-file")
    with opened(plain, tmp_path, tmp_path if kind == "beside-memfd" else None) as whole:
        artifact = whole.bundle.artifact(whole.bundle.model("onnx"))
        assert artifact.digest == plain.digest
        yield artifact


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_answers_are_those_of_the_plain_model(unsealed: Artifact, runtime: str) -> None:
    with open_session(unsealed, runtime) as session:
        (found,) = session.run({"ids": IDS})
    np.testing.assert_array_equal(found, TABLE[IDS])


def test_what_would_be_written_to_a_disk_is_not_told(unsealed: Artifact) -> None:
    with open_session(unsealed, "onnxruntime") as session:
        assert not session.exercise.operators
        assert "written to a disk" in " ".join(session.exercise.notes)
        if unsealed.weights is not None:
            with pytest.raises(UsageError, match="cannot be traced"):
                session.trace({"ids": IDS})


def test_types_that_numpy_lacks_are_handed_over_too(tmp_path: Path) -> None:
    """bfloat16 goes as values, by its number; what NumPy has no name for goes as whole files."""
    folder = tmp_path / "model"
    folder.mkdir()
    halves = (TABLE.view(np.uint32) >> 16).astype(np.uint16)
    (folder / "weights.bin").write_bytes(halves.tobytes())
    told = {"location": "weights.bin", "offset": 0, "length": halves.nbytes}
    table = models.onnx_external("table", TABLE, **told)
    table = table.replace(models.number(2, 1), models.number(2, 16), 1)
    cast = models.onnx_node(
        "Cast",
        ["table"],
        ["wide"],
        extra=models.block(5, models.block(1, "to") + models.number(3, 1) + models.number(20, 2)),
    )
    model = models.onnx_model(
        [cast, models.onnx_node("Gather", ["wide", "ids"], ["y"])],
        tensors=[table],
        inputs=[models.onnx_value("ids", "int64", ["batch", "T"])],
        outputs=[models.onnx_value("y", "float32", ["batch", "T", 4])],
    )
    (folder / "model.onnx").write_bytes(model)
    with opened(open_model(folder), tmp_path, tmp_path) as whole:
        artifact = whole.bundle.artifact(whole.bundle.model("onnx"))
        expected = (halves.astype(np.uint32) << 16).view(np.float32)[IDS]
        for dtype in ("bfloat16", "float8_e4m3fn"):
            # Told another type, the runtime is not given values; the file says what it is.
            parameters = tuple(dataclasses.replace(each, dtype=dtype) for each in artifact.parameters)
            told_otherwise = dataclasses.replace(artifact, parameters=parameters)
            with open_session(told_otherwise, "onnxruntime") as session:
                np.testing.assert_array_equal(session.run({"ids": IDS})[0], expected)


def test_weights_beside_a_graph_are_not_copied(tmp_path: Path) -> None:
    if not memory._has_room(64 << 20):
        pytest.skip("there is too little shared memory")
    global_table = np.random.default_rng(5).random((1 << 20, 8), np.float32)  # 32 MiB
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(global_table.tobytes())
    told = {"location": "weights.bin", "offset": 0, "length": global_table.nbytes}
    table = models.onnx_external("table", global_table, **told)
    (folder / "model.onnx").write_bytes(
        models.onnx_network(tensors=[table]).replace(b"\x08\x04", b"\x08\x08")
    )
    with opened(open_model(folder), tmp_path) as whole:
        assert whole.folder.is_relative_to(memory._SHARED)
        artifact = whole.bundle.artifact(whole.bundle.model("onnx"))
        assert artifact.weights is not None
        place = artifact.weights.stat().st_ino
        with open_session(artifact, "onnxruntime") as session:
            session.run({"ids": IDS})
            maps = Path(f"/proc/{session.pid}/maps").read_text().splitlines()
            assert [each for each in maps if f" {place} " in each]
    assert not whole.folder.exists()


def test_too_small_shared_memory_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    plain = write_model(tmp_path / "model", beside=True)
    with opened(plain, tmp_path) as whole:
        artifact = whole.bundle.artifact(whole.bundle.model("onnx"))
        with open_session(artifact, "onnxruntime") as session:
            np.testing.assert_array_equal(session.run({"ids": IDS})[0], TABLE[IDS])


def test_a_file_in_memory_keeps_the_path_of_its_link(unsealed: Artifact, tmp_path: Path) -> None:
    assert is_in_memory(unsealed.graph)
    assert real_path(unsealed.graph) == unsealed.graph
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"x")
    link.symlink_to(file)
    assert real_path(link) == file.resolve()
    assert not is_in_memory(link)
    assert not is_in_memory(tmp_path / "nothing")


def test_an_engine_that_refuses_the_model_says_so_as_ever(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(TABLE.tobytes())
    told = {"location": "weights.bin", "offset": 0, "length": TABLE.nbytes}
    table = models.onnx_external("table", TABLE, **told)
    (folder / "model.onnx").write_bytes(models.onnx_network(tensors=[table], kind="NoSuchOperator"))
    with opened(open_model(folder), tmp_path) as whole:
        artifact = open_model(whole.folder / "models/onnx")
        with pytest.raises(EngineFailure, match="NoSuchOperator"):
            open_session(artifact, "onnxruntime", unverified=True)
