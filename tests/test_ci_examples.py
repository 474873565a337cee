"""The example pipelines obey the published schemas of the two systems (M11)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CI = Path(__file__).resolve().parent.parent / "examples" / "ci"
SCHEMAS = {"gitlab-ci.yml": "vendor.gitlab-ci", "github-actions.yml": "vendor.github-workflows"}


def validate(path: Path, schema: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_pipelines_are_valid(name: str, schema: str) -> None:
    done = validate(CI / name, schema)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_the_schema_can_say_no(name: str, schema: str, tmp_path: Path) -> None:
    sick = tmp_path / name
    text = (CI / name).read_text("utf-8")
    sick.write_text(text.replace("script:", "scrpt:").replace("runs-on:", "runs_on:"), "utf-8")
    assert validate(sick, schema).returncode != 0
