"""The program that runs test cases elsewhere judges as Seatrial does, and names what is wrong."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seatrial.contract import Case, Cases, Tolerance
from seatrial.contract.cases import case_files
from seatrial.deliverables.test_cases import DELIVERABLE, PROGRAM
from seatrial.model.bundle import Bundle
from support.handovers import network_bundle, network_handover
from support.real_bundles import real_bundle


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"program_{abs(hash(path))}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OURS = _loaded(PROGRAM)


# -- it judges as Seatrial does ------------------------------------------------------------------------------
NUMBERS = st.one_of(st.floats(-2, 2, width=32), st.sampled_from([float("nan"), float("inf"), -float("inf")]))
PAIRS = st.sampled_from(["float32", "int64", "bool"]).flatmap(
    lambda dtype: st.tuples(
        *[arrays(dtype, st.sampled_from([(1, 2), (1, 3)]), elements=NUMBERS if dtype == "float32" else None)]
        * 2
    )
)


@given(PAIRS, st.sampled_from([0.0, 1e-5, 0.5]), st.sampled_from([0.0, 1e-4, 0.5]))
def test_outputs_are_judged_as_everywhere(pair: Any, atol: float, rtol: float) -> None:
    got, expected = pair
    cases = Cases((Case({}, {"y": expected}),), Tolerance(atol=atol, rtol=rtol))
    ours = OURS.difference(got, expected, atol, rtol)
    assert cases.failure(0, {"y": got}) == (f"case 0: output 'y' {ours}" if ours else "")


BOUNDS = st.fixed_dictionaries({}, optional={"atol": st.floats(0, 1), "rtol": st.floats(0, 1)})
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "atol": st.floats(0, 1),
        "rtol": st.floats(0, 1),
        "outputs": st.dictionaries(st.sampled_from("yz"), BOUNDS),
        "runtimes": st.dictionaries(
            st.sampled_from(["paddle", "openvino"]),
            st.tuples(BOUNDS, st.dictionaries(st.sampled_from("yz"), BOUNDS)).map(
                lambda both: {**both[0], "outputs": both[1]}
            ),
        ),
    },
)


@given(SETTINGS, st.sampled_from("yz"), st.sampled_from(["paddle", "onnxruntime"]))
def test_bounds_are_looked_up_as_everywhere(settings: Any, output: str, runtime: str) -> None:
    assert OURS.bounds(settings, output, runtime) == Tolerance.model_validate(settings).of(output, runtime)


# -- it finds what is wrong ----------------------------------------------------------------------------------
class Echo:
    """A runtime that remembers what the cases expect; what it is told to do is what goes wrong."""

    name, module, formats, version = "echo", "json", ("onnx",), "1.0"

    def __init__(self, graph: Path) -> None:
        del graph

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        rows = [self.known[row.tobytes()] for row in feeds["image"]]
        if self.mood == "refuse" and len(rows) == 1 and rows[0] is self.third:
            raise RuntimeError("not this one")
        if self.mood == "batch" and len(rows) > 1:
            return [np.concatenate(rows) * 1.5]
        if self.mood == "shape":
            return [np.concatenate(rows)[:, :2]]
        if self.mood == "nan":
            return [np.concatenate(rows) * np.nan]
        if self.mood == "more":
            return [np.concatenate(rows)] * 2
        return [np.concatenate(rows)]

    known: dict[bytes, Any]
    third: Any
    mood = ""


@pytest.fixture
def delivered(tmp_path: Path) -> tuple[Bundle, Any]:
    """A bundle with its program, whose only runtime is the echo of this test."""
    handover = network_handover(tmp_path / "made")
    cases = dataclasses.replace(handover.cases, tolerance=Tolerance(batch=True))
    bundle = network_bundle(tmp_path, cases=cases)
    program = _loaded(bundle.folder / "test_cases" / "test.py")
    outputs = [case.expected["y"] for case in cases.cases]
    known = {case.feeds["image"][0].tobytes(): y for case, y in zip(cases.cases, outputs, strict=True)}
    echo = type("Echo", (Echo,), {"known": known, "third": outputs[3]})
    program.RUNTIMES = (echo,)
    return bundle, program


def test_all_pass(delivered: tuple[Bundle, Any], capsys: pytest.CaptureFixture[str]) -> None:
    bundle, program = delivered
    assert program.main([]) == 0
    assert capsys.readouterr().out.startswith("12 of 12 passed on echo 1.0 (")
    assert program.main(["--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["release"], told["passed"], told["failures"]) == ("network@1.0.0", 12, [])
    bundle.verify()  # and nothing was left in it


@pytest.mark.parametrize(
    ("mood", "says", "passed"),
    [
        ("refuse", "case 3: refused: not this one", 11),
        ("batch", "case 0 among 4 in one call: output 'y' differs by ", 0),
        ("shape", "case 0: output 'y' has the shape [1, 2], expected [1, 4]", 0),
        ("nan", "case 11: output 'y' differs by nan at ", 0),
        ("more", "case 0: 2 outputs, expected 1", 0),
    ],
)
def test_what_a_runtime_does_wrong(
    delivered: tuple[Bundle, Any], capsys: pytest.CaptureFixture[str], mood: str, says: str, passed: int
) -> None:
    _, program = delivered
    program.RUNTIMES[0].mood = mood
    assert program.main([]) == 1
    out = capsys.readouterr().out
    assert says in out
    assert f"{passed} of 12 passed" in out


def test_a_swapped_input_names_its_case(
    delivered: tuple[Bundle, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, program = delivered
    path = bundle.folder / "test_cases" / "inputs.npz"
    with np.load(path) as found:
        images = found["image"].copy()
    images[[4, 5]] = images[[5, 4]]
    np.savez(path, image=images)
    assert program.main([]) == 1
    out = capsys.readouterr().out
    assert "changed: test_cases/inputs.npz is not the file that was delivered" in out
    assert "case 4: output 'y' differs" in out
    assert "case 5: output 'y' differs" in out
    assert "10 of 12 passed" in out


def test_a_changed_and_a_missing_model(
    delivered: tuple[Bundle, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, program = delivered
    graph = bundle.path(bundle.model("onnx").graph)
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    assert program.main([]) == 1
    assert f"changed: {bundle.model('onnx').graph} is not the file" in capsys.readouterr().out
    graph.unlink()
    assert program.main([]) == 1
    assert f"missing: {bundle.model('onnx').graph}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "inputs.npz").write_bytes(b"PK"), "inputs.npz cannot be read"),
        (lambda folder: (folder / "tolerance.json").write_text("{"), "tolerance.json cannot be read"),
        (lambda folder: (folder.parent / "manifest.json").unlink(), "manifest.json cannot be read"),
        (lambda folder: (folder.parent / "manifest.json").write_text("[]"), "does not list a bundle"),
        (
            lambda folder: (folder.parent / "manifest.json").write_text(
                '{"name": "n", "version": "1", "files": [], "models": [], "sealed": {}}'
            ),
            "the models are sealed",
        ),
    ],
    ids=["cases", "tolerance", "gone", "manifest", "sealed"],
)
def test_what_cannot_be_run(
    delivered: tuple[Bundle, Any], capsys: pytest.CaptureFixture[str], spoil: Any, says: str
) -> None:
    bundle, program = delivered
    spoil(bundle.folder / "test_cases")
    assert program.main([]) == 2
    assert says in capsys.readouterr().err


def test_without_a_runtime(delivered: tuple[Bundle, Any], capsys: pytest.CaptureFixture[str]) -> None:
    _, program = delivered
    program.RUNTIMES[0].module = "no_such_engine"
    assert program.main([]) == 2
    assert "echo is not installed" in capsys.readouterr().err


# -- its files -----------------------------------------------------------------------------------------------
def test_equal_cases_have_equal_bytes_in_the_order_of_the_contract(tmp_path: Path) -> None:
    handover = network_handover(tmp_path)
    first = [each.content for each in DELIVERABLE.make(handover)]
    assert first == [each.content for each in DELIVERABLE.make(handover)]
    row = {"z": np.ones((1, 2)), "a": np.zeros((1, 3))}
    packed = case_files(Cases((Case(row, row),)))["expected_outputs.npz"]
    assert packed.index(b"z.npy") < packed.index(b"a.npy")


def test_no_cases_no_program(tmp_path: Path) -> None:
    assert list(DELIVERABLE.make(network_handover(tmp_path, cases=Cases(())))) == []


# -- on a machine that has numpy and one runtime and nothing of ours -----------------------------------------
def _alone(tmp_path: Path, bundle: Bundle, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the program with only numpy and onnxruntime to import."""
    site = tmp_path / "site"
    if not site.exists():
        site.mkdir()
        installed = Path(np.__file__).parents[1]
        for name in ("numpy", "numpy.libs", "onnxruntime"):
            if (installed / name).exists():
                (site / name).symlink_to(installed / name)
    start = (
        "import runpy, sys; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    program = bundle.folder / "test_cases" / "test.py"
    command = [sys.executable, "-I", "-S", "-c", start, str(site), str(program), *arguments]
    home = {"HOME": str(tmp_path / "home"), "PATH": ""}
    return subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_with_numpy_and_one_runtime_all_pass_and_every_change_is_named(tmp_path: Path) -> None:
    bundle = real_bundle(tmp_path)
    (tmp_path / "home").mkdir()
    done = _alone(tmp_path, bundle)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("12 of 12 passed on onnxruntime 1.")
    assert list((tmp_path / "home").iterdir()) == []  # no telemetry either
    bundle.verify()

    other = real_bundle(tmp_path, "other-1.0.0", seed=8)
    graph = bundle.model("onnx").graph
    shutil.copy(other.path(graph), bundle.path(graph))
    done = _alone(tmp_path, bundle, "--runtime", "onnxruntime")
    assert done.returncode == 1
    assert f"changed: {graph} is not the file that was delivered" in done.stdout
    assert "case 0: output 'y' differs by " in done.stdout

    tolerance = other.folder / "test_cases" / "tolerance.json"
    tolerance.write_text(json.dumps({"atol": 0, "rtol": 0}))
    expected = other.folder / "test_cases" / "expected_outputs.npz"
    with np.load(expected) as found:
        moved = {"y": np.nextafter(found["y"], 2).astype("float32")}
    np.savez(expected, **moved)
    done = _alone(tmp_path, other, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["passed"]) == (1, 0)
    assert told["failed"] == list(range(12))

    done = _alone(tmp_path, other, "--runtime", "openvino")
    assert done.returncode == 2
    assert "openvino is not installed" in done.stderr
