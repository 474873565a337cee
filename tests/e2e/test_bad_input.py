"""Bad input: a clear sentence, the right exit code, nothing half-written. No engine is started here."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from seatrial.cli.main import main
from support.models import write_paddle_json


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_paddle_json(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "held_out.npz"
    np.savez(path, image=np.zeros((40, 1, 4, 4), "float32"), label=np.zeros(40, "int64"))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main([str(each) for each in words])
    return code, capsys.readouterr().err


def test_a_model_that_is_not_there(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "check", tmp_path / "nothing", "--data", data, "-o", tmp_path / "out")
    assert (code, "nothing" in said) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_two_models(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_paddle_json(model, stem="other")
    code, said = run(capsys, "check", model, "--data", data)
    assert code == 2
    assert "inference.json" in said
    assert "other.json" in said


def test_a_folder_with_none(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run(capsys, "check", tmp_path / "empty", "--data", data)[0] == 2


def test_a_training_checkpoint_is_named_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = tmp_path / "model.pdparams"
    checkpoint.write_bytes(b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.")
    code, said = run(capsys, "inspect", checkpoint)
    assert code == 3
    assert "paddle.jit.save" in said


@pytest.mark.parametrize("damage", ["cut", "garbage", "future"])
def test_inspect_says_what_is_broken_and_exits_with_3(
    model: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = model / "inference.json"
    text = graph.read_text("utf-8")
    version = json.loads(text)["base_code"]["version"]
    broken = {
        "cut": text[: len(text) // 2],
        "garbage": "\x00\x01" * 200,
        "future": text.replace(f'"version":{version}', '"version":99').replace(
            f'"version": {version}', '"version": 99'
        ),
    }[damage]
    graph.write_text(broken, "utf-8")
    assert main(["inspect", str(model)]) == 3
    said = capsys.readouterr()
    assert "what to do" in said.out + said.err
    assert "Traceback" not in said.err


def test_data_that_does_not_fit_the_contract(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, picture=np.zeros((40, 3, 9, 9), "float32"), label=np.zeros(40, "int64"))
    code, said = run(capsys, "check", model, "--data", wrong, "-o", tmp_path / "out")
    assert code == 3
    assert "picture" in said or "image" in said
    assert not (tmp_path / "out").exists()


def test_an_empty_set(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.npz"
    np.savez(empty, image=np.zeros((0, 1, 4, 4), "float32"), label=np.zeros(0, "int64"))
    code, said = run(capsys, "check", model, "--data", empty)
    assert code in {2, 3}
    assert "Traceback" not in said


def test_an_unknown_profile_check_and_baseline(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--baselines", tmp_path / "b.db"]
    for words in (["--profile", "moon"], ["--baseline", "ghost", *store], ["--only", "colour"]):
        code, said = run(capsys, "check", model, "--data", data, "-o", tmp_path / "out", *words)
        assert code == 2, said
        assert "there are:" in said
    assert not (tmp_path / "out").exists()


def test_a_contract_with_a_mistake_names_the_line(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "contract.yaml").write_text(
        "schema: seatrial/contract/1\nname: x\ntaks: classification\n", "utf-8"
    )
    code, said = run(capsys, "check", model, "--data", data)
    assert code == 3
    assert "taks" in said


def test_a_contract_is_not_overwritten(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "contract", "init", model)[0] == 0
    before = (model / "contract.yaml").read_bytes()
    code, said = run(capsys, "contract", "init", model)
    assert code == 2
    assert "--force" in said
    assert (model / "contract.yaml").read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "inference.json").chmod(0)
    code, said = run(capsys, "inspect", model)
    assert code == 2
    assert "permission" in said.lower()


def test_a_report_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "report.json"
    bad.write_bytes(b"\xff\xfe{}")
    words = ["baseline", "accept", bad, "--name", "x", "--reason", "y", "--baselines", tmp_path / "b.db"]
    assert run(capsys, *words)[0] == 2


def test_nothing_to_infer_on(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "infer", model)
    assert code == 2
    assert "--text" in said
