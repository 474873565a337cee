"""Files that are in memory only, in a folder that programs open like any other.

The bytes of each lie in a memfd: memory without a name, freed by the kernel with the last process that holds
it, however that ends. The folder is a private one (0700) in the temporary directory and holds links,
`NAME -> /proc/PID/fd/N`, which every process of the same user opens by path while this one lives. Nothing
secret is ever written to the folder, so that what a killed process leaves behind are dangling links; the next
folder that is made sweeps them away.

ONNX Runtime computes with weights beside a graph where they are - without a copy in each worker - but only
when their path, links followed, lies in the graph's folder; a memfd has none. For such models the memory is
that of files without a name in /dev/shm (`O_TMPFILE` on a tmpfs: just as gone with its last holder), and
beside each lies an empty file of the very name that the kernel tells for it. Where /dev/shm is missing or too
small it is a memfd after all, and the runtime gets the bytes in another way.

This process stays one that its user's other processes may look at (`PR_SET_DUMPABLE`): engines run in
workers, and without it they could not follow the links. Core files are switched off instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from seatrial.errors import Unavailable, UsageError
from seatrial.model.manifest import safe_path

_PREFIX = "seatrial-memory-"
_LOCK = ".held"
_ADD_SEALS = 1033  # fcntl(2); the module `fcntl` knows them from Python 3.12 on
_SEALED = 0x1 | 0x2 | 0x4  # F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW
_FUTURE_WRITE = 0x10  # nobody writes but through the mapping that is there already, which wipes it at the end
_NOEXEC = 0x8  # MFD_NOEXEC_SEAL, Linux 6.3; systems may demand it
_SHARED = Path("/dev/shm")  # noqa: S108 - nothing is written there under a name
_ROOM_LEFT = 16 << 20
_ZEROS = bytes(1 << 20)


@dataclass
class _Held:
    """One file in memory."""

    descriptor: int
    pages: mmap.mmap | None  # None: it is empty

    def view(self) -> memoryview:
        return memoryview(bytearray() if self.pages is None else self.pages)

    def close(self) -> None:
        """Overwrites the bytes, unless another process computes with them still, and lets go of them."""
        if self.pages is not None:
            if not _in_use(self.descriptor):
                for begin in range(0, len(self.pages), len(_ZEROS)):
                    end = min(len(self.pages), begin + len(_ZEROS))
                    self.pages[begin:end] = _ZEROS[: end - begin]
            with contextlib.suppress(BufferError):  # somebody kept a view; it goes with that
                self.pages.close()
        os.close(self.descriptor)


class MemoryFolder:
    """A folder whose secret files are in memory only.

    Args:
        parent: Where the folder of links is made; the default is the temporary directory.
        real_paths: Bytes that will be held for engines that insist on a path in the folder; 0: no such.

    Attributes:
        path: The folder.

    Raises:
        Unavailable: This system has no such files (it is not Linux, or /proc is not mounted).
    """

    def __init__(self, parent: Path | None = None, *, real_paths: int = 0) -> None:
        _demand()
        self._shared = bool(real_paths) and parent is None and _has_room(real_paths)
        home = _SHARED if self._shared else Path(parent or tempfile.gettempdir())
        sweep(home)
        no_core_files()
        self._owner = os.getpid()
        self._held: dict[str, _Held] = {}
        self.path, self._lock = _locked_folder(home)
        self._open = True

    def room(self, path: str, size: int) -> memoryview:
        """Memory for a file of so many bytes, to be written before `show`.

        Args:
            path: In the folder, with `/`.
            size: Bytes.

        Raises:
            UsageError: There is such a file already.
            Unavailable: There is not so much memory.
        """
        if safe_path(path) in self._held:
            raise UsageError(f"{path} is there twice")
        descriptor = self._unnamed(path, size) if self._shared else None
        descriptor = _memfd() if descriptor is None else descriptor
        pages = None
        try:
            if size:
                os.ftruncate(descriptor, size)
                pages = mmap.mmap(descriptor, size)
                with contextlib.suppress(OSError, AttributeError):
                    pages.madvise(mmap.MADV_DONTDUMP)
                with contextlib.suppress(OSError, AttributeError):
                    pages.madvise(mmap.MADV_HUGEPAGE)  # one page fault for 2 MiB, where the system allows it
        except (OSError, ValueError) as error:
            os.close(descriptor)
            raise Unavailable(f"there is no memory for the {size:,} bytes of {path}: {error}") from error
        self._held[path] = held = _Held(descriptor, pages)
        return held.view()

    def _unnamed(self, path: str, size: int) -> int | None:
        """A file without a name in the folder, and an empty one that has the name which is told for it."""
        folder = (self.path / path).parent
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            if size:
                os.posix_fallocate(descriptor, 0, size)  # or this process would die when it gets too full
            Path(f"/proc/self/fd/{descriptor}").readlink().touch()
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def show(self, path: str) -> Path:
        """Makes a file that was written unchangeable, and shows it in the folder."""
        held = self._held[path]
        os.fchmod(held.descriptor, 0o400)
        for seals in (_SEALED | _FUTURE_WRITE, _SEALED):  # the first from Linux 5.1 on, none for tmpfs
            with contextlib.suppress(OSError):
                fcntl.fcntl(held.descriptor, _ADD_SEALS, seals)
                break
        link = self.path / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/proc/{self._owner}/fd/{held.descriptor}")
        return link

    def put(self, path: str, data: bytes) -> Path:
        """Writes an ordinary file into the folder: one that is no secret."""
        file = self.path / safe_path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def close(self) -> None:
        """Overwrites and frees all of it and removes the folder; once more is harmless.

        End the sessions that were opened on the files before: memory that another process still computes with
        is not overwritten, only let go of, and freed with that process.
        """
        if not self._open or os.getpid() != self._owner:  # a forked copy owns nothing
            return
        self._open = False
        shutil.rmtree(self.path, ignore_errors=True)
        for each in self._held.values():
            each.close()
        self._held.clear()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            with contextlib.suppress(Exception):
                self.close()


def sweep(parent: Path) -> None:
    """Removes the folders of links whose owners were killed."""
    for folder in [*_folders(parent), *_folders(_SHARED)]:
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its owner holds it as long as it lives
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """A new folder, and the lock that says that its owner lives."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, lock
        os.close(lock)  # another process swept it away before it was locked


