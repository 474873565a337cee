"""Files in memory only: other processes open them by path, nobody changes them, nothing is left behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from seatrial.errors import Unavailable, UsageError
from seatrial.trust import memory
from seatrial.trust.memory import MemoryFolder, sweep


@pytest.fixture
def folder(tmp_path: Path) -> MemoryFolder:
    return MemoryFolder(tmp_path)


def shown(folder: MemoryFolder, path: str, data: bytes) -> Path:
    with folder.room(path, len(data)) as buffer:
        buffer[:] = data
    return folder.show(path)


def in_another_process(code: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_other_processes_open_it_by_path(folder: MemoryFolder) -> None:
    path = shown(folder, "models/onnx/model.onnx", b"weights")
    assert path.read_bytes() == b"weights"
    assert in_another_process("import sys; print(open(sys.argv[1]).read())", path) == "weights\n"
    folder.close()


def test_an_empty_file_is_one_too(folder: MemoryFolder) -> None:
    assert shown(folder, "empty", b"").read_bytes() == b""
    folder.close()


def test_nobody_changes_it(folder: MemoryFolder) -> None:
    path = shown(folder, "model", b"weights")
    for flags in (os.O_WRONLY, os.O_RDWR):
        try:
            descriptor = os.open(path, flags)
        except PermissionError:
            continue  # its mode keeps all but root from opening it
        with pytest.raises(PermissionError):
            os.write(descriptor, b"x")
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)
    assert path.read_bytes() == b"weights"
    folder.close()


def test_the_bytes_are_on_no_disk(folder: MemoryFolder, tmp_path: Path) -> None:
    path = shown(folder, "model", b"a secret")
    assert str(path.readlink()).startswith(f"/proc/{os.getpid()}/fd/")
    assert all(
        b"a secret" not in each.read_bytes()
        for each in tmp_path.rglob("*")
        if each.is_file() and not each.is_symlink()
    )
    folder.close()


def test_only_its_user_may_look(folder: MemoryFolder) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.close()


def test_closing_wipes_and_removes(folder: MemoryFolder, tmp_path: Path) -> None:
    path = shown(folder, "model", b"weights")
    descriptor = os.open(path, os.O_RDONLY)  # somebody kept it open, without computing with it
    folder.close()
    assert os.read(descriptor, 100) == bytes(7)
    os.close(descriptor)
    assert not list(tmp_path.iterdir())
    folder.close()


def test_memory_that_another_process_computes_with_is_not_wiped(folder: MemoryFolder) -> None:
    path = shown(folder, "model", b"weights")
    code = """
        import mmap, sys
        with open(sys.argv[1], "rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        print("mapped", flush=True)
        sys.stdin.readline()
        print(pages[:])
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mapped\n"
        folder.close()
        assert other.communicate("\n", timeout=60)[0] == "b'weights'\n"


def test_a_name_is_given_once_and_stays_inside(folder: MemoryFolder) -> None:
    shown(folder, "model", b"x")
    with pytest.raises(UsageError, match="twice"):
        folder.room("model", 1)
    with pytest.raises(ValueError, match="stay in the bundle"):
        folder.room("../model", 1)
    folder.close()


def test_too_much_is_unavailable(folder: MemoryFolder) -> None:
    with pytest.raises(Unavailable, match="no memory"):
        folder.room("model", 1 << 62)
    folder.close()


def test_a_forked_copy_does_not_close_it(folder: MemoryFolder) -> None:
    path = shown(folder, "model", b"weights")
    child = os.fork()
    if child == 0:
        folder.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert path.read_bytes() == b"weights"
    folder.close()


def test_there_are_no_core_files(folder: MemoryFolder) -> None:
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    folder.close()


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    code = """
        import os, signal, sys
        from pathlib import Path
        from seatrial.trust.memory import MemoryFolder
        folder = MemoryFolder(Path(sys.argv[1]))
        with folder.room("model", 7) as buffer:
            buffer[:] = b"weights"
        folder.show("model")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert not (left / "model").exists()  # a link to nothing: the kernel freed the memory
    mine = MemoryFolder(tmp_path)
    assert list(tmp_path.iterdir()) == [mine.path]
    sweep(tmp_path)
    assert mine.path.exists()
    mine.close()


def test_other_systems_are_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(Unavailable, match="Linux only"):
        MemoryFolder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_kernels_that_know_fewer_seals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_FUTURE_WRITE", 1 << 20)
    monkeypatch.setattr(memory, "_NOEXEC", 1 << 20)
    with MemoryFolder(tmp_path) as folder:
        assert shown(folder, "model", b"weights").read_bytes() == b"weights"


def test_a_view_that_somebody_kept_is_no_obstacle(folder: MemoryFolder) -> None:
    kept = folder.room("model", 7)
    folder.close()
    assert bytes(kept) == bytes(7)
