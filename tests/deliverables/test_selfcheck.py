"""A bundle is tried on the machine that received it: what works, what does not, and by which exit code."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.cli.main import main
from seatrial.contract import Cases, Pipeline, StepCall, Tolerance, read_cases
from seatrial.deliverables import selfcheck, write_bundle
from seatrial.deliverables._selfcheck import Line, Selfcheck
from seatrial.errors import EngineFailure, MissingDependency, NotFound
from seatrial.model.archive import pack
from seatrial.model.bundle import Bundle, open_bundle
from support.handovers import network_bundle, network_handover
from support.real_bundles import real_handover

PASSED = Line("onnx", "onnxruntime 1.31.1", "pass", 12, 12)


@pytest.mark.parametrize(
    ("lines", "passed"),
    [
        ([PASSED], True),
        ([PASSED, Line("preprocessing", "", "skip", 0, 0)], True),
        ([PASSED, Line("preprocessing", "", "fail", 1, 2)], False),
        ([Line("preprocessing", "", "pass", 2, 2)], False),
        ([], False),
    ],
    ids=["model", "no vectors", "vectors fail", "no model", "nothing"],
)
def test_nothing_that_ran_is_no_pass(lines: list[Line], passed: bool) -> None:
    result = Selfcheck("network@1.0.0", "sha256:0", tuple(lines))
    assert result.passed is passed
    assert json.loads(json.dumps(result.to_data()))["passed"] is passed


# -- engines that are made up --------------------------------------------------------------------------------
class Made:
    """A session that answers what the cases expect, or does what it is told."""

    def __init__(self, answers: dict[bytes, Any], runtime: str, mood: str) -> None:
        self.answers, self.runtime, self.mood = answers, runtime, mood

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        rows = np.concatenate([self.answers[row.tobytes()] for row in feeds["image"]])
        if self.mood == "wrong":
            return [rows + np.float32(0.1)]
        if self.mood == "wrong in a batch" and len(rows) > 1:
            return [rows * np.float32(1.5)]
        if self.mood == "refuses":
            raise EngineFailure("no such shape", kind="exception")
        if self.mood == "dies":
            raise EngineFailure("killed by SIGSEGV", kind="signal", signal_name="SIGSEGV")
        return [rows]

    @property
    def exercise(self) -> Any:
        return dataclasses.make_dataclass("Told", ["runtime"])(f"{self.runtime} 1.0")

    def __enter__(self) -> Made:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _tried(
    monkeypatch: pytest.MonkeyPatch, folder: Path, moods: dict[tuple[str, str], str], **changes: Any
) -> Selfcheck:
    """The selfcheck of a bundle on engines with these moods, by format and runtime."""
    bundle = network_bundle(folder, **changes)
    cases = read_cases(bundle.folder / "test_cases")
    answers = {each.feeds["image"][0].tobytes(): each.expected["y"] for each in cases.cases}

    def opened(artifact: Any, runtime: str) -> Made:
        mood = moods[artifact.format, runtime]
        if mood == "not loaded":
            raise EngineFailure("operator unknown", kind="exception")
        return Made(answers, runtime, mood)

    module = "seatrial.deliverables._selfcheck"
    monkeypatch.setattr(f"{module}.open_session", opened)
    monkeypatch.setattr(
        f"{module}.available_runtimes",
        lambda artifact, **_: [runtime for made, runtime in moods if made == artifact.format],
    )
    return selfcheck(bundle)


def _outcomes(result: Selfcheck) -> dict[str, tuple[str, int]]:
    return {f"{each.what} {each.where}".strip(): (each.outcome, each.passed) for each in result.lines}


def test_all_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = _tried(monkeypatch, tmp_path, {("onnx", "ort"): "", ("paddle-json", "paddle"): ""})
    assert _outcomes(result) == {
        "preprocessing": ("pass", 12),
        "postprocessing": ("pass", 12),
        "paddle-json paddle 1.0": ("pass", 12),
        "onnx ort 1.0": ("pass", 12),
    }
    assert result.passed


@pytest.mark.parametrize(
    ("mood", "outcome", "says"),
    [
        ("wrong", ("fail", 0), "case 0: output 'y' differs by 0.1"),
        ("wrong in a batch", ("fail", 0), "case 0 in a batch: output 'y' differs"),
        ("refuses", ("fail", 0), "case 0: refused: no such shape"),
        ("dies", ("fail", 0), "killed by SIGSEGV"),
        ("not loaded", ("fail", 0), "operator unknown"),
    ],
)
def test_what_an_engine_does_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mood: str, outcome: Any, says: str
) -> None:
    cases = dataclasses.replace(_cases(tmp_path), tolerance=Tolerance(batch=True))
    result = _tried(monkeypatch, tmp_path, {("onnx", "ort"): mood}, cases=cases)
    line = result.lines[-1]
    assert (line.outcome, line.passed) == outcome
    assert line.failures[0].startswith(says)
    assert not result.passed


def _cases(folder: Path) -> Cases:
    return network_handover(folder / "for-cases").cases


def test_a_format_that_a_runtime_does_not_load_is_no_fault_when_it_runs_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    moods = {("paddle-json", "openvino"): "not loaded", ("onnx", "openvino"): ""}
    result = _tried(monkeypatch, tmp_path, moods)
    assert [each.outcome for each in result.lines[2:]] == ["skip", "pass"]
    assert result.lines[2].note is not None
    assert "operator unknown" in result.lines[2].note.en
    assert result.passed


def test_nothing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="no runtime that runs paddle-json, onnx is installed"):
        _tried(monkeypatch, tmp_path, {})


def test_a_runtime_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'nope'"):
        selfcheck(network_bundle(tmp_path), runtime="nope")


def test_a_bundle_without_vectors_and_cases(tmp_path: Path) -> None:
    result = selfcheck(network_bundle(tmp_path, vectors=(), cases=Cases(())))
    assert [each.outcome for each in result.lines] == ["skip", "skip"]
    assert not result.passed


# -- vectors that no longer come out -------------------------------------------------------------------------
def test_other_pre_and_postprocessing_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handover = network_handover(tmp_path / "h")
    steps = Pipeline((*handover.contract.preprocess.calls, StepCall("normalize", {"scale": 0.5})))
    changed = dataclasses.replace(
        handover.contract, preprocess=steps, postprocess=Pipeline((StepCall("topk", {"k": 1}),))
    )
    bundle = write_bundle(dataclasses.replace(handover, contract=changed), tmp_path / "b")
    monkeypatch.setattr("seatrial.deliverables._selfcheck._models", lambda *_: [PASSED])
    result = selfcheck(bundle)
    assert _outcomes(result)["preprocessing"] == ("fail", 0)
    assert _outcomes(result)["postprocessing"] == ("fail", 0)
    assert "sample 000: input 'image' differs by " in result.lines[0].failures[0]
    assert "sample 000: answers {'class': " in result.lines[1].failures[0]


# -- for real, by the command --------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle network-1.0.0 that ONNX Runtime answered, and its archive."""
    folder = tmp_path_factory.mktemp("received")
    bundle = write_bundle(real_handover(folder / "made"), folder / "network-1.0.0")
    pack(bundle, folder / "network-1.0.0.tar.zst")
    return folder


