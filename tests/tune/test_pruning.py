"""Pruned until the drop holds: spared groups, a script that trains on, refusals that leave nothing."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatrial.cli.main import main, seatrial
from seatrial.contract import load_contract
from seatrial.model import open_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture
def model(digits, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(digits / "model", folder)
    shutil.copy(EXAMPLE / "contract.yaml", folder)
    return folder


def prune(model, digits, out, *more):
    arguments = ["prune", str(model), "--data", str(digits / "held_out.npz"), "-o", str(out), *more]
    return CliRunner().invoke(seatrial, arguments, standalone_mode=False)


def test_training_on_what_judges_is_refused(tmp_path, capsys):
    data = tmp_path / "held_out.npz"
    for more in ((), ("--train", str(data))):
        assert main(["prune", str(tmp_path), "--data", str(data), "--finetune", "script.py", *more]) == 2
        assert "what judges must not be trained on" in capsys.readouterr().err


@pytest.mark.slow
def test_groups_are_spared_until_the_drop_holds(digits, model, tmp_path):
    before = open_model(model).digest
    result = prune(model, digits, tmp_path / "out", "--sparsity", "20%", "--multiple", "1")
    assert result.return_value == 0, result.output
    told = json.loads((tmp_path / "out" / "pruning.json").read_text("utf-8"))
    assert told["drop"]["high"] <= 0.01
    assert told["bytes"][1] < told["bytes"][0]
    assert "Conv.0" in told["spared"]
    gone = {each["group"]: len(each["gone"]) for each in told["plans"]}
    assert gone["Conv.0"] == 0
    assert gone["MatMul.0"] > 0
    assert not open_model(tmp_path / "out").problems
    contract = load_contract(tmp_path / "out" / "contract.yaml")
    assert contract.digest() == load_contract(model / "contract.yaml").digest()
    assert open_model(model).digest == before


@pytest.mark.slow
def test_half_of_the_channels_with_training_is_smaller_and_as_good(digits, model, tmp_path):
    script = ("--finetune", str(EXAMPLE / "prune_finetune.py"), "--train", str(digits / "members.npz"))
    result = prune(model, digits, tmp_path / "out", "--sparsity", "50%", "--max-drop", "2%", *script)
    assert result.return_value == 0, result.output
    told = json.loads((tmp_path / "out" / "pruning.json").read_text("utf-8"))
    # Filters see half of the channels, and there are half of them.
    assert told["bytes"][1] < told["bytes"][0] / 3
    assert told["ratio"] is not None
    assert "epoch 15" in result.output


@pytest.mark.slow
def test_what_loses_too_much_is_not_delivered(digits, model, tmp_path):
    result = prune(model, digits, tmp_path / "out", "--sparsity", "90%", "--max-drop", "0.7%")
    assert result.return_value == 1, result.output
    assert "refused" in result.output
    assert not (tmp_path / "out").exists()