def no_core_files() -> None:
    """From now on this process, and those it starts, leave no memory behind when they crash."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _demand() -> None:
    if not hasattr(os, "memfd_create") or not Path("/proc/self/fd").is_dir():
        raise Unavailable(
            "sealed models open on Linux only: this system has no files that are in memory alone",
            hint="use a container or a virtual machine; nothing was decrypted",
        )


def _has_room(size: int) -> bool:
    """Whether the system's shared memory takes so many bytes."""
    with contextlib.suppress(OSError):
        found = os.statvfs(_SHARED)
        kinds = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
        tmpfs = any(line.split()[1:3] == [str(_SHARED), "tmpfs"] for line in kinds)
        return tmpfs and found.f_bavail * found.f_frsize >= size + _ROOM_LEFT
    return False


def _memfd() -> int:
    name = "seatrial"
    try:
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | _NOEXEC)
    except OSError:
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _folders(parent: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for each in entries:
            mine = each.stat(follow_symlinks=False).st_uid == os.getuid()
            if mine and each.name.startswith(_PREFIX) and each.is_dir(follow_symlinks=False):
                yield Path(each.path)


def _in_use(descriptor: int) -> bool:
    """Whether the memory is mapped anywhere but in the one mapping that this process wrote it through."""
    found, own = os.fstat(descriptor), str(os.getpid())
    place = f" {os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x} {found.st_ino} "
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            for line in (process / "maps").read_text("utf-8", "replace").splitlines():
                if place in f"{line} " and not (process.name == own and " rw-s " in line):
                    return True
    return False
