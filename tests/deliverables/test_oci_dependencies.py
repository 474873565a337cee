"""What goes into an image besides Seatrial: all that the server imports, pinned, and no more."""

from __future__ import annotations

import ast
import sys
from importlib import metadata
from pathlib import Path

import pytest

import seatrial
from seatrial.deliverables._oci import dependencies as needed
from seatrial.deliverables._oci.base import Base
from seatrial.deliverables._oci.contents import _WORKSHOP
from seatrial.deliverables._oci.dependencies import SERVER, Needs, kept, lock_file, pinned
from seatrial.errors import MissingDependency, NotFound, Unavailable, UsageError

PACKAGE = Path(seatrial.__file__).parent
# Commands of the workshop lie in the image too, and say that they do not work there.
SERVED_COMMANDS = {"main", "serve", "client", "api_key", "_resolve", "__init__"}


def base(architecture: str = "amd64", minor: int = 11) -> Base:
    return Base("base", "", (), {}, architecture, f"/usr/bin/python3.{minor}", (3, minor))


def needs(tmp_path: Path, lock: Path | None = None, *extras: str) -> Needs:
    return Needs(extras or ("onnx",), lock or lock_file(), tmp_path / "cache")


def imported() -> set[str]:
    """The packages that the rooms of a server import by statement, those for the types alone left out."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts
        if room[0] in _WORKSHOP | {"registry"} or (room[0] == "cli" and path.stem not in SERVED_COMMANDS):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        typing = [
            n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)
        ]
        skipped = {id(inner) for each in typing for inner in ast.walk(each)}
        for node in ast.walk(tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Import):
                found |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"seatrial"}


def test_all_that_a_server_imports_is_there(tmp_path: Path) -> None:
    pins = {line.split("==")[0] for line in pinned(needs(tmp_path), base()).splitlines() if "==" in line}
    owners = metadata.packages_distributions()
    missing = {
        name for name in imported() if not {each.lower().replace("_", "-") for each in owners[name]} & pins
    }
    assert not missing


def test_nothing_of_the_workshop_is_there(tmp_path: Path) -> None:
    pins = pinned(needs(tmp_path), base())
    for name in ("scipy", "scikit-learn", "detect-secrets", "paddlepaddle", "openvino", "onnx", "rich"):
        assert not any(line.startswith(f"{name}==") for line in pins.splitlines())


def test_every_pin_has_its_hashes_and_the_lines_are_sorted(tmp_path: Path) -> None:
    pins = pinned(needs(tmp_path, None, "onnx", "trace"), base("arm64"))
    names = [line.split("==")[0] for line in pins.splitlines() if "==" in line]
    assert names == sorted(names)
    assert "opentelemetry-sdk" in names
    assert pins.count("--hash=sha256:") >= len(names)
    assert "://" not in pins


def test_a_lock_that_lacks_something_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    text = lock_file().read_text("utf-8")
    lock.write_text(text.replace("\nnumpy==", "\nnumpy-not=="))
    with pytest.raises(UsageError, match=r"lock\.txt does not pin numpy"):
        pinned(needs(tmp_path, lock), base())
    with pytest.raises(NotFound, match="cannot be read"):
        pinned(needs(tmp_path, tmp_path / "no.txt"), base())


def test_an_extra_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no extra 'torch'"):
        pinned(needs(tmp_path, None, "torch"), base())


def test_a_package_that_is_not_installed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needed, "SERVER", (*SERVER, "surely-not-there"))
    with pytest.raises(MissingDependency, match="surely-not-there"):
        pinned(needs(tmp_path), base())


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("error: Failed to fetch: connection refused", Unavailable),
        ("x No solution found: numpy has no wheels with a matching platform", UsageError),
        ("Hash mismatch for numpy", UsageError),
    ],
    ids=["no-index", "no-wheel", "hash"],
)
def test_an_installer_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, error: type[Exception]
) -> None:
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\necho '{told}' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(needed, "_installer", lambda _base: [str(program)])
    with pytest.raises(error, match=told.split(":")[0].split()[0]):
        needed.dependencies(needs(tmp_path), base(), progress=print)
    assert not list((tmp_path / "cache").iterdir())


def test_the_layer_is_made_once_and_made_again_when_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "uv"
    script = (
        'import pathlib, sys\nlib = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])\n'
        '(lib / "a-1.dist-info").mkdir(parents=True)\n'
        '(lib / "a.py").write_text("1")\n(lib / "a.pyi").write_text("")\n'
        '(lib / "a-1.dist-info" / "INSTALLER").write_text("x")\n'
        'lines = "b.py,x,1\\na.pyi,,\\na.py,sha256=x,1\\n../../bin/a,y,2\\n"\n'
        '(lib / "a-1.dist-info" / "RECORD").write_text(lines)\n'
    )
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    monkeypatch.setattr(needed, "_installer", lambda _base: [str(program)])
    made = needed.dependencies(needs(tmp_path), base(), progress=print)
    import tarfile

    path = made.blob.content
    assert isinstance(path, Path)
    folder = "opt/seatrial/lib/python3.11/site-packages"
    with tarfile.open(path) as tar:
        names = [each.name for each in tar if each.isfile()]
        assert names == [f"{folder}/a-1.dist-info/RECORD", f"{folder}/a.py", "opt/seatrial/requirements.txt"]
        record = tar.extractfile(names[0])
        assert record is not None
        assert record.read() == b"a.py,sha256=x,1\nb.py,x,1\n"
    program.unlink()
    assert needed.dependencies(needs(tmp_path), base(), progress=print) == made
    path.write_bytes(b"damaged")
    with pytest.raises(FileNotFoundError):
        needed.dependencies(needs(tmp_path), base(), progress=print)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("numpy/__init__.py", True), ("numpy/tests/test_x.py", False), ("numpy/testing/x.py", True),
        ("cv2/cv2.abi3.so", True), ("x/__pycache__/a.pyc", False), ("bin/uvicorn", False), ("x/a.pyi", False),
        ("swagger_ui/static/swagger-ui.css", True), ("swagger_ui/static/swagger-editor.js", False),
        ("onnxruntime/capi/onnxruntime_pybind11_state.so", True),
        ("onnxruntime/capi/libonnxruntime.so.1", False),
        ("openvino/libs/libopenvino_intel_cpu_plugin.so", True),
        ("openvino/libs/libopenvino_paddle_frontend.so.2", True),
        ("openvino/libs/libopenvino_intel_gpu_plugin.so", False), ("a-1.dist-info/METADATA", True),
        ("a-1.dist-info/direct_url.json", False), ("a-1.dist-info/licenses/LICENSE", True),
    ],
)  # fmt: skip
def test_what_is_kept(path: str, wanted: bool) -> None:
    assert kept(path) is wanted
