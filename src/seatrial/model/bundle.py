"""A bundle as it lies in a folder: opened by its manifest, believed file by file."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import NotFound, TrustError
from seatrial.model.formats._digest import sha256_of
from seatrial.model.manifest import NAME, SIGNATURES, FileEntry, Manifest, ModelEntry, read_manifest

if TYPE_CHECKING:
    from seatrial.model.artifact import Artifact

_HINT = "what was received is not what was handed over: ask for the bundle again"


@dataclass(frozen=True)
class Bundle:
    """A folder with a manifest.

    Attributes:
        folder: Where it lies.
        manifest: What it says of itself.
    """

    folder: Path
    manifest: Manifest

    @cached_property
    def digest(self) -> str:
        """`sha256:...` of the manifest: the address of the content."""
        return self.manifest.digest

    def path(self, entry: FileEntry | str) -> Path:
        """Where a file of the bundle lies."""
        return self.folder / (entry if isinstance(entry, str) else entry.path)

    def read(self, path: str) -> bytes:
        """The bytes of a listed file, believed only when they are the listed ones.

        Raises:
            NotFound: The manifest does not list it.
            TrustError: Its bytes are others.
        """
        entry = self.manifest.file(path)
        if entry is None:
            raise NotFound(f"the bundle {self.manifest.release} has no {path}")
        self.verify_files([entry])
        return self.path(entry).read_bytes()

    def model(self, *formats: str) -> ModelEntry:
        """The first of its models in one of these formats, in their order; without formats the preferred one.

        Raises:
            NotFound: It has none.
        """
        for wanted in formats or ("",):
            for each in self.manifest.models:
                if wanted in ("", each.format):
                    return each
        there = ", ".join(each.format for each in self.manifest.models) or "none"
        raise NotFound(
            f"the bundle {self.manifest.release} has no {' or '.join(formats)} model", hint=f"it has: {there}"
        )

    def artifact(self, entry: ModelEntry) -> Artifact:
        """One of its models, read without running it.

        Raises:
            TrustError: It is not the model that the manifest speaks of.
        """
        from seatrial.model.opening import open_model  # who only verifies needs no readers of models

        artifact = open_model(self.folder / entry.graph)
        if artifact.digest != entry.digest:
            raise TrustError(
                f"{entry.graph} has the digest {artifact.digest}, expected {entry.digest}", hint=_HINT
            )
        return artifact

    def signatures(self) -> list[Path]:
        """The files in `signatures/`, by name; what begins with a dot is just being written, and is none."""
        folder = self.folder / SIGNATURES
        there = folder.iterdir() if folder.is_dir() else ()
        return sorted(each for each in there if not each.name.startswith(".") and not each.is_symlink())

    def verify(self) -> None:
        """Every listed file is there, whole and unchanged, and there is nothing else.

        Raises:
            TrustError: The first problem by path; its message says `changed`, `missing`, `extra` or `link`.
        """
        listed = {each.path for each in self.manifest.files}
        for path, kind in _walk(self.folder):
            if kind == "link":
                raise TrustError(f"link: {path} leads elsewhere; a bundle holds plain files only", hint=_HINT)
            if path not in listed and path != NAME and path.split("/")[0] != SIGNATURES:
                raise TrustError(f"extra: {path} is not listed in the manifest", hint=_extra(path))
        self.verify_files(self.manifest.files)

    def verify_files(self, entries: Iterable[FileEntry]) -> None:
        """These files are there, whole and unchanged.

        Raises:
            TrustError: As `verify`.
        """
        entries = list(entries)
        for each in entries:
            self._look(each)
        with ThreadPoolExecutor(max_workers=2) as pool:
            sums = pool.map(lambda each: sha256_of(self.path(each)), entries)
            for entry, found in zip(entries, sums, strict=True):
                if f"sha256:{found}" != entry.sha256:
                    raise TrustError(
                        f"changed: {entry.path} has the digest sha256:{found}, expected {entry.sha256}",
                        hint=_HINT,
                    )

    def _look(self, entry: FileEntry) -> None:
        path = self.folder
        for part in entry.path.split("/"):  # a link on the way would lead out as well
            path = path / part
            if path.is_symlink():
                raise TrustError(f"link: {entry.path} leads elsewhere", hint=_HINT)
        if not path.is_file():
            raise TrustError(f"missing: {entry.path}", hint=_HINT)
        size = path.stat().st_size
        if size != entry.size:
            raise TrustError(f"changed: {entry.path} has {size} bytes, expected {entry.size}", hint=_HINT)


def _extra(path: str) -> str:
    if "__pycache__" in path.split("/"):  # it is code that Python would run instead of the source
        return "Python wrote it when a program of the bundle was run there: delete the folder __pycache__"
    return _HINT


def is_bundle(path: Path) -> bool:
    """Whether a folder has a manifest."""
    return (path / NAME).is_file()


def open_bundle(folder: Path) -> Bundle:
    """Opens a bundle; its files are not looked at before `verify`, `read` or `artifact`.

    Raises:
        NotFound: There is no bundle.
        TrustError: Its manifest is damaged.
    """
    path = folder / NAME
    if path.is_symlink():
        raise TrustError(f"link: {NAME} leads elsewhere", hint=_HINT)
    if not path.is_file():
        raise NotFound(
            f"{folder} is no bundle: there is no {NAME} in it", hint="make one with: seatrial bundle MODEL"
        )
    return Bundle(folder, read_manifest(path.read_bytes()))


def bundle_around(path: Path) -> Bundle | None:
    """The bundle that a file of a model belongs to (`models/FORMAT/FILE`), if it belongs to one.

    Raises:
        TrustError: The manifest is damaged.
    """
    for folder in (path, *path.absolute().parents[:3]):
        if is_bundle(folder):
            return open_bundle(folder)
    return None


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """(relative path, `file` or `link`) of everything below, sorted; folders are walked, not told."""
    pending = [folder]
    found = []
    while pending:
        here = pending.pop()
        with os.scandir(here) as entries:
            for each in entries:
                path = Path(each.path)
                name = path.relative_to(folder).as_posix()
                if each.is_symlink():
                    found.append((name, "link"))
                elif each.is_dir():
                    pending.append(path)
                else:
                    with contextlib.suppress(FileNotFoundError):  # somebody signs, and has just renamed it
                        plain = stat.S_ISREG(each.stat(follow_symlinks=False).st_mode)
                        found.append((name, "file" if plain else "link"))
    return iter(sorted(found))
