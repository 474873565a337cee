"""`seatrial tune` and the tuner behind it: bad input by unit, the whole on the real digits model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from seatrial.cli.main import main, seatrial
from seatrial.contract import load_contract
from seatrial.model import open_model
from seatrial.runtimes import all_runtimes
from seatrial.serve.settings import Options
from seatrial.serve.versions.loading import open_version
from seatrial.serve.versions.tuned import tuned_options
from seatrial.tune import variants as variants_module
from seatrial.tune.machine import Target
from seatrial.tune.space import Setup, Variant, batch_sizes, setups
from seatrial.tune.variants import collect, space, why_not
from support import models
from support.served import X, artifact, contract_for

CONTRACT = Path(__file__).parents[2] / "examples" / "digits" / "contract.yaml"


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "words" / "inference.onnx"
    path.parent.mkdir()
    path.write_bytes(models.onnx_network())
    return path


@pytest.fixture
def said(capsys):
    def run(*arguments):
        code = main(["tune", *map(str, arguments)])
        return code, capsys.readouterr().err

    return run


def test_bad_calls_say_what_is_wrong_and_what_to_do(said, network, tmp_path):
    goal = ("--goal", "min latency")
    data = ("--data", tmp_path / "none.npz")
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    for arguments, code, words in (
        ((network,), 2, "is no goal"),
        ((network, *goal), 2, "no labelled set"),
        ((network, *goal, *data, "--target", "tpu"), 2, "is no target"),
        ((network, *goal, *data, "--target", "cpu-512core"), 5, "nothing can be measured on it"),
        ((network, *goal, *data, "--budget", "soon"), 2, "is no time"),
        ((network, *goal, *data, "--max-drop", "some"), 2, "is no share"),
        ((network, *goal, *data, "-o", full), 2, "is not empty"),
        ((network, *goal, *data), 2, "no contract beside"),
        ((tmp_path / "nothing", *goal, *data), 2, "nothing"),
    ):
        got, told = said(*arguments)
        assert (got, words in told) == (code, True), told


def test_the_space_of_a_variant_holds_what_its_engine_can_do():
    found = list(setups(Variant("v", artifact(), "float32"), all_runtimes()["onnxruntime"], cores=2))
    assert [(each.threads, each.optimize, dict(each.engine)) for each in found] == [
        (1, True, {}),
        (1, False, {}),
        (2, True, {}),
        (2, True, {"spinning": True}),
        (2, False, {}),
    ]
    assert len({each.key for each in found}) == len(found)
    quantized = list(setups(Variant("v", artifact(), "int8"), all_runtimes()["openvino"], cores=3))
    assert {each.precision for each in quantized} == {"int8"}
    assert [each.threads for each in quantized] == [1, 2, 3]


def test_batches_go_as_far_as_contract_and_variants_let_them():
    free = Variant("v", artifact(), "float32")
    assert batch_sizes(contract_for(), [free], largest=12) == (1, 2, 4, 8, 12)
    assert batch_sizes(contract_for(), [free], largest=1) == (1,)
    fixed = Variant("v", artifact(replace(X, shape=(1, 1))), "float32")
    assert batch_sizes(contract_for(), [free, fixed], largest=8) == (1,)
    assert batch_sizes(contract_for(task="detection"), [free], largest=8) == (1,)


def test_whatever_is_left_out_is_listed_with_its_reason():
    cpu, gpu = Target("cpu", 2), Target("gpu", 2, gpu=True)
    runtime = all_runtimes()["onnxruntime"]
    assert why_not(runtime, cpu) == ""
    assert "runs on the processor" in why_not(runtime, gpu)
    assert "say nothing" in why_not(replace(runtime, emulated=True), cpu)
    assert "runs elsewhere" in why_not(replace(runtime, asked_only=True), cpu)
    _, refused = space(
        [Variant("v", artifact(), "float32"), Variant("w", replace(artifact(), format="x"), "float32")], cpu
    )
    assert any(f"{each.what}: {each.why}" == "w: no runtime runs x models" for each in refused)


def test_what_does_not_answer_the_contract_is_no_variant(network, tmp_path, monkeypatch):
    monkeypatch.setattr(variants_module, "all_runtimes", dict)
    other = tmp_path / "other" / "model.onnx"
    other.parent.mkdir()
    other.write_bytes(models.onnx_network())
    given = open_model(network)
    variants, refused = collect(
        given, [other, tmp_path / "gone"], contract=contract_for(), target=Target("cpu", 1), samples=(),
        scratch=tmp_path / "scratch",
    )  # fmt: skip
    assert [each.name for each in variants] == ["as given"]
    wrong, gone = (each.why for each in refused)
    assert "where the contract says" in wrong
    assert "gone" in gone


def test_nothing_is_converted_for_an_engine_in_an_environment_of_its_own(network, tmp_path, monkeypatch):
    engine = replace(all_runtimes()["onnxruntime"], name="edge", formats=("nb",), tool="", module="json")
    beside = replace(engine, name="beside", tool_is_python=True, tool="torch")
    monkeypatch.setattr(type(engine), "available", lambda _: True)
    monkeypatch.setattr(variants_module, "all_runtimes", lambda: {"edge": engine, "beside": beside})
    _, refused = collect(
        open_model(network), [], contract=contract_for(), target=Target("cpu", 1), samples=(),
        scratch=tmp_path / "scratch",
    )  # fmt: skip
    reasons = {each.what: each.why for each in refused}
    assert reasons["edge"] == "nothing here converts onnx to nb"
    assert "give nb with --also" in reasons["beside"]


def test_a_model_given_beside_keeps_nobody_from_converting_the_first(network, tmp_path, monkeypatch):
    engine = all_runtimes()["onnxruntime"]
    monkeypatch.setattr(variants_module, "all_runtimes", lambda: {"onnxruntime": engine})
    made = []

    def convert(artifact, form, out, **_):
        made.append((artifact.format, form, out.name))
        return SimpleNamespace(artifact=open_model(network))

    monkeypatch.setattr(variants_module, "convert", convert)
    beside = open_model(network)
    contract = contract_for(*beside.inputs)
    contract = replace(contract, outputs=beside.outputs)
    given = replace(beside, format="paddle-json")
    variants, _ = collect(
        given, [network], contract=contract, target=Target("cpu", 1), samples=(), scratch=tmp_path / "scratch"
    )
    assert made == [("paddle-json", "onnx", "as-onnx")]
    assert [each.name for each in variants] == ["as given", "words/inference.onnx", "converted to onnx"]


def test_a_setup_and_a_point_say_how_they_run():
    setup = Setup(Variant("v", artifact(), "float32"), "paddle", "float32", 2, engine={"onednn": False})
    assert str(setup) == "v: paddle, float32, 2 threads, onednn off"
    assert (
        str(replace(setup, optimize=False, threads=1, engine={}))
        == "v: paddle, float32, 1 thread, not optimized"
    )


@pytest.fixture
def only(monkeypatch):
    """Leaves few engines: each costs seconds."""

    def leave(*names):
        kept = {name: runtime for name, runtime in all_runtimes().items() if name in names}
        monkeypatch.setattr(variants_module, "all_runtimes", lambda: kept)

    return leave


@pytest.mark.slow
def test_the_digits_model_is_tuned_and_served_as_measured(digits, tmp_path, only):
    only("paddle", "onnxruntime", "arm64-onnxruntime")
    model = tmp_path / "model"
    shutil.copytree(digits / "model", model)
    shutil.copy(CONTRACT, model)
    held_out, out = digits / "held_out.npz", tmp_path / "out"
    before = load_contract(model / "contract.yaml")
    arguments = ["tune", str(model), "--goal", "p99<1s and max throughput", "--data", str(held_out)]
    arguments += ["--max-batch", "2", "--budget", "60s", "--target", "cpu-1core", "--write", "-o", str(out)]
    result = CliRunner().invoke(seatrial, arguments, standalone_mode=False)
    assert result.exception is None, result.output
    assert result.return_value == 0, result.output
    data = json.loads((out / "tune.json").read_text("utf-8"))
    best = data["recommendation"]
    assert best["accuracy"]["value"] > 0.9
    assert all(each["accuracy"]["value"] > 0 for each in data["front"])
    assert {each["threads"] for each in data["measured"]} == {1}
    assert any("emulated" in each["why"] for each in data["refused"])
    contract = load_contract(model / "contract.yaml")
    profile = contract.deployment
    assert contract.digest() == before.digest()
    assert (profile.runtime, profile.max_batch_size) == (best["runtime"], best["batch"])
    # Tiny networks gain most of all from an engine that costs little a call.
    assert (profile.runtime, profile.format) == ("onnxruntime", "onnx")
    opened = open_version(out / "model")
    served = tuned_options(Options(), opened.contract, opened.artifact)
    assert (served.runtime, served.threads, served.tuned_batch_size) == (
        "onnxruntime",
        1,
        profile.max_batch_size,
    )
    assert "tune again" not in served.told
    own = open_version(model)
    assert "this model is paddle-json" in tuned_options(Options(), own.contract, own.artifact).told


@pytest.mark.slow
def test_a_goal_out_of_reach_ends_with_1_and_the_nearest(digits, only):
    only("paddle")
    arguments = ["tune", str(digits / "model"), "--goal", "p50<1us", "--data", str(digits / "held_out.npz")]
    arguments += ["--contract", str(CONTRACT)]
    arguments += ["--max-batch", "1", "--target", "cpu-1core", "--budget", "60s"]
    result = CliRunner().invoke(seatrial, arguments, standalone_mode=False)
    assert result.return_value == 1, result.output
    assert "Nobody reaches p50<0.001ms" in result.output
