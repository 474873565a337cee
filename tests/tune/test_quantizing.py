"""A model becomes smaller only where that is surely harmless; else nothing is there (M21, M27)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from seatrial.checks import BlockComparison
from seatrial.cli._quantize_document import as_data, as_page
from seatrial.cli._quantize_text import lines, verdict
from seatrial.contract import load_contract
from seatrial.converters.quantize_onnx import CONVERTER, LayerCost
from seatrial.errors import ContractViolation, EngineFailure, MissingDependency, UnsupportedModel, UsageError
from seatrial.model import open_model
from seatrial.tune import Paired, Quantized, Recipe, Ruling, Scorer, Split, quantize, split
from seatrial.tune import _quantizing as quantizing
from seatrial.tune import _recipe as recipes
from support import quantizable

OUTLIER = 4000.0


@pytest.fixture
def source(tmp_path):
    return open_model(quantizable.saved(quantizable.sensitive(), tmp_path / "source"))


def apart(count=450, *, outlier=0.0):
    return split(
        quantizable.samples(24, outlier=outlier, seed=1), quantizable.samples(count, outlier=outlier, seed=2)
    )


def nothing_left(out):
    return not out.exists() and not [
        each for each in out.parent.iterdir() if each.name.startswith(f".{out.name}")
    ]


def run(source, out, *, samples=None, progress=print, **recipe):
    return quantize(
        source, quantizable.contract(), samples or apart(), Recipe(**recipe), out, progress=progress
    )


@pytest.mark.slow
def test_a_model_that_loses_nothing_is_delivered_whole(source, tmp_path):
    before, out = source.graph.read_bytes(), tmp_path / "out"
    found = run(source, out)
    assert found.winner is not None
    assert found.winner.keep == ()
    assert found.winner.ruling is Ruling.ACCEPTED
    assert found.delivered is not None
    assert sorted(each.name for each in out.iterdir()) == ["contract.yaml", "model.onnx"]
    assert source.graph.read_bytes() == before
    assert found.against_float is not None
    assert found.against_float.memory_after > 0
    assert any(line.startswith("wrote") for line in lines(found))


@pytest.mark.slow
def test_the_layer_that_loses_all_is_left_in_float(source, tmp_path):
    told = []
    found = run(source, tmp_path / "out", samples=apart(outlier=OUTLIER), progress=told.append)
    assert found.attempts[0].ruling is Ruling.REFUSED
    assert found.winner is not None
    assert found.winner.keep == ("first",)
    assert [each.name for each in found.costs] == ["first", "second"]
    assert found.delivered is not None
    assert "each layer alone in integers" in told
    page, data = as_page(found), as_data(found)
    assert "<svg" in page
    assert "first" in page
    assert json.loads(json.dumps(data))["in_float"] == ["first"]
    assert "in float: first" in "\n".join(lines(found))


@pytest.mark.slow
def test_nncf_puts_the_layer_back_or_nothing_is_there(source, tmp_path):
    found = run(source, tmp_path / "out", samples=apart(outlier=OUTLIER), mode="static", tool="openvino")
    if found.delivered is None:
        assert nothing_left(tmp_path / "out")
        assert "refused" in verdict(found)
    else:  # NNCF put the layer back by itself
        assert found.winner is not None
        assert found.winner.ruling is Ruling.ACCEPTED


@pytest.mark.slow
def test_too_few_samples_are_refused_before_anything_is_made(source, tmp_path):
    found = run(source, tmp_path / "out", samples=apart(100))
    assert found.attempts == ()
    assert "268 are needed" in found.why
    assert nothing_left(tmp_path / "out")


@pytest.mark.slow
def test_a_source_that_is_always_wrong_could_lose_nothing(source, tmp_path):
    samples = apart()
    turned = tuple(replace(each, label=(each.label + 1) % 4) for each in samples.held_out)
    wrong = replace(samples, held_out=replace(samples.held_out, samples=turned))
    with pytest.raises(UsageError, match="nothing that it could lose"):
        run(source, tmp_path / "out", samples=wrong)
    assert nothing_left(tmp_path / "out")


@pytest.mark.slow
def test_unproved_is_delivered_only_when_told(source, tmp_path):
    found = run(source, tmp_path / "out", samples=apart(100), allow_unproved=True, mode="dynamic")
    assert found.winner is not None
    assert found.winner.ruling is Ruling.UNPROVED
    assert found.delivered is not None


@pytest.mark.slow
def test_a_result_that_the_runtime_does_not_know_is_refused(source, tmp_path, monkeypatch):
    real = Scorer.score

    def score(self, artifact, **how):
        if artifact.digest != source.digest:
            raise EngineFailure("no such operator: QuantizeLinear", kind="exception")
        return real(self, artifact, **how)

    monkeypatch.setattr(Scorer, "score", score)
    found = run(source, tmp_path / "out", mode="dynamic")
    assert found.delivered is None
    assert "does not run here: no such operator: QuantizeLinear" in found.why
    assert nothing_left(tmp_path / "out")


@pytest.mark.slow
def test_an_int8_model_is_not_quantized_again(source, tmp_path):
    once = run(source, tmp_path / "once", mode="dynamic").delivered
    assert once is not None
    with pytest.raises(UnsupportedModel, match="int8 already"):
        run(once, tmp_path / "twice")
    assert nothing_left(tmp_path / "twice")


@pytest.mark.slow
def test_float16_is_judged_too(source, tmp_path):
    found = run(source, tmp_path / "out", mode="fp16")
    assert found.delivered is not None
    assert {each.dtype for each in found.delivered.parameters} == {"float16"}


@pytest.mark.slow
def test_training_for_integers_by_a_script(source, tmp_path):
    script = tmp_path / "finetune.py"
    script.write_text(
        "import shutil, sys\n"
        "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "shutil.copy(given['--model'], given['--out'])\n",
        "utf-8",
    )
    found = run(source, tmp_path / "out", mode="qat", finetune=script)
    assert found.delivered is not None
    assert found.winner is not None
    assert found.winner.ruling is Ruling.ACCEPTED
    with pytest.raises(UsageError, match="needs a script"):
        run(source, tmp_path / "other", mode="qat")


def test_training_data_does_not_judge(source, tmp_path):
    with pytest.raises(UsageError, match="none of it can judge"):
        run(source, tmp_path / "out", samples=split(quantizable.samples(400)), mode="qat")
    both = split(quantizable.samples(30), quantizable.samples(20))
    with pytest.raises(UsageError, match="20 samples of the training data are in the held-out set"):
        run(source, tmp_path / "out", samples=both, mode="qat")


def test_calibration_that_breaks_the_contract_stops_it(source, tmp_path):
    samples = apart()
    wrong = replace(samples.calibration.samples[0], payload=np.ones((2, 3), "float32"))
    broken = Split(replace(samples.calibration, samples=(wrong,)), samples.held_out, "")
    with pytest.raises(ContractViolation, match="breaks the contract"):
        run(source, tmp_path / "out", samples=broken)
    assert nothing_left(tmp_path / "out")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"mode": "dynamic", "tool": "openvino"}, "openvino does not do dynamic"),
        ({"mode": "fp16", "tool": "paddle"}, "paddle does not do fp16"),
    ],
    ids=["openvino-dynamic", "paddle-fp16"],
)
def test_a_tool_does_what_it_can(source, tmp_path, recipe, message):
    with pytest.raises(UsageError, match=message):
        run(source, tmp_path / "out", **recipe)


def test_paddles_quantizer_reads_pdmodel_only():
    with pytest.raises(UnsupportedModel, match="does not read paddle-json"):
        recipes.converter_of(Recipe(tool="paddle"), "paddle-json")


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(recipes.extensions, "get", lambda *_: replace(CONVERTER, available=lambda: False))
    with pytest.raises(MissingDependency) as caught:
        recipes.converter_of(Recipe(), "onnx")
    assert "seatrial[quantize]" in caught.value.hint


def test_fingerprints_of_files_become_those_of_the_new_files(source):
    asked = {"graph": "sha256:0", "model": "sha256:1", "weights": "sha256:2"}
    recipes.write_contract(replace(quantizable.contract(), fingerprints=asked), source)
    written = load_contract(source.graph.parent / "contract.yaml").fingerprints
    assert written["model"] == source.digest
    assert written["graph"] == "sha256:" + hashlib.sha256(source.graph.read_bytes()).hexdigest()
    assert "weights" not in written  # they lie in the graph now
    assert "labels" in written


def timed(ratio, low, high):
    return Paired(1.0, ratio, BlockComparison(ratio, low, high, 0.5, 0.02, 12), 1 << 20, 1 << 20)


def test_what_it_recommends_follows_from_the_times(source):
    same = Quantized(Recipe(), Split(apart().calibration, apart().held_out, ""), source, None, source)  # type: ignore[arg-type]
    taken = replace(same, delivered=source, costs=(LayerCost("a", "Conv", 3, None, None),))
    assert "not timed" in verdict(taken)
    assert "faster than float" in verdict(replace(taken, against_float=timed(0.5, 0.4, 0.6)))
    slower = replace(taken, against_float=timed(1.5, 1.4, 1.6))
    assert "gains nothing" in verdict(slower)
    assert "slower" in slower.against_float.words()
    # Faster than the converted float model alone is no gain when the source is faster still.
    mixed = replace(taken, against_float=timed(0.5, 0.4, 0.6), against_source=timed(1.2, 1.1, 1.3))
    assert "gains nothing" in verdict(mixed)
    assert "no difference can be told" in timed(1.0, 0.9, 1.1).words()
    assert "refused: too few" in verdict(replace(same, why="too few"))


def test_a_transformer_is_tried_whole_then_without_its_sums_then_with_layers_put_back(monkeypatch):
    asked = []

    def refused(_work, _found, keep, **more):
        asked.append(more)
        return quantizing.Attempt(None, keep, problem="lost", between=more.get("between", True))

    monkeypatch.setattr(quantizing, "_attempt", refused)
    monkeypatch.setattr(quantizing, "converter_of", lambda *_: SimpleNamespace(name="quantize_openvino"))
    for operators, wanted in (
        (("MatMul", "MVN"), [{}, {"between": False}, {"between": False, "drop": 0.005}]),
        (("Convolution",), [{}, {"between": True, "drop": 0.005}]),
    ):
        asked.clear()
        floating = SimpleNamespace(format="openvino", operators=operators)
        work = SimpleNamespace(recipe=Recipe(tool="openvino", max_drop=0.01), progress=lambda _: None)
        found = quantizing._searched(work, Quantized(work.recipe, None, None, None, floating))
        assert asked == wanted
        assert found.winner is None
