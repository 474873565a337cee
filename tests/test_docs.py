"""Every command of the README and the docs runs, links lead somewhere, and generated pages are in step."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
EXITS = re.compile(r"#.*exits with (\d)")


def commands(page: Path) -> list[tuple[str, int]]:
    """Each `$ command` of the page's console blocks, with the exit code it announces (0 if none)."""
    lines = [line for block in CONSOLE.findall(page.read_text("utf-8")) for line in block.splitlines()]
    found = []
    for line in lines:
        if line.startswith("$ "):
            announced = EXITS.search(line)
            found.append(
                (line[2:].split("  #")[0].split(" # ")[0].strip(), int(announced[1]) if announced else 0)
            )
    return found


WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.fixture
def sandbox(tmp_path: Path, digits: Path) -> Path:
    """A folder as the docs assume it: model/, held_out.npz, members.npz, sample.npz and the examples."""
    shutil.copytree(digits / "model", tmp_path / "model")
    shutil.copy(ROOT / "examples" / "digits" / "contract.yaml", tmp_path / "model" / "contract.yaml")
    for name in ("held_out.npz", "members.npz"):
        shutil.copy(digits / name, tmp_path / name)
    with np.load(digits / "held_out.npz") as arrays:
        np.savez(tmp_path / "sample.npz", image=arrays["image"][0])
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_every_command_runs(page: Path, sandbox: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
    }
    for command, code in commands(page):
        words = shlex.split(command)
        if words[0] == "make":
            words[1:1] = ["-n", "-C", str(ROOT)]
        done = subprocess.run(
            words, cwd=sandbox, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == code, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [each for each in LINK.findall(page.read_text("utf-8")) if not (page.parent / each).exists()]
    assert not broken


def test_the_reference_is_in_step() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: make docs"


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 90


def test_every_package_has_its_pins() -> None:
    lock = (ROOT / "requirements" / "lock.txt").read_text("utf-8")
    assert "://" not in lock
    assert "paddlepaddle==3.2.2" in lock