@pytest.fixture
def here(received: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil."""
    shutil.copytree(received, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["network-1.0.0", "network-1.0.0.tar.zst"])
@pytest.mark.usefixtures("here")
def test_a_good_bundle(what: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["selfcheck", what]) == 0
    shown = capfd.readouterr().out
    for each in ("onnxruntime 1.", "openvino 20", "12 of 12 test cases", "12 of 12 samples", "works here"):
        assert each in shown
    assert main(["selfcheck", what, "--runtime", "onnxruntime", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert [each["outcome"] for each in told["lines"]] == ["pass", "pass", "pass"]


@pytest.mark.slow
def test_changed_bytes_and_keys(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("maker", "stranger"):
        assert main(["keys", "new", "-o", name, "--no-passphrase"]) == 0
    assert main(["sign", "network-1.0.0", "--key", "maker.key"]) == 0
    assert main(["selfcheck", "network-1.0.0", "--key", "maker.pub", "--runtime", "onnxruntime"]) == 0
    assert "signature" in capfd.readouterr().out
    assert main(["selfcheck", "network-1.0.0", "--key", "stranger.pub"]) == 4
    labels = here / "network-1.0.0" / "labels.txt"
    labels.write_bytes(labels.read_bytes().replace(b"north", b"nerth"))
    assert main(["selfcheck", "network-1.0.0"]) == 4
    assert "error: changed: labels.txt" in capfd.readouterr().err


@pytest.mark.slow
def test_a_sealed_bundle_is_tried_in_memory(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "holder", "-o", "customer", "--no-passphrase"]) == 0
    assert main(["seal", "network-1.0.0", "--for", "customer.pub", "-o", "sealed"]) == 0
    assert main(["selfcheck", "sealed"]) == 2
    before = sorted((here / "sealed" / "models" / "onnx").iterdir())
    capfd.readouterr()
    assert main(["selfcheck", "sealed", "--unseal-key", "customer.key"]) == 0
    assert "12 of 12 test cases" in capfd.readouterr().out
    assert sorted((here / "sealed" / "models" / "onnx").iterdir()) == before


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_license_opens_it_on_its_device(capfd: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["keys", "new", "-o", "issuer", "--no-passphrase"],
        ["keys", "holder", "-o", "vault", "--no-passphrase"],
        ["device", "enroll", "-o", "device.json", "--issuer", "issuer.pub", "--unbound"],
        ["seal", "network-1.0.0", "--for", "vault.pub", "-o", "sealed"],
    ):
        assert main(words) == 0
    issued = ["license", "issue", "--key", "issuer.key", "--for", "device.pub.json", "--any-machine"]
    assert main([*issued, "--bundle", "sealed", "--seal-key", "vault.key", "-o", "a.json"]) == 0
    assert main([*issued, "--bundle", "other@1.0.0", "-o", "b.json"]) == 0
    tried = ["selfcheck", "sealed", "--runtime", "onnxruntime", "--device", "device.json"]
    capfd.readouterr()
    assert main([*tried, "--license", "a.json"]) == 0
    assert "12 of 12 test cases" in capfd.readouterr().out
    assert main([*tried, "--license", "b.json"]) == 4
    assert main(tried) == 2
    assert "--license and --device go together" in capfd.readouterr().err


@pytest.mark.slow
def test_another_model_with_a_manifest_that_fits(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever can rewrite the manifest passes the digests; the answers still give it away."""
    bundle = open_bundle(here / "network-1.0.0")
    _with_expected(bundle, here / "forged", lambda y: y[::-1])
    assert main(["selfcheck", "forged", "--runtime", "onnxruntime"]) == 1
    shown = capfd.readouterr().out
    assert "case 0: output 'y' differs" in shown
    assert "does NOT work here" in shown


def _with_expected(bundle: Bundle, out: Path, change: Any) -> None:
    """The bundle with other expected outputs, listed as they are."""
    shutil.copytree(bundle.folder, out)
    path = out / "test_cases" / "expected_outputs.npz"
    with np.load(path) as found:
        packed = io.BytesIO()
        np.savez(packed, y=change(found["y"]))
    path.write_bytes(packed.getvalue())
    entries = tuple(
        dataclasses.replace(
            each,
            size=len(packed.getvalue()),
            sha256="sha256:" + hashlib.sha256(packed.getvalue()).hexdigest(),
        )
        if each.path == "test_cases/expected_outputs.npz"
        else each
        for each in bundle.manifest.files
    )
    (out / "manifest.json").write_bytes(dataclasses.replace(bundle.manifest, files=entries).to_bytes())
