"""The command line starts fast, and expected errors become sentences and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seatrial import errors
from seatrial.cli._resolve import name_of
from seatrial.cli.main import COMMANDS, exit_code, main
from support.artifacts import by_hand

HEAVY = (
    "numpy",
    "cv2",
    "scipy",
    "sklearn",
    "pydantic",
    "paddle",
    "onnx",
    "onnxruntime",
    "openvino",
    "jinja2",
)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom seatrial.cli.main import main\nmain(['--help'])\n"
        f"sys.exit(','.join(n for n in {HEAVY!r} if n in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.NotFound("x"), 2),
        (errors.MissingDependency("x"), 2),
        (errors.ContractViolation("x"), 3),
        (errors.EngineFailure("x", kind="signal", signal_name="SIGSEGV"), 3),
        (errors.TrustError("x"), 4),
        (errors.Unavailable("x"), 5),
    ],
)
def test_exit_codes(error: errors.SeatrialError, code: int) -> None:
    assert exit_code(error) == code


def test_an_expected_error_is_two_lines_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "no/such/model"]) == 2
    said = capsys.readouterr().err
    assert "no/such/model" in said
    assert "what to do:" in said
    assert "Traceback" not in said


def test_a_wrong_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "m", "--date", "x"]) == 2
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "name"),
    [("cls_v2.0_infer.onnx", "cls_v2.0_infer"), ("inference.json", "digits"), ("model.pdmodel", "digits")],
)
def test_a_model_is_named_after_its_file_or_its_folder(tmp_path: Path, file: str, name: str) -> None:
    artifact = by_hand(tmp_path / "digits" / "model" / file, "onnx", [])
    assert name_of(artifact) == name
