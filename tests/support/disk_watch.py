"""Sees every file that is written under some folders, however briefly it is there (inotify)."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

_MODIFY, _CLOSE_WRITE, _MOVED_TO, _CREATE = 0x2, 0x8, 0x80, 0x100
_WATCHED = _MODIFY | _CLOSE_WRITE | _MOVED_TO | _CREATE
_EVENT = struct.Struct("iIII")
_LIBC = ctypes.CDLL(None, use_errno=True)


class DiskWatch:
    """Keeps what is written into files below folders while the block lasts.

    Args:
        folders: Watched with all folders that come to be in them.

    Attributes:
        seen: The most of each file that was there at any time, by path. A file is opened at its first event,
            so that it is read to its end though its name be gone.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.seen: dict[Path, bytes] = {}
        self._open: dict[Path, int] = {}
        self._watches: dict[int, Path] = {}
        self._descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._descriptor >= 0
        for each in folders:
            self._add(each)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for path, descriptor in self._open.items():
            self._take(path, descriptor)
            os.close(descriptor)
        os.close(self._descriptor)

    def holding(self, secrets: Iterable[bytes]) -> list[Path]:
        """Files that had one of these strings in them."""
        return sorted(path for path, data in self.seen.items() if any(secret in data for secret in secrets))

    def _add(self, folder: Path) -> None:
        watch = _LIBC.inotify_add_watch(self._descriptor, os.fsencode(folder), _WATCHED)
        if watch >= 0:
            self._watches[watch] = folder
            for each in folder.iterdir():
                self._written(each, known=False)

    def _watch(self) -> None:
        while not self._end.is_set() or select.select([self._descriptor], [], [], 0)[0]:
            if select.select([self._descriptor], [], [], 0.05)[0]:
                data = os.read(self._descriptor, 1 << 20)
                while data:
                    watch, _, _, size = _EVENT.unpack_from(data)
                    name = data[_EVENT.size : _EVENT.size + size].rstrip(b"\0")
                    data = data[_EVENT.size + size :]
                    self._written(self._watches[watch] / os.fsdecode(name), known=True)

    def _written(self, path: Path, *, known: bool) -> None:
        try:
            if path.is_dir() and not path.is_symlink():
                if path not in self._watches.values():
                    self._add(path)
            elif known or path not in self._open:
                if path not in self._open:
                    self._open[path] = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                self._take(path, self._open[path])
        except OSError:
            return  # a link, or gone already

    def _take(self, path: Path, descriptor: int) -> None:
        data = os.pread(descriptor, 64 << 20, 0)
        if len(data) >= len(self.seen.get(path, b"")):
            self.seen[path] = data
